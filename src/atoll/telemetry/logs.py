"""Logs: what the standard logging module collects, as JSON or text lines through a LineSink.

Owns      the form of a log line, and the one configuration of the root logger.
Does not  decide what is logged; secrets are kept out where records are made, and by `redact` where
          foreign text (an exception of a library, a URL) may carry a signature.
Invariant a log call never waits for the stream and never raises. One record is one line: line ends
          inside are escaped, so that no client can forge a record.
"""

from __future__ import annotations

import logging
import re
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import msgspec

from atoll.telemetry.sink import LineSink

_SIGNATURES: Final = re.compile(
    r"(?i)((?:x-amz-signature|x-amz-security-token|signature|secret[_-]?(?:access[_-]?)?key"
    r"|password|token)[\"']?\s*[=:]\s*[\"']?)([^&\s\"',;]+)"
)
#: Control characters of latin-1 and the two line separators of Unicode.
_CONTROLS: Final = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {
    ord("\n"): "\\n",
    ord("\r"): "\\r",
    ord("\t"): "\\t",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}
#: What JSON itself lets stand.
_JSON_CONTROLS: Final = {code: f"\\u{code:04x}" for code in (*range(127, 160), 0x2028, 0x2029)}


class LogForm(Enum):
    """How lines look."""

    TEXT = "text"
    JSON = "json"


def redact(text: str) -> str:
    """Return `text` with the values of signatures, tokens and passwords replaced."""
    return _SIGNATURES.sub(r"\1***", text)


def escape_controls(text: str) -> str:
    """Return `text` without control characters, each written as an escape."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def encode_json_line(value: object) -> str:
    """Return `value` as JSON without a character that a reader may take for a line end."""
    line = msgspec.json.encode(value).decode()
    return line if line.isprintable() else line.translate(_JSON_CONTROLS)


class _Formatter(logging.Formatter):
    """Base of both forms: message and trace as one redacted text."""

    def text_of(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text = f"{text}\n{self.formatException(record.exc_info)}"
        return redact(text)


class TextFormatter(_Formatter):
    """`2025-01-31T12:00:00.123Z WARNING atoll.http.server: message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        text = escape_controls(self.text_of(record))
        return f"{_timestamp(record.created)} {record.levelname} {record.name}: {text}"


class JsonFormatter(_Formatter):
    """One JSON object with time, level, logger and message."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        return encode_json_line(
            {
                "time": _timestamp(record.created),
                "level": record.levelname,
                "logger": record.name,
                "message": self.text_of(record),
            }
        )


def _timestamp(created_s: float) -> str:
    moment = datetime.fromtimestamp(created_s, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


class SinkHandler(logging.Handler):
    """Format in the caller's thread, write in the sink's."""

    def __init__(self, sink: LineSink, form: LogForm) -> None:
        super().__init__()
        self._sink = sink
        self.setFormatter(JsonFormatter() if form is LogForm.JSON else TextFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one record."""
        try:
            line = self.format(record)
        except (TypeError, ValueError, KeyError, UnicodeError) as exc:
            # Arguments that do not fit their format string: our bug, but not worth a request.
            line = f"a log record of {record.name} cannot be formatted: {exc!r}"
        self._sink.write(line)


def configure_logging(sink: LineSink, form: LogForm, level: int) -> None:
    """Send the records of all loggers to `sink`, and nowhere else.

    Called once, by the process that owns the root logger. Notes of asyncio below WARNING are
    dropped.
    """
    root = logging.getLogger()
    for handler in tuple(root.handlers):
        root.removeHandler(handler)
    root.addHandler(SinkHandler(sink, form))
    root.setLevel(level)
    logging.getLogger("asyncio").setLevel(max(level, logging.WARNING))
    logging.raiseExceptions = False
