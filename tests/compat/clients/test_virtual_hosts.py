"""Addresses with the bucket in front of the host, signed by boto3 and asked by curl."""

import boto3
import pytest
from botocore.config import Config

from compat.clients.install import find_program
from compat.endpoint import run


@pytest.fixture
def ask(node, endpoint, name):
    """Return a function that lets curl ask one signed address of the bucket."""
    host = f"{name}.s3.localhost"

    def send(signer, operation, *options, **parameters):
        url = signer.generate_presigned_url(operation, Params={"Bucket": name, **parameters})
        assert url.startswith(f"http://{host}:{node.port}/"), url
        # Whether names below localhost resolve is up to the machine.
        where = ["--resolve", f"{host}:{node.port}:127.0.0.1"]
        command = [find_program("curl", "curl"), "-sS", "--fail-with-body", *where, *options, url]
        return run(command, environment=endpoint.environment(), folder=endpoint.home)

    return send


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_bucket_may_stand_in_the_host(node, ask, name, version):
    config = Config(signature_version=version, s3={"addressing_style": "virtual"})
    access_key, secret_key = node.keys
    signer = boto3.client(
        "s3",
        config=config,
        endpoint_url=f"http://s3.localhost:{node.port}",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        region_name="us-east-1",
    )
    ask(signer, "create_bucket", "-X", "PUT")
    plain = ["-H", "Content-Type:", "-X", "PUT", "--data-binary", "by address"]
    for key in ("a b+ü", f"{name}/nested", "%2F"):
        ask(signer, "put_object", *plain, Key=key)
        assert ask(signer, "get_object", Key=key) == b"by address"
        ask(signer, "delete_object", "-X", "DELETE", Key=key)
    assert b"<KeyCount>0</KeyCount>" in ask(signer, "list_objects_v2")
    ask(signer, "delete_bucket", "-X", "DELETE")
