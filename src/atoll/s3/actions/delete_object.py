"""DeleteObject: remove a version, or make a delete marker.

Source    AWS DeleteObject; "How to perform conditional deletes".
"""

from __future__ import annotations

from atoll.s3.call import Answer, Call
from atoll.s3.headers.conditions import delete_conditions
from atoll.s3.protocol.members import version_id


async def delete_object(call: Call) -> Answer:
    """Remove the version, or make a delete marker."""
    assert call.bucket is not None
    assert call.key is not None
    wanted = version_id(call.input)
    none_match = call.request.headers.get("if-none-match")
    conditions = delete_conditions(call.input, "IfMatch", none_match=none_match)
    result = await call.service.store.delete(call.bucket, call.key, wanted, conditions)
    headers: list[tuple[str, str]] = []
    if result.is_delete_marker:
        headers.append(("x-amz-delete-marker", "true"))
    if result.version_id is not None:
        headers.append(("x-amz-version-id", result.version_id))
    return Answer(status=204, headers=tuple(headers))
