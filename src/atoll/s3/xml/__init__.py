"""Request and response documents of the S3 protocol. Pure: bytes and shapes in, values out."""
