"""Digests of content: MD5 for ETags, and the checksums that clients promise.

Owns      running digests over a stream, and their comparison with what was promised.
Does not  choose threads: `ContentDigests.update` is called by the writer of the bytes, off the
          event loop for large content. It holds no lock: one caller at a time.
Bytes     CRC values are big-endian, as S3 encodes them: 4 bytes, CRC64NVME 8.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from awscrt import checksums as crt

from atoll.base.errors import DigestMismatch, InvalidDigest
from atoll.base.streams import PromisedDigests
from atoll.objects.values import Checksum

#: Byte lengths of the digests, by algorithm name.
CHECKSUM_BYTES: Final = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32}
#: What content gets that came without a checksum: the cheapest of the strong ones.
DEFAULT_ALGORITHM: Final = "CRC64NVME"


class _Running(Protocol):
    def update(self, data: bytes | memoryview, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, function: Callable[[bytes | memoryview, int], int], size_bytes: int) -> None:
        self._function = function
        self._size_bytes = size_bytes
        self._value = 0

    def update(self, data: bytes | memoryview, /) -> None:
        self._value = self._function(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._size_bytes, "big")


_CRCS: Final[dict[str, Callable[[bytes | memoryview, int], int]]] = {
    "CRC32": crt.crc32,
    "CRC32C": crt.crc32c,
    "CRC64NVME": crt.crc64nvme,
}


def _start(algorithm: str) -> _Running:
    function = _CRCS.get(algorithm)
    if function is not None:
        return _Crc(function, CHECKSUM_BYTES[algorithm])
    if algorithm == "SHA256":
        return hashlib.sha256(usedforsecurity=False)
    if algorithm == "SHA1":
        return hashlib.sha1(usedforsecurity=False)
    raise InvalidDigest("The checksum algorithm is not known.", algorithm=algorithm)


def checksum_of(algorithm: str, content: bytes) -> bytes:
    """Return one checksum of content that lies in memory."""
    running = _start(algorithm)
    running.update(content)
    return running.digest()


class ContentDigests:
    """MD5 and some checksums of one content. A `DigestSink`."""

    def __init__(self, algorithms: Iterable[str] = (), *, md5: bool = True) -> None:
        self._md5 = hashlib.md5(usedforsecurity=False) if md5 else None
        self._checksums = {name: _start(name) for name in algorithms}
        self.size_bytes = 0

    @property
    def algorithms(self) -> tuple[str, ...]:
        """Return the checksums' algorithms, in the order asked for."""
        return tuple(self._checksums)

    def update(self, chunk: bytes | memoryview) -> None:
        """Add a chunk to every digest. Releases the GIL for chunks of 2 KiB and more."""
        self.size_bytes += len(chunk)
        if self._md5 is not None:
            self._md5.update(chunk)
        for running in self._checksums.values():
            running.update(chunk)

    def md5(self) -> bytes:
        """Return the MD5."""
        if self._md5 is None:
            raise AssertionError("these digests were made without MD5")
        return self._md5.digest()

    def checksum(self, algorithm: str) -> Checksum:
        """Return one of the checksums."""
        return Checksum(algorithm, self._checksums[algorithm].digest())

    def verify(self, promised: PromisedDigests) -> None:
        """Compare with what the client promised.

        Raises
            DigestMismatch: a digest differs.
            InvalidDigest: a checksum was promised that was not announced before the content.
        """
        if promised.md5 is not None:
            _compare("MD5", promised.md5, self.md5())
        for algorithm, expected in promised.checksums.items():
            running = self._checksums.get(algorithm)
            if running is None:
                raise InvalidDigest("The checksum was not announced.", algorithm=algorithm)
            _compare(algorithm, expected, running.digest())


def _compare(algorithm: str, expected: bytes, found: bytes) -> None:
    if expected != found:
        raise DigestMismatch(
            "The content does not match a digest sent with it.",
            algorithm=algorithm,
            expected=expected.hex(),
            found=found.hex(),
        )
