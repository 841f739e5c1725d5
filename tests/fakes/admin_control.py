"""A node's admin side in memory: control, vitals, gate, and a transport that leads to it."""

import asyncio
import hashlib

import msgspec

from atoll.admin.api import AdminApi
from atoll.admin.control import (
    DriveView,
    JobKind,
    JobState,
    JobView,
    Readiness,
    RotateView,
    SetView,
    StatusView,
)
from atoll.admin.gate import Admitted
from atoll.base.errors import AccessDenied, NotFound
from atoll.base.streams import WholeBody
from atoll.cli.transport import Reply
from atoll.config.explain import explain
from atoll.config.load import load_configuration
from atoll.http.messages import Headers, Request


def make_job(**changes):
    """Return a job that has just begun."""
    job = JobView(
        job_id="job-1",
        kind=JobKind.HEAL,
        state=JobState.RUNNING,
        target="",
        done=0,
        total=100,
        done_bytes=0,
        damaged=0,
        repaired=0,
        failed=0,
        started_ns=0,
        updated_ns=0,
    )
    return msgspec.structs.replace(job, **changes)


class FakeControl:
    """Control whose jobs go on by 40 keys each time they are looked at."""

    def __init__(self):
        self.calls = []
        self.raises = None
        self.known_jobs = {}
        #: Members of the one drive that differ from a broken one.
        self.drive = {}
        self.final = {"state": JobState.DONE, "repaired": 3, "damaged": 3}

    def _note(self, *call):
        self.calls.append(call)
        if self.raises is not None:
            raise self.raises

    async def status(self):
        self._note("status")
        one = SetView(index=0, drives=4, data=2, parity=2, write_quorum=3, read_quorum=2, voting=3)
        return StatusView(
            version="0.1.0",
            cluster_id="c-1",
            epoch=2,
            region="us-east-1",
            uptime_s=90.0,
            is_ready=True,
            reason="drive 4 is missing",
            sets=(one,),
            drives_total=4,
            drives_ok=3,
            raw_bytes=4 << 40,
            free_bytes=1 << 40,
            heal_queue=1234,
            requests_in_flight=1,
        )

    async def drives(self):
        self._note("drives")
        broken = DriveView(
            drive_id="drive-a",
            path="/mnt/d1",
            metadata_path="/mnt/d1/db",
            state="missing",
            reason="no such directory",
            total_bytes=100 << 30,
            free_bytes=25 << 30,
            is_full=False,
            records=1_000_000,
            sets=(0,),
        )
        return (msgspec.structs.replace(broken, **self.drive),)

    async def start_heal(self, request):
        self._note("heal", request)
        return self._add(make_job(target=f"{request.bucket}/{request.prefix}".strip("/")))

    async def start_scrub(self):
        self._note("scrub")
        return self._add(make_job(kind=JobKind.SCRUB))

    def _add(self, job):
        self.known_jobs[job.job_id] = job
        return job

    def jobs(self):
        self._note("jobs")
        return tuple(self.known_jobs.values())

    def job(self, job_id):
        self._note("job", job_id)
        job = self.known_jobs.get(job_id)
        if job is None:
            raise NotFound("There is no such job.", job_id=job_id)
        done = min(job.total, job.done + 40)
        changes = self.final if done == job.total else {}
        return self._add(msgspec.structs.replace(job, done=done, done_bytes=done * 4096, **changes))

    async def cancel(self, job_id):
        self._note("cancel", job_id)
        if job_id not in self.known_jobs:
            raise NotFound("There is no such job.", job_id=job_id)
        return self._add(msgspec.structs.replace(self.known_jobs[job_id], state=JobState.CANCELLED))

    async def rotate(self, pair):
        self._note("rotate", pair)
        return RotateView(
            access_key="GENERATED" if pair is None else pair.access_key,
            generation=2,
            written=("/mnt/d1", "/mnt/d2"),
            failed=(),
        )

    def settings(self):
        self._note("settings")
        configuration = load_configuration({"region": "eu-west-1"}, {})
        return explain(configuration)


class FakeVitals:
    """Vitals with a switch."""

    def __init__(self):
        self.found = Readiness(is_ready=True)

    def readiness(self):
        return self.found

    def render_metrics(self):
        return b"atoll_up 1\n"


class FakeGate:
    """Admits requests that name the one access key; notes every action it was asked for."""

    def __init__(self, access_key="AKIDROOT"):
        self.access_key = access_key
        self.actions = []

    async def admit(self, request, action):
        self.actions.append(action)
        authorization = request.headers.get("authorization") or ""
        if f"Credential={self.access_key}/" not in authorization:
            raise AccessDenied("No rule allows this action.")
        content = request.body.whole or b""
        signed = request.headers.get("x-amz-content-sha256")
        if signed is not None and signed != hashlib.sha256(content).hexdigest():
            raise AccessDenied("The body is not what was signed.")
        return Admitted(self.access_key, WholeBody(content))


def make_request(method, path, *, headers=(), body=b"", peer="127.0.0.1"):
    """Return a request as the HTTP server would make it."""
    path, _, query = path.partition("?")
    return Request(
        method=method,
        path=path.encode("utf-8"),
        query=query.encode("ascii"),
        headers=Headers([(name.lower(), value) for name, value in headers]),
        body=_Raw(body),
        peer=peer,
        is_tls=False,
        request_id="R1",
    )


class _Raw(WholeBody):
    def __init__(self, content):
        super().__init__(content)
        self.length_bytes = len(content)


class FakeTransport:
    """Transport that calls the admin API of a fake node in this process."""

    def __init__(self, control, gate=None):
        self.gate = gate or FakeGate()
        self.sent = []
        self.raises = []
        self._api = AdminApi(control=control, gate=self.gate)

    def send(self, outgoing):
        self.sent.append(outgoing)
        if self.raises:
            raise self.raises.pop(0)
        path = "/" + outgoing.url.split("/", 3)[3]
        request = make_request(
            outgoing.method, path, headers=outgoing.headers.items(), body=outgoing.body
        )
        response = asyncio.run(self._answer(request))
        return Reply(response.status, bytes(response.content))

    async def _answer(self, request):
        return await self._api(request)
