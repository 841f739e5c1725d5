"""Load the configuration: flag, then variable, then file, then default.

Owns      the order of sources, the reading of atoll.yaml and of `…_file` secrets. The only place
          that is given the environment.
Does not  know which flags exist (schema.py) or whether paths exist (the node).
File      `--config`, else `ATOLL_CONFIG`, else ./atoll.yaml where present. One YAML mapping of
          setting names; an unknown name, a name given twice or an unreadable file is an error,
          never ignored.
Secrets   a `…_file` setting replaces its setting; both from the same kind of source is an error.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path
from typing import Final

import msgspec
import yaml

from atoll.config.check import check_settings
from atoll.config.credentials import KeyPair, parse_pair
from atoll.config.errors import ConfigError
from atoll.config.parsing import Raw
from atoll.config.schema import ENTRIES, ENV_PREFIX, Entry, Settings

CONFIG_BYTES_MAX: Final = 1 << 20
SECRET_BYTES_MAX: Final = 4096
#: Likeness from which a name counts as a misspelling of another, 0 to 1.
_ALIKE: Final = 0.8
CONFIG_NAME: Final = "atoll.yaml"
CONFIG_ENV: Final = ENV_PREFIX + "CONFIG"

#: Settings that a file can hold, by the name of the setting that names the file.
_FILE_TWINS: Final = {
    "access_key_file": "access_key",
    "secret_key_file": "secret_key",
    "metrics_token_file": "metrics_token",
}


class Rank(IntEnum):
    """Kinds of sources; the greater wins."""

    DEFAULT = 0
    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


class Origin(msgspec.Struct, frozen=True):
    """Where a value came from. `detail` is the flag, variable or file."""

    rank: Rank
    detail: str = "default"


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """The settings, where each came from, and what the operator should know."""

    settings: Settings
    origins: Mapping[str, Origin]
    file: str | None = None
    #: One sentence each: variables that look like settings but are none.
    warnings: tuple[str, ...] = ()

    @property
    def pair(self) -> KeyPair | None:
        """Return the configured root pair, or None where the drives keep it."""
        settings = self.settings
        if settings.access_key is None or settings.secret_key is None:
            return None
        return KeyPair(settings.access_key, settings.secret_key)


def load_configuration(
    flags: Mapping[str, Raw], environ: Mapping[str, str], *, config_file: str | None = None
) -> Configuration:
    """Return the configuration of a command.

    `flags` holds what the command line gave, by setting name; None means not given.

    Raises
        ConfigError: a source cannot be read, or a value is not what its setting expects.
    """
    file = _find_file(config_file, environ)
    rows = _read_file(file) if file is not None else {}
    values: dict[str, object] = {}
    origins: dict[str, Origin] = {}
    for entry in ENTRIES:
        raw, origin = _pick(entry, flags, environ, (rows, str(file)))
        origins[entry.name] = origin
        if origin.rank is not Rank.DEFAULT:
            values[entry.name] = _parse(entry, raw, origin)
    _read_secrets(values, origins)
    _check_pair(values, origins)
    settings = Settings(**values)  # type: ignore[arg-type]  # each value comes from its own parser
    check_settings(settings)
    return Configuration(
        settings=settings,
        origins=origins,
        file=None if file is None else str(file),
        warnings=_find_strangers(environ),
    )


def _pick(
    entry: Entry,
    flags: Mapping[str, Raw],
    environ: Mapping[str, str],
    file: tuple[Mapping[str, Raw], str],
) -> tuple[Raw, Origin]:
    raw = flags.get(entry.name)
    if raw is not None and raw not in ((), []):
        return raw, Origin(Rank.FLAG, entry.flag)
    # An empty variable counts as not given: compose files and unit files often leave them empty.
    if text := environ.get(entry.env):
        return text, Origin(Rank.ENVIRONMENT, entry.env)
    rows, path = file
    if rows.get(entry.name) is not None:
        return rows[entry.name], Origin(Rank.FILE, path)
    return None, Origin(Rank.DEFAULT)


def _parse(entry: Entry, raw: Raw, origin: Origin) -> object:
    try:
        return entry.setting.parse(raw)
    except ValueError as exc:
        raise ConfigError(f"{entry.name} (from {origin.detail}): {exc}") from exc


def _find_file(given: str | None, environ: Mapping[str, str]) -> Path | None:
    named = given or environ.get(CONFIG_ENV)
    if named:
        return Path(named)
    default = Path(CONFIG_NAME)
    return default if default.is_file() else None


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML whose mappings name no key twice."""


def _construct_mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[str, Raw]:
    mapping: dict[str, Raw] = {}
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in mapping:
            raise ConfigError(
                f"{key}: expected once, found again in line {key_node.start_mark.line + 1}"
            )
        mapping[key] = loader.construct_object(value_node, deep=True)
    return mapping


_StrictLoader.add_constructor("tag:yaml.org,2002:map", _construct_mapping)


def _read_file(path: Path) -> Mapping[str, Raw]:
    text = _read_text(path, CONFIG_BYTES_MAX, "configuration file")
    try:
        rows = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 (a SafeLoader)
    except ConfigError as exc:
        raise ConfigError(f"configuration file {path}: {exc}") from exc
    except yaml.YAMLError as exc:
        sentence = " ".join(str(exc).split())
        raise ConfigError(f"configuration file {path}: expected YAML, found {sentence}") from exc
    if rows is None:
        return {}
    if not isinstance(rows, dict):
        raise ConfigError(f"configuration file {path}: expected lines such as 'region: us-east-1'")
    names = [entry.name for entry in ENTRIES]
    for name in rows:
        if name not in names:
            raise ConfigError(
                f"configuration file {path}: unknown setting {name}{_suggest(name, names)}"
            )
    return rows


def _read_text(path: Path, bytes_max: int, what: str) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(bytes_max + 1)
    except OSError as exc:
        raise ConfigError(f"{what} {path}: cannot be read: {exc.strerror or exc}") from exc
    if len(content) > bytes_max:
        raise ConfigError(f"{what} {path}: expected at most {bytes_max} bytes, found more")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{what} {path}: expected UTF-8 text, found other bytes") from exc


def _read_secrets(values: dict[str, object], origins: dict[str, Origin]) -> None:
    for file_name, name in _FILE_TWINS.items():
        by_file, direct = origins[file_name], origins[name]
        if by_file.rank is Rank.DEFAULT or direct.rank > by_file.rank:
            continue
        if direct.rank is by_file.rank:
            raise ConfigError(
                f"{name}: given twice, by {direct.detail} and {by_file.detail}; keep one"
            )
        path = Path(str(values[file_name]))
        # Editors and `echo` end a file with a new line; it is not part of the secret.
        values[name] = _read_text(path, SECRET_BYTES_MAX, f"{file_name}").rstrip("\r\n")
        origins[name] = Origin(by_file.rank, f"{by_file.detail} {path}")


def _check_pair(values: Mapping[str, object], origins: Mapping[str, Origin]) -> None:
    access, secret = values.get("access_key"), values.get("secret_key")
    if access is None and secret is None:
        return
    for name, value in (("access_key", access), ("secret_key", secret)):
        if value is None:
            other = "secret_key" if name == "access_key" else "access_key"
            raise ConfigError(f"{name}: missing, while {other} is given by {origins[other].detail}")
    try:
        parse_pair(str(access), str(secret))
    except ConfigError as exc:
        name, _, what = str(exc).partition(": ")
        raise ConfigError(f"{name} (from {origins[name].detail}): {what}") from exc


def _find_strangers(environ: Mapping[str, str]) -> tuple[str, ...]:
    known = [entry.name for entry in ENTRIES] + ["config"]
    strangers: list[str] = []
    for variable in sorted(environ):
        name = variable.removeprefix(ENV_PREFIX).lower()
        if not variable.startswith(ENV_PREFIX) or name in known:
            continue
        # Only near misses: Kubernetes sets ATOLL_PORT … for a service that is called atoll.
        close = difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE)
        if close:
            meant = ENV_PREFIX + close[0].upper()
            strangers.append(f"{variable} is no setting; did you mean {meant}?")
    return tuple(strangers)


def _suggest(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=_ALIKE)
    return f"; did you mean {close[0]}?" if close else ""
