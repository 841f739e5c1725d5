"""Objects: buckets, versions, uploads and listings on registers and shards.

Knows no S3 header or status.
"""
