"""Presigned URLs of version 4."""

import pytest

from atoll.base.errors import AuthorizationQueryMalformed
from atoll.s3.sigv4.presigned import is_presigned, parse_presigned, unsigned_pairs

GOOD = {
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": "AK%2F20130524%2Fus-east-1%2Fs3%2Faws4_request",
    "X-Amz-Date": "20130524T000000Z",
    "X-Amz-Expires": "600",
    "X-Amz-SignedHeaders": "host%3Brange",
    "X-Amz-Signature": "ab",
    "versionId": "v",
}


def test_all_parts_are_read():
    found = parse_presigned(list(GOOD.items()))
    assert found.claim.place == ("AK", "20130524", "us-east-1", "s3")
    assert found.claim.names == ("host", "range")
    assert (found.expires_s, found.signature, found.token) == (600, "ab", "")
    assert found.signed_ns == 1_369_353_600 * 10**9


def test_the_signature_does_not_sign_itself():
    names = [name for name, _ in unsigned_pairs(list(GOOD.items()))]
    assert names == [name for name in GOOD if name != "X-Amz-Signature"]


@pytest.mark.parametrize("name", [name for name in GOOD if name.startswith("X-Amz")])
def test_each_parameter_is_needed_once(name):
    without = [(key, value) for key, value in GOOD.items() if key != name]
    assert is_presigned(without)
    with pytest.raises(AuthorizationQueryMalformed, match="requires"):
        parse_presigned(without)
    with pytest.raises(AuthorizationQueryMalformed, match="only once"):
        parse_presigned([*GOOD.items(), (name, GOOD[name])])


@pytest.mark.parametrize(
    ("expires", "sentence"),
    [
        ("0", "positive"),
        ("-5", "positive"),
        ("604801", "less than a week"),
        ("1.5", "number"),
        ("", "number"),
        ("%D9%A3", "number"),
    ],
)
def test_life_times_out_of_range_are_refused(expires, sentence):
    with pytest.raises(AuthorizationQueryMalformed, match=sentence):
        parse_presigned(list((GOOD | {"X-Amz-Expires": expires}).items()))


@pytest.mark.parametrize("expires", ["1", "604800"])
def test_life_times_at_the_borders_are_taken(expires):
    found = parse_presigned(list((GOOD | {"X-Amz-Expires": expires}).items()))
    assert found.expires_s == int(expires)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA1"),
        ("X-Amz-Credential", "AK%2F20130524%2Fus-east-1%2Fs3"),
        ("X-Amz-Credential", "AK%2F20130525%2Fus-east-1%2Fs3%2Faws4_request"),
        ("X-Amz-Date", "2013-05-24T00:00:00Z"),
        ("X-Amz-Date", "20130532T000000Z"),
        ("X-Amz-SignedHeaders", "Host"),
    ],
)
def test_other_malformed_parameters_are_refused(name, value):
    with pytest.raises(AuthorizationQueryMalformed):
        parse_presigned(list((GOOD | {name: value}).items()))
