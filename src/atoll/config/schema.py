"""The one schema of settings: name, type, default, parser and meaning, side by side.

Owns      every setting. Flags (`--tls-cert`), variables (`ATOLL_TLS_CERT`), keys of atoll.yaml
          (`tls_cert`), `atoll config show` and docs/operations/configuration.md are all derived
          from `Settings`.
Does not  read flags, variables or files (load.py) or check what two settings mean together
          (check.py).
Invariant a default is what its own parser accepts; tests/unit/config proves it.
Units     stand last in a name: `_s` seconds, `_bytes`, `_days`; `_pace` is sleep per time worked.
"""

from __future__ import annotations

import shlex
from typing import Annotated, Final, Literal, get_type_hints

import msgspec

from atoll.base.limits import INLINE_BYTES_MAX
from atoll.base.units import GIB, KIB
from atoll.config.addresses import ListenAddress
from atoll.config.parsing import (
    Parse,
    make_auto,
    make_choice,
    make_duration,
    make_integer,
    make_number,
    make_size,
    parse_addresses,
    parse_domains,
    parse_endpoint,
    parse_flag,
    parse_paths,
    parse_region,
    parse_secret,
    parse_text,
)

Scope = Literal["node", "client", "both"]

ENV_PREFIX: Final = "ATOLL_"
MASK: Final = "********"


class Setting:
    """What the schema says of one setting, besides name, type and default."""

    __slots__ = ("alias", "doc", "example", "group", "is_list", "is_secret", "parse", "scope")

    def __init__(  # noqa: PLR0913 (one row of a table)
        self,
        group: str,
        parse: Parse,
        doc: str,
        *,
        scope: Scope = "node",
        is_secret: bool = False,
        is_list: bool = False,
        example: str = "",
        alias: str = "",
    ) -> None:
        self.group = group
        self.parse = parse
        self.doc = doc
        self.scope = scope
        self.is_secret = is_secret
        self.is_list = is_list
        self.example = example
        #: A second flag.
        self.alias = alias


_DRIVES: Final = "Drives"
_NETWORK: Final = "Network"
_ACCESS: Final = "Access"
_OBJECTS: Final = "Objects"
_JOBS: Final = "Background jobs"
_LOG: Final = "Logs and metrics"
_CLIENT: Final = "Command line"

#: Sixteen: the widest set that core/quorum allows.
_SET_DRIVES_MAX: Final = 16
_PACE_MAX: Final = 1000.0
_DAY_S: Final = 86_400.0


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Every setting with its value. Built by load.py only."""

    drives: Annotated[
        tuple[str, ...],
        Setting(
            _DRIVES,
            parse_paths,
            "Directories that are the drives, in order. Patterns: /mnt/d{1...8}, {01...16}, {a,b}.",
            scope="both",
            is_list=True,
            example="/mnt/d{1...4}",
            alias="--drive",
        ),
    ] = ("./data/d1", "./data/d2", "./data/d3", "./data/d4")
    metadata_paths: Annotated[
        tuple[str, ...],
        Setting(
            _DRIVES,
            parse_paths,
            "Where each drive keeps its database: one path per drive, in the drives' order. "
            "Empty: inside the drive.",
            is_list=True,
            example="/nvme/m{1...4}",
        ),
    ] = ()
    set_drives: Annotated[
        int | None,
        Setting(
            _DRIVES,
            make_auto(make_integer(1, _SET_DRIVES_MAX)),
            "Drives per erasure set. auto: all drives, at most 16. Fixed when the cluster is made.",
        ),
    ] = None
    parity: Annotated[
        int | None,
        Setting(
            _DRIVES,
            make_auto(make_integer(0, _SET_DRIVES_MAX // 2)),
            "Parity shards per set. auto: 0, 1, 1, 2 for 1 to 4 drives, 2 to 7, 3 to 11, 4 to 16. "
            "Fixed when the cluster is made.",
        ),
    ] = None
    reserve_bytes: Annotated[
        int | None,
        Setting(
            _DRIVES,
            make_auto(make_size(0, 1024 * GIB)),
            "Bytes kept free on each drive, so that a full drive still takes deletes. "
            "auto: 1 % of the drive within bounds.",
        ),
    ] = None

    listen: Annotated[
        tuple[ListenAddress, ...],
        Setting(
            _NETWORK,
            parse_addresses,
            "Addresses to serve on: HOST:PORT, [::1]:9000, or :9000 for all addresses.",
            is_list=True,
            example=":9000",
        ),
    ] = (ListenAddress("127.0.0.1", 9000),)
    tls_cert: Annotated[
        str | None,
        Setting(_NETWORK, parse_text, "Certificate chain in PEM; reloaded when the file changes."),
    ] = None
    tls_key: Annotated[
        str | None, Setting(_NETWORK, parse_text, "Private key of the certificate in PEM.")
    ] = None
    domains: Annotated[
        tuple[str, ...],
        Setting(
            _NETWORK,
            parse_domains,
            "Domains under which buckets are host names: BUCKET.s3.example.com.",
            is_list=True,
            example="s3.example.com",
        ),
    ] = ()
    connections_max: Annotated[
        int, Setting(_NETWORK, make_integer(1, 1_000_000), "Connections open at once.")
    ] = 4096
    requests_max: Annotated[
        int,
        Setting(_NETWORK, make_integer(1, 1_000_000), "Requests in flight; more are answered 503."),
    ] = 1024
    drain_s: Annotated[
        float,
        Setting(
            _NETWORK,
            make_duration(0, 3600),
            "How long a stop waits for requests in flight.",
        ),
    ] = 20.0

    region: Annotated[
        str, Setting(_ACCESS, parse_region, "Region that signatures must name.", scope="both")
    ] = "us-east-1"
    access_key: Annotated[
        str | None,
        Setting(
            _ACCESS,
            parse_secret,
            "Root access key, 3 characters or more. Without one the first start generates a pair.",
            scope="both",
        ),
    ] = None
    access_key_file: Annotated[
        str | None,
        Setting(_ACCESS, parse_text, "File that holds the root access key.", scope="both"),
    ] = None
    secret_key: Annotated[
        str | None,
        Setting(
            _ACCESS,
            parse_secret,
            "Root secret key, 8 characters or more. As a flag other users of the machine see it.",
            scope="both",
            is_secret=True,
        ),
    ] = None
    secret_key_file: Annotated[
        str | None,
        Setting(_ACCESS, parse_text, "File that holds the root secret key.", scope="both"),
    ] = None
    metrics_token: Annotated[
        str | None,
        Setting(
            _ACCESS,
            parse_secret,
            "Bearer token for /_atoll/metrics from other machines. Without one only this machine "
            "may read metrics.",
            is_secret=True,
        ),
    ] = None
    metrics_token_file: Annotated[
        str | None, Setting(_ACCESS, parse_text, "File that holds the metrics token.")
    ] = None

    inline_bytes_max: Annotated[
        int,
        Setting(
            _OBJECTS,
            make_size(0, 32 * KIB),
            "Objects up to this size live inside their register; larger ones become shards.",
        ),
    ] = INLINE_BYTES_MAX
    upload_age_days: Annotated[
        int,
        Setting(
            _OBJECTS,
            make_integer(0, 3650),
            "Multipart uploads are aborted so many days after they began. 0: never.",
        ),
    ] = 7

    heal_pace: Annotated[
        float,
        Setting(
            _JOBS,
            make_number(0, _PACE_MAX),
            "Rest after each step of heal, in multiples of the step's time. 0: full speed.",
        ),
    ] = 1.0
    scan_pace: Annotated[
        float,
        Setting(
            _JOBS,
            make_number(0, _PACE_MAX),
            "Rest after each step of the scan for orphans, in multiples of the step's time.",
        ),
    ] = 10.0
    scrub_pace: Annotated[
        float,
        Setting(
            _JOBS,
            make_number(0, _PACE_MAX),
            "Rest after each step of scrub, in multiples of the step's time.",
        ),
    ] = 10.0
    scan_interval_s: Annotated[
        float,
        Setting(_JOBS, make_duration(60, 365 * _DAY_S), "Time between two scans."),
    ] = _DAY_S
    scrub_interval_s: Annotated[
        float,
        Setting(
            _JOBS,
            make_duration(0, 3650 * _DAY_S),
            "Time between two scrubs of all data. 0: only on demand.",
        ),
    ] = 30 * _DAY_S

    log_level: Annotated[
        str,
        Setting(_LOG, make_choice("debug", "info", "warning", "error"), "Least level logged."),
    ] = "info"
    log_format: Annotated[
        str, Setting(_LOG, make_choice("text", "json"), "Form of log lines: text or json.")
    ] = "text"
    access_log: Annotated[bool, Setting(_LOG, parse_flag, "Write one line per request.")] = False

    endpoint: Annotated[
        str,
        Setting(_CLIENT, parse_endpoint, "Node that the commands talk to.", scope="client"),
    ] = "http://127.0.0.1:9000"
    ca_file: Annotated[
        str | None,
        Setting(
            _CLIENT,
            parse_text,
            "Certificates in PEM that the commands trust, besides the system's.",
            scope="client",
        ),
    ] = None
    timeout_s: Annotated[
        float,
        Setting(
            _CLIENT,
            make_duration(0.1, 3600),
            "How long a command waits for an answer.",
            scope="client",
        ),
    ] = 30.0


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One setting with the names it goes by."""

    name: str
    default: object
    setting: Setting

    @property
    def flag(self) -> str:
        """Return the command line flag."""
        return "--" + self.name.replace("_", "-")

    @property
    def env(self) -> str:
        """Return the environment variable."""
        return ENV_PREFIX + self.name.upper()

    @property
    def is_switch(self) -> bool:
        """Return whether the flag takes no value."""
        return isinstance(self.default, bool)

    def render(self, value: object) -> str:
        """Return a value for people; a secret is masked."""
        if value is None:
            return "auto" if self.name in AUTO_NAMES else ""
        if self.setting.is_secret:
            return MASK
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, tuple):
            return shlex.join(str(item) for item in value)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value)


#: Settings whose None means that the node decides.
AUTO_NAMES: Final = frozenset({"set_drives", "parity", "reserve_bytes"})


def _read_entries() -> tuple[Entry, ...]:
    hints = get_type_hints(Settings, include_extras=True)
    entries: list[Entry] = []
    for field in msgspec.structs.fields(Settings):
        (setting,) = hints[field.name].__metadata__
        entries.append(Entry(name=field.name, default=field.default, setting=setting))
    return tuple(entries)


#: All settings in the order of the schema.
ENTRIES: Final = _read_entries()


def entries_for(*scopes: Scope) -> tuple[Entry, ...]:
    """Return the settings that a command of these scopes takes as flags."""
    return tuple(entry for entry in ENTRIES if entry.setting.scope in scopes)
