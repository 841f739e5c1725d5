"""Atoll: one storage system with an S3 door, on equal nodes, without a metadata server."""
