"""DeleteObjectTagging: remove all tags of a version.

Source    AWS DeleteObjectTagging.
"""

from __future__ import annotations

from atoll.s3.call import Answer, Call
from atoll.s3.headers.version_ids import shown_version_id
from atoll.s3.protocol.members import version_id


async def delete_object_tagging(call: Call) -> Answer:
    """Remove the tags."""
    assert call.bucket is not None
    assert call.key is not None
    store = call.service.store
    wanted = version_id(call.input)
    version = await store.put_tags(call.bucket, call.key, wanted, {})
    shown = await shown_version_id(store, call.bucket, version.version_id, wanted)
    return Answer(status=204, output={"VersionId": shown})
