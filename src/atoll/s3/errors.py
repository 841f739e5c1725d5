"""ONE table: error class → code, status, message.

Owns      every error code this endpoint can answer. How one is written: `error_documents`.
Does not  decide what went wrong: classes of base.errors carry facts, `S3Error` carries codes that
          only this protocol has.
Invariant every leaf class of the error tree has a row (a test walks the tree), so no error of
          ours is answered by guess; a class without a row falls back to its family.
Source    AWS S3 API reference, "Error responses".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from atoll.base import errors as e


class S3Error(e.Rejected):
    """A rejection that only this protocol knows; `code` is one of `CODES`."""

    def __init__(self, code: str, message: str = "", **fields: object) -> None:
        assert code in CODES, f"unknown code {code}"
        self.code = code
        super().__init__(message or CODES[code][1], **fields)


class Row(msgspec.Struct, frozen=True, array_like=True):
    """How one error is answered."""

    code: str
    status: int
    message: str


#: Codes of this protocol alone: what `S3Error` may carry, with status and default message.
CODES: Final[Mapping[str, tuple[int, str]]] = {
    "AccessControlListNotSupported": (400, "The bucket does not allow ACLs."),
    "AccessDenied": (403, "Access Denied"),
    "AccessForbidden": (403, "CORSResponse: CORS is not enabled for this bucket."),
    "BadRequest": (400, "Bad Request"),
    "EntityTooLarge": (400, "Your proposed upload exceeds the maximum allowed size"),
    "IllegalLocationConstraintException": (
        400,
        "The location constraint is incompatible for the region specific endpoint this request"
        " was sent to.",
    ),
    "IllegalVersioningConfigurationException": (
        400,
        "The versioning configuration specified in the request is invalid",
    ),
    "InvalidArgument": (400, "Invalid Argument"),
    "InvalidBucketAclWithObjectOwnership": (
        400,
        "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    ),
    "InvalidLocationConstraint": (400, "The specified location-constraint is not valid"),
    "InvalidPolicyDocument": (400, "The content of the form does not meet the conditions."),
    "InvalidRedirectLocation": (
        400,
        "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
    ),
    "InvalidRequest": (400, "The request is not valid."),
    "InvalidStorageClass": (400, "The storage class you specified is not valid"),
    "InvalidTag": (400, "The tag provided was not a valid tag."),
    "InvalidURI": (400, "Couldn't parse the specified URI."),
    "KeyTooLongError": (400, "Your key is too long"),
    "MalformedACLError": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MalformedXML": (
        400,
        "The XML you provided was not well-formed or did not validate against our published schema",
    ),
    "MetadataTooLarge": (
        400,
        "Your metadata headers exceed the maximum allowed metadata size",
    ),
    "MethodNotAllowed": (405, "The specified method is not allowed against this resource."),
    "MissingContentLength": (411, "You must provide the Content-Length HTTP header."),
    "MissingRequestBodyError": (400, "Request Body is empty"),
    "MissingSecurityHeader": (400, "Your request was missing a required header"),
    "NoSuchBucketPolicy": (404, "The bucket policy does not exist"),
    "NoSuchConfiguration": (404, "The specified configuration does not exist."),
    "NoSuchCORSConfiguration": (404, "The CORS configuration does not exist"),
    "NoSuchLifecycleConfiguration": (404, "The lifecycle configuration does not exist"),
    "NoSuchObjectLockConfiguration": (
        404,
        "The specified object does not have a ObjectLock configuration",
    ),
    "NoSuchPublicAccessBlockConfiguration": (
        404,
        "The public access block configuration was not found",
    ),
    "NoSuchWebsiteConfiguration": (
        404,
        "The specified bucket does not have a website configuration",
    ),
    "NotImplemented": (
        501,
        "A header or query you provided implies functionality that is not implemented",
    ),
    "ObjectLockConfigurationNotFoundError": (
        404,
        "Object Lock configuration does not exist for this bucket",
    ),
    "OwnershipControlsNotFoundError": (404, "The bucket ownership controls were not found"),
    "ReplicationConfigurationNotFoundError": (
        404,
        "The replication configuration was not found",
    ),
    "ServerSideEncryptionConfigurationNotFoundError": (
        404,
        "The server side encryption configuration was not found",
    ),
    "UnexpectedContent": (400, "This request does not support content"),
    "UnsupportedArgument": (400, "The request contained an unsupported argument."),
}

_SLOW_DOWN: Final = "Please reduce your request rate."
_LATER: Final = "Please try again."
_INTERNAL: Final = Row("InternalError", 500, "We encountered an internal error. Please try again.")

#: Every leaf class of the error tree. DriveFault leaves stay below the object layer; one that came
#: here would be our fault.
TABLE: Final[Mapping[type[e.StoreError], Row]] = {
    e.BucketNotFound: Row("NoSuchBucket", 404, "The specified bucket does not exist"),
    e.ObjectNotFound: Row("NoSuchKey", 404, "The specified key does not exist."),
    e.VersionNotFound: Row("NoSuchVersion", 404, "The specified version does not exist."),
    e.UploadNotFound: Row(
        "NoSuchUpload",
        404,
        "The specified upload does not exist. The upload ID may be invalid, or the upload may"
        " have been aborted or completed.",
    ),
    e.TagsNotFound: Row("NoSuchTagSet", 404, "The TagSet does not exist"),
    e.BucketExists: Row(
        "BucketAlreadyExists",
        409,
        "The requested bucket name is not available. The bucket namespace is shared by all users"
        " of the system. Please select a different name and try again.",
    ),
    e.BucketNotEmpty: Row("BucketNotEmpty", 409, "The bucket you tried to delete is not empty"),
    e.PreconditionFailed: Row(
        "PreconditionFailed",
        412,
        "At least one of the pre-conditions you specified did not hold",
    ),
    e.ConditionalConflict: Row(
        "ConditionalRequestConflict",
        409,
        "The conditional request cannot succeed due to a conflicting operation against this"
        " resource.",
    ),
    e.NotModified: Row("NotModified", 304, "Not Modified"),
    e.MethodNotAllowed: Row(
        "MethodNotAllowed", 405, "The specified method is not allowed against this resource."
    ),
    e.AccessDenied: Row("AccessDenied", 403, "Access Denied"),
    e.SignatureMismatch: Row(
        "SignatureDoesNotMatch",
        403,
        "The request signature we calculated does not match the signature you provided. Check your"
        " key and signing method.",
    ),
    e.UnknownAccessKey: Row(
        "InvalidAccessKeyId",
        403,
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    e.RequestExpired: Row("AccessDenied", 403, "Request has expired"),
    e.RequestTimeSkewed: Row(
        "RequestTimeTooSkewed",
        403,
        "The difference between the request time and the current time is too large.",
    ),
    e.TokenUnknown: Row(
        "InvalidToken", 400, "The provided token is malformed or otherwise invalid."
    ),
    e.InvalidName: Row("InvalidBucketName", 400, "The specified bucket is not valid."),
    e.InvalidKey: Row("InvalidURI", 400, "Couldn't parse the specified URI."),
    e.KeyTooLong: Row("KeyTooLongError", 400, "Your key is too long"),
    e.InvalidRange: Row("InvalidRange", 416, "The requested range is not satisfiable"),
    e.InvalidArgument: Row("InvalidArgument", 400, "Invalid Argument"),
    e.InvalidPart: Row(
        "InvalidPart",
        400,
        "One or more of the specified parts could not be found. The part may not have been"
        " uploaded, or the specified entity tag may not match the part's entity tag.",
    ),
    e.InvalidPartOrder: Row(
        "InvalidPartOrder",
        400,
        "The list of parts was not in ascending order. Parts must be ordered by part number.",
    ),
    e.InvalidPartNumber: Row(
        "InvalidPartNumber", 416, "The requested partnumber is not satisfiable"
    ),
    e.Malformed: Row("MalformedXML", *CODES["MalformedXML"]),
    e.TooLarge: Row("EntityTooLarge", *CODES["EntityTooLarge"]),
    e.TooSmall: Row(
        "EntityTooSmall",
        400,
        "Your proposed upload is smaller than the minimum allowed size",
    ),
    e.MetadataTooLarge: Row("MetadataTooLarge", *CODES["MetadataTooLarge"]),
    e.IncompleteBody: Row(
        "IncompleteBody",
        400,
        "You did not provide the number of bytes specified by the Content-Length HTTP header",
    ),
    e.ClientTooSlow: Row(
        "RequestTimeout",
        400,
        "Your socket connection to the server was not read from or written to within the timeout"
        " period. Idle connections will be closed.",
    ),
    e.DigestMismatch: Row(
        "BadDigest",
        400,
        "The digest you specified did not match the calculated one.",
    ),
    e.InvalidDigest: Row("InvalidDigest", 400, "The digest you specified is not valid."),
    e.ChecksumAlgorithmMismatch: Row("InvalidRequest", *CODES["InvalidRequest"]),
    e.ChecksumMissing: Row("InvalidRequest", *CODES["InvalidRequest"]),
    e.SizeMismatch: Row(
        "InvalidRequest",
        400,
        "The provided 'x-amz-mp-object-size' header value does not match what was computed.",
    ),
    e.PayloadMismatch: Row(
        "XAmzContentSHA256Mismatch",
        400,
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
    ),
    e.TrailerMalformed: Row(
        "MalformedTrailerError",
        400,
        "The request contained trailing data that was not well-formed or did not conform to our"
        " published schema.",
    ),
    e.AuthorizationMalformed: Row(
        "AuthorizationHeaderMalformed",
        400,
        "The authorization header that you provided is invalid.",
    ),
    e.AuthorizationQueryMalformed: Row(
        "AuthorizationQueryParametersError",
        400,
        "The authorization query parameters that you provided are not valid.",
    ),
    e.InvalidTag: Row("InvalidTag", *CODES["InvalidTag"]),
    e.NotSupported: Row("NotImplemented", *CODES["NotImplemented"]),
    e.QuorumLost: Row("ServiceUnavailable", 503, _LATER),
    e.Contended: Row("SlowDown", 503, _SLOW_DOWN),
    # Not SlowDown: whoever retries a conditional write after this may find their own first write.
    e.OutcomeUnknown: Row("InternalError", 500, "The outcome is not known. Read before retrying."),
    e.DeadlineExceeded: Row("ServiceUnavailable", 503, _LATER),
    e.PeerUnreachable: Row("ServiceUnavailable", 503, _LATER),
    e.Throttled: Row("SlowDown", 503, _SLOW_DOWN),
    e.NotReady: Row("ServiceUnavailable", 503, _LATER),
    e.StorageFull: Row("InsufficientStorage", 507, "There is no room left for this write."),
    e.Bitrot: _INTERNAL,
    e.RecordCorrupt: _INTERNAL,
    e.FormatUnknown: _INTERNAL,
    e.Diverged: _INTERNAL,
    e.DriveMissing: _INTERNAL,
    e.DriveFull: _INTERNAL,
    e.DriveReadOnly: _INTERNAL,
    e.DriveStale: _INTERNAL,
    e.DriveBlank: _INTERNAL,
    e.DriveSlow: _INTERNAL,
    e.DriveIo: _INTERNAL,
    e.ShardMissing: _INTERNAL,
    e.ShardCorrupt: _INTERNAL,
    e.RecordUnreadable: _INTERNAL,
    e.EpochStale: _INTERNAL,
}

#: A class of the tree that has no row is answered as its family.
_FAMILIES: Final[tuple[tuple[type[e.StoreError], Row], ...]] = (
    (e.Denied, Row("AccessDenied", 403, "Access Denied")),
    (e.Rejected, Row("InvalidRequest", 400, "The request is not valid.")),
    (e.Unavailable, Row("ServiceUnavailable", 503, _LATER)),
)


def classify(error: BaseException) -> Row:
    """Return how an error is answered; anything that is not ours is an internal error."""
    if isinstance(error, S3Error):
        status, _ = CODES[error.code]
        return Row(error.code, status, error.message)
    if isinstance(error, e.BucketExists) and error.fields.get("owned"):
        return Row(
            "BucketAlreadyOwnedByYou",
            409,
            "Your previous request to create the named bucket succeeded and you already own it.",
        )
    for cls in type(error).__mro__:
        row = TABLE.get(cls)
        if row is not None:
            return row
    for family, row in _FAMILIES:
        if isinstance(error, family):
            return row
    return _INTERNAL
