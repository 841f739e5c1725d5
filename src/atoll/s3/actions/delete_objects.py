"""DeleteObjects: remove up to 1,000 keys or versions, each on its own.

Owns      the document's limits, the bound on keys in progress, and the answer per key.
Invariant one key's failure neither stops nor hides another's; rows are in the order of the request.
          A key is its bytes: `../x` names exactly that key.
Source    AWS DeleteObjects.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from atoll.base.errors import InvalidArgument, Malformed, StoreError, VersionNotFound
from atoll.base.limits import DELETE_KEYS_MAX, DELETES_AT_ONCE_MAX
from atoll.base.names import VersionId, parse_object_key
from atoll.objects.values import DeleteResult
from atoll.s3.call import Answer, Call, Document, Field
from atoll.s3.errors import classify
from atoll.s3.headers.conditions import delete_conditions
from atoll.s3.protocol.binding import list_member
from atoll.s3.protocol.error_documents import sentence_of
from atoll.s3.protocol.members import flag, structure, text, version_id

_Outcome = DeleteResult | StoreError


async def delete_objects(call: Call) -> Answer:
    """Remove the keys."""
    assert call.bucket is not None
    wish = structure(call.input, "Delete")
    rows = list_member(wish, "Objects")
    if not 1 <= len(rows) <= DELETE_KEYS_MAX:
        raise Malformed(found=len(rows), keys_max=DELETE_KEYS_MAX)
    await call.service.store.head_bucket(call.bucket)
    outcomes = await _delete_all(call, rows)
    deleted: list[Field] = []
    errors: list[Field] = []
    is_quiet = flag(wish, "Quiet")
    for row, outcome in zip(rows, outcomes, strict=True):
        if isinstance(outcome, StoreError):
            errors.append(_error_row(row, outcome))
        elif not is_quiet:
            deleted.append(_deleted_row(row, outcome))
    return Answer(output={"Deleted": deleted, "Errors": errors})


async def _delete_all(call: Call, rows: list[Document]) -> list[_Outcome]:
    """Return the outcome of each row; a few workers share the rows, so memory stays bounded."""
    outcomes: dict[int, _Outcome] = {}
    waiting = iter(enumerate(rows))
    async with asyncio.TaskGroup() as group:
        for _ in range(min(DELETES_AT_ONCE_MAX, len(rows))):
            group.create_task(_work(call, waiting, outcomes))
    return [outcomes[index] for index in range(len(rows))]


async def _work(
    call: Call, waiting: Iterator[tuple[int, Document]], outcomes: dict[int, _Outcome]
) -> None:
    for index, row in waiting:
        try:
            outcomes[index] = await _delete_one(call, row)
        except StoreError as error:
            outcomes[index] = error


async def _delete_one(call: Call, row: Document) -> DeleteResult:
    assert call.bucket is not None
    key = parse_object_key((text(row, "Key") or "").encode())
    wanted = _wanted(row)
    conditions = delete_conditions(row, "ETag")
    action = "DeleteObject" if wanted is None else "DeleteObjectVersion"
    call.service.authorise(call.principal, action, call.bucket, key)
    return await call.service.store.delete(call.bucket, key, wanted, conditions)


def _wanted(row: Document) -> VersionId | None:
    """Return the version a row names.

    Raises
        InvalidArgument: it is named, but empty.
        VersionNotFound: no version ever has such an id. S3 says so of a row, though it calls the
            id of a whole request invalid.
    """
    try:
        return version_id(row)
    except InvalidArgument as exc:
        named = text(row, "VersionId")
        if not named:
            raise
        raise VersionNotFound(version_id=named) from exc


def _deleted_row(row: Document, result: DeleteResult) -> Document:
    shown: dict[str, Field] = {"Key": row["Key"]}
    if "VersionId" in row:
        shown["VersionId"] = row["VersionId"]
    if result.is_delete_marker:
        shown["DeleteMarker"] = True
        shown["DeleteMarkerVersionId"] = result.version_id
    return shown


def _error_row(row: Document, error: StoreError) -> Document:
    answer = classify(error)
    return {
        "Key": row["Key"],
        "VersionId": row.get("VersionId"),
        "Code": answer.code,
        "Message": sentence_of(error, answer),
    }
