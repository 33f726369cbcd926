"""The log: one line per event, and no secret in any form, whoever prints it."""

from __future__ import annotations

import base64
import io
import json
import logging
import urllib.parse
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.service_stand_ins import moment
from watcher import logs
from watcher.settings import Settings
from watcher.settings.hidden import secrets_of

SECRET = "s3cr3t/Key+With=Odd&Signs"
TOKEN = "123456789:AAExampleTokenOfTheTestsNotARealOne01"


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    yield
    root.handlers[:], level = before[0], before[1]
    root.setLevel(level)
    structlog.reset_defaults()


def lines_of(*, colours: bool = False, level: str = "debug") -> io.StringIO:
    stream = io.StringIO()
    logs.configure(stream=stream, level=level, secrets=[SECRET, ""], now=moment, colours=colours)
    return stream


def forms() -> list[str]:
    raw = SECRET.encode()
    quoted = urllib.parse.quote(SECRET, safe="")
    return [
        SECRET,
        quoted,
        urllib.parse.quote_plus(SECRET),
        urllib.parse.quote(SECRET, safe="/"),
        quoted.replace("%2F", "%2f"),
        quoted.replace("%2F", "/").replace("%3D", "="),
        urllib.parse.quote(quoted, safe=""),
        raw.hex(),
        raw.hex().upper(),
        raw.hex().replace("b", "B"),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    ]


def test_an_event_is_one_line_of_json_with_its_time() -> None:
    stream = lines_of()

    structlog.get_logger().bind(account="main").info("poll.completed", health=2.31)

    [line] = stream.getvalue().splitlines()
    assert json.loads(line) == {
        "event": "poll.completed",
        "account": "main",
        "health": 2.31,
        "level": "info",
        "at": "2026-09-21T14:13:20.000Z",
    }


@pytest.mark.parametrize("form", forms())
@pytest.mark.parametrize("colours", [False, True])
def test_no_form_of_a_secret_is_printed(form: str, *, colours: bool) -> None:
    stream = lines_of(colours=colours)

    structlog.get_logger().warning("request.failed", url=f"https://x/?key={form}&a=1", n=[form])
    logging.getLogger("any.library").warning("GET /bot%s/x", form)

    assert form not in stream.getvalue()
    assert stream.getvalue().count(logs.REDACTED) == 3


@pytest.mark.parametrize("prefix", ["", "a", "ab", "user:", "key:x"])
def test_a_secret_within_a_longer_base64_is_not_printed(prefix: str) -> None:
    """As in a basic authorisation header: the encoding starts anywhere in the secret's bytes."""
    redact = logs.Redactor([SECRET])
    text = f"{prefix}{SECRET}:tail"
    whole = base64.b64encode(text.encode()).decode()

    left = redact(whole).split(logs.REDACTED)

    assert len(left) == 2
    # all but the two bytes at either end, whose bits the neighbours share
    assert len(whole) - sum(map(len, left)) >= (len(SECRET) - 2) * 4 // 3
    url_safe = base64.urlsafe_b64encode(text.encode()).decode()
    for other in (url_safe, urllib.parse.quote(whole, safe=""), urllib.parse.quote(url_safe)):
        assert len(redact(other).split(logs.REDACTED)) == 2


@pytest.mark.parametrize("secret", ["~~~???>>>///+++", "a b c/d+e=f&g", 'ü"\\日本語\n%41x'])
def test_odd_characters_of_a_secret_are_found_in_every_encoding(secret: str) -> None:
    """Those whose base64 differs between the alphabets, and those that are escaped anywhere."""
    redact = logs.Redactor([secret])
    raw = secret.encode()
    forms = [
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        urllib.parse.quote(secret),
        urllib.parse.quote_plus(secret),
        urllib.parse.quote(secret, safe="").lower(),
        raw.hex(),
        base64.b64encode(raw).decode().rstrip("="),
        base64.urlsafe_b64encode(raw).decode().rstrip("="),
        urllib.parse.quote(base64.b64encode(raw).decode().rstrip("="), safe=""),
    ]

    for form in forms:
        left = redact(f"<{form}>").split(logs.REDACTED)
        assert len(left) == 2, form
        assert len(left[0]) + len(left[1]) <= 5, (form, left)


def _sign(secret: str) -> None:
    inner = secret[:0] or len(secret) * "♠"
    raise ValueError(f"signed with {secret}", inner[:0])


def test_a_trace_shows_no_local_variables_and_no_secret() -> None:
    for colours in (False, True):
        stream = lines_of(colours=colours)
        try:
            _sign(SECRET)
        except ValueError:
            structlog.get_logger().exception("venue.failed")
            logging.getLogger("any.library").exception("failed too")
        assert "♠" not in stream.getvalue()
        assert "\\u2660" not in stream.getvalue()
        assert SECRET not in stream.getvalue()
        assert stream.getvalue().count("signed with <redacted>") == 2


def test_anything_shaped_like_a_bot_token_is_redacted() -> None:
    redact = logs.Redactor([])

    assert redact(f"POST /bot{TOKEN}/sendMessage") == "POST /bot<redacted>/sendMessage"
    assert redact("at 12:30 order 123456789:short") == "at 12:30 order 123456789:short"


@pytest.mark.parametrize("name", ["ccxt.base.exchange", "httpx", "httpcore.http11", "telegram.Bot"])
def test_libraries_stay_pinned_at_our_loudest_level(name: str) -> None:
    logging.getLogger(name).setLevel(logging.DEBUG)
    stream = lines_of(level="debug")

    logging.getLogger(name).info("HTTP Request: POST https://x/bot%s/getMe", TOKEN)
    logging.getLogger(name).warning("worth knowing")

    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == [
        "worth knowing"
    ]


def test_a_text_from_outside_cannot_start_a_line() -> None:
    stream = lines_of()

    structlog.get_logger().info("poll.missed", reason='x\n{"event": "alert.resolved"}\r\x1b[2K')

    assert len(stream.getvalue().splitlines()) == 1


def test_events_below_the_level_are_not_printed() -> None:
    stream = lines_of(level="warning")

    structlog.get_logger().info("poll.completed")

    assert stream.getvalue() == ""


def test_a_closed_stream_takes_nobody_down() -> None:
    stream = lines_of()
    stream.close()

    structlog.get_logger().warning("poll.missed")


@given(st.text(min_size=logs.SECRET_LENGTH_MIN, max_size=40), st.text(max_size=20))
def test_a_secret_is_found_in_any_text(secret: str, around: str) -> None:
    try:
        secret.encode()
    except UnicodeEncodeError:
        return
    text = f"{around}{secret}{around}"

    assert secret not in logs.Redactor([secret])(text) or secret in logs.REDACTED


def test_the_pieces_of_a_key_and_of_an_address_are_secrets_too() -> None:
    """A library may log a line of a PEM, or the path of an address without its host."""
    settings = Settings(
        telegram={"chat_id": 1, "bot_token": TOKEN},
        fallback={"url": "https://someone:PassPhraseOfMine@ntfy.example/topic-nobody-knows?a=1"},
        accounts={
            "main": {
                "venue": "bybit",
                "api_key": "key-of-main",
                "api_secret": "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI\n-----END-----",
            }
        },
    )

    redact = logs.Redactor(secrets_of(settings))

    for word in ("key-of-main", "PassPhraseOfMine", "topic-nobody-knows", "MC4CAQAwBQYDK2VwBCIEI"):
        assert redact(f"a {word} b") == "a <redacted> b"
    assert redact("BEGIN PRIVATE KEY https someone main") == "BEGIN PRIVATE KEY https someone main"


def test_short_texts_are_not_taken_for_secrets() -> None:
    assert logs.Redactor(["", "main"])("main: poll.completed") == "main: poll.completed"
