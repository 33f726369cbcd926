"""
Values with their units: the boundary where the text of a threshold becomes a number.

Rule: every threshold carries its unit ("8%", "1.30x", "10m"). A bare number is refused with its
readings spelled out, because one widely copied explainer says "liquidated at 1.1 %", "alert at
300/200/150 %" and "5/3/1.5 %" on the same page, and people paste all of them. A unit that belongs
to another measure is refused with the key it belongs to.

Nothing here knows a key's place in the file; `Misread` carries the words, the loader the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from watcher.domain.alert import Measure, Tier, Word
from watcher.settings.problems import Misread, nearest_of

_QUANTITY = re.compile(r"([+-]?[0-9]+(?:\.[0-9]+)?)\s*([%x]|ms|s|m|h|d|[A-Z][A-Z0-9]*)?")

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")
MINUTES_A_DAY = 24 * 60

_UNIT_US = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}

TIER_NAMES = tuple(tier.name.lower() for tier in Tier if tier is not Tier.CALM)
GAP_MIN = 1.02
"""Neighbouring lines lie at least 2 % of their value apart: one crossing tells one tier."""
HEALTH_LAST_MIN = 1.03
"""Under 1.03x the last warning and the liquidation are the same moment."""
DISTANCE_GUESS_MAX = 60.0
"""A percentage up to here under margin_level is surely a distance: no level below 100 % exists."""
HEALTH_MAX = 100.0
SHOWN_MAX = 60
MARGIN_LEVEL_MAX = 100_000.0


@dataclass(frozen=True, slots=True)
class Quantity:
    number: float
    unit: str


def quoted(value: object) -> str:
    """Return *value* as it would stand in the file, short."""
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def plain(number: float) -> str:
    """Return *number* without a trailing ".0"."""
    return f"{number:.10g}"


def no_truth(value: object) -> object:
    """Refuse `true`, which reads as 1 where a whole number is wanted. Raises: `Misread`."""
    if isinstance(value, bool):
        raise Misread(str(value).lower(), "a whole number")
    return value


def _quantity(value: object, expected: str) -> Quantity:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise Misread(quoted(value), expected)
    if isinstance(value, int | float):
        return Quantity(float(value), "")
    match = _QUANTITY.fullmatch(value.strip())
    if match is None:
        raise Misread(quoted(value), expected)
    return Quantity(float(match[1]), match[2] or "")


def _readings(number: float, first: Measure) -> str:
    """Return what a bare number could have meant, the key's own measure first."""
    found: dict[Measure, str] = {}
    if 0 < number < 1:
        found[Measure.DISTANCE] = f'"{plain(number * 100)}%" (distance)'
    elif 1 <= number < 100:  # noqa: PLR2004 - percent of the price
        found[Measure.DISTANCE] = f'"{plain(number)}%" (distance)'
    # nobody writes a level of 800 % or a health of eight bare: under distance, 8 is a distance
    if 1 < number < (5 if first is Measure.DISTANCE else 10):
        found[Measure.MARGIN_LEVEL] = f'"{plain(number * 100)}%" (margin level)'
        found[Measure.HEALTH] = f'"{number:.2f}x" (health)'
    elif number > 100:  # noqa: PLR2004 - a level in percent
        found[Measure.MARGIN_LEVEL] = f'"{plain(number)}%" (margin level)'
        found[Measure.HEALTH] = f'"{number / 100:.2f}x" (health)'
    words = [found[first]] if first in found else []
    words += [text for measure, text in found.items() if measure is not first]
    return " or ".join(words)


def _bare(quantity: Quantity, measure: Measure, expected: str) -> Misread:
    return Misread(
        f"the bare number {plain(quantity.number)}",
        f"{expected}, with its unit",
        _readings(quantity.number, measure) or None,
    )


def distance_line(value: object) -> float:
    """
    Return a distance in percent of the price, above 0 and under 100.

    Raises: `Misread`.
    """
    expected = 'a distance to liquidation in percent of the price, such as "8%"'
    quantity = _quantity(value, expected)
    number = quantity.number
    if quantity.unit == "":
        raise _bare(quantity, Measure.DISTANCE, expected)
    if quantity.unit == "x":
        raise Misread(quoted(value), expected, f'health = "{number:.2f}x"')
    if quantity.unit != "%" or number <= 0:
        raise Misread(quoted(value), expected)
    if number >= 100:  # noqa: PLR2004 - percent of the price
        why = f"{expected}: no price falls by 100 %, so this line says nothing"
        raise Misread(quoted(value), why, f'margin_level = "{plain(number)}%"')
    return number


def margin_level_line(value: object) -> float | Word:
    """
    Return a margin level in percent, above 100, or one of the account's own lines.

    Raises: `Misread`.
    """
    expected = 'a margin level above 100%, such as "150%", or "call" or "halfway"'
    if isinstance(value, str) and value.strip().isalpha():
        word = value.strip().lower()
        if word in set(Word):
            return Word(word)
        near = nearest_of(word, [member.value for member in Word])
        raise Misread(quoted(value), expected, f'"{near}"' if near else None)
    quantity = _quantity(value, expected)
    number = quantity.number
    if quantity.unit == "":
        raise _bare(quantity, Measure.MARGIN_LEVEL, expected)
    if quantity.unit == "x":
        near = f'margin_level = "{plain(number * 100)}%" or health = "{number:.2f}x"'
        raise Misread(quoted(value), expected, near)
    if quantity.unit != "%" or not 0 < number <= MARGIN_LEVEL_MAX:
        raise Misread(quoted(value), expected)
    if number <= DISTANCE_GUESS_MAX:
        raise Misread(quoted(value), expected, f'distance = "{plain(number)}%"')
    if number <= 100:  # noqa: PLR2004 - assets equal debt
        why = f"{expected}: at 100% the assets only equal the debt, long after liquidation"
        raise Misread(quoted(value), why)
    return number


def health_line(value: object) -> float:
    """
    Return a health, above 1.00.

    Raises: `Misread`.
    """
    expected = 'a health above 1.00x (liquidation), such as "1.50x"'
    quantity = _quantity(value, expected)
    number = quantity.number
    if quantity.unit == "":
        raise _bare(quantity, Measure.HEALTH, expected)
    if quantity.unit == "%":
        if number > 100:  # noqa: PLR2004 - a level in percent
            near = f'health = "{number / 100:.2f}x" or margin_level = "{plain(number)}%"'
        else:
            near = f'distance = "{plain(number)}%"'
        raise Misread(quoted(value), expected, near)
    if quantity.unit != "x" or not 1 < number <= HEALTH_MAX:
        raise Misread(quoted(value), expected)
    return number


def duration_us(value: object) -> int:
    """
    Return a duration in microseconds from text such as "10s" or "3m".

    Raises: `Misread`.
    """
    expected = 'a duration with its unit, such as "10s" or "3m"'
    quantity = _quantity(value, expected)
    if quantity.unit == "":
        number = plain(quantity.number)
        raise Misread(f"the bare number {number}", expected, f'"{number}s" or "{number}m"')
    if quantity.unit not in _UNIT_US or quantity.number <= 0:
        raise Misread(quoted(value), expected)
    return round(quantity.number * _UNIT_US[quantity.unit])


def duration_text(span_us: int) -> str:
    """
    Return a duration as it stands in the file.

    >>> duration_text(180_000_000)
    '3m'
    """
    for unit in ("d", "h", "m", "s"):
        if span_us % _UNIT_US[unit] == 0:
            return f"{span_us // _UNIT_US[unit]}{unit}"
    return f"{plain(span_us / 1000)}ms"


def four_lines(value: object) -> object:
    """
    Return the four lines of a ladder, from a list or from text with commas (environment).

    Raises: `Misread` unless there are four.
    """
    names = ", ".join(TIER_NAMES)
    if isinstance(value, str):
        lines: list[object] = [part.strip() for part in value.split(",")]
    elif isinstance(value, list | tuple):
        lines = list(value)
    else:
        raise Misread(quoted(value), f"four lines, mildest first: {names}")
    if len(lines) != len(TIER_NAMES):
        found = quoted(value) if len(lines) == 1 else f"{len(lines)} lines"
        raise Misread(found, f"four lines, mildest first: {names}")
    return tuple(lines)


def in_order(lines: tuple[float | Word, ...], text: str) -> None:
    """
    Refuse a ladder that is not strictly mildest to worst, with gaps of at least 2 %.

    *text* formats a value, e.g. "{}%". Words stand for lines only the venue knows: "call" comes
    before "halfway"; numbers are compared with the nearest number before them, the rehearsal does
    the rest.
    """
    words = [line for line in lines if isinstance(line, Word)]
    if words != sorted(set(words)):
        raise Misread(
            " before ".join(f'"{word}"' for word in words), '"call" before "halfway", once'
        )
    before: tuple[str, float] | None = None
    for name, line in zip(TIER_NAMES, lines, strict=True):
        if isinstance(line, Word):
            continue
        if before is not None and line * GAP_MIN > before[1] * (1 + 1e-9):
            raise Misread(
                f"{name} at {text.format(plain(line))}",
                f"a line at least 2 % under {before[0]} at {text.format(plain(before[1]))}"
                ", mildest first",
            )
        before = (name, line)


def minute_of_day(value: object) -> int:
    """
    Return a time of day in minutes after midnight.

    Raises: `Misread`.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MINUTES_A_DAY:
        return value
    found = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise Misread(quoted(value), 'a time of day such as "08:00"')
    return 60 * int(found[1]) + int(found[2])


def hours(value: object) -> tuple[int, int] | None:
    """
    Return the two times of day of "23:00-07:00" in minutes after midnight; "" is none.

    Raises: `Misread`; a span of a whole day would be silence for ever and is refused.
    """
    if value is None or value == "":
        return None
    if isinstance(value, tuple):
        return value[0], value[1]
    expected = 'two times of day such as "23:00-07:00", or "" for none'
    parts = re.split(r"[-–]", value) if isinstance(value, str) else []
    if len(parts) != 2:  # noqa: PLR2004 - from and to
        raise Misread(quoted(value), expected)
    try:
        begin, end = minute_of_day(parts[0]), minute_of_day(parts[1])
    except Misread:
        raise Misread(quoted(value), expected) from None
    if begin == end:
        raise Misread(quoted(value), f"{expected}; the whole day cannot be quiet")
    return begin, end
