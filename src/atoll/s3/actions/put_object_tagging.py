"""PutObjectTagging: replace the tags of a version.

Source    AWS PutObjectTagging.
"""

from __future__ import annotations

from atoll.s3.call import Answer, Call
from atoll.s3.headers.tagging import parse_tag_set, tag_rows
from atoll.s3.headers.version_ids import shown_version_id
from atoll.s3.protocol.members import structure, version_id


async def put_object_tagging(call: Call) -> Answer:
    """Replace the tags."""
    assert call.bucket is not None
    assert call.key is not None
    store = call.service.store
    wanted = version_id(call.input)
    tags = parse_tag_set(tag_rows(structure(call.input, "Tagging")))
    version = await store.put_tags(call.bucket, call.key, wanted, tags)
    shown = await shown_version_id(store, call.bucket, version.version_id, wanted)
    return Answer(output={"VersionId": shown})
