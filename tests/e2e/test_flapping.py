"""A price that swings across a tier's line for an hour says little, whatever its rhythm."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.asking import press
from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.bot_messages import SentMessage

pytestmark = pytest.mark.process

HOUR_S = 3600.0
MESSAGES_MAX = 4
BEGIN_S = 120.0
HALF_PERIODS_S = (60.0, 30.0, 10.0, 300.0)
"""From four crossings a minute to one in five: the first ones look like a crash to a slope."""


def swings() -> list[tuple[float, float]]:
    """Return an hour of swings 0.5 % around 100,000, a quarter of it in each rhythm."""
    points, t, high = [(BEGIN_S - 20, 100_500.0)], BEGIN_S, False
    for half_s in HALF_PERIODS_S:
        end_s = t + HOUR_S / len(HALF_PERIODS_S)
        while t < end_s:
            points.append((t, 100_500.0 if high else 99_500.0))
            high, t = not high, t + half_s
    return points


def about(stage: Stage, account: str) -> list[SentMessage]:
    return [sent for sent in stage.messages if f" {account}" in sent.text.splitlines()[0]]


def test_an_hour_of_swings_across_a_line_is_four_messages_at_most(tmp_path: Path) -> None:
    """Each is told once; the critical one is answered, as it would ask again for hours else."""

    async def play() -> None:
        world = world_of()
        long_btc(world, "warned", "bybit", away=12.0)
        long_btc(world, "pressed", "bybit", away=6.0)
        world.set_prices({"BTC": Decimal(100_500)})
        falls(world, *swings())
        async with staged(world, tmp_path) as stage:
            await stage.to(BEGIN_S - 20)
            before = list(stage.messages)
            t = BEGIN_S
            while not (told := [m for m in about(stage, "pressed") if "CRITICAL" in m.text]):
                await stage.to(t := t + 5)
                assert t < BEGIN_S + 60
            assert (await press(stage, "Ack", of=told[0])).startswith("Seen")
            await stage.to(BEGIN_S + HOUR_S)

            for account, word in (("warned", "WARNING"), ("pressed", "CRITICAL")):
                said = [one for one in about(stage, account) if one not in before]
                assert any(word in one.text for one in said)
                assert len(said) <= MESSAGES_MAX, [one.text for one in said]

    asyncio.run(play())
