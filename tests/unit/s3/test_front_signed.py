"""The front end behind the real gate, asked with signatures made by botocore."""

import asyncio
import base64
import hashlib

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from atoll.base.clock import SystemClock
from atoll.s3.call import Principal, Service
from atoll.s3.front import FrontEnd
from atoll.s3.gate import Credential, Gate
from atoll.s3.registry import load_actions
from fakes.http import ask
from fakes.object_store import MemoryObjectStore
from fakes.s3_front import service_model

HOST = "s3.test:9000"
KEYS = Credentials("AKIAROOT", "root-secret")


class OneKey:
    """Knows one access key."""

    def find(self, access_key: str) -> Credential | None:
        if access_key != KEYS.access_key:
            return None
        return Credential(KEYS.secret_key, Principal(access_key, "root", "root"))


@pytest.fixture
def front() -> FrontEnd:
    gate = Gate(OneKey(), region="us-east-1", root_account="root")
    service = Service(
        store=MemoryObjectStore(),
        clock=SystemClock(),
        region="us-east-1",
        authorise=gate.authorise,
    )
    return FrontEnd(service=service, gate=gate, model=service_model(), actions=load_actions())


def send(front, method, url, headers=None, body=b""):
    pairs = {"host": HOST, **(headers or {})}
    return asyncio.run(ask(front.handle, method, url, pairs, body))


def signed(front, method, url, headers=None, body=b""):
    request = AWSRequest(method, f"http://{HOST}{url}", headers=headers or {}, data=body)
    S3SigV4Auth(KEYS, "s3", "us-east-1").add_auth(request)
    return send(front, method, url, dict(request.headers.items()), body)


def test_signed_requests_pass_from_end_to_end(front):
    assert signed(front, "PUT", "/bucket").status == 200
    assert signed(front, "PUT", "/bucket/a%20b/..", body=b"hello").status == 200
    assert signed(front, "GET", "/bucket/a%20b/..").body == b"hello"
    listed = signed(front, "GET", "/bucket?list-type=2&prefix=a%20b%2F")
    assert b"<Key>a b/..</Key>" in listed.body
    document = b"<Delete><Object><Key>a b/..</Key></Object></Delete>"
    undigested = signed(front, "POST", "/bucket?delete", body=document)
    assert (undigested.status, b"Content-MD5" in undigested.body) == (400, True)
    md5 = {"content-md5": base64.b64encode(hashlib.md5(document).digest()).decode()}
    deleted = signed(front, "POST", "/bucket?delete", md5, document)
    assert b"<Deleted><Key>a b/..</Key></Deleted>" in deleted.body


@pytest.mark.parametrize(
    "url", ["/", "/bucket", "/bucket/key", "/bucket?policy", "/bucket?torrent"]
)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_nobody_passes_without_a_signature(front, method, url):
    assert send(front, method, url).status in (403, 405)


def test_a_body_other_than_the_signed_one_changes_nothing(front):
    signed(front, "PUT", "/bucket")
    request = AWSRequest("PUT", f"http://{HOST}/bucket/key", data=b"right")
    S3SigV4Auth(KEYS, "s3", "us-east-1").add_auth(request)
    answered = send(front, "PUT", "/bucket/key", dict(request.headers.items()), b"wrong")
    assert b"<Code>XAmzContentSHA256Mismatch</Code>" in answered.body
    assert signed(front, "GET", "/bucket/key").status == 404


def test_a_wrong_secret_is_told_so(front):
    request = AWSRequest("GET", f"http://{HOST}/bucket")
    S3SigV4Auth(Credentials("AKIAROOT", "guess"), "s3", "us-east-1").add_auth(request)
    answered = send(front, "GET", "/bucket", dict(request.headers.items()))
    assert answered.status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in answered.body


def test_a_presigned_url_carries_headers_in_its_query(front):
    signed(front, "PUT", "/bucket")
    url = f"http://{HOST}/bucket/key?x-amz-meta-who=me"
    request = AWSRequest("PUT", url)
    S3SigV4QueryAuth(KEYS, "s3", "us-east-1", expires=60).add_auth(request)
    target = request.url.partition(HOST)[2]
    assert send(front, "PUT", target, body=b"x").status == 200
    assert signed(front, "HEAD", "/bucket/key").get("x-amz-meta-who") == "me"
