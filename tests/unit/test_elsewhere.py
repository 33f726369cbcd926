"""What other venues say of the same contracts: their names, their silence, no key sent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from importlib import import_module

import pytest
import structlog

from watcher.domain.alert import Moment
from watcher.ports import Venue
from watcher.service.poll import ELSEWHERE_DEADLINE_S
from watcher.sim.bot_api import BotApi
from watcher.sim.default import START_US, empty_world, wires
from watcher.sim.faults import Fault
from watcher.sim.server import PracticeServer
from watcher.venues import VENUES, elsewhere, open_venue
from watcher.venues.ccxt_venue import Credentials, Shared
from watcher.venues.elsewhere import translated

HOUR_US = 3600 * 1_000_000
PERPETUALS = {name: import_module(place).DIALECT.perpetuals for name, place in VENUES.items()}
BTC = {"binance": "BTCUSDT", "bybit": "BTCUSDT", "okx": "BTC-USDT-SWAP"}


def test_a_perpetual_contract_has_a_name_on_each_venue_and_comes_back() -> None:
    for venue, shapes in PERPETUALS.items():
        own = [written.format("BTC") for written in shapes.values()]
        assert len(own) == 3
        for other, theirs in PERPETUALS.items():
            there = translated(own, shapes, theirs)
            assert there == [theirs[quote].format("BTC") for quote in shapes], (venue, other)
            assert translated(there, theirs, shapes) == own


@pytest.mark.parametrize(
    ("venue", "symbol"),
    [
        ("binance", "BTCUSDT_270326"),
        ("binance", "BTCUSD_270326"),
        ("bybit", "BTC-27MAR26"),
        ("bybit", "BTCUSDT-26DEC26"),
        ("bybit", "BTC-27MAR26-100000-C-USDT"),
        ("okx", "BTC-USDT-270326"),
        ("okx", "BTC-USDT"),
        ("okx", "BTC-USD-270326-100000-C"),
    ],
)
def test_what_is_no_perpetual_contract_has_no_name_elsewhere(venue: str, symbol: str) -> None:
    for theirs in PERPETUALS.values():
        assert translated([symbol], PERPETUALS[venue], theirs) == []


def play(story: Callable[[PracticeServer, dict[str, Venue]], Awaitable[None]]) -> None:
    async def run() -> None:
        world = empty_world(prices={"BTC": Decimal(100_000), "SOL": Decimal(200)})
        server = PracticeServer(world, wires=wires(), bot=BotApi(world, token="1:t", chats=(1,)))
        await server.start()
        shared = Shared()
        try:
            opened = {
                name: open_venue(
                    name,
                    "main",
                    Credentials(api_key="k", api_secret="s", password="p"),
                    endpoint=f"http://127.0.0.1:{server.port}",
                    clock=lambda: Moment(steady_us=world.now_us, wall_us=world.now_us),
                    timeout_s=2.0,
                    log=structlog.get_logger(),
                    shared=shared,
                )
                for name in VENUES
            }
            await story(server, opened)
        finally:
            for venue in opened.values():
                await venue.close()
            await shared.close()
            await server.close()

    asyncio.run(run())


def later(server: PracticeServer) -> None:
    """Let what is kept for two seconds be over."""
    server.world.step(server.world.now_us + 10_000_000)


def test_every_venue_is_told_the_others_prices_and_is_asked_nothing_itself() -> None:
    async def story(server: PracticeServer, opened: dict[str, Venue]) -> None:
        for name, venue in opened.items():
            server.tallies.clear()
            later(server)
            found = await venue.prices_elsewhere([BTC[name]])
            assert found["BTC"] == pytest.approx(100_000, rel=0.002), name
            assert {asked for asked, _ in server.tallies} == set(VENUES) - {name}

    play(story)


def test_a_venue_that_does_not_answer_costs_nothing_but_its_silence() -> None:
    async def story(server: PracticeServer, opened: dict[str, Venue]) -> None:
        until_us = START_US + HOUR_US
        server.faults.add(Fault(target="bybit", kind="html", until_us=until_us))
        assert await opened["binance"].prices_elsewhere(["BTCUSDT"])
        server.faults.add(Fault(target="okx", kind="http", until_us=until_us))
        later(server)
        assert await opened["binance"].prices_elsewhere(["BTCUSDT"]) == {}
        assert await opened["binance"].prices_elsewhere(["NONESUCHUSDT"]) == {}
        assert await opened["binance"].prices_elsewhere(["BTCUSDT_270326"]) == {}

    play(story)


def test_a_venue_that_hangs_costs_the_others_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert elsewhere.EACH_S < ELSEWHERE_DEADLINE_S
    monkeypatch.setattr(elsewhere, "EACH_S", 0.1)

    async def story(server: PracticeServer, opened: dict[str, Venue]) -> None:
        until_us = START_US + HOUR_US
        server.faults.add(Fault(target="bybit", kind="timeout", until_us=until_us))
        found = await opened["binance"].prices_elsewhere(["BTCUSDT"])
        assert found["BTC"] == pytest.approx(100_000, rel=0.002)
        server.release()

    play(story)
