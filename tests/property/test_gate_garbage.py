"""Whatever stands in an authorization, the gate answers with an error of ours or with nobody."""

from hypothesis import given
from hypothesis import strategies as st

from atoll.base.errors import Rejected
from atoll.s3.gate import ANONYMOUS, Gate
from fakes.http import make_request
from fakes.signing import ACCESS_KEY, ACCOUNT, AMZ_DATE, NOW_NS, REGION, SCOPE, FakeSecrets, sign

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40)
CREDENTIAL = f"{ACCESS_KEY}/{SCOPE}"
AUTHORIZATIONS = st.one_of(
    TEXT,
    TEXT.map("AWS ".__add__),
    TEXT.map(f"AWS {ACCESS_KEY}:".__add__),
    TEXT.map("AWS4-HMAC-SHA256 ".__add__),
    st.builds(
        "AWS4-HMAC-SHA256 Credential={},SignedHeaders={},Signature={}".format,
        st.sampled_from([CREDENTIAL, ACCESS_KEY]) | TEXT,
        st.just("host;x-amz-content-sha256;x-amz-date") | TEXT,
        TEXT,
    ),
)
PARAMETERS = st.dictionaries(
    st.sampled_from(
        ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Signature",
         "X-Amz-SignedHeaders", "AWSAccessKeyId", "Expires", "Signature"]
    ),
    st.binary(max_size=20)
    | st.sampled_from([b"AWS4-HMAC-SHA256", CREDENTIAL.encode(), AMZ_DATE.encode(), b"60",
                       b"host", ACCESS_KEY.encode(), b"%FF%00", b"%zz"]),
)  # fmt: skip


def ask(request):
    gate = Gate(FakeSecrets(), region=REGION, root_account=ACCOUNT)
    try:
        return gate.authenticate(request, NOW_NS).principal
    except Rejected:
        return None


@given(authorization=AUTHORIZATIONS, payload=TEXT | st.just("UNSIGNED-PAYLOAD"), date=TEXT)
def test_garbage_in_headers_is_refused(authorization, payload, date):
    headers = {
        "authorization": authorization,
        "x-amz-content-sha256": payload,
        "x-amz-date": date or AMZ_DATE,
    }
    assert ask(make_request("GET", "/bucket/key", headers)) is None


@given(parameters=PARAMETERS)
def test_garbage_in_queries_is_nobody(parameters):
    query = b"&".join(name.encode() + b"=" + value for name, value in parameters.items())
    found = ask(make_request("GET", b"/bucket/key?" + query))
    assert found in (None, ANONYMOUS)


@given(place=st.integers(0, 10_000), change=st.integers(1, 255), kind=st.booleans())
def test_any_changed_byte_of_an_authorization_is_refused(place, change, kind):
    request = sign("GET", "/bucket/key", kind="query" if kind else "header")
    if kind:
        raw = bytearray(request.query)
        place %= len(raw)
        raw[place] ^= change
        request.query = bytes(raw)
        before = sign("GET", "/bucket/key", kind="query").query
        # Changes of an escape's case, and of its separators, may spell the same parameters.
        if raw.lower() == before.lower():
            return
    else:
        raw = bytearray(request.headers["authorization"].encode("latin-1"))
        place %= len(raw)
        raw[place] ^= change
        pairs = [pair for pair in request.headers.pairs if pair[0] != "authorization"]
        headers = [*pairs, ("authorization", raw.decode("latin-1"))]
        request = make_request("GET", "/bucket/key", headers)
    assert ask(request) in (None, ANONYMOUS)
