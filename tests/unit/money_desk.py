"""A money loop on a real ledger, against a stand-in venue, at a time of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.unit.money_stand_ins import Bank, StandInMoney
from tests.unit.policy_books import START_US, seen
from tests.unit.top_up_books import AUTO, alert_rules, short_of
from watcher.domain.account import Snapshot
from watcher.domain.alert import SECOND_US, AccountState, Message, Moment
from watcher.domain.topup import Assurance, Intent, TopUpRules
from watcher.policy.decide import decide
from watcher.service.books import Charge
from watcher.service.fund import Fund
from watcher.service.switches import Switches
from watcher.store.intents import SqlitePurse
from watcher.store.sqlite import SqliteStore

ACCOUNT = "bybit_main"
BASE = Decimal(500)


class Still:
    """A clock the test moves; nothing may wait on it."""

    def __init__(self) -> None:
        self.at_us = START_US

    def now(self) -> Moment:
        return Moment(steady_us=self.at_us, wall_us=self.at_us)

    def pass_(self, seconds: float) -> None:
        self.at_us += round(seconds * SECOND_US)


class Desk:
    """
    The loop `fund` of one account. `look` is a poll that finds the account that far away, `wait`
    lets time pass and the loop turn; `said` is every message queued, by its title.
    """

    def __init__(
        self, store: SqliteStore, clock: Still, money: StandInMoney, rules: TopUpRules
    ) -> None:
        self.store, self.clock, self.money, self.rules = store, clock, money, rules
        self.purse: Any = SqlitePurse(store)
        self.state = AccountState(account=ACCOUNT)
        self.told: list[Message] = []
        self.killed = False
        self.fund = self.started()

    def switches(self, doubt: str = "") -> Switches:
        return Switches(queue=self.store.say, killed=lambda: self.killed, doubt=doubt)

    def started(self, switches: Switches | None = None, account: str = ACCOUNT) -> Fund:
        """Return a new loop on the same ledger, as after a restart."""
        clock: Any = self.clock
        charge = Charge(
            account=account,
            venue="bybit",
            rules=self.rules,
            alerts=alert_rules(self.rules),
            money=self.money,
        )
        return Fund(
            charge,
            purse=self.purse,
            clock=clock,
            queue=self.store.say,
            tell=self.told.append,
            wake=lambda: None,
            switches=switches or self.switches(),
        )

    async def look(
        self,
        distance: float,
        *,
        after_s: float = 4.0,
        turn: bool = True,
        came: Decimal = Decimal(0),
    ) -> None:
        """A poll; *came* is what has come into the pool since the first one."""
        self.clock.pass_(after_s)
        now = self.clock.now()
        at_s = (now.wall_us - START_US) / SECOND_US
        snapshot = with_wallet(short_of(distance, seconds=at_s), came)
        self.state = decide(self.state, seen(snapshot), alert_rules(self.rules), now).state
        self.fund.seen(self.state, snapshot)
        if turn:
            await self.fund.round()

    async def slide(self) -> None:
        """Two readings beyond the trigger: the second calls for a top-up."""
        await self.look(30.0)
        await self.look(9.4)
        await self.look(9.3)

    async def wait(self, seconds: float) -> None:
        self.clock.pass_(seconds)
        await self.fund.round()

    async def intents(self) -> Sequence[Intent]:
        found: Sequence[Intent] = await self.purse.intents()
        return found

    async def states(self) -> list[str]:
        return [one.progress.value for one in await self.intents()]

    async def said(self) -> list[str]:
        told = await self.store.told(since_us=0)
        return [one.title for one in told]


# as if profit had changed by as much the other way: what is held tells of arrivals, not of prices
def with_wallet(snapshot: Snapshot, came: Decimal) -> Snapshot:
    [asset] = snapshot.assets
    [position] = snapshot.positions
    held = BASE + came
    entry = position.entry + held - asset.wallet
    return replace(
        snapshot,
        assets=(replace(asset, wallet=held),),
        positions=(replace(position, entry=entry),),
    )


@asynccontextmanager
async def desk(
    folder: Path,
    rules: TopUpRules = AUTO,
    *,
    bank: Bank | None = None,
    assurance: Assurance = Assurance.DEDUP,
    wrap: Callable[[Any], Any] | None = None,
) -> AsyncIterator[Desk]:
    store = await SqliteStore.open(folder)
    clock = Still()
    money = StandInMoney(
        Bank() if bank is None else bank,
        lambda: clock.at_us,
        account=ACCOUNT,
        assurance=assurance,
    )
    made = Desk(store, clock, money, rules)
    if wrap is not None:
        made.purse = wrap(made.purse)
        made.fund = made.started()
    try:
        yield made
    finally:
        await store.close()
