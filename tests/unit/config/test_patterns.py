"""Path patterns and listen addresses."""

import pytest

from atoll.config.addresses import ListenAddress, parse_listen, render_url
from atoll.config.patterns import expand_pattern, expand_patterns


@pytest.mark.parametrize(
    ("pattern", "paths"),
    [
        ("/mnt/d", ["/mnt/d"]),
        ("/mnt/d{1...3}", ["/mnt/d1", "/mnt/d2", "/mnt/d3"]),
        ("/mnt/d{08...10}", ["/mnt/d08", "/mnt/d09", "/mnt/d10"]),
        ("/mnt/{a,b}/x", ["/mnt/a/x", "/mnt/b/x"]),
        ("/r{1...2}/d{a,b}", ["/r1/da", "/r1/db", "/r2/da", "/r2/db"]),
        ("/d{7...7}", ["/d7"]),
    ],
)
def test_patterns_expand(pattern, paths):
    assert list(expand_pattern(pattern)) == paths


@pytest.mark.parametrize(
    "pattern",
    ["/d{1..3}", "/d{3...1}", "/d{", "/d}", "/d{}", "/d{a}", "/d{a,}", "/d{{1...2}}", "/d{1...x}"],
)
def test_wrong_patterns_are_refused(pattern):
    with pytest.raises(ValueError, match="expected"):
        expand_pattern(pattern)


@pytest.mark.parametrize("pattern", ["/d{1...999999999}", "/{1...900}/{1...900}"])
def test_too_many_paths_are_refused_before_they_are_made(pattern):
    with pytest.raises(ValueError, match="at most 1024 paths"):
        expand_pattern(pattern)


@pytest.mark.parametrize("patterns", [["/a", "/a/"], ["/d{1...3}", "/d2"]])
def test_a_path_named_twice_is_refused(patterns):
    with pytest.raises(ValueError, match="named twice"):
        expand_patterns(patterns)


@pytest.mark.parametrize("pattern", ["", "  ", "/a\0b"])
def test_what_is_no_path_is_refused(pattern):
    with pytest.raises(ValueError, match="expected a path"):
        expand_patterns([pattern])


@pytest.mark.parametrize(
    ("text", "host", "port", "shown"),
    [
        ("127.0.0.1:9000", "127.0.0.1", 9000, "127.0.0.1:9000"),
        ("[::1]:9000", "::1", 9000, "[::1]:9000"),
        (":9000", "", 9000, ":9000"),
        ("*:80", "", 80, ":80"),
        ("localhost:0", "localhost", 0, "localhost:0"),
    ],
)
def test_addresses(text, host, port, shown):
    address = parse_listen(text)
    assert address == ListenAddress(host, port)
    assert str(address) == shown


@pytest.mark.parametrize(
    "text", ["", "9000", "::1:9000", "[::g]:9000", "a:65536", "a:-1", "a b:1", "a:", "http://a:1"]
)
def test_wrong_addresses_are_refused(text):
    with pytest.raises(ValueError, match="expected"):
        parse_listen(text)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        (":9000", "http://127.0.0.1:9000"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::]:9000", "http://[::1]:9000"),
        ("[fd00::1]:1", "http://[fd00::1]:1"),
        ("host:1", "http://host:1"),
    ],
)
def test_urls_can_be_used_on_this_machine(text, url):
    assert render_url(parse_listen(text), is_tls=False) == url
    assert render_url(parse_listen(text), is_tls=True) == url.replace("http", "https")
