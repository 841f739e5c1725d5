"""What the client signs with botocore, the node's own verifier accepts, and nothing else."""

import hashlib

import msgspec
import pytest

from atoll.admin.control import HealRequest
from atoll.base.errors import SignatureMismatch
from atoll.cli.client import NodeClient
from atoll.cli.exits import CliFailure
from atoll.cli.signing import BotoSigner
from atoll.cli.transport import Reply
from atoll.config.credentials import KeyPair
from atoll.s3.sigv4.canonical import canonical_pairs
from atoll.s3.sigv4.claim import check_signed_headers, parse_authorization
from atoll.s3.sigv4.keys import derive_signing_key
from atoll.s3.sigv4.verify import Signed, check_signature

SECRET = "a secret/with+signs"


class Keeper:
    """Transport that keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send(self, outgoing):
        self.sent.append(outgoing)
        return Reply(503, b"{}")


def sign(endpoint, call):
    keeper = Keeper()
    signer = BotoSigner(KeyPair("AKID", SECRET), "eu-1")
    client = NodeClient(endpoint=endpoint, signer=signer, transport=keeper)
    with pytest.raises(CliFailure):
        call(client)
    return keeper.sent[0]


def verify(outgoing, secret=SECRET):
    scheme, _, host, *rest = outgoing.url.split("/")
    headers = {name.lower(): value for name, value in outgoing.headers.items()} | {"host": host}
    assert headers["x-amz-content-sha256"] == hashlib.sha256(outgoing.body).hexdigest()
    claim, signature = parse_authorization(headers["authorization"])
    check_signed_headers(claim, headers)
    signed = Signed(
        outgoing.method,
        ("/" + "/".join(rest)).encode(),
        canonical_pairs(b""),
        headers,
        headers["x-amz-content-sha256"],
    )
    key = derive_signing_key(secret, claim.date, claim.region, claim.service)
    check_signature(signed, claim, amz_date=headers["x-amz-date"], key=key, signature=signature)
    return claim


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "https://[::1]:9000"])
@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.status(),
        lambda client: client.start_heal(HealRequest(bucket="b", prefix="ü")),
        lambda client: client.cancel("job-1_x"),
        lambda client: client.rotate(KeyPair("abc", "12345678")),
    ],
)
def test_requests_are_verified(endpoint, call):
    claim = verify(sign(endpoint, call))
    assert (claim.access_key, claim.region, claim.service) == ("AKID", "eu-1", "s3")


def test_a_changed_request_or_another_secret_is_not():
    outgoing = sign("http://127.0.0.1:9000", lambda client: client.start_scrub())
    with pytest.raises(SignatureMismatch):
        verify(outgoing, "another secret")
    with pytest.raises(SignatureMismatch):
        verify(msgspec.structs.replace(outgoing, url=outgoing.url.replace("scrub", "heal")))
