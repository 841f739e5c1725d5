"""What live clients sent is taken as they meant it, and refused when one byte of it is another.

The requests were recorded from the clients that `make compat` runs (record.py); here they meet the
real connection, gate, front end and object layer, without any client.
"""

import asyncio
import hashlib
import re
from base64 import b64encode
from zlib import crc32

import pytest

from compat.wire.replay import Replay
from compat.wire.vectors import read_index

VECTORS = read_index()
COVERED = [vector for vector in VECTORS if vector.covers_content]
#: Bodies up to this size have every byte flipped in turn; of larger ones a few, and their end.
EVERY_BYTE_MAX = 700
#: A signature stands in one of these places.
SIGNATURE = re.compile(rb"(?:Signature=|Authorization: AWS [^:]+:)([0-9a-zA-Z+/%]+)", re.IGNORECASE)


def by_name(vector):
    return vector.name


def flip(data, at):
    """Return `data` with the lowest bit of one byte flipped: hexadecimal stays no such digit."""
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def status_of(answer):
    assert answer.startswith(b"HTTP/1.1 "), answer[:80]
    return int(answer[9:12])


def test_every_way_of_framing_and_signing_is_recorded():
    requests = [vector.read() for vector in VECTORS]
    assert {request.get("x-amz-content-sha256") for request in requests} >= {
        "UNSIGNED-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    }
    trailers = {request.get("x-amz-trailer") for request in requests}
    assert trailers >= {"x-amz-checksum-crc32", "x-amz-checksum-crc64nvme", "x-amz-checksum-sha256"}
    heads = b"".join(request.head for request in requests)
    for mark in (b"Authorization: AWS ", b"X-Amz-Signature=", b"AWSAccessKeyId=", b"Expect: 100-"):
        assert mark in heads, mark
    assert b"Transfer-Encoding: chunked" in heads


@pytest.mark.parametrize("pieces", [1, 2, 37])
@pytest.mark.parametrize("vector", VECTORS, ids=by_name)
def test_the_content_is_stored_without_its_framing(vector, pieces):
    async def replay():
        request = vector.read()
        server = Replay(request, is_tls=vector.is_tls)
        await server.make_bucket()
        answer = await server.send(request.head + request.body, pieces=pieces)
        assert status_of(answer) == 200, answer
        assert await server.stored() == vector.content
        assert f'"{hashlib.md5(vector.content).hexdigest()}"'.encode() in answer
        version = (await server.rig.store.open(server.bucket, server.key)).version
        if version.checksum is not None and version.checksum.algorithm == "CRC32":
            expected = b64encode(crc32(vector.content).to_bytes(4, "big"))
            assert b"x-amz-checksum-crc32: " + expected in answer
        assert "content-encoding" not in version.attributes.headers

    asyncio.run(replay())


@pytest.mark.parametrize("vector", COVERED, ids=by_name)
def test_no_byte_of_a_body_can_change_unnoticed(vector):
    async def replay():
        request = vector.read()
        server = Replay(request, is_tls=vector.is_tls)
        await server.make_bucket()
        size = len(request.body)
        places = range(size)
        if size > EVERY_BYTE_MAX:
            places = [*range(0, size, size // 40), *range(size - 200, size)]
        told = 0
        for at in places:
            answer = await server.send(request.head + flip(request.body, at))
            # A length that became larger leaves the server waiting, and the client goes.
            assert not answer or 400 <= status_of(answer) < 500, (at, answer)
            assert await server.stored() is None, at
            told += bool(answer)
        assert told > len(places) * 0.8

    asyncio.run(replay())


@pytest.mark.parametrize("vector", VECTORS, ids=by_name)
def test_no_digit_of_a_signature_can_change_unnoticed(vector):
    async def replay():
        request = vector.read()
        server = Replay(request, is_tls=vector.is_tls)
        await server.make_bucket()
        (found,) = SIGNATURE.finditer(request.head)
        # The last digit of base64 has bits that say nothing.
        for at in range(found.start(1), found.end(1) - 1):
            answer = await server.send(flip(request.head, at) + request.body)
            assert status_of(answer) in (400, 403), (at, answer)
            assert await server.stored() is None, at

    asyncio.run(replay())


@pytest.mark.parametrize("vector", COVERED, ids=by_name)
def test_a_body_that_ends_early_stores_nothing(vector):
    async def replay():
        request = vector.read()
        server = Replay(request, is_tls=vector.is_tls)
        await server.make_bucket()
        for missing in {1, 2, 20, len(request.body)}:
            await server.send(request.head + request.body[:-missing])
            assert await server.stored() is None, missing

    asyncio.run(replay())


def test_a_recording_is_refused_at_another_time():
    async def replay(shift_s):
        vector = next(each for each in VECTORS if each.name == "boto3-https-file")
        request = vector.read()
        server = Replay(request, is_tls=True, shift_s=shift_s)
        await server.make_bucket()
        return await server.send(request.head + request.body), await server.stored()

    for shift_s in (-901, 901):
        answer, stored = asyncio.run(replay(shift_s))
        assert b"<Code>RequestTimeTooSkewed</Code>" in answer
        assert stored is None
    assert asyncio.run(replay(899))[1] is not None
