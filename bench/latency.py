"""
From a venue's answer to the alert at the Bot API: the real daemon, real time, real disk.

Rule: the practice exchange runs in this process, so one clock sees both ends. Twelve accounts on
three venues are robbed of collateral one after the other, at times the daemon cannot know; each
falls into a tier and is told. What counts is the time from the last answer that the account's own
key got (taken before its bytes leave) to the message, parsed, at the Bot API: our time plus the
far side's at both ends. A chat takes few messages a minute, so a daemon with a fresh state is
started for each batch. The baseline is python-telegram-bot sending a bare text to the same place.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from bench.daemon import config_of, run_arguments, running
from bench.line import Line, Wrong, quantile
from watcher.sim.bot_messages import SentMessage
from watcher.sim.default import CHAT_ID, empty_world, new_account
from watcher.sim.demo.phone import read
from watcher.sim.practice import Practice, serve, write_config
from watcher.sim.world import COLLATERAL_WALLET, World

BATCHES = 9
PER_VENUE = 4
ALERTS_MIN = 100
MOST_MS = 50.0
START_MAX_S = 30.0
ROBBED_EVERY_S = (0.2, 0.5)
BARE_EVERY_S = 0.05
TELEGRAM = "messages_per_minute = 20"
TABLES = '[poll]\ncalm = "2s"\nhot = "1s"\n'
MODES = {"bybit": "unified", "binance": "classic", "okx": "multi"}
SYMBOLS = {"bybit": "BTCUSDT", "binance": "BTCUSDT", "okx": "BTC-USDT-SWAP"}
NAMES = [f"{venue}_{number}" for number in range(PER_VENUE) for venue in MODES]
HELD = Decimal(25_000)
ROBBED = Decimal(20_500)
"""The rest puts an account of one BTC in CRITICAL: the lane that may use a chat's whole minute."""


@dataclass(slots=True)
class Watch:
    """Both ends on one clock: the last answer to each account's key, and what the bot was told."""

    answered: dict[str, float] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    took_ms: list[float] = field(default_factory=list)
    bare_ms: list[float] = field(default_factory=list)

    def on_reply(self, _venue: str, _path: str, account: str) -> None:
        if account:
            self.answered[account] = time.perf_counter()

    def on_message(self, sent: SentMessage) -> None:
        now = time.perf_counter()
        if sent.text.startswith("bare "):
            self.bare_ms.append((time.monotonic_ns() - int(sent.text[5:])) / 1e6)
            return
        told = read(sent.text)
        if told is not None and told.tier:
            self.seen.add(told.account)
            self.took_ms.append((now - self.answered[told.account]) * 1e3)


def measure() -> list[Line]:
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="watcher-bench-") as name:
        for batch in range(BATCHES):
            asyncio.run(_batch(watch, Path(name) / str(batch), random.Random(batch)))
    if len(watch.took_ms) < ALERTS_MIN:
        raise Wrong(f"{len(watch.took_ms)} alerts, expected at least {ALERTS_MIN}")
    against = f"python-telegram-bot alone, {len(watch.bare_ms)} bare texts to the same place"
    return [
        Line(
            name=f"venue's answer to alert, {words}",
            unit="ms",
            ours=quantile(watch.took_ms, share),
            baseline=quantile(watch.bare_ms, share),
            against=against if limit else "",
            most=limit,
            note=f"{len(watch.took_ms)} alerts, worst {max(watch.took_ms):.1f} ms" if limit else "",
        )
        for words, share, limit in (("median", 0.5, None), ("p99", 0.99, MOST_MS))
    ]


async def _batch(watch: Watch, folder: Path, chance: random.Random) -> None:
    world = _world()
    practice = await serve(world)
    practice.server.on_reply.append(watch.on_reply)
    practice.bot.on_message.append(watch.on_message)
    try:
        write_config(practice, folder)
        config = config_of(folder, "latency", telegram=TELEGRAM, tables=TABLES, accounts=NAMES)
        with running(run_arguments(config), folder / "daemon.log") as daemon:
            await _until(lambda: daemon.said("poll.completed") >= 2 * len(NAMES))
            await _rob(watch, world, chance)
        await _bare(watch, practice, folder / "bare.log")
    finally:
        await practice.close()


def _world() -> World:
    world = empty_world(prices={"BTC": Decimal(100_000)})
    for name in NAMES:
        venue = name.partition("_")[0]
        account = new_account(world, name, venue, MODES[venue], {})
        account.wallet(COLLATERAL_WALLET[venue])["USDT"] = HELD
        size = world.instrument(venue, SYMBOLS[venue]).contract_size
        world.set_position(account, SYMBOLS[venue], "long", Decimal(1) / size)
    world.touch()
    return world


async def _rob(watch: Watch, world: World, chance: random.Random) -> None:
    """Take collateral away from one account after the other and wait for all to be told."""
    watch.seen.clear()
    for name in NAMES:
        await asyncio.sleep(chance.uniform(*ROBBED_EVERY_S))
        world.credit(world.account(name), "USDT", -ROBBED)
    await _until(lambda: watch.seen >= set(NAMES))


async def _until(done: Callable[[], bool]) -> None:
    """Wait for *done*. Raises: `Wrong` when it takes too long."""
    try:
        async with asyncio.timeout(START_MAX_S):
            while not done():  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise Wrong(f"nothing after {START_MAX_S:g} s") from None


async def _bare(watch: Watch, practice: Practice, log: Path) -> None:
    """Let a child send bare texts through the library, with nothing of ours around it."""
    wanted = len(watch.bare_ms) + len(NAMES)
    address = (practice.url, practice.bot.token, str(CHAT_ID))
    arguments = ("-m", "bench.bare_send", *address, str(len(NAMES)), str(BARE_EVERY_S))
    with running(arguments, log):
        await _until(lambda: len(watch.bare_ms) >= wanted)
