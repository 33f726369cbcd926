"""
What arrived, taken apart: which account, which incident, what of it.

Rule: read from the words on the screen alone (`watcher.sim.demo.phone`), as a person would.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from watcher.domain.alert import Tier
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.sim.demo.phone import Read, read_all
from watcher.storm.chat import Arrived

TIERS = {word: tier for tier, word in say.TIERS.items()}
UNSEEN = frozenset((say.BLIND, say.STILL_BLIND, say.SECURITY))
UNSEEN_NOTES = frozenset((say.NOTE_ESTIMATE, say.NOTE_NOT_SEEN))


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """
    One thing said of one account. `tier`: what the account is said to be at, None where the words
    are of something else. `listed`: as a line among others. `answered`: nothing is left to ack.
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

    @property
    def tells_blind(self) -> bool:
        """Whether a person knows from this that the account is not seen."""
        return self.word in UNSEEN or self.note in UNSEEN_NOTES


def heard(arrived: Iterable[Arrived]) -> Iterator[Said]:
    """Yield all that was said of incidents."""
    for one in arrived:
        found = read_all(one.text)
        for each in found:
            yield _said(one, each, listed=len(found) > 1)


def _said(one: Arrived, each: Read, *, listed: bool) -> Said:
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
    )


def _tier(each: Read) -> Tier | None:
    if each.word == say.GONE:
        return Tier.CALM
    return TIERS.get(each.word)
