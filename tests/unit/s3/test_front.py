"""The front end: order of steps, boundaries, what surrounds every answer."""

import asyncio
import logging

import pytest

from atoll.base.errors import AccessDenied, Bitrot, QuorumLost, SignatureMismatch
from atoll.s3.call import Answer
from atoll.s3.front import FrontSettings, make_render_error
from fakes.http import ChunksBody
from fakes.s3_front import OWNER, Bench


def failing(error: Exception):
    async def act(_call):
        raise error

    return act


def bench_with(action, *, deadline_s: float = 60.0) -> Bench:
    settings = FrontSettings(deadline_s=deadline_s)
    return Bench(actions={"GetObject": action, "PutObject": action}, settings=settings)


def test_every_answer_names_the_request():
    bench = Bench(settings=FrontSettings(host_id="node-1"))
    for url in ("/", "/nowhere", "/%zz"):
        answered = bench.ask("GET", url)
        assert answered.get("x-amz-request-id") == "0123456789ABCDEF"
        assert answered.get("x-amz-id-2") == "node-1"


def test_the_gate_comes_before_body_and_action():
    calls = []

    async def act(call):
        calls.append(call)
        return Answer()

    bench = bench_with(act)
    for denial in (SignatureMismatch(), AccessDenied()):
        bench.gate.denial = denial
        body = ChunksBody([b"x"])
        answered = bench.ask("PUT", "/bucket/key", body=body)
        assert answered.status == 403
        assert (calls, body.read_count) == ([], 0)


def test_actions_that_are_not_there_pass_the_gate_first():
    bench = Bench()
    assert bench.error("GET", "/bucket/key?torrent") == (501, "NotImplemented")
    assert bench.gate.permissions == [("GetObjectTorrent", "bucket", b"key")]
    bench.gate.denial = AccessDenied()
    assert bench.error("GET", "/bucket/key?torrent") == (403, "AccessDenied")


def test_form_uploads_are_said_to_be_missing_to_whoever_sends_one():
    bench = Bench()
    # The form is its own proof; the gate knows its sender as anonymous at most.
    bench.gate.denial = AccessDenied()
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert bench.error("POST", "/bucket", headers=headers, body=b"--b--") == (501, "NotImplemented")


@pytest.mark.parametrize("url", ["/bucket/key", "/bucket", "/bucket/key?uploads"])
def test_no_bucket_lets_pages_of_other_origins_in(url):
    bench = Bench()
    bench.gate.denial = AccessDenied()
    origin = {"origin": "https://page.example"}
    wanted = {**origin, "access-control-request-method": "PUT"}
    answered = bench.ask("OPTIONS", url, wanted)
    assert answered.status == 403
    assert b"<Code>AccessForbidden</Code>" in answered.body
    assert b"<Method>PUT</Method>" in answered.body
    assert answered.get("access-control-allow-origin") is None
    assert bench.error("OPTIONS", url, headers=origin) == (400, "BadRequest")
    assert bench.error("OPTIONS", url) == (400, "BadRequest")


def test_the_gate_is_asked_for_the_permission_of_a_version():
    bench = Bench()
    bench.ask("GET", "/bucket/key?versionId=v")
    assert bench.gate.permissions[-1] == ("GetObjectVersion", "bucket", b"key")


@pytest.mark.parametrize(
    ("method", "url", "status", "code"),
    [
        ("GET", "/Bad_Name", 400, "InvalidBucketName"),
        ("GET", "/b%2Fk", 400, "InvalidBucketName"),
        ("GET", "/bucket/" + "k" * 1025, 400, "KeyTooLongError"),
        ("GET", "/bucket/%00", 400, "InvalidURI"),
        ("GET", "/bucket/%ff", 400, "InvalidURI"),
        ("BREW", "/bucket", 405, "MethodNotAllowed"),
        ("GET", "/bucket?max-keys=x", 400, "InvalidArgument"),
    ],
)
def test_requests_that_name_nothing_valid(method, url, status, code):
    assert Bench().error(method, url) == (status, code)


def test_documents_are_bounded_and_checked():
    bench = Bench()
    bench.call("CreateBucket", "PUT", "/bucket")
    assert bench.error("PUT", "/bucket?tagging", body=b"<x>") == (400, "MalformedXML")
    assert bench.error("PUT", "/bucket?tagging") == (400, "MissingRequestBodyError")
    large = b"<Tagging>" + b" " * (2 << 20) + b"</Tagging>"
    assert bench.error("PUT", "/bucket?tagging", body=large) == (400, "EntityTooLarge")
    headers = {"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    body = b"<Tagging><TagSet></TagSet></Tagging>"
    assert bench.error("PUT", "/bucket?tagging", headers=headers, body=body) == (400, "BadDigest")


def test_unsupported_wishes_change_nothing():
    bench = Bench()
    headers = {"x-amz-bucket-object-lock-enabled": "true"}
    assert bench.error("PUT", "/bucket", headers=headers) == (501, "NotImplemented")
    url = "/bucket?X-Amz-Signature=s&x-amz-acl=public-read"
    assert bench.error("PUT", url) == (400, "InvalidBucketAclWithObjectOwnership")
    assert bench.store.buckets == {}


def test_the_expected_owner_must_be_the_owner():
    bench = Bench()
    bench.call("CreateBucket", "PUT", "/bucket")
    assert bench.ask("GET", "/bucket", {"x-amz-expected-bucket-owner": OWNER.account}).status == 200
    answered = bench.ask("GET", "/bucket", {"x-amz-expected-bucket-owner": "someone"})
    assert answered.status == 403
    # The owner is compared before anything is done.
    headers = {"x-amz-expected-bucket-owner": "someone"}
    assert bench.error("DELETE", "/bucket", headers=headers) == (403, "AccessDenied")
    assert "bucket" in bench.store.buckets


def test_a_bucket_in_the_host_header():
    bench = Bench(settings=FrontSettings(base_domains=("s3.test",)))
    bench.ask("PUT", "/", {"host": "bucket.s3.test:9000"})
    bench.ask("PUT", "/a/b", {"host": "bucket.s3.test"}, b"hello")
    assert bench.ask("GET", "/bucket/a/b", {"host": "s3.test"}).body == b"hello"


def test_our_bugs_are_internal_errors_logged_once(caplog):
    answered = bench_with(failing(ZeroDivisionError("secret"))).ask("GET", "/bucket/key")
    assert answered.status == 500
    assert b"<Code>InternalError</Code>" in answered.body
    assert b"secret" not in answered.body
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert caplog.records[0].exc_info


def test_faults_are_logged_once_and_rejections_never(caplog):
    assert bench_with(failing(QuorumLost())).ask("GET", "/bucket/key").status == 503
    assert bench_with(failing(Bitrot())).ask("GET", "/bucket/key").status == 500
    assert bench_with(failing(AccessDenied())).ask("GET", "/bucket/key").status == 403
    assert [record.levelno for record in caplog.records] == [logging.WARNING, logging.ERROR]


def test_bounded_work_ends_at_its_deadline(caplog):
    async def forever(_call):
        await asyncio.Event().wait()

    answered = bench_with(forever, deadline_s=0.001).ask("GET", "/bucket/key")
    assert answered.status == 503
    assert answered.get("retry-after") == "1"
    assert len(caplog.records) == 1


def test_uploads_have_no_deadline_of_their_own():
    async def slow(call):
        for _ in range(20):
            await asyncio.sleep(0)
        return Answer(output={"ETag": '"e"'})

    assert bench_with(slow, deadline_s=0.0).ask("PUT", "/bucket/key", body=b"x").status == 200


def test_a_timeout_that_is_not_the_deadline_is_our_bug(caplog):
    assert bench_with(failing(TimeoutError())).ask("GET", "/bucket/key").status == 500
    assert len(caplog.records) == 1


def test_facts_of_every_request_are_reported():
    bench = Bench()
    bench.ask("PUT", "/bucket")
    bench.ask("GET", "/bucket/key")
    bench.ask("GET", "/%zz")
    seen = [(f.action, f.access_key, f.bucket, f.key, f.status, f.code) for f in bench.facts]
    assert seen == [
        ("CreateBucket", "AKIATEST", "bucket", None, 200, ""),
        ("GetObject", "AKIATEST", "bucket", b"key", 404, "NoSuchKey"),
        ("-", "-", None, None, 400, "InvalidURI"),
    ]
    answered = bench.ask("GET", "/")
    assert (answered.action, answered.principal) == ("ListBuckets", "AKIATEST")


def test_errors_of_head_have_no_body():
    answered = Bench().ask("HEAD", "/nowhere")
    assert (answered.status, answered.body) == (404, b"")


def test_errors_that_the_server_finds_look_the_same():
    response = make_render_error("node-1")(400, "BadRequest", "No.", "REQ")
    assert response.status == 400
    assert ("x-amz-request-id", "REQ") in response.headers
    assert b"<Code>BadRequest</Code>" in response.content
