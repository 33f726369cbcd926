"""
The person at the machine of a simulation: lets money move again, and settles what waits for one.

Rule: does what the commands `watcher money unfreeze` and `watcher money settle` do, with the same
functions on the same files, now and then; looks at the venue first, as they are told to, and leaves
alone what still waits there.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from watcher.domain.alert import MINUTE_US, Moment
from watcher.domain.topup import Progress
from watcher.policy import money_notes, protocol
from watcher.ports import StoreError
from watcher.settings import Settings, reaches
from watcher.store.beside import purse_of, settle, unfreeze
from watcher.storm.bank import Bank

EVERY_US = 10 * MINUTE_US
REASON = "looked at the venue"


class Operator:
    """`look` often; something is done every ten minutes."""

    def __init__(self, settings: Settings, banks: Mapping[str, Bank], from_us: int) -> None:
        self._settings = settings
        self._banks = banks
        self._due_us = from_us + EVERY_US

    def look(self, now: Moment) -> None:
        if now.steady_us < self._due_us:
            return
        self._due_us = now.steady_us + EVERY_US
        folder, roads = Path(self._settings.state_dir), reaches(self._settings)
        try:
            purse = purse_of(folder)
            for one in purse.intents:
                bank = self._banks[one.account]
                if one.progress is Progress.HUMAN and not bank.is_waiting(one.venue_ref):
                    happened = any(done.intent.id == one.id for done in bank.executed)
                    moved = protocol.judged(one, happened=happened, by=REASON, now_us=now.steady_us)
                    settle(folder, one, moved, money_notes.settled(moved, now), roads)
            if purse.flags:
                unfreeze(folder, REASON, now, money_notes.rearmed(REASON, now), roads)
        except StoreError:
            # a ledger that cannot be opened just now is looked at the next time
            return
