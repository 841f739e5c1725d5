"""One authorised S3 call: what an action gets and what it gives back.

`input` holds the members of the action's botocore input shape that the request carried, parsed to
Python values: strings, ints, bools, bytes (blobs), datetimes, lists and nested dicts, by member
name (`Prefix`, `MaxKeys`, `Delete` …); members in headers that carry user metadata arrive as
`Metadata`. `Answer.output` goes the other way through the output shape: header members become
headers, the others one XML document.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from atoll.base.clock import Clock
from atoll.base.errors import AccessDenied
from atoll.base.names import BucketName, ObjectKey
from atoll.base.streams import Body
from atoll.http.messages import Request
from atoll.objects.contract import ObjectStore

#: A value of a service-model shape.
Field = (
    str | int | bool | float | bytes | datetime | Sequence["Field"] | Mapping[str, "Field"] | None
)
Document = Mapping[str, Field]


class Principal(msgspec.Struct, frozen=True):
    """Who calls. `account` is the owner id shown in listings and ACLs."""

    access_key: str
    account: str
    display_name: str


#: Decides whether a principal may do an action on a bucket or key beyond the one that the request
#: names, such as reading the source of a copy; actions are IAM's names without `s3:`. Raises
#: AccessDenied.
Authorise = Callable[[Principal, str, BucketName, ObjectKey | None], None]


def deny_all(principal: Principal, action: str, bucket: BucketName, key: ObjectKey | None) -> None:
    """Refuse everything: what holds where no rule was given. Raises AccessDenied."""
    raise AccessDenied(access_key=principal.access_key, action=action, bucket=bucket, key=key)


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What all actions share."""

    store: ObjectStore
    clock: Clock
    region: str
    authorise: Authorise = deny_all


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One authorised call."""

    service: Service
    request: Request
    principal: Principal
    action: str
    bucket: BucketName | None
    key: ObjectKey | None
    input: Document
    #: Decoded and verifying body; only for actions whose input has a streaming payload.
    body: Body | None


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What an action answers. `content` is set by actions that stream (GetObject)."""

    status: int = 200
    output: Document = {}
    #: Rendered elements that stand behind those of `output` in the document: rows of listings.
    rows: Iterable[str] | None = None
    #: Headers besides those of the output shape.
    headers: tuple[tuple[str, str], ...] = ()
    content: bytes | AsyncIterator[bytes | memoryview] | None = None
    #: Length of `content`, or for HEAD the length GET would send.
    length_bytes: int | None = None
    on_sent: Callable[[], Awaitable[None]] | None = None


Action = Callable[[Call], Awaitable[Answer]]
