"""Multipart uploads for tests, made without the actions under test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from atoll.base.names import ObjectKey
from atoll.base.streams import WholeBody
from atoll.objects.contract import CompleteRequest, PutRequest
from atoll.objects.values import NamedPart
from fakes.s3_call import BUCKET, KEY, Bench, wait


def begin(bench: Bench, key: bytes = KEY, *, algorithm: str = "", composite: bool = True) -> str:
    """Begin an upload and return its id."""
    request = PutRequest(bucket=BUCKET, key=ObjectKey(key))
    made = wait(
        bench.store.create_upload(
            request, checksum_algorithm=algorithm, composite=composite and bool(algorithm)
        )
    )
    return str(made.upload_id)


def add(bench: Bench, upload_id: str, number: int, content: bytes, key: bytes = KEY) -> Any:
    """Store one part."""
    return wait(bench.store.put_part(BUCKET, key, upload_id, number, WholeBody(content)))


def upload(
    bench: Bench, contents: Sequence[bytes], *, algorithm: str = "", composite: bool = True
) -> Any:
    """Make a multipart object and return its version."""
    upload_id = begin(bench, algorithm=algorithm, composite=composite)
    parts = [
        NamedPart(number=number, etag=add(bench, upload_id, number, content).etag)
        for number, content in enumerate(contents, 1)
    ]
    request = CompleteRequest(bucket=BUCKET, key=KEY, upload_id=upload_id, parts=parts)
    return wait(bench.store.complete_upload(request))
