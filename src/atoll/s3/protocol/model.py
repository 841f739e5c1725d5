"""The S3 service model, read once from botocore's own description of the protocol.

Owns      turning the model's JSON into `Operation` and `Shape` values, and the few facts it does
          not state (names of root elements, values that S3 keeps as text).
Does not  keep prose, build clients, or interpret requests.
Invariant one `ServiceModel` serves a process; shapes are built only for the operations asked for.
Source    botocore data `s3/2006-03-01/service-2.json`; root elements from the AWS API reference.
"""

from __future__ import annotations

import gzip
from collections.abc import Collection, Mapping
from importlib import resources
from typing import Final, cast

import msgspec

from atoll.s3.xml.shapes import Kind, Member, Operation, Shape

_FOLDER: Final = ("data", "s3", "2006-03-01")

#: Root elements of answers whose members stand directly below the root. The model names only
#: shapes, and its own parser ignores the name, but other clients look at it.
_ROOTS: Final = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBucketAnalyticsConfigurations": "ListBucketAnalyticsConfigurationsResult",
    "ListBucketIntelligentTieringConfigurations": (
        "ListBucketIntelligentTieringConfigurationsOutput"
    ),
    "ListBucketInventoryConfigurations": "ListInventoryConfigurationsResult",
    "ListBucketMetricsConfigurations": "ListMetricsConfigurationsResult",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}

#: S3 returns the Expires header, and what shall stand in for it, as it came: a date or not.
_TEXT_MEMBERS: Final = frozenset({"Expires", "ResponseExpires"})

_Json = Mapping[str, object]


class ServiceModel:
    """The operations of the service, by name."""

    def __init__(self, document: _Json, names: Collection[str] | None = None) -> None:
        operations = cast("Mapping[str, _Json]", document["operations"])
        self._shapes = cast("Mapping[str, _Json]", document["shapes"])
        self._built: dict[str, Shape] = {}
        self.operations: dict[str, Operation] = {
            name: self._build_operation(name, facts)
            for name, facts in operations.items()
            if names is None or name in names
        }
        # The source document is several megabytes; only the built values stay.
        self._shapes = {}
        self._built = {}

    def _build_operation(self, name: str, facts: _Json) -> Operation:
        http = cast("_Json", facts["http"])
        operation = Operation(
            name,
            method=str(http["method"]),
            request_uri=str(http["requestUri"]),
            status=int(cast("int", http.get("responseCode", 200))),
        )
        operation.input = self._shape_of(facts.get("input"))
        operation.output = self._shape_of(facts.get("output"))
        if operation.input is not None:
            operation.payload = self._payload(operation.input)
            for member in operation.input.members.values():
                if member.location == "querystring":
                    operation.query_members[member.wire_name] = member
                elif member.location in ("header", "headers"):
                    operation.header_members[member.wire_name.lower()] = member
        if operation.output is not None:
            operation.output_payload = self._payload(operation.output)
            operation.output_headers = {
                member.name: member
                for member in operation.output.members.values()
                if member.location in ("header", "headers")
            }
        payload = operation.output_payload
        operation.root = payload.wire_name if payload else _ROOTS.get(name, f"{name}Result")
        return operation

    def _shape_of(self, reference: object) -> Shape | None:
        if reference is None:
            return None
        return self._build_shape(str(cast("_Json", reference)["shape"]))

    def _payload(self, shape: Shape) -> Member | None:
        name = self._shapes[shape.name].get("payload")
        return shape.members[str(name)] if name else None

    def _build_shape(self, name: str) -> Shape:
        if name in self._built:
            return self._built[name]
        facts = self._shapes[name]
        # Floating point numbers occur in no S3 shape; an unknown kind fails here, at the start.
        shape = self._built[name] = Shape(name, Kind(str(facts["type"])))
        shape.required = frozenset(cast("list[str]", facts.get("required", [])))
        if shape.kind is Kind.LIST:
            item = cast("_Json", facts["member"])
            shape.item = self._build_shape(str(item["shape"]))
            shape.item_name = cast("str | None", item.get("locationName"))
        members = cast("Mapping[str, _Json]", facts.get("members", {}))
        for member_name, member_facts in members.items():
            member = self._build_member(member_name, member_facts)
            shape.members[member_name] = member
            if not member.location:
                shape.by_element[member.element] = member
        return shape

    def _build_member(self, name: str, facts: _Json) -> Member:
        shape_facts = self._shapes[str(facts["shape"])]
        merged: dict[str, object] = {}
        for source in (shape_facts, facts):
            for key in ("locationName", "flattened", "timestampFormat"):
                if key in source:
                    merged[key] = source[key]
            space = cast("_Json", source.get("xmlNamespace", {}))
            if "prefix" in space:
                merged["namespace"] = f"{space['prefix']}={space['uri']}"
        for key in ("location", "xmlAttribute", "streaming"):
            if key in facts:
                merged[key] = facts[key]
        if name in _TEXT_MEMBERS and "location" in facts:
            return Member(name, Shape(name, Kind.STRING), merged)
        return Member(name, self._build_shape(str(facts["shape"])), merged)


def load_service_model(names: Collection[str] | None = None) -> ServiceModel:
    """Return the model of the named operations, or of all.

    Raises
        FileNotFoundError: botocore carries no S3 model where this version expects it.
    """
    folder = resources.files("botocore").joinpath(*_FOLDER)
    packed = folder.joinpath("service-2.json.gz")
    if packed.is_file():
        content = gzip.decompress(packed.read_bytes())
    else:
        content = folder.joinpath("service-2.json").read_bytes()
    return ServiceModel(msgspec.json.decode(content), names)
