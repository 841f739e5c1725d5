"""The gate: botocore's and AWS's signatures pass, everything else does not."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from atoll.base import errors as e
from atoll.http.messages import Headers
from atoll.s3.call import Principal
from atoll.s3.errors import S3Error, classify
from atoll.s3.gate import ANONYMOUS, AuthKind, Credential, Gate, RootLookup
from atoll.s3.sigv4.payload import PayloadMode
from fakes.http import make_request
from fakes.signing import (
    ACCESS_KEY,
    ACCOUNT,
    AMZ_DATE,
    HOST,
    NOW_NS,
    PRINCIPAL,
    REGION,
    SCOPE,
    SECRET,
    FakeSecrets,
    sign,
    signing_key,
)

VECTORS = Path(__file__).parents[2] / "vectors" / "sigv4"
REQUESTS = json.loads((VECTORS / "requests.json").read_text())
STREAMS = json.loads((VECTORS / "streams.json").read_text())
MINUTE_NS = 60 * 10**9
KINDS = ["header", "query", "v2", "v2-query"]
PLAIN_SHA256 = "a" * 64


def make_gate(**changes):
    settings = {"region": REGION, "root_account": ACCOUNT, **changes}
    return Gate(settings.pop("secrets", FakeSecrets()), **settings)


def change(request, *, path=None, query=None, headers=None, drop=(), method=None):
    """Return a request with parts exchanged, its signature kept."""
    pairs = [pair for pair in request.headers.pairs if pair[0] not in drop]
    pairs = [pair for pair in pairs if pair[0] not in dict(headers or {})]
    request.headers = Headers([*pairs, *(headers or {}).items()])
    request.path = request.path if path is None else path
    request.query = request.query if query is None else query
    request.method = method or request.method
    return request


# ── published and independent signatures ───────────────────────────────────────────────────────


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case["name"])
def test_published_examples_pass(case):
    request = make_request(case["method"], case["target"], [tuple(h) for h in case["headers"]])
    assert make_gate().authenticate(request, NOW_NS).principal == PRINCIPAL


@pytest.mark.parametrize("case", STREAMS, ids=lambda case: case["name"])
def test_published_streams_give_their_seed(case):
    request = make_request("PUT", case["target"], [tuple(h) for h in case["headers"]])
    who = make_gate().authenticate(request, NOW_NS)
    assert who.payload.mode.has_signed_chunks
    assert who.seed is not None
    assert case["headers"][3][1].endswith(who.seed.signature)


TARGETS = [
    "/",
    "/bucket",
    "/bucket/",
    "/bucket/key",
    "/bucket//",
    "/bucket//a//b/",
    "/bucket/../a/./b/..",
    "/bucket/.",
    "/bucket/a%20b",
    "/bucket/a%2Bb",
    "/bucket/100%25",
    "/bucket/%2525",
    "/bucket/%C3%A9%E2%82%AC%F0%9F%98%80",
    "/bucket/a~b_c-d.e",
    "/bucket/%21%2A%27%28%29%3B%3A%40%26%3D%24%2C%3F%23%5B%5D",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", TARGETS)
def test_botocore_signatures_pass_for_all_keys(kind, target):
    who = make_gate().authenticate(sign("GET", target, kind=kind), NOW_NS)
    assert who.principal == PRINCIPAL


@pytest.mark.parametrize("path", [b"/bucket/a+(b)", b"/bucket/a%2b%28b%29", b"/b%75cket/%61+(b)"])
def test_escapes_on_the_wire_need_not_be_those_that_were_signed(path):
    request = change(sign("GET", "/bucket/a%2B%28b%29"), path=path)
    assert make_gate().authenticate(request, NOW_NS).principal == PRINCIPAL


QUERIES = [
    "acl",
    "acl=",
    "list-type=2&prefix=a%2Fb%20c&delimiter=%2F",
    "prefix=%C3%A9&marker=%2B&a-b=1&a=2",
    "versionId=abc&response-content-type=text%2Fplain%3B%20charset%3Dutf-8",
    "partNumber=1&uploadId=x.y_z-~",
    "uploads",
    "prefix=a%3Db%26c",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", QUERIES)
def test_botocore_signatures_pass_for_all_queries(kind, query):
    who = make_gate().authenticate(sign("GET", f"/bucket/key?{query}", kind=kind), NOW_NS)
    assert who.principal == PRINCIPAL


@pytest.mark.parametrize("kind", ["header", "v2"])
def test_botocore_signatures_pass_for_odd_headers(kind):
    headers = {
        "x-amz-meta-spaces": "a   b    c",
        "x-amz-meta-empty": "",
        "X-Amz-Meta-Case": "MiXed",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg==",
    }
    request = sign("PUT", "/bucket/key", headers if kind == "header" else
                   headers | {"x-amz-meta-spaces": "a b"}, b"content", kind=kind)  # fmt: skip
    assert make_gate().authenticate(request, NOW_NS).principal == PRINCIPAL


def test_a_second_request_of_the_same_client_passes_and_its_forgery_does_not():
    gate = make_gate()
    gate.authenticate(sign("GET", "/bucket/a"), NOW_NS)
    gate.authenticate(sign("GET", "/bucket/b"), NOW_NS)
    with pytest.raises(e.SignatureMismatch):
        gate.authenticate(change(sign("GET", "/bucket/a"), path=b"/bucket/b"), NOW_NS)


def test_version_2_signs_the_bucket_of_the_host():
    request = sign("GET", "/bucket/key", kind="v2")
    virtual = change(request, path=b"/key", headers={"host": "bucket.s3.example.com:9000"})
    assert make_gate(base_domains=["s3.example.com"]).authenticate(virtual, NOW_NS)
    with pytest.raises(e.SignatureMismatch):
        make_gate().authenticate(virtual, NOW_NS)


@pytest.mark.parametrize("kind", ["v2", "v2-query"])
@pytest.mark.parametrize("query", [b"", b"location"])
def test_version_2_may_end_a_bucket_with_a_slash_that_is_not_sent(kind, query):
    target = "/bucket/" + ("?location" if query else "")
    request = change(sign("GET", target, kind=kind), path=b"/bucket")
    assert make_gate().authenticate(request, NOW_NS).principal == PRINCIPAL
    other = change(sign("GET", "/bucket/key/", kind=kind), path=b"/bucket/key")
    with pytest.raises(e.SignatureMismatch):
        make_gate().authenticate(other, NOW_NS)


# ── what a signature covers ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "changes",
    [{"path": b"/bucket/other"}, {"method": "DELETE"}, {"path": b"/bucket/key/"}],
    ids=["path", "method", "slash"],
)
def test_changed_requests_are_refused(kind, changes):
    request = change(sign("GET", "/bucket/key", kind=kind), **changes)
    with pytest.raises(e.SignatureMismatch):
        make_gate().authenticate(request, NOW_NS)


@pytest.mark.parametrize("path", [b"/bucket/a/../key", b"/bucket//key", b"/bucket/./key"])
def test_paths_are_not_normalised(path):
    with pytest.raises(e.SignatureMismatch):
        make_gate().authenticate(change(sign("GET", "/bucket/key"), path=path), NOW_NS)


@pytest.mark.parametrize("kind", ["header", "query"])
def test_an_added_parameter_is_refused(kind):
    request = sign("GET", "/bucket/key?versionId=a", kind=kind)
    request.query += b"&acl"
    with pytest.raises(e.SignatureMismatch):
        make_gate().authenticate(request, NOW_NS)


@pytest.mark.parametrize("kind", ["header", "query"])
def test_an_unsigned_amz_header_is_refused(kind):
    request = change(sign("PUT", "/bucket/key", kind=kind), headers={"x-amz-acl": "public-read"})
    with pytest.raises(e.AccessDenied) as caught:
        make_gate().authenticate(request, NOW_NS)
    assert caught.value.fields["headers_not_signed"] == "x-amz-acl"


def test_a_changed_signed_header_is_refused():
    request = sign("PUT", "/bucket/key", {"x-amz-acl": "private"}, b"x")
    with pytest.raises(e.SignatureMismatch):
        make_gate().authenticate(change(request, headers={"x-amz-acl": "public-read"}), NOW_NS)


def test_a_changed_payload_digest_is_refused():
    request = change(sign("PUT", "/b/k", body=b"x"), headers={"x-amz-content-sha256": PLAIN_SHA256})
    with pytest.raises(e.SignatureMismatch):
        make_gate().authenticate(request, NOW_NS)


def test_a_mismatch_tells_the_client_what_was_signed():
    with pytest.raises(e.SignatureMismatch) as caught:
        make_gate().authenticate(sign("GET", "/b/k", secret="wrong secret"), NOW_NS)
    assert caught.value.fields["canonical_request"].startswith("GET\n/b/k\n\nhost:")
    assert caught.value.fields["string_to_sign"].startswith("AWS4-HMAC-SHA256\n20130524T000000Z\n")
    assert "wrong secret" not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_the_empty_and_the_wrong_secret_are_refused(kind):
    for secret in ("", SECRET + " "):
        with pytest.raises(e.SignatureMismatch):
            make_gate().authenticate(sign("GET", "/b/k", kind=kind, secret=secret), NOW_NS)


def test_a_signature_with_foreign_characters_is_refused():
    request = sign("GET", "/b/k")
    value = request.headers["authorization"][:-1] + "\xe9"
    with pytest.raises(e.SignatureMismatch):
        make_gate().authenticate(change(request, headers={"authorization": value}), NOW_NS)


# ── keys ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_key_is_refused(kind):
    with pytest.raises(e.UnknownAccessKey):
        make_gate().authenticate(sign("GET", "/b/k", kind=kind, access_key="NOBODY"), NOW_NS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_replaced_secret_counts_at_once(kind):
    secrets = FakeSecrets()
    gate = make_gate(secrets=secrets)
    gate.authenticate(sign("GET", "/b/k", kind=kind), NOW_NS)
    secrets.credentials = {ACCESS_KEY: Credential("another secret", PRINCIPAL)}
    with pytest.raises(e.SignatureMismatch):
        gate.authenticate(sign("GET", "/b/k", kind=kind), NOW_NS)
    assert gate.authenticate(sign("GET", "/b/k", kind=kind, secret="another secret"), NOW_NS)
    secrets.credentials = {}
    with pytest.raises(e.UnknownAccessKey):
        gate.authenticate(sign("GET", "/b/k", kind=kind), NOW_NS)


def test_session_tokens_are_refused():
    request = sign("GET", "/b/k", {"x-amz-security-token": "token"})
    with pytest.raises(e.TokenUnknown):
        make_gate().authenticate(request, NOW_NS)
    query = sign("GET", "/b/k?X-Amz-Security-Token=token", kind="query")
    with pytest.raises(e.TokenUnknown):
        make_gate().authenticate(query, NOW_NS)


def test_the_root_lookup_gives_its_account_and_hides_the_secret():
    class Source:
        def secret_of(self, access_key):
            return SECRET if access_key == ACCESS_KEY else None

    lookup = RootLookup(Source(), account=ACCOUNT, display_name="root")
    found = lookup.find(ACCESS_KEY)
    assert found == Credential(SECRET, PRINCIPAL)
    assert SECRET not in repr(found)
    assert lookup.find("other") is None


# ── time ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["header", "v2"])
@pytest.mark.parametrize("minutes", [-15, 15])
def test_fifteen_minutes_of_skew_are_taken_and_no_more(kind, minutes):
    request = sign("GET", "/b/k", kind=kind)
    now_ns = NOW_NS + minutes * MINUTE_NS
    assert make_gate().authenticate(request, now_ns)
    with pytest.raises(e.RequestTimeSkewed):
        make_gate().authenticate(request, now_ns + (1 if minutes > 0 else -1) * 10**9)


def test_a_presigned_url_lives_as_long_as_it_says():
    request = sign("GET", "/b/k", kind="query", expires_s=604_800)
    week_ns = 604_800 * 10**9
    assert make_gate().authenticate(request, NOW_NS + week_ns - 1)
    with pytest.raises(e.RequestExpired):
        make_gate().authenticate(request, NOW_NS + week_ns)
    assert make_gate().authenticate(request, NOW_NS - 15 * MINUTE_NS)
    with pytest.raises(e.AccessDenied, match="not yet valid"):
        make_gate().authenticate(request, NOW_NS - 15 * MINUTE_NS - 1)


def test_a_presigned_url_of_version_2_expires():
    request = sign("GET", "/b/k", kind="v2-query")
    assert make_gate().authenticate(request, NOW_NS + 3599 * 10**9)
    with pytest.raises(e.RequestExpired):
        make_gate().authenticate(request, NOW_NS + 3600 * 10**9)


@pytest.mark.parametrize("kind", ["header", "v2"])
def test_a_request_without_a_date_is_refused(kind):
    request = change(sign("GET", "/b/k", kind=kind), drop=("x-amz-date", "date"))
    with pytest.raises(e.AccessDenied, match="valid Date"):
        make_gate().authenticate(request, NOW_NS)


def test_the_day_of_the_credential_must_be_the_day_of_the_request():
    request = sign("GET", "/b/k")
    value = request.headers["authorization"].replace("/20130524/", "/20130523/")
    with pytest.raises(e.AuthorizationMalformed, match="credential date"):
        make_gate().authenticate(change(request, headers={"authorization": value}), NOW_NS)


def test_a_signed_date_header_stands_for_x_amz_date():
    date, names = "Fri, 24 May 2013 00:00:00 GMT", "date;host;x-amz-content-sha256"
    canonical = (
        f"GET\n/b/k\n\ndate:{date}\nhost:{HOST}\nx-amz-content-sha256:UNSIGNED-PAYLOAD\n\n"
        f"{names}\nUNSIGNED-PAYLOAD"
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{AMZ_DATE}\n{SCOPE}\n{digest}"
    signature = hmac.new(signing_key(), text.encode(), hashlib.sha256).hexdigest()
    value = (
        f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{SCOPE},SignedHeaders={names},"
        f"Signature={signature}"
    )
    headers = {"date": date, "x-amz-content-sha256": "UNSIGNED-PAYLOAD", "authorization": value}
    assert make_gate().authenticate(make_request("GET", "/b/k", headers), NOW_NS)
    with pytest.raises(e.RequestTimeSkewed):
        make_gate().authenticate(make_request("GET", "/b/k", headers), NOW_NS + 16 * MINUTE_NS)


# ── malformed, doubled, missing ────────────────────────────────────────────────────────────────


def test_a_request_without_authorization_is_anonymous():
    who = make_gate().authenticate(make_request("GET", "/b/k?versionId=1"), NOW_NS)
    assert (who.principal, who.kind) == (ANONYMOUS, AuthKind.ANONYMOUS)


@pytest.mark.parametrize("first", ["header", "v2"])
@pytest.mark.parametrize("second", ["query", "v2-query"])
def test_two_kinds_of_authorization_are_refused(first, second):
    request = sign("GET", "/b/k", kind=second)
    value = sign("GET", "/b/k", kind=first).headers["authorization"]
    with pytest.raises(e.InvalidArgument, match="Only one auth mechanism"):
        make_gate().authenticate(change(request, headers={"authorization": value}), NOW_NS)


def test_two_authorization_headers_are_refused():
    request = sign("GET", "/b/k")
    request.headers = Headers([*request.headers.pairs, ("authorization", "AWS a:b")])
    with pytest.raises(e.InvalidArgument, match="Only one auth mechanism"):
        make_gate().authenticate(request, NOW_NS)


def test_both_versions_in_the_query_are_refused():
    request = sign("GET", "/b/k", kind="query")
    request.query += b"&AWSAccessKeyId=a&Expires=1&Signature=b"
    with pytest.raises(e.InvalidArgument, match="Only one auth mechanism"):
        make_gate().authenticate(request, NOW_NS)


@pytest.mark.parametrize("extra", [b"&X-Amz-Signature=0", b"&X%2DAmz-Expires=5", b"&X-Amz-Date=1"])
def test_a_presigned_parameter_given_twice_is_refused(extra):
    request = sign("GET", "/b/k", kind="query")
    request.query += extra
    with pytest.raises(e.AuthorizationQueryMalformed):
        make_gate().authenticate(request, NOW_NS)


@pytest.mark.parametrize("value", ["Basic dXNlcjpwYXNz", "Bearer x", "", "AWS4-HMAC-SHA512 x"])
def test_other_kinds_of_authorization_are_refused(value):
    request = make_request("GET", "/b/k", {"authorization": value})
    with pytest.raises(e.InvalidArgument, match="Unsupported Authorization Type"):
        make_gate().authenticate(request, NOW_NS)


@pytest.mark.parametrize(
    ("kind", "error"),
    [("header", e.AuthorizationMalformed), ("query", e.AuthorizationQueryMalformed)],
)
def test_another_region_is_refused_with_the_right_one(kind, error):
    with pytest.raises(error) as caught:
        make_gate().authenticate(sign("GET", "/b/k", kind=kind, region="eu-west-1"), NOW_NS)
    assert caught.value.fields["region"] == REGION


# ── payload ────────────────────────────────────────────────────────────────────────────────────


def test_the_payload_header_is_needed_and_checked():
    request = change(sign("GET", "/b/k"), drop=("x-amz-content-sha256",))
    with pytest.raises(S3Error, match="Missing required header"):
        make_gate().authenticate(request, NOW_NS)
    with pytest.raises(e.InvalidArgument, match="must be UNSIGNED-PAYLOAD"):
        make_gate().authenticate(sign("GET", "/b/k", payload="STREAMING-NOTHING"), NOW_NS)


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        (PLAIN_SHA256, PayloadMode.DIGEST),
        ("UNSIGNED-PAYLOAD", PayloadMode.UNSIGNED),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", PayloadMode.CHUNKS_UNSIGNED_TRAILER),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", PayloadMode.CHUNKS_SIGNED),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", PayloadMode.CHUNKS_SIGNED_TRAILER),
    ],
)
def test_payload_modes_of_header_signatures(value, mode):
    who = make_gate().authenticate(sign("PUT", "/b/k", payload=value), NOW_NS)
    assert who.payload.mode is mode
    assert (who.seed is not None) == mode.has_signed_chunks


def test_a_presigned_url_says_nothing_of_the_payload_unless_it_names_a_digest():
    who = make_gate().authenticate(sign("PUT", "/b/k", kind="query"), NOW_NS)
    assert who.payload.mode is PayloadMode.UNSIGNED
    named = sign("PUT", f"/b/k?X-Amz-Content-Sha256={PLAIN_SHA256}", kind="query",
                 payload=PLAIN_SHA256)  # fmt: skip
    who = make_gate().authenticate(named, NOW_NS)
    assert (who.payload.mode, who.payload.text) == (PayloadMode.DIGEST, PLAIN_SHA256)


@pytest.mark.parametrize(
    "value", ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"]
)
def test_presigned_urls_with_streamed_payloads_are_refused(value):
    for request in (
        sign("PUT", "/b/k", kind="query", payload=value),
        sign("PUT", f"/b/k?X-Amz-Content-Sha256={value}", kind="query"),
        sign("PUT", "/b/k", {"x-amz-content-sha256": value}, kind="v2-query"),
    ):
        with pytest.raises(S3Error) as caught:
            make_gate().authenticate(request, NOW_NS)
        assert caught.value.code == "InvalidRequest"


def test_version_2_cannot_sign_chunks():
    request = sign("PUT", "/b/k", {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
                   kind="v2")  # fmt: skip
    with pytest.raises(S3Error):
        make_gate().authenticate(request, NOW_NS)


# ── what a principal may do ────────────────────────────────────────────────────────────────────


def test_the_root_account_may_do_everything():
    make_gate().authorise(PRINCIPAL, "s3:PutObject", "bucket", b"key")
    make_gate().authorise(PRINCIPAL, "admin:Rotate", None, None)


@pytest.mark.parametrize(
    "principal",
    [ANONYMOUS, Principal("AK", "other", "other"), Principal("", ACCOUNT, "root")],
    ids=["anonymous", "other account", "no key"],
)
def test_everybody_else_may_do_nothing(principal):
    for action in ("s3:GetObject", "s3:ListAllMyBuckets", "admin:Status"):
        with pytest.raises(e.AccessDenied):
            make_gate().authorise(principal, action, "bucket", b"key")


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (e.TokenUnknown(), "InvalidToken", 400),
        (e.AuthorizationMalformed(), "AuthorizationHeaderMalformed", 400),
        (e.AuthorizationQueryMalformed(), "AuthorizationQueryParametersError", 400),
        (e.PayloadMismatch(), "XAmzContentSHA256Mismatch", 400),
        (e.TrailerMalformed(), "MalformedTrailerError", 400),
        (e.RequestExpired(), "AccessDenied", 403),
        (e.RequestTimeSkewed(), "RequestTimeTooSkewed", 403),
        (e.UnknownAccessKey(), "InvalidAccessKeyId", 403),
        (e.SignatureMismatch(), "SignatureDoesNotMatch", 403),
    ],
)
def test_errors_have_the_codes_of_aws(error, code, status):
    row = classify(error)
    assert (row.code, row.status) == (code, status)
