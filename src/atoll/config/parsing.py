"""Parsers of settings: from what a flag, a variable or a YAML file holds to a typed value.

A `Raw` is text (flags, variables) or what YAML made of a value. A parser returns the value or
raises ValueError with "expected …, found …"; the loader puts the setting's name and source in
front. Lists in one text are separated by white space, and quotes protect it, as in a shell.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from typing import Final

from atoll.base.units import parse_size
from atoll.config.addresses import ListenAddress, parse_listen
from atoll.config.patterns import expand_patterns

Raw = str | int | float | bool | None | Sequence["Raw"]
Parse = Callable[[Raw], object]

_REGION: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LABEL: Final = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN: Final = re.compile(rf"({_LABEL}\.)*{_LABEL}")
_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?")
_DURATION_S: Final = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def parse_text(raw: Raw) -> str:
    """Return non-empty text."""
    if not isinstance(raw, str):
        raise ValueError(f"expected text, found {raw!r}; put it in quotes")
    if not raw or "\0" in raw or "\n" in raw:
        raise ValueError("expected one line of text, found none or several")
    return raw


def parse_secret(raw: Raw) -> str:
    """Return text, without ever repeating it in an error."""
    if not isinstance(raw, str):
        raise ValueError("expected text, found something else (not shown); put it in quotes")
    return raw


def parse_flag(raw: Raw) -> bool:
    """Return a truth value."""
    if isinstance(raw, bool):
        return raw
    text = str(raw).strip().lower()
    if text in _YES:
        return True
    if text in _NO:
        return False
    raise ValueError(f"expected true or false, found {raw!r}")


def make_integer(least: int, most: int) -> Parse:
    """Return a parser of integers from `least` to `most`."""

    def parse(raw: Raw) -> int:
        wanted = f"expected a whole number from {least} to {most}, found {raw!r}"
        if isinstance(raw, bool) or not isinstance(raw, (int, str)):
            raise ValueError(wanted)
        try:
            value = int(raw)
        except ValueError as exc:
            raise ValueError(wanted) from exc
        if not least <= value <= most:
            raise ValueError(wanted)
        return value

    return parse


def make_number(least: float, most: float) -> Parse:
    """Return a parser of numbers from `least` to `most`."""

    def parse(raw: Raw) -> float:
        wanted = f"expected a number from {least:g} to {most:g}, found {raw!r}"
        if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
            raise ValueError(wanted)
        try:
            value = float(raw)
        except ValueError as exc:
            raise ValueError(wanted) from exc
        if not least <= value <= most:
            raise ValueError(wanted)
        return value

    return parse


def make_size(least: int, most: int) -> Parse:
    """Return a parser of sizes such as `16KiB`."""

    def parse(raw: Raw) -> int:
        if isinstance(raw, bool) or not isinstance(raw, (int, str)):
            raise ValueError(f"expected a size such as 16KiB, found {raw!r}")
        try:
            value = parse_size(str(raw))
        except (ValueError, OverflowError) as exc:
            raise ValueError(f"expected a size such as 16KiB, found {raw!r}") from exc
        if not least <= value <= most:
            raise ValueError(f"expected {least} to {most} bytes, found {raw!r}")
        return value

    return parse


def make_duration(least_s: float, most_s: float) -> Parse:
    """Return a parser of durations such as `30s`, `12h` or `7d`, in seconds."""

    def parse(raw: Raw) -> float:
        wanted = f"expected a duration such as 30s, 12h or 7d, found {raw!r}"
        if isinstance(raw, bool) or not isinstance(raw, (int, float, str)):
            raise ValueError(wanted)
        found = _DURATION.fullmatch(str(raw).strip().lower())
        if found is None:
            raise ValueError(wanted)
        value = float(found[1]) * _DURATION_S[found[2]]
        if not least_s <= value <= most_s:
            raise ValueError(f"expected {least_s:g} to {most_s:g} seconds, found {raw!r}")
        return value

    return parse


def make_choice(*choices: str) -> Parse:
    """Return a parser of one of several words."""

    def parse(raw: Raw) -> str:
        word = str(raw).strip().lower()
        if word not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}, found {raw!r}")
        return word

    return parse


def make_auto(parse: Parse) -> Parse:
    """Return a parser that reads `auto` as None and anything else by `parse`."""

    def parse_or_auto(raw: Raw) -> object:
        return None if isinstance(raw, str) and raw.strip().lower() == "auto" else parse(raw)

    return parse_or_auto


def parse_words(raw: Raw) -> tuple[str, ...]:
    """Return a list of texts: a YAML list, or one text separated by white space."""
    if isinstance(raw, str):
        try:
            return tuple(shlex.split(raw))
        except ValueError as exc:
            raise ValueError(f"expected words with matching quotes, found {raw!r}") from exc
    if isinstance(raw, Sequence) and all(isinstance(item, str) for item in raw):
        return tuple(str(item) for item in raw)
    raise ValueError(f"expected a list of texts, found {raw!r}")


def parse_paths(raw: Raw) -> tuple[str, ...]:
    """Return the paths of a list of patterns."""
    return expand_patterns(parse_words(raw))


def parse_addresses(raw: Raw) -> tuple[ListenAddress, ...]:
    """Return listen addresses, at least one, none twice."""
    addresses = tuple(parse_listen(word) for word in parse_words(raw))
    if not addresses or len(set(addresses)) < len(addresses):
        raise ValueError(f"expected one or more different addresses, found {raw!r}")
    return addresses


def parse_region(raw: Raw) -> str:
    """Return a region name."""
    text = parse_text(raw)
    if not _REGION.fullmatch(text):
        raise ValueError(f"expected lower-case letters, digits and dashes, found {raw!r}")
    return text


def parse_domains(raw: Raw) -> tuple[str, ...]:
    """Return domain names in lower case."""
    domains = tuple(word.lower().rstrip(".") for word in parse_words(raw))
    for domain in domains:
        if not _DOMAIN.fullmatch(domain) or len(domain) > 253:
            raise ValueError(f"expected a domain such as s3.example.com, found {domain!r}")
    return domains


def parse_endpoint(raw: Raw) -> str:
    """Return a URL of a node, without a path."""
    text = parse_text(raw).rstrip("/")
    if not re.fullmatch(r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?", text):
        raise ValueError(f"expected a URL such as http://127.0.0.1:9000, found {raw!r}")
    return text
