"""
A venue that lists other tables than it reckons with: the real daemon says so, with both numbers.

Rule: the venue's answers about the account stay the truth; only a public table is bent on its way.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import orjson
import pytest

from bench.caught import BRACKETS, scaled
from tests.e2e.books import long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.default import wires
from watcher.sim.things import Account
from watcher.sim.wire import Call, Reply, Trouble, Wire, encoded
from watcher.sim.world import World

pytestmark = pytest.mark.process


class Bent:
    """A venue's face that tells every maintenance rate of its tables times *factor*."""

    def __init__(self, wire: Wire, factor: Decimal) -> None:
        self._wire, self._factor = wire, factor
        self.venue, self.prefixes, self.key_header = wire.venue, wire.prefixes, wire.key_header

    def handle(self, call: Call, world: World, account: Account | None) -> Reply:
        reply = self._wire.handle(call, world, account)
        key = BRACKETS.get(call.path)
        if key is None or reply.status != 200:
            return reply
        body = scaled(orjson.loads(encoded(reply.payload)), key, self._factor)
        return replace(reply, payload=orjson.dumps(body, default=float))

    def refuse(self, trouble: Trouble, world: World, *, retry_after_s: float) -> Reply:
        return self._wire.refuse(trouble, world, retry_after_s=retry_after_s)


def bent(factor: str) -> list[Wire]:
    return [Bent(wire, Decimal(factor)) for wire in wires()]


def texts(stage: Stage, title: str) -> list[str]:
    return [sent.text for sent in stage.messages if f" {title} #" in sent.text.splitlines()[0]]


def numbers(text: str, pattern: str) -> tuple[float, float]:
    """Return ours and the venue's of the line that *pattern* finds."""
    found = re.search(pattern, text)
    assert found is not None, text
    ours, theirs = (float(digits.replace(",", "")) for digits in found.groups())
    return ours, theirs


def test_a_bracket_wrong_by_one_percent_is_told_at_once_and_once(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        for venue in ("bybit", "binance", "okx"):
            long_btc(world, f"{venue}_main", venue, away=40.0)
        async with staged(world, tmp_path, faces=bent("0.99")) as stage:
            await stage.to(120)

            told = texts(stage, "TABLE DIFFERS")
            assert len(told) == 3
            for text in told:
                ours, theirs = numbers(
                    text, r"BTC\S* long maintenance margin ([\d,.]+) by our brackets, ([\d,.]+) by"
                )
                # Bybit's has the fee to close in it, which is right
                assert 0.985 <= ours / theirs <= 0.996
            assert texts(stage, "MODEL DIFFERS") == []

    asyncio.run(play())


def test_a_disagreement_is_told_with_both_numbers_and_its_reason(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "okx", away=25.0)
        async with staged(world, tmp_path, faces=bent("0.8")) as stage:
            await stage.to(120)

            (text,) = texts(stage, "MODEL DIFFERS")
            ours, theirs = numbers(text, r"Health ([\d.]+)x by us, ([\d.]+)x by OKX")
            assert ours > theirs * 1.03
            ours, theirs = numbers(
                text, r"Maintenance margin ([\d,.]+) by us, ([\d,.]+) by OKX \(USD\)"
            )
            assert ours == pytest.approx(0.8 * theirs, rel=0.01)
            assert "Likely an old table: BTC-USDT-SWAP long maintenance margin" in text
            assert "The worse of the two counts" in text

    asyncio.run(play())
