"""ACLs of buckets and objects: always private, which can be read and confirmed but not changed.

Owns      GetBucketAcl, GetObjectAcl, PutBucketAcl, PutObjectAcl.
Invariant a put succeeds only if it asks for what already holds: the owner, and nobody else, has
          full control. Headers that ask for more were refused before (s3.unsupported).
Source    AWS GetBucketAcl, PutBucketAcl; AccessControlListNotSupported as on buckets that enforce
          their owner.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from atoll.s3.call import Action, Answer, Call, Document, Field, Principal
from atoll.s3.errors import S3Error
from atoll.s3.protocol.binding import list_member
from atoll.s3.protocol.members import version_id

_FULL_CONTROL: Final = "FULL_CONTROL"
_PERMISSIONS: Final = frozenset({_FULL_CONTROL, "READ", "READ_ACP", "WRITE", "WRITE_ACP"})


async def get_bucket_acl(call: Call) -> Answer:
    """Answer with the ACL that every bucket has."""
    await _require_target(call)
    return Answer(output=_private(call.principal))


async def get_object_acl(call: Call) -> Answer:
    """Answer with the ACL that every object has."""
    await _require_target(call)
    return Answer(output=_private(call.principal))


async def put_bucket_acl(call: Call) -> Answer:
    """Confirm the ACL of a bucket."""
    _require_private(call)
    await _require_target(call)
    return Answer()


async def put_object_acl(call: Call) -> Answer:
    """Confirm the ACL of an object."""
    _require_private(call)
    await _require_target(call)
    return Answer()


async def _require_target(call: Call) -> None:
    """Check that the bucket, or the version of the object, exists."""
    assert call.bucket is not None
    store = call.service.store
    if call.key is None:
        await store.head_bucket(call.bucket)
        return
    opened = await store.open(call.bucket, call.key, version_id(call.input))
    await opened.close()


def _private(owner: Principal) -> Document:
    named = {"DisplayName": owner.display_name, "ID": owner.account}
    grantee = {**named, "Type": "CanonicalUser"}
    grants: list[Field] = [{"Grantee": grantee, "Permission": _FULL_CONTROL}]
    return {"Owner": named, "Grants": grants}


def _require_private(call: Call) -> None:
    """Check that the ACL asked for grants full control to the owner and nothing to others."""
    document = call.input.get("AccessControlPolicy")
    if document is None:
        if "ACL" not in call.input:
            raise S3Error("MissingSecurityHeader", missing_header="x-amz-acl")
        return
    if "ACL" in call.input:
        raise S3Error("UnexpectedContent")
    assert isinstance(document, Mapping)
    owner = document.get("Owner")
    grants = list_member(document, "Grants")
    if not isinstance(owner, Mapping) or "ID" not in owner or "Grants" not in document:
        raise S3Error("MalformedACLError")
    if not {grant.get("Permission") for grant in grants} <= _PERMISSIONS:
        raise S3Error("MalformedACLError")
    if owner["ID"] != call.principal.account or not grants:
        raise S3Error("AccessControlListNotSupported")
    for grant in grants:
        grantee = grant.get("Grantee")
        is_owner = isinstance(grantee, Mapping) and grantee.get("ID") == call.principal.account
        if not is_owner or grant.get("Permission") != _FULL_CONTROL:
            raise S3Error("AccessControlListNotSupported")


#: Actions by name.
ACTIONS: Final[Mapping[str, Action]] = {
    "GetBucketAcl": get_bucket_acl,
    "GetObjectAcl": get_object_acl,
    "PutBucketAcl": put_bucket_acl,
    "PutObjectAcl": put_object_acl,
}
