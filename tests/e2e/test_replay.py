"""The recorded minutes of January 2022 drive the practice exchange: every tier at its line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.lockstep import staged
from watcher.sim.demo.record import TIERS
from watcher.sim.demo.truth import crosses_within
from watcher.sim.practice import practice_world
from watcher.sim.world import World

pytestmark = [pytest.mark.process, pytest.mark.slow]

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
MINUTES = DATA / "2022-01-21_BTC-PERP_1m.csv"
SPEED = 30.0
LINES = {"WATCH": 20.0, "WARNING": 12.0, "CRITICAL": 6.0, "EMERGENCY": 3.0}
LOOK_S = 10.0


class Truth:
    """When the world itself was beyond each line, as (begin, end) in seconds."""

    def __init__(self, world: World, name: str) -> None:
        self.spans: dict[str, list[tuple[float, float]]] = {tier: [] for tier in TIERS}
        self._open: dict[str, float] = {}
        self._name = name
        world.on_step.append(self._look)
        self._next = 0.0

    def _look(self, world: World) -> None:
        t = (world.now_us - world.start_us) / 1e6
        if t < self._next:
            return
        self._next = t + 1.0
        account = world.account(self._name)
        for tier, line in LINES.items():
            beyond = bool(account.positions) and crosses_within(world, account, line)
            if beyond:
                self._open.setdefault(tier, t)
            elif tier in self._open:
                self.spans[tier].append((self._open.pop(tier), t))

    def close(self, t: float) -> None:
        for tier, begin in self._open.items():
            self.spans[tier].append((begin, t))


@pytest.mark.skipif(not MINUTES.exists(), reason="the recorded prices lie beside the repository")
def test_the_recorded_slide_fires_every_tier_at_its_line(tmp_path: Path) -> None:
    async def play() -> None:
        world = practice_world(prices=MINUTES, underlying="BTC", speed=SPEED, seed=None)
        for name in set(world.accounts) - {"bybit_main"}:
            del world.accounts[name]
        truth = Truth(world, "bybit_main")
        async with staged(world, tmp_path) as stage:
            await stage.to(5760 * 60 / SPEED)
            truth.close(stage.t)

            first: dict[str, float] = {}
            raced: dict[str, bool] = {}
            for sent in stage.messages:
                word = sent.text.split()[1]
                fresh = "(" not in sent.text.splitlines()[0]
                if word in LINES and fresh:
                    first.setdefault(word, (sent.at_us - world.start_us) / 1e6)
                    raced.setdefault(word, "a tier up" in sent.text)
            tiers = list(LINES)
            assert list(first) == tiers
            for tier, told in first.items():
                # a fast fall is told a tier up: then the line before was crossed
                line = tiers[tiers.index(tier) - raced[tier]]
                assert _begin(truth.spans[line], lambda span: True) <= told
                lasting = _begin(truth.spans[tier], lambda span: span[1] - span[0] >= LOOK_S)
                assert told <= lasting + LOOK_S + 1, tier

    asyncio.run(play())


def _begin(
    spans: list[tuple[float, float]], wanted: Callable[[tuple[float, float]], bool]
) -> float:
    return min(span[0] for span in spans if wanted(span))
