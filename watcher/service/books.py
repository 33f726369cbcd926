"""
What the money loop must know before it moves anything: the key, the caps, the balances, the books.

Rule: every answer comes from the venue or from the ledger, within a deadline, and what is missing
leaves money off. At start and every ten minutes the venue's own history is held against the ledger:
a movement of ours the ledger knows nothing of, or one it calls done that the venue does not know,
freezes all money until a person has looked. What is strange is judged in `policy.reconciling`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fnmatch import fnmatchcase

import structlog

from watcher.domain.account import Snapshot
from watcher.domain.alert import MINUTE_US, SECOND_US, AlertRules, Moment
from watcher.domain.topup import (
    Assurance,
    Intent,
    Mode,
    Movement,
    Progress,
    Route,
    TopUpRules,
    Verb,
)
from watcher.policy import arming, money_notes, protocol, reconciling
from watcher.policy import messages as say
from watcher.policy.allowance import DAY_US, SENDS, WEEK_US, worths
from watcher.policy.arming import Unfit
from watcher.policy.means import Balance, Held, Why
from watcher.policy.sizing import Proposal, balance_in
from watcher.ports import (
    FROZEN,
    Clock,
    Flag,
    Money,
    Purse,
    Unsupported,
    VenueError,
    WithdrawalRight,
)
from watcher.service.driver import CALL_DEADLINE_S, within
from watcher.service.switches import Switches

CHECK_US = 10 * MINUTE_US
CHECK_AGAIN_US = 30 * SECOND_US
WEIGH_US = 60 * SECOND_US
FORGOTTEN_US = WEEK_US - DAY_US
"""What ended so long ago may be out of the history that is read; before, it is late in it."""
HISTORY_DEADLINE_S = 15.0
BALANCES_KEPT = 2
ID_LENGTH = 8

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """One account's money: what may be done, with which client, beside which rules of alerts."""

    account: str
    venue: str
    rules: TopUpRules
    alerts: AlertRules
    money: Money


class Books:
    """
    `armed`: all was found in order, money may move. `balances` are the last two of each configured
    way, `steps` the smallest amounts there. `snapshot` is the newest reading, `owner` whose it is.
    """

    def __init__(
        self,
        charge: Charge,
        *,
        purse: Purse,
        clock: Clock,
        wake: Callable[[], None],
        switches: Switches,
    ) -> None:
        self.armed = charge.rules.mode not in SENDS
        self.balances: dict[Route, tuple[Balance, ...]] = {}
        self.steps = {route: charge.money.step(route) for route in charge.rules.routes}
        self.snapshot: Snapshot | None = None
        self.owner: str | None = None
        self._charge = charge
        self._money = charge.money
        self._purse = purse
        self._clock = clock
        self._wake = wake
        self._switches = switches
        self._uid = ""
        self._fits = False
        self._due_us = 0
        self._weighed_us = 0
        self._log = log.bind(account=charge.account)

    # -- may anything move -----------------------------------------------------------------------

    @property
    def objection(self) -> Held | None:
        """Why nothing may move, where that is so."""
        if self.armed:
            return None
        unfit = self._switches.unfit(self._charge.account)
        if unfit is None:
            return Held(why=Why.UNREAD, reason=say.HELD_BOOKS_UNREAD)
        return Held(why=Why.UNFIT, reason=unfit.reason)

    async def check(self) -> None:
        """
        Look at key, caps and books when that is due, and tell what was found.

        Raises: `StoreError`, `VenueError`; money is as it was, at start off.
        """
        now = self._clock.now()
        await self._switches.tell(now)
        if self._charge.rules.mode not in SENDS or now.steady_us < self._due_us:
            return
        self._due_us = now.steady_us + CHECK_AGAIN_US
        if self._switches.doubt:
            # a fact of the whole ledger: whoever comes first tells it of all accounts
            await self._freeze(self._switches.doubt, account="")
            self._switches.doubt = ""
        unfit = await self.unfit() or await self._unfit_caps() or await self._unfit_clock()
        self._switches.turn(self._charge.account, unfit, self._clock.now())
        if unfit is None:
            await self._reconcile()
            self._due_us = self._clock.now().steady_us + CHECK_US
        self.armed = unfit is None

    async def unfit(self) -> Unfit | None:
        """Return why the key may move nothing. Raises: `VenueError`."""
        try:
            rights = await within(CALL_DEADLINE_S, self._money.rights())
            self._uid = await within(CALL_DEADLINE_S, self._money.uid())
            found = arming.unfit_key(self._charge.rules, rights) or arming.unfit_owner(
                self._uid, self.owner
            )
        except WithdrawalRight as error:
            found = arming.may_withdraw(error.reason)
        if found is not None:
            self.armed, self._due_us = False, 0  # looked at, and told, at once
        return found

    async def _unfit_clock(self) -> Unfit | None:
        venue_ms = await within(CALL_DEADLINE_S, self._money.now_ms())
        return arming.unfit_clock(self._clock.now(), venue_ms)

    async def _unfit_caps(self) -> Unfit | None:
        if self._fits:
            return None
        limits = self._charge.rules.limits
        unit = "" if limits is None else limits.unit
        prices = {unit: Decimal(1)}
        if self.snapshot is not None:
            prices = worths(self.snapshot, unit)
        ways = self._sources()
        if not ways:
            return None  # nothing to take from, and nothing to hold the caps against, yet
        held = Decimal(0)
        for way in ways:
            if way.asset not in prices:
                raise VenueError(f"{way.asset} has no price yet")
            balance = await within(CALL_DEADLINE_S, self._money.balance(way))
            held += balance * prices[way.asset]
        found = arming.unfit_caps(limits, held)
        self._fits = found is None
        return found

    # one way for each source: the wallet that is moved from, or the pools where nothing is moved
    def _sources(self) -> list[Route]:
        routes = self._charge.rules.routes
        moves = [route for route in routes if route.verb is Verb.MOVE]
        ways = filter(None, map(self._way, moves or routes))
        return list({(way.source, way.asset): way for way in ways}.values())

    # -- the venue's books against the ledger ----------------------------------------------------

    async def _reconcile(self) -> None:
        now, account = self._clock.now(), self._charge.account
        armed_us = await self._purse.armed_at_us()
        intents = [i for i in await self._purse.intents() if self.is_mine(i)]
        listed = {r for r in self._charge.rules.routes if not _is_open_ended(r)}
        for route in sorted(listed | {i.route for i in intents}, key=repr):
            history = await self._history(route, now)
            if history is None:
                continue
            since_us = max(armed_us, now.steady_us - DAY_US)
            row = reconciling.strange(
                [one for one in history if one.at_us > armed_us],
                intents,
                self._uid,
                route,
                self._money.step(route),
            )
            lost = reconciling.missing(
                history, intents, route, since_us=since_us, now_us=now.steady_us
            )
            if row is not None:
                moved = f"{row.amount:f} {row.asset}"
                await self._freeze(say.FROZEN_STRANGE.format(amount=moved), account=account)
            elif lost is not None:
                await self._freeze(say.FROZEN_LOST.format(intent=lost.id), account=account)
        self._log.debug("money.reconciled")

    async def _history(self, route: Route, now: Moment) -> Sequence[Movement] | None:
        try:
            return await within(
                HISTORY_DEADLINE_S, self._money.history(route, since_us=now.wall_us - WEEK_US)
            )
        except Unsupported:
            return None  # the venue keeps no list of this kind

    async def _freeze(self, reason: str, *, account: str) -> None:
        now = self._clock.now()
        flag = Flag(name=FROZEN, user_id=0, at_us=now.wall_us, reason=reason)
        if await self._purse.freeze(flag, money_notes.frozen(account, reason, now)):
            self._log.error("money.frozen", reason=reason)
            self._wake()

    # -- what is there -----------------------------------------------------------------------------

    async def weigh(self, route: Route | None = None) -> None:
        """
        Read what may leave the source of *route*, or of every configured way.

        Raises: `VenueError` where *route* was asked for; else one that cannot be read is not known.
        """
        for listed in self._charge.rules.routes:
            way = self._way(listed) if route is None else route
            if way is None or not _belongs(way, listed):
                continue
            try:
                await self._weigh_one(listed, way)
            except VenueError as error:
                if route is not None:
                    raise
                self._log.info("balance.missed", source=listed.source, reason=error.reason)
        self._weighed_us = self._clock.now().steady_us

    async def weigh_when_due(self) -> None:
        if self._clock.now().steady_us - self._weighed_us >= WEIGH_US:
            await self.weigh()

    async def _weigh_one(self, listed: Route, way: Route) -> None:
        amount = None
        if self._charge.rules.mode not in SENDS and self.snapshot is not None:
            # nothing is sent: what the reading says will do
            amount = balance_in(self.snapshot, way)
        if amount is None:
            amount = await within(CALL_DEADLINE_S, self._money.balance(way))
        read = Balance(amount=amount, at_us=self._clock.now().steady_us)
        known = self.balances.get(listed, ())
        self.balances[listed] = (*known, read)[-BALANCES_KEPT:]

    # a configured way may lead to any isolated leg: what may leave is the same for all of them
    def _way(self, listed: Route) -> Route | None:
        if not _is_open_ended(listed):
            return listed
        pools = () if self.snapshot is None else self.snapshot.rules
        found = next((p for p in sorted(pools) if fnmatchcase(p, listed.destination)), None)
        return None if found is None else replace(listed, destination=found)

    # -- writing an intent -------------------------------------------------------------------------

    async def intent(self, found: Proposal, life_us: int) -> Intent:
        """
        Return *found* as an intent, named after the newest movement the venue knows on its way.

        Raises: `StoreError`, `VenueError`.
        """
        now, route = self._clock.now(), found.route
        known = [i for i in await self._purse.intents() if self.is_mine(i)]
        sends = found.mode in SENDS
        anchor = await self._anchor(route, known, now) if sends else f"{found.mode}:{now.steady_us}"
        key = protocol.decision_key(self._uid or self._charge.account, route, anchor)
        same = [i for i in known if i.decision_key == key]
        attempt = sum(i.progress in (Progress.REJECTED, Progress.ABSENT) for i in same)
        doubted = any(i.progress is Progress.ABSENT for i in same)
        name = f"{self._charge.account}\n{key}\n{attempt}\n{now.steady_us}"
        return Intent(
            id=hashlib.sha256(name.encode()).hexdigest()[:ID_LENGTH],
            decision_key=key,
            account=self._charge.account,
            venue=self._charge.venue,
            pool=found.pool,
            route=route,
            amount=found.amount,
            ceiling=found.amount,
            progress=Progress.PROPOSED,
            assurance=self._money.assurance(route.verb),
            # what may have been lost once is sent again only where a person says so
            mode=Mode.ASK if doubted and found.mode is Mode.AUTO else found.mode,
            incident=found.incident,
            attempt=attempt,
            venue_ref=protocol.venue_ref(key, attempt),
            created_us=now.steady_us,
            changed_us=now.steady_us,
            expires_us=now.steady_us + life_us,
            next_us=now.steady_us,
            before=found.before,
            measure=found.measure,
            uid=self._uid,
        )

    def marked(self, intent: Intent, amount: Decimal) -> Decimal:
        """Return *amount* with the mark that names *intent* where the venue keeps no id."""
        if intent.assurance is not Assurance.BLIND_SEND:
            return amount
        return protocol.marked(amount, intent.decision_key, self._money.step(intent.route))

    def is_mine(self, intent: Intent) -> bool:
        """Tell whether *intent* draws on the same account at the venue."""
        alias = bool(self._uid) and intent.uid == self._uid
        return intent.account == self._charge.account or (
            alias and intent.venue == self._charge.venue
        )

    async def _anchor(self, route: Route, known: Sequence[Intent], now: Moment) -> str:
        history = await self._history(route, now)
        # where the venue keeps no list, or shows no more, what was carried out here stands for it
        until_us = now.steady_us if history is None else now.steady_us - FORGOTTEN_US
        anchor = "" if history is None else reconciling.anchor_of(history, route)
        return anchor or next(_ended(known, route, until_us), "")


def _ended(known: Sequence[Intent], route: Route, until_us: int) -> Iterator[str]:
    ended = (Progress.DONE, Progress.ABSENT)
    return (
        one.id
        for one in reversed(known)
        if one.route == route and one.progress in ended and one.changed_us <= until_us
    )


def _is_open_ended(route: Route) -> bool:
    return "*" in route.destination


def _belongs(way: Route, listed: Route) -> bool:
    same = (way.verb, way.asset, way.source) == (listed.verb, listed.asset, listed.source)
    return same and fnmatchcase(way.destination, listed.destination)
