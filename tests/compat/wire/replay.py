"""Send recorded bytes to the real server parts: connection, gate, front end and object layer.

Only the network and the drives are in memory. The clock stands where the request was signed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qs, unquote_to_bytes

from atoll.base.errors import NotFound
from atoll.base.names import BucketName, ObjectKey
from atoll.base.units import NS_PER_S
from atoll.s3.call import Principal, Service
from atoll.s3.front import FrontEnd
from atoll.s3.gate import Credential, Gate
from atoll.s3.registry import load_actions
from compat.wire.vectors import ACCESS_KEY, SECRET_KEY, WireRequest
from fakes.http import FixedClock, open_wire, settle
from fakes.objects import Rig, read_all
from fakes.s3_front import service_model

_TURNS_MAX: Final = 400
_OWNER: Final = "recorded-owner"
_AMZ_DATE: Final = "%Y%m%dT%H%M%SZ"


class Recorded:
    """Knows the pair with which everything was recorded."""

    def find(self, access_key: str) -> Credential | None:
        if access_key != ACCESS_KEY:
            return None
        return Credential(SECRET_KEY, Principal(access_key, _OWNER, "root"))


def signed_ns(request: WireRequest) -> int:
    """Return when a request was signed; before the end of its life for a URL of version 2."""
    query = parse_qs(request.head.split(b" ", 2)[1].partition(b"?")[2].decode())
    if "Expires" in query:
        return (int(query["Expires"][0]) - 1) * NS_PER_S
    amz_date = query.get("X-Amz-Date", [request.get("x-amz-date")])[0]
    if amz_date is None:
        sent = parsedate_to_datetime(request.get("date") or "")
    else:
        try:
            sent = datetime.strptime(amz_date, _AMZ_DATE).replace(tzinfo=UTC)
        except ValueError:
            # Version 2 may send its own form of date in this header.
            sent = parsedate_to_datetime(amz_date)
    return int(sent.timestamp()) * NS_PER_S


class Replay:
    """A server that stands still at the time of one recording."""

    def __init__(self, recorded: WireRequest, *, is_tls: bool, shift_s: int = 0) -> None:
        self._is_tls = is_tls
        path = unquote_to_bytes(recorded.path)
        name, _, key = path.lstrip(b"/").partition(b"/")
        self.bucket, self.key = BucketName(name.decode()), ObjectKey(key)
        self.rig = Rig()
        gate = Gate(Recorded(), region="us-east-1", root_account=_OWNER)
        service = Service(
            store=self.rig.store,
            clock=FixedClock(signed_ns(recorded) + shift_s * NS_PER_S),
            region="us-east-1",
            authorise=gate.authorise,
        )
        self._front = FrontEnd(
            service=service, gate=gate, model=service_model(), actions=load_actions()
        )

    async def make_bucket(self) -> None:
        """Make the bucket into which the client put."""
        await self.rig.make_bucket(name=self.bucket)

    async def send(self, data: bytes, *, pieces: int = 1) -> bytes:
        """Send bytes on a connection of their own, then end it; return the answer to them."""
        step = -(-len(data) // pieces)
        async with open_wire(self._front.handle, is_tls=self._is_tls) as wire:
            for start in range(0, len(data), step):
                wire.transport.feed(data[start : start + step])
                await settle(2)
            for _ in range(_TURNS_MAX):
                if _final_answer(bytes(wire.transport.written)):
                    break
                await settle(1)
            else:
                # Bytes are missing: the client goes away, which the handler must notice.
                wire.transport.lose()
                await settle(_TURNS_MAX)
            return _final_answer(bytes(wire.transport.written))

    async def stored(self) -> bytes | None:
        """Return the content at the key of the recording, or None."""
        try:
            opened = await self.rig.store.open(self.bucket, self.key)
        except NotFound:
            return None
        return await read_all(opened)


def _final_answer(written: bytes) -> bytes:
    """Return what was answered, without `100 Continue`."""
    return written.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
