"""The admin API: one table, one gate, errors as JSON."""

import asyncio
import json
from pathlib import Path

import pytest

from atoll.admin.api import BODY_BYTES_MAX, AdminApi, find_status
from atoll.admin.control import HealRequest
from atoll.admin.routes import PREFIX, ROUTES
from atoll.base import errors
from atoll.config.credentials import KeyPair
from fakes.admin_control import FakeControl, FakeGate, make_job, make_request

SIGNED = (("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDROOT/x"),)


def ask(method, path, *, control=None, gate=None, headers=SIGNED, body=b""):
    api = AdminApi(control=control or FakeControl(), gate=gate or FakeGate())

    async def call():
        return await api(make_request(method, path, headers=headers, body=body))

    response = asyncio.run(call())
    assert ("content-type", "application/json") in response.headers
    return response.status, json.loads(response.content), dict(response.headers)


def test_every_route_has_its_own_admin_action():
    actions = [route.action for route in ROUTES]
    assert len(set(actions)) == len(actions)
    assert all(action.startswith("admin:") for action in actions)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.action)
def test_every_route_asks_the_gate_for_its_action_before_anything_happens(route):
    control, gate = FakeControl(), FakeGate()
    path = PREFIX + route.path.replace("{id}", "job-1")
    status, document, _ = ask(route.method, path, control=control, gate=gate, headers=())
    assert (status, document["error"]["code"]) == (403, "AccessDenied")
    assert gate.actions == [route.action]
    assert control.calls == []


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.action)
def test_every_route_answers_the_admitted_caller(route):
    control = FakeControl()
    control.known_jobs["job-1"] = make_job()
    path = PREFIX + route.path.replace("{id}", "job-1")
    status, document, headers = ask(route.method, path, control=control)
    assert status == route.status
    assert "error" not in document
    assert headers["cache-control"] == "no-store"
    assert len(control.calls) == 1


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.action)
def test_every_answer_says_for_the_log_what_was_asked_and_by_whom(route):
    control = FakeControl()
    path = PREFIX + route.path.replace("{id}", "job-1")

    def labels(headers=SIGNED):
        api = AdminApi(control=control, gate=FakeGate())
        response = asyncio.run(api(make_request(route.method, path, headers=headers)))
        return response.action, response.principal

    control.known_jobs["job-1"] = make_job()
    assert labels() == (route.action, "AKIDROOT")
    control.raises = errors.QuorumLost()
    assert labels() == (route.action, "AKIDROOT")
    assert labels(headers=()) == (route.action, "-")


@pytest.mark.parametrize(
    "path",
    ["", "/", "/nothing", "/jobs/", "/jobs/a/b", "/jobs/..", "/jobs/%2e", "/status/", "//status"],
)
def test_what_is_not_in_the_table_does_not_exist(path):
    gate = FakeGate()
    status, document, _ = ask("GET", PREFIX + path, gate=gate)
    assert (status, document["error"]["code"]) == (404, "UnknownPath")
    assert gate.actions == []


def test_a_path_outside_ascii_is_answered():
    assert ask("GET", PREFIX + "/jobs/é")[0] == 404


def test_a_wrong_method_names_the_right_ones():
    status, _, headers = ask("PUT", PREFIX + "/jobs/job-1")
    assert (status, headers["allow"]) == (405, "DELETE, GET")


def test_a_heal_gets_what_the_body_says():
    control = FakeControl()
    body = b'{"bucket": "photos", "prefix": "2024/", "verify": true}'
    status, document, _ = ask("POST", PREFIX + "/heal", control=control, body=body)
    assert (status, document["target"]) == (202, "photos/2024")
    assert control.calls == [("heal", HealRequest(bucket="photos", prefix="2024/", verify=True))]


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b'{"verify": 1}', b'{"buckt": "x"}', b"\xff", b'{"prefix": "a"}', b"[" * 60_000],
)
def test_a_body_that_is_not_understood_starts_nothing(body):
    control = FakeControl()
    status, document, _ = ask("POST", PREFIX + "/heal", control=control, body=body)
    assert status == 400
    assert document["error"]["request_id"] == "R1"
    assert control.calls == []


def test_a_body_over_the_limit_is_refused():
    control = FakeControl()
    body = b" " * (BODY_BYTES_MAX + 1)
    status, _, _ = ask("POST", PREFIX + "/heal", control=control, body=body)
    assert (status, control.calls) == (413, [])


class EndlessBody:
    """A body of unknown length that would never end."""

    size_bytes = None
    whole = None
    algorithms = ()
    served = 0

    async def __aiter__(self):
        while True:
            self.served += 1
            yield b" " * 10_000


def test_a_body_of_unknown_length_is_cut_off_at_the_limit():
    body = EndlessBody()

    class Gate(FakeGate):
        async def admit(self, request, action):
            admitted = await super().admit(request, action)
            return type(admitted)(admitted.access_key, body)

    assert ask("POST", PREFIX + "/heal", gate=Gate())[0] == 413
    assert body.served == 7


def test_a_rotation_passes_a_valid_pair_and_its_answer_has_no_secret():
    control = FakeControl()
    body = b'{"access_key": "newroot", "secret_key": "verysecret1"}'
    status, document, _ = ask("POST", PREFIX + "/credentials/rotate", control=control, body=body)
    assert status == 200
    assert control.calls == [("rotate", KeyPair("newroot", "verysecret1"))]
    assert "verysecret1" not in json.dumps(document)


@pytest.mark.parametrize(
    "body", [b'{"access_key": "ab", "secret_key": "12345678"}', b'{"access_key": "abc"}']
)
def test_a_rotation_to_a_weak_pair_is_refused(body):
    control = FakeControl()
    status, document, _ = ask("POST", PREFIX + "/credentials/rotate", control=control, body=body)
    assert (status, document["error"]["code"]) == (400, "Invalid")
    assert control.calls == []


def test_an_unknown_job_is_not_found():
    status, document, _ = ask("GET", PREFIX + "/jobs/none")
    assert (status, document["error"]["code"]) == (404, "NotFound")


def test_a_bug_becomes_one_answer_and_one_record(caplog):
    control = FakeControl()
    control.raises = RuntimeError("secret detail")
    status, document, _ = ask("GET", PREFIX + "/status", control=control)
    assert (status, document["error"]["code"]) == (500, "InternalError")
    assert "secret detail" not in json.dumps(document)
    assert len(caplog.records) == 1


def leaves(kind):
    # Front ends derive errors of their own; the tree of all is the one of this module.
    below = [one for one in kind.__subclasses__() if one.__module__ == errors.__name__]
    return [kind, *(leaf for one in below for leaf in leaves(one))]


def test_every_store_error_has_a_status():
    expected = {
        errors.BucketNotFound: 404,
        errors.AccessDenied: 403,
        errors.SignatureMismatch: 403,
        errors.BucketExists: 409,
        errors.Malformed: 400,
        errors.TooLarge: 413,
        errors.Throttled: 429,
        errors.QuorumLost: 503,
        errors.Bitrot: 500,
        errors.DriveMissing: 500,
    }
    for kind in leaves(errors.StoreError):
        assert 400 <= find_status(kind()) < 600
    for kind, status in expected.items():
        assert find_status(kind()) == status


def test_the_page_of_the_api_lists_exactly_the_routes():
    page = (Path(__file__).parents[3] / "docs" / "compatibility" / "admin.md").read_text("utf-8")
    listed = [line for line in page.splitlines() if "`admin:" in line]
    assert listed == [
        f"| {route.method} | `{PREFIX}{route.path}` | `{route.action}` "
        f"| {int(route.status)} | {route.meaning} |"
        for route in ROUTES
    ]
