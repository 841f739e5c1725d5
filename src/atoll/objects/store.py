"""The object store on registers and stripes: what front ends and jobs call.

Owns      the wiring of the layer; every call is passed to the noun that owns it.
Invariant implements `objects.contract.ObjectStore`.
Tasks     none of its own; calls may run concurrently on one event loop.
"""

from __future__ import annotations

import msgspec

from atoll.base.clock import Clock, Entropy
from atoll.base.limits import INLINE_BYTES_MAX
from atoll.objects.bucket_removal import BucketRemover
from atoll.objects.buckets import BucketDirectory, LeaseWait
from atoll.objects.bytes_contract import ByteStore
from atoll.objects.copy import ObjectCopier
from atoll.objects.delete import ObjectDeleter
from atoll.objects.foundation import Foundation
from atoll.objects.listing import Lister
from atoll.objects.multipart.completion import UploadCompleter
from atoll.objects.multipart.endings import UploadEnder
from atoll.objects.multipart.expiry import UploadExpirer
from atoll.objects.multipart.parts import PartStore
from atoll.objects.multipart.uploads import UploadRegisters
from atoll.objects.ownership import Ownership
from atoll.objects.put import ObjectPutter
from atoll.objects.read import ObjectReader
from atoll.objects.versions.commit import VersionEditor
from atoll.objects.versions.pages import Pages
from atoll.registers.contract import RegisterStore


async def _no_other_nodes() -> None:
    """Return at once: no other node holds leases."""


class ObjectSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the layer."""

    #: How long a cached bucket record is used; a change of settings waits as long.
    bucket_lease_s: float = 2.0
    buckets_cached_max: int = 1024
    lease_wait: LeaseWait = _no_other_nodes
    #: Content up to this size lies in the register; larger content becomes shards.
    inline_bytes_max: int = INLINE_BYTES_MAX


class Objects:
    """Buckets, objects, versions and uploads."""

    def __init__(
        self,
        registers: RegisterStore,
        store: ByteStore,
        clock: Clock,
        entropy: Entropy,
        settings: ObjectSettings,
    ) -> None:
        buckets = BucketDirectory(
            registers,
            clock,
            entropy,
            lease_s=settings.bucket_lease_s,
            cached_max=settings.buckets_cached_max,
            lease_wait=settings.lease_wait,
        )
        pages = Pages(store)
        foundation = Foundation(
            registers=registers,
            store=store,
            clock=clock,
            entropy=entropy,
            buckets=buckets,
            pages=pages,
            editor=VersionEditor(registers, buckets, pages),
            inline_bytes_max=settings.inline_bytes_max,
        )
        putter = ObjectPutter(foundation)
        reader = ObjectReader(foundation)
        deleter = ObjectDeleter(foundation)
        lister = Lister(foundation)
        uploads = UploadRegisters(foundation)
        ender = UploadEnder(foundation, uploads)
        parts = PartStore(foundation, uploads, ender)
        completer = UploadCompleter(foundation, uploads, parts, ender, putter)
        expirer = UploadExpirer(foundation, uploads, ender, completer)
        copier = ObjectCopier(foundation, reader, putter, parts)
        # The nouns' own methods, not wrappers: a put is one call less deep.
        self.create_bucket = buckets.create
        self.head_bucket = buckets.get
        self.update_bucket = buckets.update
        self.delete_bucket = BucketRemover(foundation, expirer).delete
        self.list_buckets = buckets.list
        self.put = putter.put
        self.open = reader.open
        self.delete = deleter.delete
        self.copy = copier.copy
        self.put_tags = deleter.put_tags
        self.list_objects = lister.list_objects
        self.list_versions = lister.list_versions
        self.create_upload = uploads.create
        self.put_part = parts.put_part
        self.copy_part = copier.copy_part
        self.complete_upload = completer.complete
        self.abort_upload = expirer.abort_upload
        self.list_uploads = lister.list_uploads
        self.list_parts = parts.list_parts
        #: For jobs: end stale uploads, one bounded step at a time.
        self.expire_uploads = expirer.step
        #: For jobs: every data id named for an object's register key, for the orphan scan.
        self.named_data = Ownership(foundation).named_by
