"""Whatever a venue answers: never a crash, never "flat", never a better verdict than the last."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.e2e.books import long_btc, world_of
from tests.e2e.lockstep import staged
from watcher.sim.faults import KINDS, Fault, Kind

pytestmark = pytest.mark.process

VENUES = ("bybit", "binance", "okx")
# a hanging request costs real seconds per poll: it has a test of its own on the transport
SLOW: tuple[Kind, ...] = ("timeout", "hang")
# the account is still seen, with the venue's own figures
PARTIAL: tuple[Kind, ...] = ("unknown_symbol",)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in SLOW])
def test_a_bad_answer_is_told_as_blindness_and_never_as_safety(kind: Kind, tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=10.0)
        async with staged(world, tmp_path) as stage:
            await stage.to(30)
            for venue in VENUES:
                assert stage.words(f"{venue}_main") == ["WARNING"]
                until_us = world.now_us + 240 * 1_000_000
                stage.practice.server.faults.add(
                    Fault(target=venue, kind=kind, until_us=until_us, retry_after_s=5)
                )
            await stage.to(265)

            for venue in VENUES:
                words = stage.words(f"{venue}_main")[1:]
                assert not [word for word in words if word.startswith(("CALM", "GONE"))]
                assert not [word for word in words if "was WARNING" in word and "BLIND" not in word]
                if kind not in PARTIAL:
                    assert [word for word in words if word.startswith("BLIND")], venue

            # Bybit's own page says that its 403 lasts ten minutes, and so long it is left alone
            await stage.to(900 if kind == "ban" else 420)
            for venue in VENUES:
                words = stage.words(f"{venue}_main")
                if kind not in PARTIAL:
                    assert [word for word in words if word.startswith("SEEING")], venue
                assert not [word for word in words if word.startswith(("CALM", "GONE"))]

    asyncio.run(play())


def test_old_answers_under_200_are_not_taken_for_news(tmp_path: Path) -> None:
    """
    The venue serves the same bytes for twenty minutes, its clock's among them: compared with that,
    every old answer would look new.
    """

    async def play() -> None:
        world = world_of()
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=10.0)
        async with staged(world, tmp_path) as stage:
            await stage.to(30)
            stage.practice.server.frozen.update(VENUES)
            await stage.to(1230)

            for venue in VENUES:
                words = stage.words(f"{venue}_main")
                assert [word for word in words if word.startswith("BLIND")], venue
                assert not [word for word in words if word.startswith("SEEING")], venue

    asyncio.run(play())


def test_a_frozen_answer_near_liquidation_is_old_by_its_own_time(tmp_path: Path) -> None:
    """At 5.6 % an account may go unseen for 22 s, counted from when the truth ended."""

    async def play() -> None:
        world = world_of()
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=5.6)
        async with staged(world, tmp_path) as stage:
            await stage.to(32)
            stage.practice.server.frozen.update(VENUES)
            await stage.to(32 + 32)

            for venue in VENUES:
                told = [
                    m for m in stage.messages if f"{venue}_main" in m.text and "BLIND" in m.text
                ]
                assert told, stage.words(f"{venue}_main")
                at_s = (told[0].at_us - world.start_us) / 1e6
                assert 32 + 20 <= at_s <= 32 + 30, (venue, at_s)
                assert " s old" in told[0].text
                seen = re.search(r"Last true reading \d\d:(\d\d):(\d\d)", told[0].text)
                assert seen, told[0].text
                minute, second = map(int, seen.groups())
                last_s = (60 * minute + second - world.start_us // 1_000_000) % 3600
                assert last_s <= 32 + 5, (venue, told[0].text)

    asyncio.run(play())


def test_what_lasts_by_the_venues_own_word_is_told_at_once(tmp_path: Path) -> None:
    """At 45 % an outage may last three minutes unsaid; a ban and a refused key may not."""

    async def play() -> None:
        world = world_of()
        for venue in VENUES:
            long_btc(world, f"{venue}_main", venue, away=45.0)
        async with staged(world, tmp_path) as stage:
            await stage.to(30)
            faults = stage.practice.server.faults
            until_us = world.now_us + 1800 * 1_000_000
            faults.add(Fault(target="binance", kind="ban", until_us=until_us))
            faults.add(Fault(target="bybit", kind="revoked", until_us=until_us))
            faults.add(Fault(target="okx", kind="http", until_us=until_us))
            await stage.to(30 + 31)

            end = datetime.fromtimestamp(until_us / 1e6, tz=UTC)
            for name, words, within_s in (
                ("binance_main", f"until {end:%H:%M}", 21),
                ("bybit_main", "refuses the key", 30),
            ):
                assert stage.words(name) == ["BLIND"]
                (sent,) = (m for m in stage.messages if f" {name}" in m.text and "BLIND" in m.text)
                assert words in sent.text
                assert (sent.at_us - world.start_us) / 1e6 - 30 <= within_s, name
            assert stage.words("okx_main") == []

    asyncio.run(play())


def test_equity_that_nothing_explains_is_told_and_ends_no_danger(tmp_path: Path) -> None:
    """For a quarter of a minute every account seems to have five millions more."""

    async def play() -> None:
        world = world_of()
        accounts = [long_btc(world, f"{venue}_main", venue, away=10.0) for venue in VENUES]
        async with staged(world, tmp_path) as stage:
            await stage.to(30)
            for account in accounts:
                world.credit(account, "USDT", Decimal(5_000_000))
            await stage.to(45)
            for account in accounts:
                world.credit(account, "USDT", Decimal(-5_000_000))
            await stage.to(240)

            for account in accounts:
                assert stage.words(account.name) == ["WARNING", "EQUITY JUMPED"], account.name
            told_s = [
                (sent.at_us - world.start_us) / 1e6
                for sent in stage.messages
                if "EQUITY JUMPED" in sent.text
            ]
            assert all(at_s <= 30 + 10 for at_s in told_s)

    asyncio.run(play())
