"""
Numbers, times and names as a tired person reads them, and the lines they stand in.

Rule: every number carries its unit and no more digits than help; a minus is a true minus. A name
that came from outside passes `name` or `words` first: letters, digits and a few marks survive,
everything else is shown as its code, so no symbol can forge a line, a link, a command or a mention.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache
from string import Formatter
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from watcher.domain.alert import Text, Tier
from watcher.policy import messages as say

NAME_LENGTH_MAX = 40
WORDS_LENGTH_MAX = 60
MINUS = "−"

_NAME_MARKS = frozenset("._:/-")
_WORD_MARKS = _NAME_MARKS | frozenset(" ,;()%+=×'")
_RIGHT_TO_LEFT = frozenset({"R", "AL", "AN"})
# what Telegram makes pressable by itself: an address (files of our own are none), a command
_LINKING = re.compile(
    r"(?<=\w)\.(?=[^\W\d_])(?!(?:db|toml|log)\b)|(?<=:)/(?=/)|(?<![\w/])/(?=\w+(?![\w/]))"
)
_VENUES = {"binance": "Binance", "bybit": "Bybit", "okx": "OKX"}


@dataclass(frozen=True, slots=True)
class Bold:
    """A piece of a line to show bold."""

    text: str


@dataclass(frozen=True, slots=True)
class Fixed:
    """A piece of a line to show in fixed width."""

    text: str


Piece = str | Bold | Fixed
Row = tuple[Piece, ...]


def row(*pieces: Piece) -> Row:
    return pieces


def filled(template: str, **pieces: Piece | int) -> Row:
    """Return the row that *template* makes, its fields filled with pieces shown as each is."""
    made: list[Piece] = []
    for text, field in _parts(template):
        made += [text] if text else []
        if field:
            piece = pieces[field]
            made.append(str(piece) if isinstance(piece, int) else piece)
    return tuple(made)


def counted(count: int, one: str, many: str) -> str:
    """Return *count* in the words for one or for many."""
    return (one if count == 1 else many).format(count=count)


def tier_name(tier: Tier) -> str:
    return say.TIERS[tier]


def text_of(rows: Iterable[Row]) -> Text:
    """Return the rows as one text; spans are in characters of it."""
    plain = ""
    bold: list[tuple[int, int]] = []
    fixed: list[tuple[int, int]] = []
    for number, pieces in enumerate(rows):
        plain += "\n" if number else ""
        for piece in pieces:
            start = len(plain)
            plain += piece if isinstance(piece, str) else piece.text
            if isinstance(piece, Bold):
                bold.append((start, len(plain)))
            elif isinstance(piece, Fixed):
                fixed.append((start, len(plain)))
    return Text(plain=plain, bold=tuple(bold), fixed=tuple(fixed))


def name(raw: str) -> str:
    """Return a name from outside with everything but letters, digits and `._:/-` shown as codes."""
    return _cleaned(raw, _NAME_MARKS, NAME_LENGTH_MAX)


def words(raw: str) -> str:
    """Return a reason from outside: as `name`, with spaces and a few marks of plain sentences."""
    return _cleaned(" ".join(raw.split()), _WORD_MARKS, WORDS_LENGTH_MAX)


def venue_name(venue: str) -> str:
    return _VENUES.get(venue, name(venue).capitalize())


ISOLATED = ("isolated:", "isolated_margin:")
"""How the names of pools begin that hold one position or one pair."""


def pool_name(pool: str) -> str:
    """Return `cross:USDT` as "cross USDT", `isolated:BTCUSDT:long` as "isolated BTCUSDT long"."""
    kind, _, rest = pool.partition(":")
    if kind == "isolated":
        symbol, _, side = rest.rpartition(":")
        rest = f"{symbol} {side}" if symbol else side
        return " ".join(("isolated", *(name(part) for part in rest.split(" "))))
    kind = " ".join(name(word) for word in kind.split("_"))
    return f"{kind} {name(rest)}" if rest else kind


def price(value: float) -> str:
    """Return a price with at least five figures: 106,842 · 3,412.5 · 185.01 · 0.08123."""
    if value <= 0:
        return "0"
    decimals = max(0, 4 - math.floor(math.log10(value)))
    shown = f"{value:,.{min(decimals, 12)}f}"
    return shown.rstrip("0").rstrip(".") if value < 1 else shown


def amount(value: float) -> str:
    """Return money or a size: 14,760 · 512.3 · 7.25 · 0.01234."""
    size = abs(value)
    if size >= 1000:  # noqa: PLR2004 - the digits a reader needs are the point of this function
        decimals = 0
    elif size >= 1:
        decimals = 1 if size >= 100 else 2  # noqa: PLR2004 - as above
    elif size > 0:
        decimals = min(12, 3 - math.floor(math.log10(size)))
    else:
        return "0"
    shown = f"{size:,.{decimals}f}"
    shown = shown.rstrip("0").rstrip(".") if decimals else shown
    return f"{MINUS}{shown}" if value < 0 else shown


def bare_percent(value: float) -> str:
    size = abs(value)
    if size >= 1000:  # noqa: PLR2004 - as in `amount`
        return f"{size:,.0f}"
    decimals = 2 if size < 1 and round(size, 1) < 1 else 1
    return f"{size:.{0 if size >= 100 else decimals}f}"  # noqa: PLR2004 - as in `amount`


def percent(value: float) -> str:
    """Return 5.8 as "5.8 %", 0.85 as "0.85 %", 152.4 as "152 %"."""
    return say.PERCENT.format(value=bare_percent(value))


def level(value: float) -> str:
    """Return a margin level as "152 %", rounded down: 129.9 must not read as a call bar of 130."""
    if value < 100:  # noqa: PLR2004 - three digits are enough
        return percent(value)
    return say.LEVEL.format(value=math.floor(value))


def round_percent(value: float) -> str:
    """Return a configured line: 12.0 as "12 %", 7.5 as "7.5 %"."""
    return say.ROUND_PERCENT.format(value=value)


def signed_percent(value: float) -> str:
    return f"{MINUS if value < 0 else '+'}{percent(value)}"


def health(value: float) -> str:
    """Return 1.3 as "1.30x"."""
    if math.isinf(value):
        return say.HEALTH_NO_LIMIT if value > 0 else say.HEALTH_BELOW_ZERO
    size = abs(value)
    shown = (say.HEALTH_LARGE if size >= 10 else say.HEALTH_SMALL).format(value=size)  # noqa: PLR2004 - the same
    return f"{MINUS}{shown}" if value < 0 else shown


def duration(seconds: float) -> str:
    """Return "42 s", "4 min 10 s", "2 h 5 min", "3 d 4 h"."""
    whole = max(0, round(seconds))
    minutes, s = divmod(whole, 60)
    hours, m = divmod(minutes, 60)
    days, h = divmod(hours, 24)
    if days:
        return (say.DAYS_HOURS if h else say.DAYS).format(days=days, hours=h)
    if hours:
        return (say.HOURS_MINUTES if m else say.HOURS).format(hours=hours, minutes=m)
    if minutes:
        return (say.MINUTES_SECONDS if s else say.MINUTES).format(minutes=minutes, seconds=s)
    return say.SECONDS.format(seconds=s)


def roughly(minutes: float) -> str:
    """Return a projected time with no more digits than it deserves."""
    if minutes < 1:
        return say.ROUGHLY_NOW
    if minutes < 90:  # noqa: PLR2004 - beyond it hours read better
        return say.ROUGHLY_MINUTES.format(minutes=minutes)
    return say.ROUGHLY_HOURS.format(hours=minutes / 60)


def zone(name_of_zone: str) -> tzinfo:
    """Return the zone texts are written in; UTC when this machine does not know it."""
    try:
        return ZoneInfo(name_of_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def clock_time(wall_us: int, where: tzinfo) -> str:
    """Return "14:02:11"."""
    return _local(wall_us, where).strftime(say.CLOCK_TIME)


def minute_time(wall_us: int, where: tzinfo) -> str:
    """Return "14:02 UTC"."""
    return _local(wall_us, where).strftime(say.MINUTE_TIME)


def day_time(wall_us: int, where: tzinfo) -> str:
    """Return "22 Nov 14:02 UTC"."""
    return _local(wall_us, where).strftime(say.DAY_TIME)


def minute_of_day(wall_us: int, where: tzinfo) -> int:
    at = _local(wall_us, where)
    return 60 * at.hour + at.minute


def _local(wall_us: int, where: tzinfo) -> datetime:
    return datetime.fromtimestamp(wall_us // 1_000_000, where)


# the text before each field, and the field; a field that is a piece says nothing of its digits
@cache
def _parts(template: str) -> tuple[tuple[str, str | None], ...]:
    return tuple((text, field) for text, field, _, _ in Formatter().parse(template))


def _cleaned(raw: str, marks: frozenset[str], length_max: int) -> str:
    shown = "".join(_shown(letter, marks) for letter in unicodedata.normalize("NFC", raw[:400]))
    while True:
        shown = _LINKING.sub(lambda found: _code(found[0]), shown)
        if len(shown) <= length_max:
            return shown
        # a cut may leave what was no command as one
        shown = shown[: length_max - 1] + "…"


# letters and digits of any script, because venues list such tickers; not those that turn the
# reading direction, because they would reorder the figures beside them
def _shown(letter: str, marks: frozenset[str]) -> str:
    if letter in marks:
        return letter
    plain = unicodedata.category(letter)[0] == "L" or unicodedata.category(letter) == "Nd"
    if plain and unicodedata.bidirectional(letter) not in _RIGHT_TO_LEFT:
        return letter
    return _code(letter)


def _code(letter: str) -> str:
    code = ord(letter)
    return f"\\u{code:04X}" if code <= 0xFFFF else f"\\U{code:08X}"  # noqa: PLR2004 - the plane's end
