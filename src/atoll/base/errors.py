"""The error tree: four families, four behaviours.

Rejected     the caller is wrong; answered, never retried.
Unavailable  may work later; the caller may retry.
Damaged      stored bytes or records are wrong; never retried blindly, always queued for heal.
DriveFault   one drive misbehaves; folded into QuorumLost (or success) below `objects`, never
             reaches a client.

Every class below a family carries structured fields; `str(error)` renders them as
"what: which, expected, found". Front ends map leaf classes to their own codes in one total table.
"""

from __future__ import annotations


class StoreError(Exception):
    """Everything Atoll raises on purpose. `fields` hold the facts, `message` the sentence."""

    def __init__(self, message: str = "", **fields: object) -> None:
        self.message = message or (type(self).__doc__ or type(self).__name__).strip()
        self.fields = fields
        super().__init__(self.message)

    def __str__(self) -> str:
        if not self.fields:
            return self.message
        facts = ", ".join(f"{name}={value!r}" for name, value in self.fields.items())
        return f"{self.message} ({facts})"


# ── Rejected: the caller is wrong ──────────────────────────────────────────────────────────────


class Rejected(StoreError):
    """The request cannot be carried out as it was asked."""


class NotFound(Rejected):
    """The thing named does not exist."""


class BucketNotFound(NotFound):
    """The bucket does not exist."""


class ObjectNotFound(NotFound):
    """The key has no current version. Field `delete_marker`: version id of the marker, if any."""


class VersionNotFound(NotFound):
    """The key has no such version."""


class UploadNotFound(NotFound):
    """The multipart upload does not exist, was completed, or was aborted."""


class TagsNotFound(NotFound):
    """The bucket has no tag set."""


class Conflict(Rejected):
    """The request contradicts the present state."""


class BucketExists(Conflict):
    """The bucket exists. Field `owned`: whether the caller owns it."""


class BucketNotEmpty(Conflict):
    """The bucket still holds versions or delete markers."""


class PreconditionFailed(Conflict):
    """A condition of the request does not hold. Field `condition`: its header name."""


class ConditionalConflict(Conflict):
    """A conditional write lost against a concurrent one; certainly not applied."""


class NotModified(Conflict):
    """The version is the one the caller has.

    Fields `etag`, `modified_ns`, `version_id`, `headers`: those stored with the version.
    """


class MethodNotAllowed(Conflict):
    """The version is a delete marker. Fields `version_id`, `modified_ns`."""


class Denied(Rejected):
    """The caller may not do this."""


class AccessDenied(Denied):
    """No rule allows this action."""


class SignatureMismatch(Denied):
    """The signature does not match the request."""


class UnknownAccessKey(Denied):
    """The access key is not known."""


class RequestExpired(Denied):
    """The request is outside its time of validity."""


class RequestTimeSkewed(Denied):
    """The request's time differs too much from the server's."""


class TokenUnknown(Denied):
    """The session token is not known."""


class Invalid(Rejected):
    """The request is malformed or out of range."""


class InvalidName(Invalid):
    """The bucket name is not valid."""


class InvalidKey(Invalid):
    """The object key is not valid UTF-8 without NUL."""


class KeyTooLong(Invalid):
    """The object key is longer than 1,024 bytes."""


class InvalidRange(Invalid):
    """The range is not satisfiable. Field `size_bytes`: size of the object."""


class InvalidArgument(Invalid):
    """An argument is not valid. Fields `argument`, `found`."""


class InvalidPart(Invalid):
    """A part of the upload is missing or its ETag differs. Fields `number`, `etag`."""


class InvalidPartOrder(Invalid):
    """The parts are not listed in ascending order."""


class InvalidPartNumber(Invalid):
    """The object has no part of this number."""


class Malformed(Invalid):
    """The document in the request cannot be understood."""


class TooLarge(Invalid):
    """The upload is larger than allowed. Fields `size_bytes`, `size_bytes_max`."""


class TooSmall(Invalid):
    """A part other than the last is too small. Fields `number`, `size_bytes`, `size_bytes_min`."""


class MetadataTooLarge(Invalid):
    """The user metadata is larger than allowed."""


class IncompleteBody(Invalid):
    """The body ended before its announced length."""


class ClientTooSlow(Invalid):
    """The client sent the body too slowly."""


class DigestMismatch(Invalid):
    """The body does not match a digest sent with it. Fields `algorithm`, `expected`, `found`."""


class InvalidDigest(Invalid):
    """A digest header is not well formed. Field `algorithm`."""


class ChecksumAlgorithmMismatch(Invalid):
    """A part's checksum is not of the algorithm its upload began with."""


class ChecksumMissing(Invalid):
    """A completion names a part without the checksum that its upload's type needs."""


class SizeMismatch(Invalid):
    """The object has another size than promised. Fields `expected`, `found`."""


class PayloadMismatch(Invalid):
    """The body does not match its signed digest. Fields `expected`, `found`."""


class TrailerMalformed(Invalid):
    """The trailer is malformed, or not the one announced."""


class AuthorizationMalformed(Invalid):
    """The authorization of the request cannot be understood. Field `region`: the one expected."""


class AuthorizationQueryMalformed(Invalid):
    """The authorization in the query cannot be understood. Field `region`: the one expected."""


class InvalidTag(Invalid):
    """A tag is not valid."""


class NotSupported(Invalid):
    """A feature that this version does not have was asked for. Field `feature`."""


# ── Unavailable: may work later ────────────────────────────────────────────────────────────────


class Unavailable(StoreError):
    """The request may succeed later."""


class QuorumLost(Unavailable):
    """Too few drives answered. Fields `needed`, `reached`, `causes`."""


class Contended(Unavailable):
    """Other writers kept winning the key; the outcome of this attempt is known: not applied."""


class OutcomeUnknown(Unavailable):
    """The write may or may not become visible; read before retrying."""


class DeadlineExceeded(Unavailable):
    """The request did not finish within its deadline."""


class PeerUnreachable(Unavailable):
    """A node does not answer."""


class Throttled(Unavailable):
    """The node is at a limit. Field `limit`."""


class NotReady(Unavailable):
    """The node cannot serve yet. Field `reason`."""


class StorageFull(Unavailable):
    """Too few drives have room for this write."""


# ── Damaged: stored state is wrong ─────────────────────────────────────────────────────────────


class Damaged(StoreError):
    """Stored bytes or records are wrong."""


class Bitrot(Damaged):
    """More shards are damaged or missing than parity can replace."""


class RecordCorrupt(Damaged):
    """A stored record does not match its checksum or its key."""


class FormatUnknown(Damaged):
    """A stored record has a format this version does not know. Field `version`."""


class Diverged(Damaged):
    """Copies of one record at one ballot differ."""


# ── DriveFault: one drive, below the quorum only ───────────────────────────────────────────────


class DriveFault(StoreError):
    """One drive misbehaves."""


class DriveMissing(DriveFault):
    """The drive is not there."""


class DriveFull(DriveFault):
    """The drive has no room beyond its reserve."""


class DriveReadOnly(DriveFault):
    """The drive cannot be written."""


class DriveStale(DriveFault):
    """The drive is of another cluster, a clone, or rewound. Fields `expected`, `found`."""


class DriveBlank(DriveFault):
    """The drive is being rebuilt and cannot vote on this key yet."""


class DriveSlow(DriveFault):
    """The drive did not answer in time."""


class DriveIo(DriveFault):
    """The drive returned an I/O error. Field `errno`."""


class ShardMissing(DriveFault):
    """The drive does not hold this shard."""


class ShardCorrupt(DriveFault):
    """A block of the shard does not match its checksum or its place."""


class RecordUnreadable(DriveFault):
    """The drive's record of a key is damaged; it votes on the key again once it was replaced."""


class EpochStale(DriveFault):
    """The message carries an older map epoch than the drive knows. Fields `expected`, `found`."""
