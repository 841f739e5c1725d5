"""Version 2 signatures: AWS's published examples."""

import json
from pathlib import Path

import pytest

from atoll.base.errors import AccessDenied, InvalidArgument
from atoll.s3.sigv4.v2 import (
    V2Request,
    is_v2_presigned,
    is_v2_signature,
    parse_v2_authorization,
    parse_v2_presigned,
    v2_string_to_sign,
)

VECTORS = Path(__file__).parents[3] / "vectors" / "sigv4"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
CASES = json.loads((VECTORS / "v2.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_published_examples_verify(case):
    request = V2Request(
        case["method"], case["resource"].encode(), case["query"].encode(), case["headers"]
    )
    text = v2_string_to_sign(request, case["expires"])
    assert is_v2_signature(SECRET, text, case["signature"])
    assert not is_v2_signature(SECRET + "x", text, case["signature"])


def test_x_amz_date_replaces_the_date():
    headers = {"date": "Tue, 27 Mar 2007 21:20:27 +0000", "x-amz-date": "Tue, 27 Mar 2007 21:20:26"}
    text = v2_string_to_sign(V2Request("DELETE", b"/b/k", b"", headers))
    assert text == "DELETE\n\n\n\nx-amz-date:Tue, 27 Mar 2007 21:20:26\n/b/k"


def test_only_sub_resources_are_signed_sorted_and_decoded():
    query = b"prefix=p&versionId=v%2F1&uploads&X=1&response-content-type=text%2Fplain"
    text = v2_string_to_sign(V2Request("GET", b"/b/k", query, {"date": "d"}))
    assert text.endswith("/b/k?response-content-type=text/plain&uploads&versionId=v/1")


@pytest.mark.parametrize("value", ["AWS ", "AWS key", "AWS :sig", "AWS key:"])
def test_malformed_header_is_refused(value):
    with pytest.raises(InvalidArgument):
        parse_v2_authorization(value)


PAIRS = [("AWSAccessKeyId", "ak"), ("Expires", "1175139620"), ("Signature", "a%2Bb%3D")]


def test_query_authorization_is_parsed():
    found = parse_v2_presigned(PAIRS)
    assert (found.access_key, found.signature, found.expires_s) == ("ak", "a+b=", 1175139620)


@pytest.mark.parametrize("missing", range(3))
def test_each_query_parameter_is_needed(missing):
    pairs = [pair for index, pair in enumerate(PAIRS) if index != missing]
    assert is_v2_presigned(pairs)
    with pytest.raises(AccessDenied, match="requires the Signature"):
        parse_v2_presigned(pairs)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0])
def test_a_query_parameter_given_twice_is_refused(pair):
    with pytest.raises(AccessDenied, match="only once"):
        parse_v2_presigned([*PAIRS, pair])


@pytest.mark.parametrize("expires", ["tomorrow", "-1", "1e9", "9999999999999"])
def test_expires_must_be_seconds(expires):
    pairs = [PAIRS[0], ("Expires", expires), PAIRS[2]]
    with pytest.raises(AccessDenied, match="Invalid date"):
        parse_v2_presigned(pairs)
