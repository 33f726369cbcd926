"""
The log: one line per event on one stream, no secret in it.

Rule: events are `<subject>.<past participle>` with facts as fields. Whatever is printed, be it our
event, a library's line or a trace, passes one redaction by value as its last step: the secrets
themselves, URL-encoded (any part of them, twice too), in base64 (both alphabets, at any place in a
longer text), in hex, in either case, and anything shaped like a bot token. Libraries that print
headers or addresses are pinned to warnings and stay pinned at every level of ours.

Traces never show local variables. The log reads no clock: the time is handed in.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import string
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

from watcher.domain.alert import SECOND_US, Moment

PINNED = ("ccxt", "httpx", "httpcore", "aiohttp", "telegram", "apscheduler", "asyncio", "hpack")
"""Libraries whose lines below a warning hold addresses, headers or tokens, or say nothing."""

SILENCED = ("telegram.request.BaseRequest", "telegram.ext", "urllib3")
"""They print answers or addresses with their errors; `watcher.channels` tells those itself."""

SECRET_LENGTH_MIN = 6
"""Shorter texts are no secrets and would blot out words."""

REDACTED = "<redacted>"
_BOT_TOKEN = re.compile(r"\d{6,14}:[A-Za-z0-9_-]{30,}")

Event = MutableMapping[str, Any]

Letter = tuple[str, ...]
"""The ways one character of an encoded secret may be written, each a pattern of its own."""


class Redactor:
    """Replaces secrets in a text, whichever of the usual encodings they come in."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {
            form
            for secret in secrets
            if len(secret) >= SECRET_LENGTH_MIN
            for form in _forms(secret)
            if len(form) >= SECRET_LENGTH_MIN
        }
        # sorted by their beginnings: with three hundred secrets a line still takes microseconds
        begun: dict[str, list[str]] = defaultdict(list)
        # longest first: no form may be left half replaced by one it contains
        for form in sorted(forms, key=lambda form: (-len(form), form)):
            rest = "".join(map(_pattern, form[1:]))
            for way in form[0]:
                first = way[:2] if way[0] == "\\" else way[0]
                begun[first].append(way[len(first) :] + rest)
        known = [f"{first}(?:{'|'.join(rests)})" for first, rests in begun.items()]
        self._known = re.compile("|".join(known)) if known else None

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _BOT_TOKEN.sub(REDACTED, text)


def configure(
    *,
    stream: TextIO,
    level: str,
    secrets: Iterable[str],
    now: Callable[[], Moment],
    colours: bool | None = None,
) -> Redactor:
    """
    Set up structlog and the standard library's logging on *stream*; return the redaction.

    *level* is a name such as "info". *colours* None: as the stream is a terminal; without them
    every line is one JSON object.
    """
    redact = Redactor(secrets)
    pretty = stream.isatty() if colours is None else colours
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        _Stamp(now),
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _Redacted(_renderer(pretty=pretty), redact),
        ],
    )
    handler = _handler(stream, formatter)
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    _pin()
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    return redact


def _handler(stream: TextIO, formatter: logging.Formatter) -> logging.Handler:
    handler = _OneLine(stream)
    handler.setFormatter(formatter)
    return handler


class _OneLine(logging.StreamHandler[TextIO]):
    """A stream that is gone (a closed pipe) must not take the watcher down or print traces."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        del record


class _Stamp:
    """Adds the time of the event, in UTC, by the daemon's own clock."""

    def __init__(self, now: Callable[[], Moment]) -> None:
        self._now = now

    def __call__(self, _logger: object, _method: str, event: Event) -> Event:
        wall_us = self._now().wall_us
        at = datetime.fromtimestamp(wall_us // SECOND_US, UTC)
        stamp = at.strftime("%Y-%m-%dT%H:%M:%S")
        event["at"] = f"{stamp}.{wall_us % SECOND_US // 1000:03d}Z"
        return event


class _Redacted:
    """The renderer, with the redaction of its whole line."""

    def __init__(self, render: Callable[[Any, str, Event], str], redact: Redactor) -> None:
        self._render = render
        self._redact = redact

    def __call__(self, logger: object, method: str, event: Event) -> str:
        return self._redact(str(self._render(logger, method, event)))


def _renderer(*, pretty: bool) -> Callable[[Any, str, Event], Any]:
    if pretty:
        # the plain formatter: rich ones print local variables, and with them keys
        return structlog.dev.ConsoleRenderer(
            timestamp_key="at", exception_formatter=structlog.dev.plain_traceback
        )
    # JSON escapes control characters, so no foreign text can start a line
    return structlog.processors.JSONRenderer(serializer=json.dumps, default=str)


def _pin() -> None:
    for name in PINNED:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in SILENCED:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # a library that was set to DEBUG deeper down would get around its parent's level
    for name, logger in logging.Logger.manager.loggerDict.items():
        deeper = name.split(".")[0] in PINNED and name not in SILENCED and "." in name
        if deeper and isinstance(logger, logging.Logger):
            logger.setLevel(logging.NOTSET)


def _forms(secret: str) -> Iterator[tuple[Letter, ...]]:
    raw = secret.encode("utf-8", errors="surrogatepass")
    yield tuple(map(_escapable, secret))
    yield _exactly(json.dumps(secret)[1:-1])
    yield _exactly(json.dumps(secret, ensure_ascii=False)[1:-1])
    yield _exactly(repr(secret)[1:-1])
    yield tuple(_either_case(digit) for digit in raw.hex())
    # base64 of a longer text holds a secret at one of three offsets; the characters that depend on
    # its neighbours are left out
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        first = -(-offset * 8 // 6)
        usable = (offset + len(raw)) * 8 // 6
        yield tuple(_BASE64.get(char, (char,)) for char in text[first:usable])


def _exactly(text: str) -> tuple[Letter, ...]:
    return tuple((re.escape(char),) for char in text)


# no encoder touches these
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")


def _escapable(char: str) -> Letter:
    if char in _UNRESERVED:
        return (re.escape(char),)
    escaped = "".join(map(_escape, char.encode("utf-8", errors="surrogatepass")))
    plus = ("\\+",) if char == " " else ()
    return (re.escape(char), *plus, escaped)


def _escape(byte: int) -> str:
    # encoded once more, the sign itself is %25
    return "%(?:25)*" + "".join(map(_pattern, map(_either_case, f"{byte:02x}")))


def _either_case(digit: str) -> Letter:
    return (digit, digit.upper()) if digit.isalpha() else (digit,)


def _pattern(letter: Letter) -> str:
    if len(letter) == 1:
        return letter[0]
    # a class is quicker to compile and to match than a choice
    return f"[{''.join(letter)}]" if all(map(str.isalpha, letter)) else f"(?:{'|'.join(letter)})"


_BASE64: dict[str, Letter] = {
    "+": ("\\+", "-", _escape(ord("+"))),
    "/": ("/", "_", _escape(ord("/"))),
}
"""Both alphabets, and as a query has them."""
