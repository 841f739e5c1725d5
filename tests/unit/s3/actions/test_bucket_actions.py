"""Buckets, from creation to deletion; answers as botocore reads them."""

import pytest

from fakes.s3_front import Bench


def constraint(region: str) -> bytes:
    inner = f"<LocationConstraint>{region}</LocationConstraint>"
    return f"<CreateBucketConfiguration>{inner}</CreateBucketConfiguration>".encode()


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.call("CreateBucket", "PUT", "/bucket")
    return bench


def test_create_answers_the_place_and_may_be_repeated_in_us_east_1(bench):
    for _ in range(2):
        assert bench.call("CreateBucket", "PUT", "/bucket") == {"Location": "/bucket"}
    assert len(bench.store.buckets) == 1


def test_create_elsewhere_is_a_conflict_the_second_time():
    bench = Bench(region="eu-west-1")
    assert bench.ask("PUT", "/bucket", body=constraint("eu-west-1")).status == 200
    again = bench.error("PUT", "/bucket", body=constraint("EU"))
    assert again == (409, "BucketAlreadyOwnedByYou")


def test_a_bucket_of_somebody_else_is_a_conflict_everywhere(bench):
    bench.store.buckets["bucket"] = type(bench.store.buckets["bucket"])(
        name="bucket", incarnation=b"1", created_ns=0, region="us-east-1", owner="other"
    )
    assert bench.error("PUT", "/bucket") == (409, "BucketAlreadyExists")


@pytest.mark.parametrize(
    ("region", "asked", "code"),
    [
        ("us-east-1", "eu-west-1", "IllegalLocationConstraintException"),
        ("us-east-1", "us-east-1", "InvalidLocationConstraint"),
        ("us-east-1", "the moon", "InvalidLocationConstraint"),
        ("eu-west-1", None, "IllegalLocationConstraintException"),
        ("eu-west-1", "eu-central-1", "IllegalLocationConstraintException"),
        ("eu-west-1", "us-east-1", "InvalidLocationConstraint"),
        ("my-region", "nowhere", "InvalidLocationConstraint"),
    ],
)
def test_a_place_elsewhere_is_refused(region, asked, code):
    bench = Bench(region=region)
    body = b"" if asked is None else constraint(asked)
    assert bench.error("PUT", "/bucket", body=body) == (400, code)
    assert bench.store.buckets == {}


def test_a_region_of_any_name_can_be_asked_for():
    assert (
        Bench(region="my-region").ask("PUT", "/bucket", body=constraint("my-region")).status == 200
    )


def test_directory_buckets_are_refused():
    body = (
        b"<CreateBucketConfiguration><Bucket><Type>Directory</Type></Bucket>"
        b"</CreateBucketConfiguration>"
    )
    assert Bench().error("PUT", "/bucket", body=body) == (501, "NotImplemented")


def test_create_can_tag():
    bench = Bench()
    body = (
        b"<CreateBucketConfiguration><Tags><Tag><Key>a</Key><Value>b</Value></Tag></Tags>"
        b"</CreateBucketConfiguration>"
    )
    bench.call("CreateBucket", "PUT", "/bucket", body=body)
    assert bench.store.buckets["bucket"].tags == {"a": "b"}


def test_head_names_the_region(bench):
    answered = bench.ask("HEAD", "/bucket")
    assert (answered.status, answered.body) == (200, b"")
    assert answered.get("x-amz-bucket-region") == "us-east-1"
    assert bench.ask("HEAD", "/nowhere").status == 404


def test_delete_removes_only_an_empty_bucket(bench):
    bench.ask("PUT", "/bucket/key", body=b"x")
    assert bench.error("DELETE", "/bucket") == (409, "BucketNotEmpty")
    bench.ask("DELETE", "/bucket/key")
    answered = bench.ask("DELETE", "/bucket")
    assert (answered.status, answered.body) == (204, b"")
    assert bench.error("DELETE", "/bucket") == (404, "NoSuchBucket")


def test_list_answers_all_buckets_in_name_order(bench):
    for name in ("zoo", "alpha"):
        bench.call("CreateBucket", "PUT", f"/{name}")
    found = bench.call("ListBuckets", "GET", "/")
    assert [bucket["Name"] for bucket in found["Buckets"]] == ["alpha", "bucket", "zoo"]
    assert found["Owner"] == {"DisplayName": "owner", "ID": "owner-id"}
    assert "ContinuationToken" not in found
    assert "BucketRegion" not in found["Buckets"][0]


def test_list_pages_by_token(bench):
    for number in range(4):
        bench.call("CreateBucket", "PUT", f"/page-{number}")
    names, token = [], ""
    while True:
        found = bench.call("ListBuckets", "GET", f"/?max-buckets=2&prefix=page-{token}")
        names += [bucket["Name"] for bucket in found["Buckets"]]
        assert found["Prefix"] == "page-"
        assert found["Buckets"][0]["BucketRegion"] == "us-east-1"
        if "ContinuationToken" not in found:
            break
        token = f"&continuation-token={found['ContinuationToken']}"
    assert names == [f"page-{number}" for number in range(4)]


def test_list_refuses_what_makes_no_page(bench):
    assert bench.error("GET", "/?max-buckets=0") == (400, "InvalidArgument")
    assert bench.error("GET", "/?continuation-token=nonsense") == (400, "InvalidArgument")
    elsewhere = bench.call("ListBuckets", "GET", "/?bucket-region=eu-west-1")
    assert elsewhere["Buckets"] == []


def test_location_is_the_root_element():
    bench = Bench()
    bench.call("CreateBucket", "PUT", "/bucket")
    body = bench.ask("GET", "/bucket?location").body
    assert body.endswith(
        b'<LocationConstraint xmlns="http://s3.amazonaws.com/doc/2006-03-01/"></LocationConstraint>'
    )
    bench = Bench(region="eu-west-1")
    bench.ask("PUT", "/bucket", body=constraint("eu-west-1"))
    assert b">eu-west-1</LocationConstraint>" in bench.ask("GET", "/bucket?location").body


def versioning(inner: str) -> bytes:
    return f"<VersioningConfiguration>{inner}</VersioningConfiguration>".encode()


def test_versioning_is_unset_then_what_was_put(bench):
    assert bench.call("GetBucketVersioning", "GET", "/bucket?versioning") == {}
    for status in ("Enabled", "Suspended", "Enabled"):
        body = versioning(f"<Status>{status}</Status><MfaDelete>Disabled</MfaDelete>")
        assert bench.ask("PUT", "/bucket?versioning", body=body).status == 200
        assert bench.call("GetBucketVersioning", "GET", "/bucket?versioning") == {"Status": status}


@pytest.mark.parametrize(
    ("inner", "status", "code"),
    [
        ("", 400, "IllegalVersioningConfigurationException"),
        ("<Status>On</Status>", 400, "MalformedXML"),
        ("<Status>enabled</Status>", 400, "MalformedXML"),
        ("<Status>Enabled</Status><MfaDelete>Enabled</MfaDelete>", 501, "NotImplemented"),
    ],
)
def test_other_versioning_is_refused(bench, inner, status, code):
    found = bench.error("PUT", "/bucket?versioning", body=versioning(inner))
    assert found == (status, code)
    assert bench.call("GetBucketVersioning", "GET", "/bucket?versioning") == {}


def tagging(*pairs: tuple[str, str]) -> bytes:
    tags = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>".encode()


def test_tags_are_replaced_and_removed(bench):
    assert bench.error("GET", "/bucket?tagging") == (404, "NoSuchTagSet")
    assert bench.ask("PUT", "/bucket?tagging", body=tagging(("a", "1"), ("b", ""))).status == 204
    found = bench.call("GetBucketTagging", "GET", "/bucket?tagging")
    assert found["TagSet"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}]
    bench.ask("PUT", "/bucket?tagging", body=tagging(("c", "3")))
    assert bench.store.buckets["bucket"].tags == {"c": "3"}
    assert bench.ask("DELETE", "/bucket?tagging").status == 204
    assert bench.error("GET", "/bucket?tagging") == (404, "NoSuchTagSet")


def test_tags_beyond_the_rules_are_refused(bench):
    many = tagging(*((f"k{number}", "v") for number in range(51)))
    assert bench.error("PUT", "/bucket?tagging", body=many) == (400, "BadRequest")
    for pairs in ([("a", "1"), ("a", "2")], [("aws:x", "1")], [("", "1")], [("a", "v" * 257)]):
        body = tagging(*pairs)
        assert bench.error("PUT", "/bucket?tagging", body=body) == (400, "InvalidTag")
    assert bench.store.buckets["bucket"].tags == {}
