"""
What may be broken on purpose, so that each count of the sweep is seen to rise.

Rule: broken is what a process is given, never the product's code, nor what it is judged by.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum

from watcher.domain.alert import Message
from watcher.domain.topup import Intent, Limits, Progress
from watcher.store.intents import SqlitePurse


class Broken(StrEnum):
    """FENCE: the request is signed as it goes out, not with what was written down."""

    NOTHING = "nothing"
    FENCE = "fence"
    CAPS = "caps"
    FLOOR = "floor"
    PROOF = "proof"
    VOICE = "voice"

    def limits(self, limits: Limits) -> Limits:
        """Return the limits the process is told."""
        if self is Broken.CAPS:
            return replace(limits, per_event=limits.per_event * 2, per_day=limits.per_day * 2)
        return replace(limits, keep_in_source=Decimal(0)) if self is Broken.FLOOR else limits


class Forgetful(SqlitePurse):
    """A purse that keeps no proof."""

    async def advance(self, was: Intent, moved: Intent, messages: Sequence[Message]) -> bool:
        proven = moved.progress in (Progress.DONE, Progress.HUMAN)
        return not proven and await super().advance(was, moved, messages)


class Mute(SqlitePurse):
    """A purse that writes down what happened, and not what is to be said of it."""

    async def advance(self, was: Intent, moved: Intent, messages: Sequence[Message]) -> bool:
        return await super().advance(was, moved, ())


PURSES = {Broken.PROOF: Forgetful, Broken.VOICE: Mute}
