"""Limits of every queue, buffer and document. A limit without a name here is a bug.

Each constant gives its unit in its name and the reason beside it.
"""

from __future__ import annotations

from typing import Final

from atoll.base.units import GIB, KIB, MIB, TIB

# S3, from AWS's own documentation ("Amazon S3 multipart upload limits", "Object key names").
KEY_BYTES_MAX: Final = 1024
METADATA_BYTES_MAX: Final = 2 * KIB
PART_BYTES_MIN: Final = 5 * MIB
PART_BYTES_MAX: Final = 5 * GIB
PART_NUMBER_MAX: Final = 10_000
OBJECT_BYTES_MAX: Final = 5 * TIB
PUT_BYTES_MAX: Final = 5 * GIB
PAGE_ROWS_MAX: Final = 1000
DELETE_KEYS_MAX: Final = 1000
#: Keys of one DeleteObjects in progress: enough to fill a group commit, few enough to be fair.
DELETES_AT_ONCE_MAX: Final = 32
TAGS_PER_OBJECT_MAX: Final = 10
TAGS_PER_BUCKET_MAX: Final = 50
BUCKETS_MAX: Final = 10_000

# Documents that a client may send.
XML_BYTES_MAX: Final = 2 * MIB
XML_DEPTH_MAX: Final = 32
#: Elements and attributes; 10,000 parts with five checksums each stay below this.
XML_NODES_MAX: Final = 100_000
#: 10,000 parts with five checksums each stay below this.
COMPLETE_UPLOAD_BYTES_MAX: Final = 8 * MIB
#: 1,000 keys of 1,024 bytes, each byte written as `&quot;`, stay below this.
DELETE_BYTES_MAX: Final = 8 * MIB

# Where the bytes of an object go, by size.
INLINE_BYTES_MAX: Final = 16 * KIB
PACKED_BYTES_MAX: Final = 1 * MIB
STRIPE_BYTES: Final = 1 * MIB

#: A register value travels in one message and one group commit.
REGISTER_BYTES_MAX: Final = 64 * KIB
