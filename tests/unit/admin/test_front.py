"""Health, metrics and the fork to S3."""

import asyncio
import json

import pytest

from atoll.admin.control import Readiness
from atoll.admin.front import Front
from atoll.admin.health import Health, is_local
from atoll.http.messages import Response
from fakes.admin_control import FakeVitals, make_request


async def answer_s3(request):
    return Response(200, [], b"s3")


async def answer_admin(request):
    return Response(200, [], b"admin")


def ask(method, path, *, vitals=None, token=None, domains=(), headers=(), peer="127.0.0.1"):
    health = Health(vitals=vitals or FakeVitals(), metrics_token=token)
    front = Front(admin=answer_admin, health=health, s3=answer_s3, domains=domains)

    async def call():
        return await front(make_request(method, path, headers=headers, peer=peer))

    return asyncio.run(call())


@pytest.mark.parametrize(
    "path", ["/", "/bucket/key", "/_atol", "/_atollx/y", "/%5Fatoll/metrics", "/health", "/metrics"]
)
def test_what_is_not_below_the_branch_goes_to_s3(path):
    assert ask("GET", path).content == b"s3"


@pytest.mark.parametrize("path", ["/_atoll", "/_atoll/", "/_atoll/x", "/_atoll/admin"])
def test_unknown_paths_of_the_branch_are_not_found(path):
    response = ask("GET", path)
    assert response.status == 404
    assert json.loads(response.content)["error"]["code"] == "UnknownPath"


def test_admin_paths_go_to_the_admin_api():
    assert ask("GET", "/_atoll/admin/v1/status").content == b"admin"


@pytest.mark.parametrize("host", ["b.s3.example.com", "B.S3.Example.Com:9000", "b.s3.example.com."])
def test_a_key_of_a_virtual_host_bucket_goes_to_s3(host):
    found = ask(
        "GET", "/_atoll/admin/v1/status", domains=["s3.example.com"], headers=[("host", host)]
    )
    assert found.content == b"s3"


@pytest.mark.parametrize("host", ["s3.example.com", "evil-s3.example.com", "127.0.0.1:9000"])
def test_other_hosts_reach_the_admin_api(host):
    found = ask(
        "GET", "/_atoll/admin/v1/status", domains=["s3.example.com"], headers=[("host", host)]
    )
    assert found.content == b"admin"


def test_live_is_always_live():
    vitals = FakeVitals()
    vitals.found = Readiness(is_ready=False, reason="starting")
    assert ask("GET", "/_atoll/health/live", vitals=vitals, peer="10.0.0.9").status == 200


def test_ready_tells_the_reason():
    vitals = FakeVitals()
    assert ask("GET", "/_atoll/health/ready", vitals=vitals).status == 200
    vitals.found = Readiness(is_ready=False, reason="2 of 3 drives answer")
    response = ask("GET", "/_atoll/health/ready", vitals=vitals)
    assert response.status == 503
    assert json.loads(response.content)["reason"] == "2 of 3 drives answer"


def test_head_has_the_length_of_get_and_no_content():
    for path in ("/_atoll/health/ready", "/_atoll/metrics"):
        get, head = ask("GET", path), ask("HEAD", path)
        assert head.content == b""
        assert head.length_bytes == get.length_bytes > 0


def test_other_methods_are_refused():
    response = ask("POST", "/_atoll/metrics")
    assert (response.status, dict(response.headers)["allow"]) == (405, "GET, HEAD")


def test_this_machine_reads_metrics_freely():
    response = ask("GET", "/_atoll/metrics")
    assert (response.status, response.content) == (200, b"atoll_up 1\n")
    assert dict(response.headers)["content-type"].startswith("text/plain; version=0.0.4")


@pytest.mark.parametrize(
    ("token", "given", "status"),
    [
        (None, None, 403),
        (None, "Bearer ", 403),
        (None, "Bearer None", 403),
        ("tökentoken", None, 403),
        ("tökentoken", "Bearer wrong", 403),
        ("tökentoken", "Basic tökentoken", 403),
        ("tökentoken", "Bearer tökentoken", 200),
        ("tökentoken", "bearer tökentoken", 200),
    ],
)
def test_other_machines_need_the_token(token, given, status):
    # Header values are latin-1 views of the bytes on the wire.
    headers = [("authorization", given.encode().decode("latin-1"))] if given else []
    found = ask("GET", "/_atoll/metrics", token=token, headers=headers, peer="10.0.0.9")
    assert found.status == status


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("10.0.0.1", False),
        ("fe80::1%eth0", False),
        ("-", False),
        ("", False),
        ("localhost", False),
    ],
)
def test_loopback_is_told_from_the_rest(peer, expected):
    assert is_local(make_request("GET", "/", peer=peer)) is expected


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via"])
def test_what_a_proxy_forwards_is_not_local(name):
    assert not is_local(make_request("GET", "/", headers=[(name, "127.0.0.1")]))
