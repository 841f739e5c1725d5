"""ACLs are private: shown, confirmed, never changed."""

import pytest

from fakes.s3_front import Bench

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.call("CreateBucket", "PUT", "/bucket")
    bench.ask("PUT", "/bucket/key", body=b"x")
    return bench


def policy(account: str = "owner-id", permission: str = "FULL_CONTROL", owner: str = "owner-id"):
    grant = (
        f'<Grant><Grantee {XSI} xsi:type="CanonicalUser"><ID>{account}</ID></Grantee>'
        f"<Permission>{permission}</Permission></Grant>"
    )
    owner = f"<Owner><ID>{owner}</ID></Owner>"
    body = f"<AccessControlPolicy>{owner}<AccessControlList>{grant}</AccessControlList>"
    return f"{body}</AccessControlPolicy>".encode()


@pytest.mark.parametrize(("operation", "path"), [("GetBucketAcl", ""), ("GetObjectAcl", "/key")])
def test_the_owner_has_full_control(bench, operation, path):
    owner = {"DisplayName": "owner", "ID": "owner-id"}
    assert bench.call(operation, "GET", f"/bucket{path}?acl") == {
        "Owner": owner,
        "Grants": [{"Grantee": {**owner, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}],
    }


@pytest.mark.parametrize("path", ["", "/key"])
def test_what_already_holds_can_be_put(bench, path):
    url = f"/bucket{path}?acl"
    assert bench.ask("PUT", url, {"x-amz-acl": "private"}).status == 200
    assert bench.ask("PUT", url, body=policy()).status == 200


@pytest.mark.parametrize("path", ["", "/key"])
@pytest.mark.parametrize(
    "body",
    [
        policy(account="someone"),
        policy(permission="READ"),
        policy(owner="someone"),
        b"<AccessControlPolicy><Owner><ID>owner-id</ID></Owner><AccessControlList/>"
        b"</AccessControlPolicy>",
    ],
)
def test_anything_else_is_refused(bench, path, body):
    found = bench.error("PUT", f"/bucket{path}?acl", body=body)
    assert found == (400, "AccessControlListNotSupported")


@pytest.mark.parametrize("path", ["", "/key"])
@pytest.mark.parametrize(
    "body",
    [
        b"<AccessControlPolicy",
        b"<Other/>",
        b"<AccessControlPolicy/>",
        b"<AccessControlPolicy><Owner><ID>owner-id</ID></Owner></AccessControlPolicy>",
        policy().replace(b"<Owner><ID>owner-id</ID></Owner>", b""),
        policy(permission="EVERYTHING"),
    ],
)
def test_a_document_that_is_no_acl_is_malformed(bench, path, body):
    assert bench.error("PUT", f"/bucket{path}?acl", body=body) == (400, "MalformedACLError")


def test_nothing_is_not_an_acl_and_two_are_too_many(bench):
    assert bench.error("PUT", "/bucket?acl") == (400, "MissingSecurityHeader")
    headers = {"x-amz-acl": "private"}
    found = bench.error("PUT", "/bucket?acl", headers=headers, body=policy())
    assert found == (400, "UnexpectedContent")


def test_what_is_not_there_has_no_acl(bench):
    assert bench.error("GET", "/nowhere?acl") == (404, "NoSuchBucket")
    assert bench.error("GET", "/bucket/nothing?acl") == (404, "NoSuchKey")
    assert bench.error("GET", "/bucket/key?acl&versionId=" + "0" * 32) == (404, "NoSuchVersion")
    headers = {"x-amz-acl": "private"}
    assert bench.error("PUT", "/bucket/nothing?acl", headers=headers) == (404, "NoSuchKey")
