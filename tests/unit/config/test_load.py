"""Precedence, parsing, secrets, and the one-line errors."""

import msgspec
import pytest

from atoll.config.addresses import ListenAddress
from atoll.config.credentials import KeyPair
from atoll.config.errors import ConfigError
from atoll.config.explain import explain
from atoll.config.load import Rank, load_configuration
from atoll.config.schema import ENTRIES, MASK, Settings


@pytest.fixture(autouse=True)
def empty_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(flags=None, environ=None, config_file=None):
    return load_configuration(flags or {}, environ or {}, config_file=config_file)


def test_without_anything_every_setting_has_its_default():
    found = load()
    assert found.settings == Settings()
    assert {origin.rank for origin in found.origins.values()} == {Rank.DEFAULT}
    assert found.pair is None


WITH_DEFAULT = [entry for entry in ENTRIES if entry.render(entry.default)]


@pytest.mark.parametrize("entry", WITH_DEFAULT, ids=lambda entry: entry.name)
def test_a_default_is_what_its_parser_makes_of_its_rendering(entry):
    assert entry.setting.parse(entry.render(entry.default)) == entry.default


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_every_setting_says_what_it_means(entry):
    assert entry.setting.doc.endswith(".")
    assert entry.env == "ATOLL_" + entry.name.upper()


def test_flag_beats_variable_beats_file_beats_default(empty_directory):
    (empty_directory / "atoll.yaml").write_text("region: file-1\nlog_level: debug\ndrain_s: 5s\n")
    environ = {"ATOLL_REGION": "env-1", "ATOLL_LOG_LEVEL": "error"}
    found = load({"region": "flag-1"}, environ)
    settings = found.settings
    assert (settings.region, settings.log_level, settings.drain_s) == ("flag-1", "error", 5.0)
    assert settings.log_format == "text"
    ranks = [found.origins[name].rank for name in ("region", "log_level", "drain_s", "log_format")]
    assert ranks == [Rank.FLAG, Rank.ENVIRONMENT, Rank.FILE, Rank.DEFAULT]


def test_the_file_is_named_by_flag_or_variable(empty_directory):
    (empty_directory / "one.yaml").write_text("region: one\n")
    (empty_directory / "two.yaml").write_text("region: two\n")
    (empty_directory / "atoll.yaml").write_text("region: three\n")
    assert load(environ={"ATOLL_CONFIG": "two.yaml"}).settings.region == "two"
    found = load(environ={"ATOLL_CONFIG": "two.yaml"}, config_file="one.yaml")
    assert found.settings.region == "one"
    assert found.origins["region"].detail == "one.yaml"


def test_an_empty_variable_counts_as_not_given():
    assert load(environ={"ATOLL_REGION": ""}).settings.region == "us-east-1"


def test_lists_from_every_source(empty_directory):
    (empty_directory / "atoll.yaml").write_text("listen: ['[::1]:9000', ':80']\n")
    found = load({"drives": ["/a", "/b{1...2}"]}, {"ATOLL_METADATA_PATHS": "'/m 1' /m2 /m3"})
    assert found.settings.drives == ("/a", "/b1", "/b2")
    assert found.settings.metadata_paths == ("/m 1", "/m2", "/m3")
    assert found.settings.listen == (ListenAddress("::1", 9000), ListenAddress("", 80))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("inline_bytes_max", "8KiB", 8192),
        ("reserve_bytes", "1 GB", 10**9),
        ("drain_s", "1.5m", 90.0),
        ("drain_s", "250ms", 0.25),
        ("parity", "auto", None),
        ("parity", "1", 1),
        ("access_log", "on", True),
        ("access_log", "No", False),
        ("domains", "S3.Example.com. b.org", ("s3.example.com", "b.org")),
        ("endpoint", "https://[::1]:9000/", "https://[::1]:9000"),
        ("heal_pace", "0", 0.0),
    ],
)
def test_values_are_parsed(name, text, value):
    assert getattr(load({name: text}).settings, name) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("inline_bytes_max", "1GiB"),
        ("inline_bytes_max", "inf"),
        ("inline_bytes_max", "x"),
        ("reserve_bytes", "-1"),
        ("drain_s", "soon"),
        ("drain_s", "2h"),
        ("parity", "9"),
        ("parity", "1.5"),
        ("set_drives", "0"),
        ("access_log", "maybe"),
        ("log_level", "loud"),
        ("region", "US East"),
        ("domains", "-x.org"),
        ("endpoint", "127.0.0.1:9000"),
        ("endpoint", "http://host/path"),
        ("heal_pace", "nan"),
        ("listen", "9000"),
        ("listen", ":80 :80"),
        ("drives", "/d{1..4}"),
        ("drives", "'/d"),
        ("tls_cert", "a\nb"),
    ],
)
def test_a_wrong_value_is_one_line_with_name_source_and_expectation(name, text):
    environ = {"ATOLL_" + name.upper(): text}
    with pytest.raises(ConfigError) as caught:
        load(environ=environ)
    sentence = str(caught.value)
    assert sentence.startswith(f"{name} (from ATOLL_{name.upper()}): expected ")
    assert "found" in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("regoin: x\n", "unknown setting regoin; did you mean region?"),
        ("region: a\nregion: b\n", "region: expected once, found again in line 2"),
        ("- a\n", "expected lines such as"),
        ("a: [\n", "expected YAML"),
        ("region: 5\n", "expected text, found 5; put it in quotes"),
        ("drives: {a: b}\n", "expected a list of texts"),
        ("drives: [1]\n", "expected a list of texts"),
        ("access_log: 3\n", "expected true or false"),
        ("connections_max: true\n", "expected a whole number"),
        ("region: !!python/object:os.system x\n", "expected YAML"),
    ],
)
def test_a_wrong_file_is_refused(empty_directory, content, part):
    (empty_directory / "atoll.yaml").write_text(content)
    with pytest.raises(ConfigError) as caught:
        load()
    assert part in str(caught.value)
    assert "atoll.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"\xff", b"#" * (1 << 20) + b"##"])
def test_an_unreadable_file_is_refused(empty_directory, content):
    (empty_directory / "atoll.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match="configuration file"):
        load()


def test_a_named_file_that_is_missing_is_refused():
    with pytest.raises(ConfigError, match="none.yaml: cannot be read: No such file"):
        load(config_file="none.yaml")


@pytest.mark.parametrize(
    ("flags", "part"),
    [
        ({"tls_cert": "c"}, "tls_key: missing"),
        ({"tls_key": "k"}, "tls_cert: missing"),
        ({"drives": "/a /b", "metadata_paths": "/m"}, "one path per drive (2), found 1"),
        ({"drives": "/a", "metadata_paths": "/a/"}, "paths that are not drives"),
        ({"set_drives": "5"}, "at most 4"),
        ({"parity": "3"}, "0 to 2 for sets of 4 drives"),
        ({"drives": "/d{1...32}", "set_drives": "4", "parity": "3"}, "0 to 2 for sets of 4"),
        ({"metrics_token": "short"}, "8 characters"),
        ({"access_key": "root"}, "secret_key: missing, while access_key is given by --access-key"),
        ({"secret_key": "12345678"}, "access_key: missing"),
        ({"access_key": "ab", "secret_key": "12345678"}, "access_key (from --access-key): "),
        ({"access_key": "abc", "secret_key": "1234567"}, "8 to 128 characters, found 7"),
        ({"access_key": "a/c", "secret_key": "12345678"}, "without spaces"),
        ({"access_key": "abc", "secret_key": "1234567\t8"}, "printable"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(flags, part):
    with pytest.raises(ConfigError) as caught:
        load(flags)
    assert part in str(caught.value)


def test_secrets_come_from_files_without_their_last_new_line(empty_directory):
    (empty_directory / "a").write_text("rootkey\n")
    (empty_directory / "s").write_text("very secret\r\n")
    found = load(environ={"ATOLL_ACCESS_KEY_FILE": "a", "ATOLL_SECRET_KEY_FILE": "s"})
    assert found.pair == KeyPair("rootkey", "very secret")
    assert found.origins["secret_key"].detail == "ATOLL_SECRET_KEY_FILE s"


def test_a_secret_of_a_stronger_source_beats_a_file(empty_directory):
    (empty_directory / "atoll.yaml").write_text("access_key_file: gone\nsecret_key_file: gone\n")
    found = load(environ={"ATOLL_ACCESS_KEY": "envkey", "ATOLL_SECRET_KEY": "envsecret"})
    assert found.pair == KeyPair("envkey", "envsecret")


def test_a_secret_given_twice_by_one_source_is_refused(empty_directory):
    (empty_directory / "s").write_text("12345678")
    environ = {
        "ATOLL_ACCESS_KEY": "abc",
        "ATOLL_SECRET_KEY": "87654321",
        "ATOLL_SECRET_KEY_FILE": "s",
    }
    with pytest.raises(ConfigError, match="secret_key: given twice"):
        load(environ=environ)


def test_no_error_and_no_row_repeats_a_secret(empty_directory):
    secret = "do-not-show-this\t"
    with pytest.raises(ConfigError) as caught:
        load({"access_key": "abc", "secret_key": secret})
    assert "do-not-show" not in str(caught.value)
    (empty_directory / "atoll.yaml").write_text("secret_key: 1234567890123\naccess_key: abc\n")
    with pytest.raises(ConfigError) as caught:
        load()
    assert "1234567890123" not in str(caught.value)


def test_explanations_name_value_source_and_meaning_and_mask_secrets(empty_directory):
    (empty_directory / "atoll.yaml").write_text("metrics_token: tokentoken\n")
    found = load({"access_key": "abc"}, {"ATOLL_SECRET_KEY": "secretsecret"})
    rows = {row.name: row for row in explain(found)}
    assert set(rows) == {field.name for field in msgspec.structs.fields(Settings)}
    assert (rows["secret_key"].value, rows["secret_key"].source) == (MASK, "environment")
    assert (rows["metrics_token"].value, rows["metrics_token"].detail) == (MASK, "atoll.yaml")
    assert (rows["access_key"].value, rows["access_key"].detail) == ("abc", "--access-key")
    assert rows["parity"].value == "auto"
    assert "secretsecret" not in repr(rows)
    assert "secretsecret" not in repr(found.pair)


def test_near_misses_among_variables_are_told():
    environ = {"ATOLL_REGOIN": "x", "ATOLL_PORT": "tcp://10.0.0.1", "ATOLL_SERVICE_HOST": "x"}
    warnings = load(environ=environ).warnings
    assert warnings == ("ATOLL_REGOIN is no setting; did you mean ATOLL_REGION?",)
