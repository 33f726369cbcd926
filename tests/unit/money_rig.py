"""
One money client at a practice venue, for tests: real ccxt over HTTP, the world's truth at hand.

Rule: lockstep; time passes when a test says so. One account per venue, each with something in every
source wallet and an isolated leg or a debt where the venue has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import aiohttp

from tests.unit.far_server import Quiet
from watcher.domain.alert import Moment
from watcher.domain.topup import Intent, Mode, Progress, Route, Verb
from watcher.policy.protocol import marked, venue_ref
from watcher.ports import Money
from watcher.sim.default import empty_world, new_account
from watcher.sim.practice import Practice, serve
from watcher.sim.things import Account, Rights, Transfer
from watcher.sim.world import SECOND_US, World
from watcher.venues import open_money
from watcher.venues.ccxt_venue import Credentials, Shared

D = Decimal
VENUES = ("binance", "bybit", "okx")
MAY_MOVE = Rights(trade=True, transfer=True)

MOVES = {
    "binance": Route(verb=Verb.MOVE, asset="USDT", source="spot", destination="cross:USDT"),
    "bybit": Route(verb=Verb.MOVE, asset="USDT", source="funding", destination="unified"),
    "okx": Route(verb=Verb.MOVE, asset="USDT", source="funding", destination="unified"),
}
ADDS = {
    "binance": Route(
        verb=Verb.ADD_MARGIN,
        asset="USDT",
        source="cross:USDT",
        destination="isolated:BTCUSDT:long",
    ),
    "bybit": Route(
        verb=Verb.ADD_MARGIN, asset="USDT", source="unified", destination="isolated:BTCUSDT:long"
    ),
    "okx": Route(
        verb=Verb.ADD_MARGIN,
        asset="USDT",
        source="cross:USDT",
        destination="isolated:BTC-USDT-SWAP:long",
    ),
}
REPAYS = {
    "binance": Route(verb=Verb.REPAY, asset="USDT", source="margin", destination="margin"),
    "bybit": Route(verb=Verb.REPAY, asset="USDT", source="unified", destination="unified"),
}


def world_of_all() -> World:
    world = empty_world(seed=3)
    binance = new_account(
        world,
        "binance",
        "binance",
        "classic",
        {
            "spot": {"USDT": "5000"},
            "funding": {"USDT": "400"},
            "futures": {"USDT": "9000"},
            "coin": {"BTC": "1"},
            "margin": {"USDT": "800", "BTC": "1"},
        },
    )
    world.set_position(binance, "BTCUSDT", "long", D("0.5"), isolated_margin=D(6000))
    world.borrow(binance, "USDT", D(500), wallet="margin", hourly_rate=D("0.00001"))
    bybit = new_account(
        world,
        "bybit",
        "bybit",
        "unified",
        {"funding": {"USDT": "5000"}, "unified": {"USDT": "9000"}},
    )
    world.borrow(bybit, "USDT", D(500), wallet="unified", hourly_rate=D("0.00001"))
    okx = new_account(
        world,
        "okx",
        "okx",
        "futures",
        {"funding": {"USDT": "5000"}, "trading": {"USDT": "9000"}},
    )
    world.set_position(okx, "BTC-USDT-SWAP", "long", D(10), isolated_margin=D(1500))
    for account in (binance, bybit, okx):
        account.rights = MAY_MOVE
    return world


@dataclass(slots=True)
class Rig:
    """A practice exchange, one venue's account at it, and its money client."""

    practice: Practice
    account: Account
    money: Money
    session: aiohttp.ClientSession
    log: Quiet

    @property
    def world(self) -> World:
        return self.practice.world

    @property
    def venue(self) -> str:
        return self.account.venue

    @property
    def done(self) -> list[Transfer]:
        """What really happened."""
        return self.account.transfers

    def posts(self, part: str = "") -> int:
        """Return how many requests came to money paths."""
        return sum(
            tally.count
            for (venue, path), tally in self.practice.server.tallies.items()
            if venue == self.venue and path in MONEY_PATHS and part in path
        )

    async def control(self, name: str, **body: object) -> None:
        async with self.session.post(f"{self.practice.url}/control/{name}", json=body) as answer:
            assert answer.status == 200, await answer.text()

    async def plan(self, kind: str, **more: object) -> None:
        await self.control("transfers", target=self.account.name, kind=kind, **more)

    async def wait(self, seconds: float) -> None:
        await self.practice.server.advance(self.world.now_us + round(seconds * SECOND_US))

    async def intent(
        self, route: Route | None = None, amount: str = "250", *, key: str = "key", attempt: int = 0
    ) -> Intent:
        """Return an intent of now, being sent: rights and balance read as the loop reads them."""
        route = route or MOVES[self.venue]
        await self.money.rights()
        await self.money.balance(route)
        return Intent(
            id=f"{key}-{attempt}",
            decision_key=key,
            account=self.account.name,
            venue=self.venue,
            pool=route.destination,
            route=route,
            amount=marked(D(amount), key, self.money.step(route)),
            ceiling=D(amount),
            progress=Progress.SENDING,
            assurance=self.money.assurance(route.verb),
            mode=Mode.AUTO,
            attempt=attempt,
            venue_ref=venue_ref(key, attempt),
            ts_sign_ms=await self.money.now_ms(),
            sends=1,
        )

    async def send(self, intent: Intent) -> Any:
        assert intent.ts_sign_ms is not None
        return await self.money.send(intent, intent.ts_sign_ms)


MONEY_PATHS = frozenset(
    {
        "/fapi/v1/positionMargin",
        "/dapi/v1/positionMargin",
        "/v5/asset/transfer/inter-transfer",
        "/v5/position/add-margin",
        "/v5/account/no-convert-repay",
        "/api/v5/asset/transfer",
        "/api/v5/account/position/margin-balance",
    }
)
"""Paths only money requests take; Binance's others serve histories by GET too."""

Scene = Callable[[Rig], Awaitable[None]]


def play(venue: str, scene: Scene, *, change: Callable[[World], None] | None = None) -> None:
    """Play *scene* with the money client of *venue*'s account."""

    async def run() -> None:
        world = world_of_all()
        if change is not None:
            change(world)
        practice = await serve(world, lockstep=True)
        shared, log, account = Shared(), Quiet(), world.account(venue)
        money = open_money(
            venue,
            account.name,
            Credentials(
                api_key=account.key,
                api_secret=account.secret,
                password=account.passphrase or None,
            ),
            endpoint=practice.url,
            clock=lambda: Moment(steady_us=world.now_us, wall_us=world.now_us),
            timeout_s=2.0,
            log=log,
            shared=shared,
        )
        try:
            async with aiohttp.ClientSession() as session:
                await scene(Rig(practice, account, money, session, log))
        finally:
            await money.close()
            await shared.close()
            await practice.close()

    asyncio.run(run())


def isolated_bybit(world: World) -> None:
    """Put Bybit's account into isolated margin mode with one leg."""
    account = world.account("bybit")
    account.flags["isolated"] = True
    world.set_position(account, "BTCUSDT", "long", D("0.1"), isolated_margin=D(1500))


def without(rights: str, of: Account) -> None:
    of.rights = replace(of.rights, **{rights: False})
