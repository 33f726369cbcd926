"""
Safe mode: after five crashes within five minutes, as little as possible besides watching.

Rule: alerts go on, money does not. Whatever kills the service is likelier in what it does often or
rarely than in the plain path, so accounts are read slowly and no money loop runs; a pause in the
ledger holds money for whoever else asks. It is told, and ends after ten minutes without a crash, or
when a person stops the service in order and starts it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Protocol

import structlog

from watcher.domain.alert import MINUTE_US, SECOND_US, AlertRules, Message
from watcher.policy import messages as say
from watcher.policy import troubles
from watcher.ports import PAUSED, Clock, Flag, Store, StoreError

CRASHES_MAX = 5
STABLE_US = 10 * MINUTE_US
POLL_US = 15 * SECOND_US

log = structlog.get_logger()


class Paced(Protocol):
    """An account's poller: the rules say how often it is read."""

    rules: AlertRules


class SafeMode:
    """
    `begin` before anything runs, then `settle` as a job. *settled* is told that no more crashes
    count, *resume* to start what `active` held back.
    """

    def __init__(
        self,
        *,
        crashes: int,
        paced: Mapping[str, Paced],
        store: Store,
        tell: Callable[[Message], None],
        clock: Clock,
        settled: Callable[[], None],
        resume: Callable[[], None],
    ) -> None:
        self.active = crashes >= CRASHES_MAX
        self._crashes = crashes
        self._paced = paced
        self._rules = {name: each.rules for name, each in paced.items()}
        self._store = store
        self._tell = tell
        self._clock = clock
        self._settled = settled
        self._resume = resume

    async def begin(self) -> None:
        """Slow down and hold money, if there is reason to."""
        if not self.active:
            return
        now = self._clock.now()
        log.error("safe_mode.entered", crashes=self._crashes)
        for each in self._paced.values():
            calm_us = max(each.rules.poll_calm_us, POLL_US)
            each.rules = replace(each.rules, poll_calm_us=calm_us, poll_hot_us=POLL_US)
        try:
            await self._hold_money()
            await self._store.say(troubles.crashing(self._crashes, now))
        except StoreError as error:
            # what cannot read the ledger moves no money
            log.warning("safe_mode.unwritten", reason=str(error))
            self._tell(troubles.crashing(self._crashes, now))

    async def settle(self) -> float:
        """Take it that no crash comes any more; return when to look again."""
        self._settled()
        if self.active:
            self.active = False
            log.info("safe_mode.left")
            for name, each in self._paced.items():
                each.rules = self._rules[name]
            self._resume()
            self._tell(troubles.stable(self._clock.now()))
        return STABLE_US / SECOND_US

    async def _hold_money(self) -> None:
        now = self._clock.now()
        until_us = now.wall_us + STABLE_US
        before = (await self._store.flags()).get(PAUSED)
        if before is not None and (before.until_us is None or before.until_us >= until_us):
            return  # a person's longer pause stays
        flag = Flag(
            name=PAUSED,
            user_id=0,
            at_us=now.wall_us,
            until_us=until_us,
            reason=say.TROUBLE_CRASHING,
        )
        await self._store.raise_flag(flag, now)
