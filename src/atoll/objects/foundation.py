"""What every operation of the object layer stands on, wired once by `store.Objects`.

Owns      nothing but the references; they live as long as the store.
"""

from __future__ import annotations

import msgspec

from atoll.base.clock import Clock, Entropy
from atoll.objects.buckets import BucketDirectory
from atoll.objects.bytes_contract import ByteStore
from atoll.objects.versions.commit import VersionEditor
from atoll.objects.versions.pages import Pages
from atoll.registers.contract import RegisterStore


class Foundation(msgspec.Struct, frozen=True, kw_only=True):
    """Registers, bytes, time, randomness, and what the layer itself shares."""

    registers: RegisterStore
    store: ByteStore
    clock: Clock
    entropy: Entropy
    buckets: BucketDirectory
    pages: Pages
    editor: VersionEditor
    #: Content up to this size lies in the register.
    inline_bytes_max: int
