"""The form of log lines, and what must not be in them."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from atoll.telemetry.logs import (
    JsonFormatter,
    LogForm,
    SinkHandler,
    TextFormatter,
    configure_logging,
    escape_controls,
    redact,
)
from fakes.lines import ListSink


def record(message: str, *args: object, error: Exception | None = None) -> logging.LogRecord:
    info = (type(error), error, None) if error is not None else None
    made = logging.LogRecord("atoll.x", logging.WARNING, "", 1, message, args, info)
    made.created = 1_704_164_645.25
    return made


def test_both_forms() -> None:
    text = TextFormatter().format(record("%d of %s", 3, "four"))
    assert text == "2024-01-02T03:04:05.250Z WARNING atoll.x: 3 of four"
    assert json.loads(JsonFormatter().format(record("%d of %s", 3, "four"))) == {
        "time": "2024-01-02T03:04:05.250Z",
        "level": "WARNING",
        "logger": "atoll.x",
        "message": "3 of four",
    }


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_one_record_is_one_line(formatter: logging.Formatter) -> None:
    forged = "x\n2024-01-02T03:04:05.250Z ERROR atoll: forged\r\x1b[2J\u2028\x85"
    line = formatter.format(record(forged, error=ValueError("a\nb")))
    assert len(line.splitlines()) == 1
    assert "\x1b" not in line
    assert "ValueError" in line


@pytest.mark.parametrize(
    "text",
    [
        "GET /k?X-Amz-Credential=A&X-Amz-Signature=5ec2e7&x=1",
        "signature: 5ec2e7",
        '{"secret_key": "5ec2e7"}',
        "SecretAccessKey=5ec2e7",
        "x-amz-security-token: 5ec2e7",
        "password = 5ec2e7",
    ],
)
def test_secrets_in_foreign_text_are_replaced(text: str) -> None:
    assert "5ec2e7" not in redact(text)
    assert "***" in redact(text)


def test_printable_text_stays_as_it_is() -> None:
    assert escape_controls("café ünïcode") == "café ünïcode"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """Return the root logger, and put it back afterwards."""
    logger = logging.getLogger()
    kept = (list(logger.handlers), logger.level, logging.raiseExceptions)
    quiet = logging.getLogger("asyncio").level
    yield logger
    logger.handlers[:], logger.level, logging.raiseExceptions = kept
    logging.getLogger("asyncio").setLevel(quiet)


def test_configuring_replaces_all_handlers(root: logging.Logger) -> None:
    sink = ListSink()
    configure_logging(sink, LogForm.TEXT, logging.INFO)
    logging.getLogger("atoll.y").info("hello")
    logging.getLogger("atoll.y").debug("quiet")
    assert [type(handler) for handler in root.handlers] == [SinkHandler]
    assert [line.partition(" ")[2] for line in sink.lines] == ["INFO atoll.y: hello"]


def test_a_record_with_wrong_arguments_is_reported_not_raised() -> None:
    sink = ListSink()
    SinkHandler(sink, LogForm.TEXT).emit(record("%d", "no number"))
    assert "cannot be formatted" in sink.lines[0]
