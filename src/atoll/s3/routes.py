"""ONE table: (method, level, marks of query and headers) → action.

Owns      which action a request asks for. A mark is a query name (`acl`), a query name with its
          value (`list-type=2`), a header (`@x-amz-copy-source`), or several joined by `&`.
Does not  decide whether an action exists here: the front end answers NotImplemented for those
          without an action file, after the gate.
Invariant a request names exactly one action or none; a sub-resource is never ignored, so that
          `DELETE /bucket?versioning` cannot delete the bucket. A test compares the table with
          method and URI of every operation in the service model.
Preflight no bucket can have CORS rules, so a browser's OPTIONS is refused for every name alike,
          before the gate: it carries no signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Final

from atoll.http.messages import Headers
from atoll.s3.errors import S3Error


class Level(StrEnum):
    """What a path names."""

    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


_Table = Mapping[str, Mapping[str, str]]

COPY_SOURCE: Final = "x-amz-copy-source"

_SERVICE: Final[_Table] = {"": {"GET": "ListBuckets"}}

_BUCKET: Final[_Table] = {
    "": {
        "GET": "ListObjects",
        "HEAD": "HeadBucket",
        "PUT": "CreateBucket",
        "DELETE": "DeleteBucket",
        # Form uploads of browsers; the service model does not describe them.
        "POST": "PostObject",
    },
    "list-type=2": {"GET": "ListObjectsV2"},
    "versions": {"GET": "ListObjectVersions"},
    "uploads": {"GET": "ListMultipartUploads"},
    "delete": {"POST": "DeleteObjects"},
    "location": {"GET": "GetBucketLocation"},
    "session": {"GET": "CreateSession"},
    "abac": {"GET": "GetBucketAbac", "PUT": "PutBucketAbac"},
    "accelerate": {
        "GET": "GetBucketAccelerateConfiguration",
        "PUT": "PutBucketAccelerateConfiguration",
    },
    "acl": {"GET": "GetBucketAcl", "PUT": "PutBucketAcl"},
    "analytics": {"GET": "ListBucketAnalyticsConfigurations"},
    "analytics&id": {
        "GET": "GetBucketAnalyticsConfiguration",
        "PUT": "PutBucketAnalyticsConfiguration",
        "DELETE": "DeleteBucketAnalyticsConfiguration",
    },
    "cors": {"GET": "GetBucketCors", "PUT": "PutBucketCors", "DELETE": "DeleteBucketCors"},
    "encryption": {
        "GET": "GetBucketEncryption",
        "PUT": "PutBucketEncryption",
        "DELETE": "DeleteBucketEncryption",
    },
    "intelligent-tiering": {"GET": "ListBucketIntelligentTieringConfigurations"},
    "intelligent-tiering&id": {
        "GET": "GetBucketIntelligentTieringConfiguration",
        "PUT": "PutBucketIntelligentTieringConfiguration",
        "DELETE": "DeleteBucketIntelligentTieringConfiguration",
    },
    "inventory": {"GET": "ListBucketInventoryConfigurations"},
    "inventory&id": {
        "GET": "GetBucketInventoryConfiguration",
        "PUT": "PutBucketInventoryConfiguration",
        "DELETE": "DeleteBucketInventoryConfiguration",
    },
    "lifecycle": {
        "GET": "GetBucketLifecycleConfiguration",
        "PUT": "PutBucketLifecycleConfiguration",
        "DELETE": "DeleteBucketLifecycle",
    },
    "logging": {"GET": "GetBucketLogging", "PUT": "PutBucketLogging"},
    "metadataConfiguration": {
        "GET": "GetBucketMetadataConfiguration",
        "POST": "CreateBucketMetadataConfiguration",
        "DELETE": "DeleteBucketMetadataConfiguration",
    },
    "metadataTable": {
        "GET": "GetBucketMetadataTableConfiguration",
        "POST": "CreateBucketMetadataTableConfiguration",
        "DELETE": "DeleteBucketMetadataTableConfiguration",
    },
    "metadataAnnotationTable": {"PUT": "UpdateBucketMetadataAnnotationTableConfiguration"},
    "metadataInventoryTable": {"PUT": "UpdateBucketMetadataInventoryTableConfiguration"},
    "metadataJournalTable": {"PUT": "UpdateBucketMetadataJournalTableConfiguration"},
    "metrics": {"GET": "ListBucketMetricsConfigurations"},
    "metrics&id": {
        "GET": "GetBucketMetricsConfiguration",
        "PUT": "PutBucketMetricsConfiguration",
        "DELETE": "DeleteBucketMetricsConfiguration",
    },
    "notification": {
        "GET": "GetBucketNotificationConfiguration",
        "PUT": "PutBucketNotificationConfiguration",
    },
    "object-lock": {"GET": "GetObjectLockConfiguration", "PUT": "PutObjectLockConfiguration"},
    "ownershipControls": {
        "GET": "GetBucketOwnershipControls",
        "PUT": "PutBucketOwnershipControls",
        "DELETE": "DeleteBucketOwnershipControls",
    },
    "policy": {
        "GET": "GetBucketPolicy",
        "PUT": "PutBucketPolicy",
        "DELETE": "DeleteBucketPolicy",
    },
    "policyStatus": {"GET": "GetBucketPolicyStatus"},
    "publicAccessBlock": {
        "GET": "GetPublicAccessBlock",
        "PUT": "PutPublicAccessBlock",
        "DELETE": "DeletePublicAccessBlock",
    },
    "replication": {
        "GET": "GetBucketReplication",
        "PUT": "PutBucketReplication",
        "DELETE": "DeleteBucketReplication",
    },
    "requestPayment": {"GET": "GetBucketRequestPayment", "PUT": "PutBucketRequestPayment"},
    "tagging": {
        "GET": "GetBucketTagging",
        "PUT": "PutBucketTagging",
        "DELETE": "DeleteBucketTagging",
    },
    "versioning": {"GET": "GetBucketVersioning", "PUT": "PutBucketVersioning"},
    "website": {
        "GET": "GetBucketWebsite",
        "PUT": "PutBucketWebsite",
        "DELETE": "DeleteBucketWebsite",
    },
}

_OBJECT: Final[_Table] = {
    "": {
        "GET": "GetObject",
        "HEAD": "HeadObject",
        "PUT": "PutObject",
        "DELETE": "DeleteObject",
    },
    "@x-amz-copy-source": {"PUT": "CopyObject"},
    "uploads": {"POST": "CreateMultipartUpload"},
    "uploadId": {
        "GET": "ListParts",
        "POST": "CompleteMultipartUpload",
        "DELETE": "AbortMultipartUpload",
    },
    "partNumber&uploadId": {"PUT": "UploadPart"},
    "partNumber&uploadId&@x-amz-copy-source": {"PUT": "UploadPartCopy"},
    "acl": {"GET": "GetObjectAcl", "PUT": "PutObjectAcl"},
    "annotation": {"GET": "ListObjectAnnotations"},
    "annotation&annotationName": {
        "GET": "GetObjectAnnotation",
        "PUT": "PutObjectAnnotation",
        "DELETE": "DeleteObjectAnnotation",
    },
    "attributes": {"GET": "GetObjectAttributes"},
    "encryption": {"PUT": "UpdateObjectEncryption"},
    "legal-hold": {"GET": "GetObjectLegalHold", "PUT": "PutObjectLegalHold"},
    "renameObject": {"PUT": "RenameObject"},
    "restore": {"POST": "RestoreObject"},
    "retention": {"GET": "GetObjectRetention", "PUT": "PutObjectRetention"},
    "select&select-type=2": {"POST": "SelectObjectContent"},
    "tagging": {
        "GET": "GetObjectTagging",
        "PUT": "PutObjectTagging",
        "DELETE": "DeleteObjectTagging",
    },
    "torrent": {"GET": "GetObjectTorrent"},
}

TABLE: Final[Mapping[Level, _Table]] = {
    Level.SERVICE: _SERVICE,
    Level.BUCKET: _BUCKET,
    Level.OBJECT: _OBJECT,
}

#: Operations of the model that no request to this endpoint can name, with the reason.
UNROUTED: Final[Mapping[str, str]] = {
    "GetBucketLifecycle": "superseded by GetBucketLifecycleConfiguration at the same address",
    "GetBucketNotification": "superseded by GetBucketNotificationConfiguration at the same address",
    "PutBucketLifecycle": "superseded by PutBucketLifecycleConfiguration at the same address",
    "PutBucketNotification": "superseded by PutBucketNotificationConfiguration at the same address",
    "ListDirectoryBuckets": "same address as ListBuckets, at the endpoint of directory buckets",
    "WriteGetObjectResponse": "belongs to the Object Lambda endpoint",
}

#: Marks that only make another mark more precise; alone they are ordinary parameters.
_QUALIFIERS: Final = frozenset({"id", "annotationName", "select-type"})
#: Marks that are ordinary parameters of actions for which the table does not name them.
_PARAMETERS: Final = frozenset({"uploadId", "partNumber", "list-type"}) | _QUALIFIERS


def table_rows() -> Iterator[tuple[str, Level, str, str]]:
    """Yield (method, level, marks, action) of every route."""
    for level, table in TABLE.items():
        for marks, actions in table.items():
            for method, action in actions.items():
                yield method, level, marks, action


class _Route:
    """One row, prepared for matching."""

    __slots__ = ("action", "header", "names", "wanted")

    def __init__(self, marks: str, action: str) -> None:
        self.action = action
        #: (query name, value that it must have or None)
        self.wanted: list[tuple[str, str | None]] = []
        self.header = ""
        for mark in marks.split("&"):
            if mark.startswith("@"):
                self.header = mark[1:]
            else:
                name, equals, value = mark.partition("=")
                self.wanted.append((name, value if equals else None))
        names = [name for name, _ in self.wanted]
        self.names = frozenset([*names, self.header] if self.header else names)

    def fits(self, query: Mapping[str, str], headers: Headers) -> bool:
        """Return whether a request carries all marks of this row."""
        if self.header and self.header not in headers:
            return False
        return all(
            name in query and (value is None or query[name] == value) for name, value in self.wanted
        )


class _Group:
    """The rows of one method at one level."""

    __slots__ = ("by_name", "default", "headers")

    def __init__(self) -> None:
        self.default: str | None = None
        self.by_name: dict[str, list[_Route]] = {}
        self.headers: list[str] = []

    def add(self, marks: str, action: str) -> None:
        """Take in one row."""
        if not marks:
            self.default = action
            return
        route = _Route(marks, action)
        if route.header and route.header not in self.headers:
            self.headers.append(route.header)
        for name in route.names - _QUALIFIERS:
            self.by_name.setdefault(name, []).append(route)


class Router:
    """Finds the action of a request. Built once; without marks a lookup is one dict access."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, Level], _Group] = {}
        names: set[str] = set()
        for method, level, marks, action in table_rows():
            self._groups.setdefault((method, level), _Group()).add(marks, action)
            names.update(name for name, _ in _Route(marks, action).wanted if name)
        self._subresources = frozenset(names) - _PARAMETERS

    def find_action(
        self, method: str, level: Level, query: Mapping[str, str], headers: Headers
    ) -> str:
        """Return the name of the action that a request asks for.

        Raises
            S3Error: MethodNotAllowed when nothing of this name can be done with the method;
                InvalidArgument when marks contradict each other or lack a part; AccessForbidden
                or BadRequest for a preflight.
        """
        group = self._groups.get((method, level))
        if group is None:
            raise _preflight(level, headers) if method == "OPTIONS" else _not_allowed(method, level)
        named: list[str] = []
        for name in query:
            if name in group.by_name:
                named.append(name)
            elif name in self._subresources:
                raise _not_allowed(method, level, name)
        for header in group.headers:
            if header in headers:
                named.append(header)
        if named:
            return _choose(group, named, query, headers)
        if group.default is None:
            raise _not_allowed(method, level)
        return group.default


def _not_allowed(method: str, level: Level, subresource: str = "") -> S3Error:
    """Return the refusal of a method, with those that what the request names does know."""
    allowed = {
        known
        for known, where, marks, _ in table_rows()
        if where is level and subresource in marks.replace("=", "&").split("&")
    }
    return S3Error(
        "MethodNotAllowed",
        method=method,
        resource_type=subresource.upper() or level.name,
        allow=", ".join(sorted(allowed)),
    )


def _preflight(level: Level, headers: Headers) -> S3Error:
    """Return S3's refusal of a preflight for a bucket without CORS rules."""
    if "origin" not in headers:
        return S3Error("BadRequest", "Insufficient information. Origin request header needed.")
    wanted = headers.get("access-control-request-method")
    if wanted is None:
        return S3Error("BadRequest", "Invalid Access-Control-Request-Method: null")
    return S3Error("AccessForbidden", method=wanted, resource_type=level.name)


def _choose(group: _Group, named: list[str], query: Mapping[str, str], headers: Headers) -> str:
    """Return the action of the row with most marks; every mark of the request must belong to it."""
    best: _Route | None = None
    for name in named:
        for route in group.by_name[name]:
            if route.fits(query, headers) and (best is None or len(route.names) > len(best.names)):
                best = route
    if best is None:
        raise S3Error(
            "InvalidArgument",
            "This operation needs another value, or another parameter beside this one.",
            argument=named[0],
            found=query.get(named[0], ""),
        )
    foreign = [name for name in named if name not in best.names]
    if foreign:
        both = ", ".join(sorted(named))
        raise S3Error(
            "InvalidArgument",
            f"Conflicting query string parameters: {both}",
            argument="ResourceType",
            found=foreign[0],
        )
    return best.action
