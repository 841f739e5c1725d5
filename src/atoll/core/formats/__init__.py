"""Records on disk and on the wire; one module per record and format version."""
