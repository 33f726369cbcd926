"""
Every way there is, by the real daemon on auto: each pool of each venue, each verb it takes.

Rule: what counts is what the practice venue did, and that the account stands better for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.books import coin_margined, falls, multi_assets, symbol, world_of
from tests.e2e.lockstep import staged
from tests.e2e.test_topups_e2e import cli, first_lines, ledger
from watcher.sim.default import new_account
from watcher.sim.practice import serve, write_config
from watcher.sim.things import Account, Debt, MarginPair, Rights
from watcher.sim.world import World

pytestmark = pytest.mark.process

D = Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """An account that needs it, its table beyond the caps, and what the venue then did."""

    make: Callable[[World], Account]
    table: str
    did: tuple[str, str, str]


def in_coin(world: World) -> Account:
    account = coin_margined(world, "main", away=12.0)
    account.wallet("spot")["BTC"] = D(2)
    return account


def in_multi(world: World) -> Account:
    account = multi_assets(world, "main", away=12.0)
    account.wallet("funding")["USDT"] = D(50_000)
    return account


def in_margin(world: World) -> Account:
    account = new_account(world, "main", "binance", "classic", {"spot": {"USDT": "50000"}})
    account.wallet("margin")["BTC"] = D(1)
    rate = D("0.000001")
    world.borrow(account, "USDT", D(50_000), wallet="margin", hourly_rate=rate)
    account.wallet("margin")["USDT"] = D(0)
    return account


def in_pair(world: World) -> Account:
    account = new_account(world, "main", "binance", "classic", {"spot": {"USDT": "1"}})
    account.pairs["BTCUSDT"] = MarginPair(
        base="BTC",
        quote="USDT",
        held={"BTC": D(1), "USDT": D(20_000)},
        debts={"USDT": Debt(principal=D(63_000), interest=D(0))},
    )
    return account


def in_futures_mode(world: World) -> Account:
    wallets = {"trading": {"USDT": "12500"}, "funding": {"USDT": "50000"}}
    account = new_account(world, "main", "okx", "futures", wallets)
    size = world.instrument("okx", symbol("okx")).contract_size
    world.set_position(account, symbol("okx"), "long", 1 / size)
    return account


def isolated(venue: str) -> Callable[[World], Account]:
    def make(world: World) -> Account:
        purse = {"okx": "trading", "bybit": "unified"}[venue]
        mode = {"okx": "multi", "bybit": "unified"}[venue]
        account = new_account(world, "main", venue, mode, {purse: {"USDT": "60000"}})
        account.flags["isolated"] = venue == "bybit"
        size = world.instrument(venue, symbol(venue)).contract_size
        leg = {"quantity": 1 / size, "isolated_margin": D(12_500)}
        world.set_position(account, symbol(venue), "long", **leg)
        return account

    return make


def table(to: str, *, source: str = "", verb: str = "move", asset: str = "USDT") -> str:
    level = to in {"margin", "isolated_margin:BTCUSDT"}
    trigger, target = ("190%", "210%") if level else ("10%", "15%")
    cap, keep = ("0.2", "0.1") if asset == "BTC" else ("20000", "1000")
    where = f'from = "{source}"\n' if source else ""
    return f"""
[accounts.main.top_up]
mode = "auto"
asset = "{asset}"
{where}to = "{to}"
verbs = ["{verb}"]
trigger = "{trigger}"
target = "{target}"
max_per_event = "{cap} {asset}"
max_per_day = "{cap} {asset}"
keep_in_source = "{keep} {asset}"
accept_more_than_half = true
"""


PAIR = "isolated_margin:BTCUSDT"
WAYS = {
    "binance coin": Way(
        make=in_coin,
        table=table("coin:BTC", source="spot", asset="BTC"),
        did=("move", "spot", "coin"),
    ),
    "binance multi": Way(
        make=in_multi,
        table=table("cross:multi", source="funding"),
        did=("move", "funding", "futures"),
    ),
    "binance margin": Way(
        make=in_margin, table=table("margin", source="spot"), did=("move", "spot", "margin")
    ),
    "binance pair": Way(
        make=in_pair, table=table(PAIR, verb="repay"), did=("repay", "BTCUSDT", "BTCUSDT")
    ),
    "okx futures": Way(
        make=in_futures_mode,
        table=table("cross:USDT", source="funding"),
        did=("move", "funding", "trading"),
    ),
    "okx isolated": Way(
        make=isolated("okx"),
        table=table("unified", verb="add_margin"),
        did=("add_margin", "trading", "BTC-USDT-SWAP"),
    ),
    "bybit isolated": Way(
        make=isolated("bybit"),
        table=table("unified", verb="add_margin"),
        did=("add_margin", "unified", "BTCUSDT"),
    ),
}


@pytest.mark.parametrize("name", sorted(WAYS))
def test_each_way_is_gone_and_proven(tmp_path: Path, name: str) -> None:
    way = WAYS[name]

    async def play() -> None:
        world = world_of()
        account = way.make(world)
        account.rights = Rights(trade=True, transfer=True)
        # a coin's margin falls with it: what brings the others to their trigger is too much there
        falls(world, (60, 100_000), (400, 95_000))
        async with staged(world, tmp_path, tables=way.table) as stage:
            await stage.to(420)
            log = (tmp_path / "daemon.log").read_text(encoding="utf-8")[-3000:]
            done = world.desk.seen(world, account, way.did[0])
            assert {(one.verb, one.source, one.target) for one in done} == {way.did}, log
            assert {one["state"] for one in ledger(tmp_path)} == {"done"}, log
            assert "💵 TOP-UP DONE" in first_lines(stage)
            assert account.liquidations == []

    asyncio.run(play())


def test_a_request_is_made_where_no_pool_holds_what_is_free(tmp_path: Path) -> None:
    """In Bybit's isolated mode what is free lies beside all pools, and no reading tells it."""
    way = WAYS["bybit isolated"]

    async def play() -> None:
        world = world_of()
        account = way.make(world)
        falls(world, (60, 100_000), (400, 95_000))
        tables = way.table.replace('"auto"', '"request"')
        async with staged(world, tmp_path, tables=tables) as stage:
            await stage.to(330)
            assert first_lines(stage)[:1] == ["💵 PLEASE ADD"]
            assert account.transfers == []

    asyncio.run(play())


def test_check_says_where_no_top_up_can_be_made(tmp_path: Path) -> None:
    """A pool of another mode would be waited for, in silence, until the account is gone."""

    async def play() -> None:
        world = world_of()
        in_multi(world)
        practice = await serve(world)
        try:
            config = write_config(practice, tmp_path)
            text = config.read_text(encoding="utf-8")
            for to, none in (("cross:USDT", True), ("cross:multi", False)):
                config.write_text(text + table(to, source="spot"), encoding="utf-8")
                _, told = await asyncio.to_thread(cli, tmp_path, "check")
                assert "top-ups: auto, move below 10% up to 15%" in told
                assert ("NONE MADE: no cross:USDT here now; pools: cross:multi" in told) is none
        finally:
            await practice.close()

    asyncio.run(play())
