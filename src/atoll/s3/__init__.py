"""S3 over HTTP: parse, authorise, call the object layer, render."""
