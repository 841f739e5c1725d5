"""Authorization headers: their grammar, their place, the headers they cover."""

import pytest

from atoll.base.errors import AccessDenied, AuthorizationMalformed, AuthorizationQueryMalformed
from atoll.s3.sigv4.claim import (
    Claims,
    check_place,
    check_signed_headers,
    make_claim,
    parse_authorization,
)

CREDENTIAL = "AK/20130524/us-east-1/s3/aws4_request"
HEADERS = "host;x-amz-date"
SIGNATURE = "a" * 64


def render(credential=CREDENTIAL, headers=HEADERS, signature=SIGNATURE, separator=", "):
    return "AWS4-HMAC-SHA256 " + separator.join(
        [f"Credential={credential}", f"SignedHeaders={headers}", f"Signature={signature}"]
    )


@pytest.mark.parametrize("separator", [",", ", ", " , "])
def test_header_is_parsed(separator):
    claim, signature = parse_authorization(render(separator=separator))
    assert claim.place == ("AK", "20130524", "us-east-1", "s3")
    assert claim.scope == "20130524/us-east-1/s3/aws4_request"
    assert claim.names == ("host", "x-amz-date")
    assert signature == SIGNATURE


def test_an_access_key_may_hold_slashes():
    assert parse_authorization(render("a/b/" + CREDENTIAL))[0].access_key == "a/b/AK"


@pytest.mark.parametrize(
    "value",
    [
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, Signature={SIGNATURE}",
        render() + f", Signature={SIGNATURE}",
        render() + f", Credential={CREDENTIAL}",
        render() + ", Extra=1",
        render() + ",",
        render("/20130524/us-east-1/s3/aws4_request"),
        render("AK/2013/us-east-1/s3/aws4_request"),
        render("AK/20130524/us-east-1/s3"),
        render("AK/20130524/us-east-1/s3/aws5_request"),
        render(headers=""),
        render(headers="host;host"),
        render(headers="Host"),
        render(headers="host;;x"),
        render(headers="host x"),
        render("A" * 9000),
    ],
)
def test_malformed_headers_are_refused(value):
    with pytest.raises(AuthorizationMalformed):
        parse_authorization(value)


def test_another_region_is_told_the_right_one():
    claim = make_claim(CREDENTIAL, HEADERS, malformed=AuthorizationMalformed)
    with pytest.raises(AuthorizationMalformed, match="expecting 'eu-west-1'") as caught:
        check_place(claim, region="eu-west-1", service="s3", malformed=AuthorizationMalformed)
    assert caught.value.fields["region"] == "eu-west-1"


def test_another_service_is_refused():
    claim = make_claim(CREDENTIAL, HEADERS, malformed=AuthorizationQueryMalformed)
    with pytest.raises(AuthorizationQueryMalformed, match='belongs to "sts"'):
        check_place(claim, region="us-east-1", service="sts", malformed=AuthorizationQueryMalformed)


@pytest.mark.parametrize(
    ("names", "headers", "loose"),
    [
        ("x-amz-date", {"host": "h"}, "host"),
        (HEADERS, {"host": "h", "x-amz-acl": "private", "x-amz-date": "d"}, "x-amz-acl"),
        (HEADERS, {"x-amz-meta-b": "1", "x-amz-meta-a": "1"}, "x-amz-meta-a, x-amz-meta-b"),
    ],
)
def test_host_and_all_amz_headers_must_be_signed(names, headers, loose):
    claim = make_claim(CREDENTIAL, names, malformed=AuthorizationMalformed)
    with pytest.raises(AccessDenied, match="not signed") as caught:
        check_signed_headers(claim, headers)
    assert caught.value.fields["headers_not_signed"] == loose


def test_other_headers_may_be_unsigned():
    claim = make_claim(CREDENTIAL, HEADERS, malformed=AuthorizationMalformed)
    check_signed_headers(claim, {"host": "h", "x-amzn-trace-id": "1", "range": "bytes=0-1"})


def test_remembered_claims_are_found_by_all_but_their_signature():
    claims = Claims(count_max=2)
    claim, _ = parse_authorization(render())
    claims.remember(render(), claim)
    assert claims.find(render(signature="b" * 64)) == (claim, "b" * 64)
    assert claims.find(render("BK" + CREDENTIAL)) is None


def test_a_claim_with_something_behind_its_signature_is_not_kept():
    claims = Claims()
    value = f"AWS4-HMAC-SHA256 Credential={CREDENTIAL},Signature=a,SignedHeaders=host"
    claims.remember(value, parse_authorization(value)[0])
    assert len(claims) == 0


def test_kept_claims_are_bounded():
    claims = Claims(count_max=2)
    for name in ("a", "b", "c"):
        value = render(name + CREDENTIAL)
        claims.remember(value, parse_authorization(value)[0])
    assert len(claims) == 2
    assert claims.find(render("a" + CREDENTIAL)) is None
