"""
The trader's phone: reads what the bot delivered, as a person would, from the text alone.

Rule: nothing is known here but the words on the screen; if the words change so that a person
could no longer act on them, the demo's trader cannot either. No number is computed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

_HEAD = re.compile(
    r"^\S+ (?P<word>[A-Z][A-Z ]*) #(?P<code>\w+)·(?P<seq>\d+) "
    r"(?P<account>[a-z]\w*)(?: \((?P<note>.+)\))?$"
)
_LISTED = re.compile(
    r"^(?P<mark>\S+) (?P<account>[a-z]\w*)(?: [^:]+)?: (?P<value>.+) "
    r"#(?P<code>\w+)(?:·(?P<seq>\d+))?$"
)
_GROUP = re.compile(r"^\S+ (?P<word>[A-Z][A-Z ]*): \d+ (?:accounts?|alerts)\b")
_SHOWN = re.compile(r"(?P<value>\d+(?:\.\d+)?) %")
_DISTANCE = re.compile(r"(?P<value>\d+(?:\.\d+)?) % from liquidation")
_ADD = re.compile(r"add (?P<amount>[\d,]+(?:\.\d+)?) (?P<asset>[A-Z0-9]+)")
_CLOSE = re.compile(
    r"close (?:all )?(?P<amount>[\d,]+(?:\.\d+)?)(?: of [\d,]+(?:\.\d+)?)? "
    r"(?P<coin>[A-Z0-9]+|contracts)"
)
_RACED = "a tier up"
TIER_WORDS = ("WATCH", "WARNING", "CRITICAL", "EMERGENCY")
_MARKS = {"🟢": "CALM", **dict(zip("🟡🟠🔴🚨", TIER_WORDS, strict=True))}
_UNSEEN = ("BLIND", "STILL BLIND", "SEEING")


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """
    What a person takes from one message: the capital word of its first line, and its note. `close`
    is in a coin, or in `contracts`. `raced`: the word is one tier up, for the speed of the fall.
    """

    word: str
    note: str
    account: str
    code: str
    seq: int
    distance: float | None
    add: tuple[Decimal, str] | None
    close: tuple[Decimal, str] | None
    raced: bool = False

    @property
    def tier(self) -> str:
        return self.word if self.word in TIER_WORDS else ""


def read(text: str) -> Read | None:
    """Return what *text* says, or None when it is not about an incident."""
    head = _HEAD.search(text.splitlines()[0]) if text else None
    if head is None:
        return None
    distance, add, close = _DISTANCE.search(text), _ADD.search(text), _CLOSE.search(text)
    return Read(
        word=head["word"],
        note=head["note"] or "",
        account=head["account"],
        code=head["code"],
        seq=int(head["seq"]),
        distance=float(distance["value"]) if distance else None,
        add=(_number(add["amount"]), add["asset"]) if add else None,
        close=(_number(close["amount"]), close["coin"]) if close else None,
        raced=_RACED in text,
    )


def read_all(text: str) -> tuple[Read, ...]:
    """Return all that *text* says of incidents: its own, or those it lists, one in each line."""
    alone = read(text)
    if alone is not None:
        return (alone,)
    head, *lines = text.splitlines() or [""]
    group = _GROUP.match(head)
    found = (
        read(line[2:]) if line.startswith("· ") else _listed(line, group["word"] if group else "")
        for line in lines
    )
    return tuple(one for one in found if one is not None)


def _listed(line: str, head: str) -> Read | None:
    row = _LISTED.match(line) if head else None
    if row is None:
        return None
    shown = _SHOWN.match(row["value"])
    word = head if head in _UNSEEN else _MARKS.get(row["mark"], "")
    if row["value"][:2].isupper():  # what a check found is called by its own words
        word = row["value"]
    return Read(
        word=word,
        note=_MARKS.get(row["mark"], "") if word == "SEEING" else "",
        account=row["account"],
        code=row["code"],
        seq=int(row["seq"] or 0),
        distance=float(shown["value"]) if shown else None,
        add=None,
        close=None,
    )


def _number(digits: str) -> Decimal:
    return Decimal(digits.replace(",", ""))
