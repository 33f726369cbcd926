"""What the clock decides: quiet hours, and one digest a day whatever the clocks do."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.asking import ask, press
from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged
from watcher.sim.bot_messages import SentMessage
from watcher.sim.demo.phone import read
from watcher.sim.world import SECOND_US

pytestmark = pytest.mark.process

BERLIN = 'timezone = "Europe/Berlin"\n'


def us(*when: int) -> int:
    return round(datetime(*when, tzinfo=UTC).timestamp()) * SECOND_US  # type: ignore[arg-type, misc]


def told(stage: Stage, word: str) -> list[SentMessage]:
    found = [(sent, read(sent.text)) for sent in stage.messages]
    return [sent for sent, one in found if one is not None and one.word == word]


def test_quiet_hours_and_a_mute_hush_a_warning_and_never_what_is_critical(tmp_path: Path) -> None:
    async def play() -> None:
        # 02:00 in Berlin
        world = world_of(start_us=us(2026, 7, 1, 0))
        long_btc(world, "main", "bybit", away=13.0)
        falls(world, (60, 100_000), (600, 97_500), (900, 97_500), (2100, 91_800), (2200, 91_800))
        extra = BERLIN + 'quiet_hours = "22:00-07:00"\n'
        async with staged(world, tmp_path, extra=extra) as stage:
            await stage.to(650)
            [warning] = told(stage, "WARNING")
            assert warning.silent
            assert "Mute 1 h" in list(warning.keys())
            assert "Muted up to WARNING" in await press(stage, "Mute 1 h", of=warning)
            await stage.restart()
            await stage.to(2150)
            assert len(told(stage, "WARNING")) == 1
            [critical, *_] = told(stage, "CRITICAL")
            assert not critical.silent
            assert "Mute 1 h" not in list(critical.keys())
            refused = await ask(stage, "/mute main 2h critical")
            assert "Muted" not in refused

    asyncio.run(play())


@pytest.mark.parametrize(
    ("start", "hours"),
    [
        pytest.param((2026, 10, 24, 5), 25, id="clocks back"),
        pytest.param((2026, 3, 28, 6), 23, id="clocks forward", marks=pytest.mark.deep),
    ],
)
def test_one_digest_a_day_across_a_restart_and_a_change_of_clocks(
    start: tuple[int, int, int, int], hours: int, tmp_path: Path
) -> None:
    async def play() -> None:
        world = world_of(start_us=us(*start))
        extra = BERLIN + 'digest_at = "08:00"\n'
        long_btc(world, "main", "bybit", away=45.0)
        async with staged(world, tmp_path, extra=extra) as stage:
            await stage.to(60)
            first = next_eight(world.now_us)
            # it dies a minute before each digest and comes back a minute after
            for digest_us in (first, first + hours * 3600 * SECOND_US):
                due_s = (digest_us - world.start_us) / SECOND_US
                await sleep_until(stage, due_s - 60)
                await stage.restart(after_s=120)
                await stage.to(due_s + 400)
                await stage.restart()
                await stage.to(due_s + 800)

            digests = [sent for sent in stage.messages if sent.text.startswith("📋 DAY")]
            at = [
                datetime.fromtimestamp(d.at_us / SECOND_US, ZoneInfo("Europe/Berlin"))
                for d in digests
            ]
            assert [(one.hour, one.minute // 10) for one in at] == [(8, 0), (8, 0)]
            assert at[1].date() - at[0].date() == timedelta(days=1)

    asyncio.run(play())


def next_eight(now_us: int) -> int:
    berlin = datetime.fromtimestamp(now_us / SECOND_US, ZoneInfo("Europe/Berlin"))
    eight = berlin.replace(hour=8, minute=0, second=0, microsecond=0)
    assert berlin < eight
    return round(eight.timestamp()) * SECOND_US


async def sleep_until(stage: Stage, t: float) -> None:
    """Let the daemon be dead for most of the time until *t*: a day of polls proves nothing."""
    if t - stage.t > 1200:
        await stage.restart(after_s=t - stage.t - 600)
    await stage.to(t)
