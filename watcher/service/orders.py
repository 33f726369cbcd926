"""
What people change by a command or a button: seen, silent for a while, money still.

Rule: an order is carried out once, whatever comes twice: a request has a number, a button a single
press, both kept with what they changed. What only makes money stand still is never shortened or
taken back from here, and what could not be written down says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import tzinfo
from typing import Protocol

import structlog

from watcher.domain.alert import SECOND_US, AccountState, AlertRules, Moment, Tier
from watcher.domain.road import Act
from watcher.policy import drill, wording
from watcher.policy import messages as say
from watcher.policy.asked import AskedWrong, scope_of, silence_of, span_us
from watcher.policy.checks import DAY_US
from watcher.policy.listing import Open, opened
from watcher.policy.orders import AckOrder, MuteOrder, Order, UnmuteOrder
from watcher.policy.verbs import form_of
from watcher.ports import (
    FROZEN,
    KILLED,
    PAUSED,
    Clock,
    Command,
    Flag,
    Press,
    Store,
    StoreError,
    Taken,
)

PAUSE_MAX_US = 30 * 24 * 3_600_000_000

log = structlog.get_logger()


class Watched(Protocol):
    """An account as its poller knows it now, and obeys for it."""

    rules: AlertRules
    state: AccountState

    async def obey(self, order: Order, update_id: int) -> str:
        """Carry out *order* and return the line to answer."""


class Funded(Protocol):
    """The money of an account, and who decides about it."""

    async def decided(self, intent_id: str, *, yes: bool, user_id: int) -> str:
        """Take a yes or no to a proposal and return the line to answer."""


class Orders:
    """Carries out what operators order, and returns the line to answer each with."""

    def __init__(
        self,
        *,
        watched: Mapping[str, Watched],
        funds: Mapping[str, Funded],
        store: Store,
        clock: Clock,
        where: tzinfo,
    ) -> None:
        self._watched = watched
        self._funds = funds
        self._store = store
        self._clock = clock
        self._where = where
        self._turn = asyncio.Lock()

    async def ack(self, command: Command) -> str:
        found = [one for each in self._watched.values() for one in opened(each.state)]
        code = command.argument.upper().strip("# ").partition("·")[0]
        if not code:
            waiting = {(one.account, one.incident.code): one for one in found if one.ack is None}
            if len(waiting) != 1:
                return _which(list(waiting.values()))
            [(account, code)] = waiting
        else:
            named = [one for one in found if one.incident.code == code]
            if not named:
                codes = ", ".join(sorted({f"#{one.incident.code}" for one in found}))
                shown = wording.name(code)
                return (say.NOT_OPEN if codes else say.NOT_OPEN_NOTHING).format(
                    code=shown, codes=codes
                )
            account = max(named, key=lambda one: one.tier).account
        tier = await self._told_then(account, code, command.sent_at_us)
        order = AckOrder(incident=code, user_id=command.user_id, tier=tier)
        return await self.obeyed(account, order, command.update_id)

    async def mute(self, command: Command) -> str:
        asked = silence_of(command.argument)
        if asked is None:
            raise AskedWrong(form_of("mute", say.MUTE_NEEDS))
        scope = scope_of(asked[0], [each.state for each in self._watched.values()])
        order = MuteOrder(
            pool=scope.pool, for_us=asked[1], user_id=command.user_id, tier_max=asked[2]
        )
        return await self.obeyed(scope.account, order, command.update_id)

    async def unmute(self, command: Command) -> str:
        if not command.argument:
            raise AskedWrong(form_of("unmute", say.UNMUTE_NEEDS))
        scope = scope_of(command.argument, [each.state for each in self._watched.values()])
        order = UnmuteOrder(pool=scope.pool, user_id=command.user_id)
        return await self.obeyed(scope.account, order, command.update_id)

    async def pause(self, command: Command) -> str:
        for_us = span_us(command.argument)
        if for_us is None or for_us > PAUSE_MAX_US:
            raise AskedWrong(form_of("pause", say.PAUSE_NEEDS))
        now = self._clock.now()
        async with self._turn:
            until_us = now.wall_us + for_us
            before = (await self._store.flags()).get(PAUSED)
            if before is not None and before.until_us is not None:
                # two people may ask: the longer pause holds
                until_us = max(until_us, before.until_us)
            flag = Flag(name=PAUSED, user_id=command.user_id, at_us=now.wall_us, until_us=until_us)
            if not await self._raised(flag, now, command):
                return say.ORDER_HEARD_BEFORE
        at = wording.day_time(until_us, self._where)
        return say.MONEY_PAUSED.format(until=at)

    async def kill(self, asked: Command | Press) -> str:
        now = self._clock.now()
        flag = Flag(name=KILLED, user_id=asked.user_id, at_us=now.wall_us)
        if not await self._raised(flag, now, asked):
            return say.ORDER_HEARD_BEFORE
        return say.MONEY_KILLED

    async def decided(self, taken: Taken, press: Press) -> str:
        """Hand a yes or no to a proposal to the money loop it is about."""
        fund = self._funds.get(taken.account)
        if fund is None:
            return say.NO_TOP_UPS_ANY_MORE.format(account=wording.name(taken.account))
        yes = taken.act is Act.APPROVE
        try:
            return await fund.decided(taken.intent, yes=yes, user_id=press.user_id)
        except StoreError as error:
            log.warning("button.failed", reason=str(error))
            return say.DECISION_FAILED

    async def money(self) -> str:
        """Return the line of what holds money now; "" for nothing."""
        try:
            flags = await self._store.flags()
        except StoreError as error:
            log.warning("flags.unread", reason=str(error))
            return say.MONEY_UNKNOWN
        killed, paused, frozen = (flags.get(name) for name in (KILLED, PAUSED, FROZEN))
        if frozen is not None:
            return say.MONEY_FROZEN.format(reason=wording.words(frozen.reason))
        if killed is not None:
            at = wording.day_time(killed.at_us, self._where)
            return say.MONEY_KILLED_BY.format(who=killed.user_id, at=at)
        if paused is None or paused.until_us is None:
            return ""
        if paused.until_us <= self._clock.now().wall_us:
            return ""
        return say.MONEY_PAUSED_UNTIL.format(until=wording.day_time(paused.until_us, self._where))

    async def obeyed(self, account: str, order: Order, update_id: int) -> str:
        """Have the poller of *account* carry out *order*."""
        if account.startswith(drill.ACCOUNT):
            return say.DRILL_NOT_REAL
        watched = self._watched.get(account)
        if watched is None:
            return say.NO_LONGER_WATCHED.format(account=wording.name(account))
        said = await watched.obey(order, update_id)
        log.info("order.obeyed", account=account, order=type(order).__name__, user_id=order.user_id)
        return said

    # what was typed before a worse word came is no answer to that word; a muted one has none
    async def _told_then(self, account: str, code: str, sent_at_us: int) -> Tier | None:
        now = self._clock.now()
        until_us = now.steady_us - (now.wall_us - sent_at_us) + SECOND_US  # sent: whole seconds
        try:
            said = await self._store.told(since_us=until_us - DAY_US)
        except StoreError:
            return None
        of_it = [one for one in said if (one.account, one.incident) == (account, code)]
        tiers = [one.tier for one in of_it if one.at_us <= until_us]
        return max(Tier.WARNING, *tiers) if tiers else None

    async def _raised(self, flag: Flag, now: Moment, asked: Command | Press) -> bool:
        fresh = await self._store.raise_flag(flag, now, update_id=asked.update_id)
        log.warning("money.held", flag=flag.name, user_id=flag.user_id, fresh=fresh)
        return fresh


def _which(waiting: list[Open]) -> str:
    if not waiting:
        return say.NOTHING_UNSEEN
    worst = sorted(waiting, key=lambda one: (-one.tier, one.account))
    shown = ", ".join(f"#{one.incident.code} {wording.name(one.account)}" for one in worst[:3])
    more = say.AND_MORE.format(count=len(worst) - 3) if len(worst) > 3 else ""  # noqa: PLR2004 - as shown
    return say.WHICH_ONE.format(codes=shown, more=more)
