"""
What arrived, taken apart: which account, which incident, what of it.

Rule: read from the words on the screen alone (`watcher.sim.demo.phone`), as a person would.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from watcher.domain.alert import Tier
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.policy.notes import NAMED_MAX
from watcher.sim.demo.phone import Read, read_all
from watcher.storm.chat import Arrived

TIERS = {word: tier for tier, word in say.TIERS.items()}
UNSEEN = frozenset((say.BLIND, say.STILL_BLIND, say.SECURITY))
UNSEEN_NOTES = frozenset((say.NOTE_ESTIMATE, say.NOTE_NOT_SEEN))
OVER = "OVER"
"""A code that nothing more comes under: not a word on a screen, but what one there amounts to."""
_STILL_OPEN = say.STILL_OPEN.partition("{")[0]
_DOUBTED = say.HELD_DOUBTED.partition("{")[0]
_LATE = say.SAID_LATE.rpartition("}")[2]
_CODE = re.compile(r"#(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """
    One thing said of one account. `tier`: what the account is said to be at, None where the words
    are of something else. `listed`: as a line among others. `answered`: nothing is left to ack.
    `ledger` counts the ledgers that were put back or lost before: each numbers by itself.
    """

    at_us: int
    road: Reach
    account: str
    code: str
    seq: int
    word: str
    note: str
    tier: Tier | None
    distance: float | None
    raced: bool
    listed: bool
    edited: bool
    answered: bool
    text: str
    ledger: int

    @property
    def number(self) -> tuple[int, int]:
        """Its place among all that is said under its code."""
        return self.ledger, self.seq

    @property
    def is_late(self) -> bool:
        """Whether a person reads of it that it is of some minutes ago."""
        return _LATE in self.text

    @property
    def is_doubted(self) -> bool:
        """Whether a doubt alone holds the tier it tells."""
        return _DOUBTED in self.text

    @property
    def tells_blind(self) -> bool:
        """Whether a person knows from this that the account is not seen."""
        return self.word in UNSEEN or self.note in UNSEEN_NOTES


def heard(arrived: Iterable[Arrived], begun_us: Sequence[int] = ()) -> Iterator[Said]:
    """
    Yield all that was said of incidents; *begun_us*: when a ledger was put back or lost.

    Whoever reads after that which codes are open, or that none of before is, takes the rest as
    over.
    """
    newest: dict[str, Said] = {}
    for one in arrived:
        ledger = bisect_right(begun_us, one.at_us)
        for code in _over(one.text, newest):
            if newest[code].ledger < ledger:
                was = newest.pop(code)
                yield replace(
                    was, at_us=one.at_us, seq=0, word=OVER, note="", tier=None, distance=None
                )
        found = read_all(one.text)
        for each in found:
            said = _said(one, each, ledger, listed=len(found) > 1)
            newest[said.code] = said
            yield said


def _over(text: str, known: Iterable[str]) -> list[str]:
    """Return which of the *known* codes nothing more comes under, by *text*."""
    lines = text.splitlines()
    told = next((line for line in lines if line.startswith(_STILL_OPEN)), None)
    if told is not None:
        listed = set(_CODE.findall(told))
        cut = len(listed) >= NAMED_MAX
        return [] if cut else [code for code in known if code not in listed]
    none = any(line.strip() in (say.NOTHING_OPEN, say.CODES_OVER) for line in lines)
    return list(known) if none else []


def _said(one: Arrived, each: Read, ledger: int, *, listed: bool) -> Said:
    keys = [key.label for key in one.keys]
    return Said(
        at_us=one.at_us,
        road=one.road,
        account=each.account,
        code=each.code,
        seq=each.seq,
        word=each.word,
        note=each.note,
        tier=_tier(each),
        distance=each.distance,
        raced=each.raced,
        listed=listed,
        edited=one.edited,
        answered=bool(keys) and say.BUTTON_ACK not in keys,
        text=one.text,
        ledger=ledger,
    )


def _tier(each: Read) -> Tier | None:
    if each.word == say.GONE:
        return Tier.CALM
    return TIERS.get(each.word)
