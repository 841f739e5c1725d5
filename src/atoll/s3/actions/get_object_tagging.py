"""GetObjectTagging: the tags of a version.

Source    AWS GetObjectTagging.
"""

from __future__ import annotations

from atoll.s3.call import Answer, Call
from atoll.s3.headers.tagging import render_tag_set
from atoll.s3.headers.version_ids import shown_version_id
from atoll.s3.protocol.members import version_id


async def get_object_tagging(call: Call) -> Answer:
    """Return the tags."""
    assert call.bucket is not None
    assert call.key is not None
    store = call.service.store
    wanted = version_id(call.input)
    opened = await store.open(call.bucket, call.key, wanted)
    version = opened.version
    await opened.close()
    shown = await shown_version_id(store, call.bucket, version.version_id, wanted)
    return Answer(output={"VersionId": shown, "TagSet": render_tag_set(version.attributes.tags)})
