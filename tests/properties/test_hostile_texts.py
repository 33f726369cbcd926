"""
Names and words from outside, made to do harm, on their way into a message.

Rule: whatever a symbol, a sub-account or a venue's error says, it makes no line, no link, no
mention, no command and no marks but ours, and the message can be sent. A short form by default,
100,000 strings under `make deep`.
"""

from __future__ import annotations

import random
import re
import unicodedata

import pytest
from telegram.constants import MessageEntityType, MessageLimit

from watcher.channels.telegram import rendered, utf16_length
from watcher.domain.alert import Text
from watcher.policy import wording
from watcher.policy.wording import Bold, Fixed, row

PIECES = (
    *("<b>", "</code>", "*x*", "_x_", "`x`", "[a](tg://user?id=1)", "&lt;", "\\u202e", "||x||"),
    *("@all", "@durov", "#tag", "$BTC", "/kill", "/ack K7F3", " /kill@bot", "x@y.example"),
    *("t.me/evil", "https://evil.example/x", "http://1.2.3.4", "www.evil.example", "evil.com"),
    *("пример.рф", "tg://resolve", "mailto:x", "ton://transfer", "+4915112345678", "//", "../"),
    *("\n", "\r\n", "\u2028", "\u2029", "\x85", "\x0b", "\t", "\x00", "\x1b[31m", "\ufeff"),
    *("\u202e", "\u2066", "\u200b", "\u200f", "\u00ad", "\u2060", "\ud800", "\udfff", "\U000e0041"),
    *(
        "😀",
        "👨‍👩‍👧",
        "e\u0301",
        "\u0338",
        "Z\u0351\u0357",
        "العربية",
        "עברית",
        "币安人生",
        "ﷺ",
        "Ａ．Ｂ",
    ),
    *("BTC", "1000PEPE", "BTC/USDT:USDT", "BTC-27JUN25", "🔴 CRITICAL", "#K7F3·2", " ", ".", ":"),
)

PRESSABLE = re.compile(
    r"(?<!\w)[@#$]\w"  # a mention, a tag
    r"|(?<![\w/])/\w+(?![\w/])"  # a command
    r"|\w\.[^\W\d_]{2}"  # an address
    r"|://"
)


def hostile(chance: random.Random) -> str:
    pieces = [chance.choice(PIECES) for _ in range(chance.randint(1, 8))]
    if chance.random() < 0.3:
        pieces.append("".join(chr(chance.randrange(0x110000)) for _ in range(5)))
    if chance.random() < 0.02:
        pieces *= 600
    return "".join(pieces)


def assert_harmless(raw: str) -> None:
    name, words = wording.name(raw), wording.words(raw)
    text = wording.text_of(
        [row("🔴 ", Bold("CRITICAL"), " ", Bold(name)), row("Told: ", words, " ", Fixed(name))]
    )
    plain, entities = rendered(text)

    assert len(plain.split("\n")) == len(plain.splitlines()) == 2, ascii(raw)
    for letter in plain.replace("\n", ""):
        assert unicodedata.category(letter)[0] != "C", ascii(raw)
        assert unicodedata.bidirectional(letter) not in {"R", "AL", "AN"}, ascii(raw)
    assert not PRESSABLE.search(plain), (ascii(raw), plain)
    assert {entity.type for entity in entities} <= {MessageEntityType.BOLD, MessageEntityType.CODE}
    assert shown_by(plain, entities) == ["CRITICAL", name, name], ascii(raw)


def assert_sendable(raw: str, chance: random.Random) -> None:
    """Whatever a text holds: it fits, is whole, and its entities lie on whole characters."""
    spans = [(chance.randint(0, 40), chance.randint(0, 5000)) for _ in range(3)]
    plain, entities = rendered(Text(plain=raw, bold=tuple(spans[:2]), fixed=tuple(spans[2:])))

    assert utf16_length(plain) <= MessageLimit.MAX_TEXT_LENGTH
    plain.encode("utf-8")
    assert all(piece for piece in shown_by(plain, entities))


def shown_by(plain: str, entities: list) -> list[str]:  # type: ignore[type-arg]
    units = plain.encode("utf-16-le")
    return [
        units[2 * each.offset : 2 * (each.offset + each.length)].decode("utf-16-le")
        for each in entities
    ]


@pytest.mark.parametrize(
    "count", [2_000, pytest.param(100_000, marks=pytest.mark.deep)], ids=["short", "deep"]
)
def test_no_text_from_outside_does_anything_in_a_message(count: int) -> None:
    chance = random.Random(count)

    for _ in range(count):
        raw = hostile(chance)
        assert_harmless(raw)
        assert_sendable(raw, chance)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("BTC/USDT:USDT", "BTC/USDT:USDT"),
        ("1000PEPE", "1000PEPE"),
        ("币安人生USDT", "币安人生USDT"),
        ("cross:USDT", "cross:USDT"),
        ("t.me/evil", "t\\u002Eme/evil"),
        ("/kill", "\\u002Fkill"),
        ("tg://x", "tg:\\u002F/x"),
        ("state/ledger.db", "state/ledger.db"),
    ],
)
def test_ordinary_names_stay_as_they_are_and_pressable_ones_do_not(raw: str, shown: str) -> None:
    assert wording.name(raw) == shown
