"""
Strict reading of venue answers: the one way a JSON value becomes a typed one.

Rule: a field that is needed is there and is what it should be, or `Unreadable` names the venue,
the part, the field, what was found and what was expected. There are no defaults: "" and null mean
unknown where a reader asks with `..._or_none`, and are errors everywhere else. Numbers come out
as exact Decimals, never through a float.

Nothing here knows a venue's formats, and nothing here guesses.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from typing import NoReturn, TypeVar

from watcher.domain.account import ZERO
from watcher.domain.amounts import AmountError, exact, shown
from watcher.ports import Unreadable

T = TypeVar("T")

TIME_MS_MIN = 1_000_000_000_000
TIME_MS_MAX = 10_000_000_000_000
"""Milliseconds between 2001 and 2286: a time in seconds or microseconds falls outside."""


DIGITS_MAX = 20

DEPTH_MAX = 20
"""Objects and lists in each other; the deepest answer of the three venues has six."""

_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_OTHER_BYTES = bytes(set(range(256)) - set(_STEP))


class NotJson(ValueError):
    """The body is no JSON object or list. The text says what it looks like instead."""


def decode(body: str | bytes) -> object:
    """
    Return the JSON value of *body*, fractions as Decimal and never as float.

    Raises: `NotJson` for empty bodies, pages, broken-off JSON, NaN and Infinity literals, bare
    scalars, and nesting deeper than `DEPTH_MAX`, which is looked for before anything is built.
    """
    text = body.decode("utf-8", errors="replace") if isinstance(body, bytes) else body
    start = text[:256].lstrip()
    if not start:
        raise NotJson("empty answer")
    if start[0] == "<":
        raise NotJson("not JSON (HTML page)")
    if start[0] not in "{[":
        raise NotJson("not JSON")
    if _depth(text) > DEPTH_MAX:
        raise NotJson("not JSON (nested too deep)")
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)
    except NotJson:
        raise
    except ValueError:
        raise NotJson(f"not JSON (broken off or garbled, {len(text):,} characters)") from None


# A bracket left open within a text counts as well, which can only make this stricter. The walk is
# the interpreter's own: a few milliseconds for a megabyte of rows.
def _depth(text: str) -> int:
    brackets = text.encode("utf-8", errors="replace").translate(None, _OTHER_BYTES)
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"a number is {name}")


@dataclass(frozen=True, slots=True)
class Row:
    """
    One JSON object and the place it was found at, e.g. "binance positionRisk[2]".

    Every reader raises `Unreadable` when the field is missing or is not what its name says.
    """

    data: Mapping[str, object]
    where: str

    def has(self, key: str) -> bool:
        """Tell whether the field is there and says something: not absent, null or empty."""
        value = self.data.get(key)
        return value is not None and value != ""

    def text(self, key: str) -> str:
        value = self.data.get(key)
        if isinstance(value, str) and value and (value.isascii() or _is_whole(value)):
            return value
        raise self.wrong(key, "a text")

    def text_or_none(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def amount(self, key: str) -> Decimal:
        """Return a finite exact number, of either sign."""
        try:
            return exact(self.data.get(key), f"{self.where}.{key}")
        except AmountError:
            raise self.wrong(key, "a number") from None

    def amount_or_none(self, key: str) -> Decimal | None:
        """Return the number, or None where the venue leaves it empty: unknown, not nought."""
        return self.amount(key) if self.has(key) else None

    def positive(self, key: str) -> Decimal:
        value = self.amount(key)
        if value <= 0:
            raise self.wrong(key, "a number above 0")
        return value

    def not_negative(self, key: str) -> Decimal:
        value = self.amount(key)
        if value < 0:
            raise self.wrong(key, "a number of at least 0")
        return value

    def fraction(self, key: str) -> Decimal:
        """Return a rate or weight: at least 0 and at most 1."""
        value = self.amount(key)
        if not 0 <= value <= 1:
            raise self.wrong(key, "a fraction between 0 and 1")
        return value

    def integer(self, key: str) -> int:
        value = self.data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if (
            isinstance(value, str)
            and value.removeprefix("-").isdecimal()
            and len(value) <= DIGITS_MAX
        ):
            return int(value)
        raise self.wrong(key, "a whole number")

    def time_ms(self, key: str) -> int:
        """Return a time of day in milliseconds since 1970; another unit is refused."""
        value = self.integer(key)
        if not TIME_MS_MIN <= value < TIME_MS_MAX:
            raise self.wrong(key, "a time in milliseconds")
        return value

    def flag(self, key: str) -> bool:
        value = self.data.get(key)
        if isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return value == "true"
        raise self.wrong(key, "true or false")

    def choice(self, key: str, choices: Mapping[str, T]) -> T:
        """Return what the field's text stands for among *choices*."""
        value = self.data.get(key)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value in choices:
            return choices[value]
        raise self.wrong(key, "one of " + ", ".join(repr(name) for name in choices))

    def row(self, key: str) -> Row:
        value = self.data.get(key)
        if isinstance(value, dict):
            return Row(value, f"{self.where}.{key}")
        raise self.wrong(key, "an object")

    def rows(self, key: str) -> tuple[Row, ...]:
        value = self.data.get(key)
        if not isinstance(value, list):
            raise self.wrong(key, "a list")
        return rows_of(value, f"{self.where}.{key}")

    def wrong(self, key: str, expected: str) -> Unreadable:
        """Build the error for a field that is not *expected*."""
        if key not in self.data:
            return Unreadable(f"{self.where}: {key} is missing, expected {expected}")
        return Unreadable(f"{self.where}: {key} is {shown(self.data[key])}, expected {expected}")


def row_of(data: object, where: str) -> Row:
    """Return *data* as an object, or raise `Unreadable`."""
    if isinstance(data, dict):
        return Row(data, where)
    raise Unreadable(f"{where}: expected an object, found {_kind(data)}")


def rows_of(data: object, where: str) -> tuple[Row, ...]:
    """Return *data* as a list of objects, or raise `Unreadable`. The list may be empty."""
    if not isinstance(data, list):
        raise Unreadable(f"{where}: expected a list, found {_kind(data)}")
    return tuple(row_of(item, f"{where}[{at}]") for at, item in enumerate(data))


def check_chain(
    where: str, ranges: Iterable[tuple[Decimal, Decimal]], *, step: Decimal = ZERO
) -> None:
    """
    Make sure the rows of a table, given as (floor, end), follow on each other from 0 up.

    *step*: how far above an end the next floor may lie, where a venue counts from the next piece.

    Raises: `Unreadable` naming the row that begins too early, too late or ends where it begins.
    """
    expected = ZERO
    for number, (floor, end) in enumerate(ranges):
        if not expected <= floor <= expected + step:
            raise Unreadable(f"{where}[{number}] begins at {floor:f}, expected {expected:f}")
        if end <= floor:
            raise Unreadable(f"{where}[{number}] ends at {end:f}, expected more than {floor:f}")
        expected = end


def _kind(data: object) -> str:
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
    return "nothing" if data is None else kinds.get(type(data), shown(data))


# half a character (a lone surrogate) could be neither stored nor sent
def _is_whole(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)
