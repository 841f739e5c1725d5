"""boto3 over TLS, where its bodies travel in chunks of HTTP with trailing checksums."""

import io

import boto3
import pytest
from boto3.s3.transfer import TransferConfig

from compat.clients.tree import make_bytes

SIZES = [0, 1, 70_000, 1024 * 1024 + 1, 17 * 1024 * 1024 + 1]
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]


@pytest.fixture
def s3(tls_endpoint):
    return boto3.client(
        "s3",
        endpoint_url=tls_endpoint.url,
        aws_access_key_id=tls_endpoint.access_key,
        aws_secret_access_key=tls_endpoint.secret_key,
        region_name="us-east-1",
        verify=str(tls_endpoint.certificate),
    )


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_content_comes_back_with_its_checksum(s3, name, algorithm):
    s3.create_bucket(Bucket=name)
    config = TransferConfig(multipart_threshold=8 * 2**20, multipart_chunksize=5 * 2**20)
    extra = {"ChecksumAlgorithm": algorithm}
    for size in SIZES:
        content = make_bytes(size)
        s3.upload_fileobj(io.BytesIO(content), name, "key", ExtraArgs=extra, Config=config)
        found = s3.get_object(Bucket=name, Key="key", ChecksumMode="ENABLED")
        assert found["Body"].read() == content
        assert found[f"Checksum{algorithm}"]
    s3.delete_object(Bucket=name, Key="key")
    s3.delete_bucket(Bucket=name)
