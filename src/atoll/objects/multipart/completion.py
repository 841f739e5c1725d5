"""Complete an upload: exactly one version, however often and by whomever it is tried.

Owns      the completion protocol.
Steps     1 put a fresh token into the object's head; 2 upload `open` → `completing(token,
          version)`, only from the generation the parts were read under; 3 consume the token at the
          object: in one write it goes and the version comes, or, where a condition fails, it turns
          refused; 4 upload → `completed`, or back to `open`; 5 part registers go.
Invariant a token enters a head once and leaves it once, so step 3 takes effect once: whoever finds
          it gone knows that the completion was applied, as long as the upload names the token.
Crash     after any step: who completes or aborts the upload next goes on from there; expiry and
          the deletion of the bucket take it back, as far as it was not applied. A token whose
          attempt died between 1 and 2 is dropped when the upload ends.
Source    docs/design/multipart.md
"""

from __future__ import annotations

from contextlib import suppress
from enum import Enum, auto
from typing import Final

import msgspec

from atoll.base.errors import (
    Contended,
    Damaged,
    ObjectNotFound,
    PreconditionFailed,
    Unavailable,
    UploadNotFound,
)
from atoll.core.formats.object_record import PendingUpload, VersionRecord
from atoll.core.formats.upload_record import Completion, UploadRecord, UploadState
from atoll.objects.conditions import check_write
from atoll.objects.contract import CompleteRequest
from atoll.objects.foundation import Foundation
from atoll.objects.keys import object_cell
from atoll.objects.multipart.endings import UploadEnder
from atoll.objects.multipart.manifests import (
    PARTS_IN_HEAD_MAX,
    check_named_checksums,
    check_promises,
    choose_parts,
    makes,
    plan_checksum,
    plan_entries,
    plan_version,
)
from atoll.objects.multipart.parts import PartStore
from atoll.objects.multipart.uploads import UploadName, UploadRegisters, name_upload
from atoll.objects.put import ObjectPutter
from atoll.objects.records import load_version
from atoll.objects.values import Bucket, Conditions, ObjectVersion
from atoll.objects.versions.chain import Chain, Entry

_ATTEMPTS_MAX: Final = 8
_TOKEN_BYTES: Final = 8


class Verdict(Enum):
    """What became of a token."""

    #: This edit consumed it: the version is there.
    APPLIED = auto()
    #: A condition did not hold when it was to be consumed.
    REFUSED = auto()
    #: It is gone: another edit consumed it, or took it back.
    GONE = auto()


class _Consuming:
    """The edit of step 3."""

    def __init__(self, upload_id: str, completion: Completion) -> None:
        self._upload_id = upload_id
        self._completion = completion
        self.verdict = Verdict.GONE

    def __call__(self, chain: Chain) -> None:
        completion = self._completion
        token = completion.token
        pending = next((one for one in chain.pending if one.token == token), None)
        if pending is None:
            self.verdict = Verdict.GONE
            return
        if pending.refused:
            self.verdict = Verdict.REFUSED
            return
        try:
            check_write(_conditions(completion), chain.current_etag())
        except (PreconditionFailed, ObjectNotFound):
            refused = PendingUpload(token, self._upload_id, refused=True)
            chain.pending = [refused if one is pending else one for one in chain.pending]
            chain.touched = True
            self.verdict = Verdict.REFUSED
            return
        # Applied for good: attempts of this upload that did not come as far are void.
        chain.pending = [one for one in chain.pending if one.upload_id != self._upload_id]
        chain.insert(Entry(completion.version))
        chain.adopt(completion.version)
        self.verdict = Verdict.APPLIED


class _Refusing:
    """The edit that refuses a token which was not consumed."""

    def __init__(self, completion: Completion) -> None:
        self._token = completion.token

    def __call__(self, chain: Chain) -> None:
        for index, one in enumerate(chain.pending):
            if one.token == self._token and not one.refused:
                chain.pending[index] = PendingUpload(one.token, one.upload_id, refused=True)
                chain.touched = True


class _Placing:
    """The edit of step 1."""

    def __init__(self, upload_id: str, completion: Completion) -> None:
        self._pending = PendingUpload(completion.token, upload_id)
        self._conditions = _conditions(completion)
        #: Whether a drive may have been sent a head with the token.
        self.is_offered = False

    def __call__(self, chain: Chain) -> None:
        check_write(self._conditions, chain.current_etag())
        chain.pending = [*chain.pending, self._pending]
        chain.touched = True
        self.is_offered = True


def _conditions(completion: Completion) -> Conditions:
    return Conditions(if_match=completion.if_match, if_none_match=completion.if_none_match)


class UploadCompleter:
    """Completes uploads."""

    def __init__(
        self,
        foundation: Foundation,
        uploads: UploadRegisters,
        parts: PartStore,
        ender: UploadEnder,
        putter: ObjectPutter,
    ) -> None:
        self._foundation = foundation
        self._uploads = uploads
        self._parts = parts
        self._ender = ender
        self._putter = putter

    async def complete(self, request: CompleteRequest) -> ObjectVersion:
        """Make the object from its parts, once; a repeated call answers the same."""
        bucket = await self._foundation.buckets.get(request.bucket)
        name = name_upload(bucket, request.key, request.upload_id)
        for _ in range(_ATTEMPTS_MAX):
            record = await self._uploads.read(name)
            if record is None or record.state is UploadState.ABORTED:
                raise UploadNotFound(upload_id=name.upload_id)
            if record.state is UploadState.OPEN:
                frozen = await self._freeze(bucket, name, record, request)
                if frozen is None:
                    continue
                version = await self.finish(name, frozen)
                if version is None:
                    # Refused by its own conditions: let them say which one.
                    await self._check_conditions(name, request.conditions)
                    continue
            else:
                version = await self.finish(name, record)
                if version is not None and not makes(request.parts, version.etag):
                    # A repetition is answered alike; another list of parts came too late.
                    raise UploadNotFound(upload_id=name.upload_id)
            if version is not None:
                return version
        raise Contended("Other completions kept winning the upload.", upload_id=name.upload_id)

    async def _freeze(
        self, bucket: Bucket, name: UploadName, record: UploadRecord, request: CompleteRequest
    ) -> UploadRecord | None:
        """Take steps 1 and 2; None: somebody else changed the upload first."""
        completion = await self._plan(bucket, name, record, request)
        is_offered = False

        def edit(present: UploadRecord) -> UploadRecord | None:
            nonlocal is_offered
            is_open = present.state is UploadState.OPEN
            if not is_open or present.generation != record.generation:
                return None
            is_offered = True
            return msgspec.structs.replace(
                present, state=UploadState.COMPLETING, completion=completion
            )

        placing = _Placing(name.upload_id, completion)
        cell = object_cell(name.incarnation, name.key)
        try:
            await self._foundation.editor.change(bucket, cell, placing)
            left = await self._uploads.change(name, edit)
        finally:
            # An upload that was offered this completion may yet turn out to have it.
            if not is_offered:
                await self._discard_manifest(name, completion.version)
                if placing.is_offered:
                    await self._ender.drop_token(name, completion.token)
        is_frozen = left is not None and left.completion == completion
        return left if is_frozen else None

    async def _plan(
        self, bucket: Bucket, name: UploadName, record: UploadRecord, request: CompleteRequest
    ) -> Completion:
        last = max((part.number for part in request.parts), default=0)
        stored = await self._parts.read(name, 0, last)
        chosen = choose_parts(request.parts, {part.number: part for part in stored})
        check_named_checksums(record, request.parts)
        checksum = plan_checksum(record, chosen)
        check_promises(request, checksum, sum(part.size_bytes for part in chosen))
        foundation = self._foundation
        manifest = None
        if len(chosen) > PARTS_IN_HEAD_MAX:
            cell = object_cell(name.incarnation, name.key)
            manifest = await foundation.pages.write_manifest(cell, plan_entries(chosen))
        now_ns = foundation.clock.time_ns()
        version = plan_version(
            record,
            chosen,
            checksum,
            version_id=self._putter.new_version_id(bucket, now_ns),
            modified_ns=now_ns,
            manifest=manifest,
        )
        token = foundation.entropy.random_bytes(_TOKEN_BYTES)
        asked = request.conditions
        return Completion(token, version, asked.if_match, asked.if_none_match)

    async def _check_conditions(self, name: UploadName, conditions: Conditions) -> None:
        def edit(chain: Chain) -> None:
            check_write(conditions, chain.current_etag())

        cell = object_cell(name.incarnation, name.key)
        await self._foundation.editor.change(None, cell, edit)

    async def _discard_manifest(self, name: UploadName, version: VersionRecord) -> None:
        if version.manifest is not None:
            cell = object_cell(name.incarnation, name.key)
            await self._foundation.pages.discard(cell, [version.manifest])

    async def finish(self, name: UploadName, record: UploadRecord) -> ObjectVersion | None:
        """Take steps 3 to 5 of an upload found completing or completed.

        Returns None when the upload is open again or gone: look at it anew.
        """
        completion = record.completion
        if completion is None:
            return None
        if record.state is UploadState.COMPLETING:
            cell = object_cell(name.incarnation, name.key)
            consuming = _Consuming(name.upload_id, completion)
            await self._foundation.editor.change(None, cell, consuming)
            if consuming.verdict is Verdict.REFUSED:
                await self._ender.reopen(name, completion)
                return None
            is_completed = await self._mark_completed(name, completion)
            if not is_completed:
                return None
            # The object is there; what a failure leaves of the upload, expiry clears.
            with suppress(Unavailable, Damaged):
                await self._ender.end_parts(name, completion.version)
        elif record.state is not UploadState.COMPLETED:
            return None
        return load_version(name.key, completion.version, is_latest=True)

    async def take_back(self, name: UploadName, record: UploadRecord) -> None:
        """Reopen an upload whose completion nobody goes on with, unless it was applied.

        Its caller was never told that it was. The key may have been written since, and a version
        that comes now would replace what was acknowledged.
        """
        if record.completion is not None:
            cell = object_cell(name.incarnation, name.key)
            await self._foundation.editor.change(None, cell, _Refusing(record.completion))
            await self.finish(name, record)

    async def _mark_completed(self, name: UploadName, completion: Completion) -> bool:
        now_ns = self._foundation.clock.time_ns()

        def edit(present: UploadRecord) -> UploadRecord | None:
            is_ours = present.completion is not None and (
                present.completion.token == completion.token
            )
            if present.state is not UploadState.COMPLETING or not is_ours:
                return None
            return msgspec.structs.replace(present, state=UploadState.COMPLETED, ended_ns=now_ns)

        left = await self._uploads.change(name, edit)
        if left is None or left.completion is None:
            return False
        is_completed = left.state is UploadState.COMPLETED
        return is_completed and left.completion.token == completion.token
