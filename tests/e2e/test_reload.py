"""The settings are edited while the daemon runs: taken over at once, or refused with the place."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.books import falls, long_btc, world_of
from tests.e2e.lockstep import Stage, staged

pytestmark = pytest.mark.process


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


async def command(config: Path, name: str = "reload") -> Done:
    """Run `watcher reload` beside the daemon and return what it said."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "watcher", name, "--config", str(config)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(120):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


def edit(config: Path, tiers: str) -> None:
    """Put the lines of distance into the configuration, in place of those there."""
    text = config.read_text(encoding="utf-8").partition("[tiers]")[0]
    config.write_text(f"{text}[tiers]\n{tiers}\n", encoding="utf-8")


def logged(folder: Path, event: str) -> list[dict[str, object]]:
    lines = (folder / "daemon.log").read_text(encoding="utf-8").splitlines()
    found = [json.loads(line) for line in lines if line.startswith("{")]
    return [line for line in found if line.get("event") == event]


def notes(stage: Stage, word: str) -> list[str]:
    return [sent.text for sent in stage.messages if word in sent.text.splitlines()[0]]


def test_a_moved_line_fires_where_it_is_now_and_an_open_incident_goes_on(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=19.0)  # in WATCH from the start
        falls(world, (60, 100_000), (120, 93_000), (300, 93_000))  # to about 13 %
        config = tmp_path / "watcher.toml"
        async with staged(world, tmp_path) as stage:
            await stage.to(50)
            assert stage.words("main") == ["WATCH"]

            edit(config, 'distance = ["22%", "15%", "6%", "3%"]')
            done = await command(config)
            assert done == Done(
                0,
                "reloaded: 1 setting changed:\n"
                "  tiers.distance: 20%, 12%, 6%, 3% -> 22%, 15%, 6%, 3%\n",
                "",
            )
            await stage.to(140)

            assert [text.splitlines()[:3] for text in notes(stage, "RELOADED")] == [
                [
                    "🔄 RELOADED 1 setting changed",
                    "tiers.distance",
                    "  20%, 12%, 6%, 3% → 22%, 15%, 6%, 3%",
                ]
            ]
            assert stage.words("main") == ["WATCH", "WARNING"]
            assert len({one.code for one in stage.said("main")}) == 1
            assert [one.seq for one in stage.said("main")] == [1, 2]
            assert not notes(stage, "STOPPED")
            assert not notes(stage, "WATCHING AGAIN")
            assert len(notes(stage, "WATCHING")) == 1

    asyncio.run(play())


def test_a_broken_edit_is_told_with_its_place_and_the_old_line_fires(tmp_path: Path) -> None:
    async def play() -> None:
        world = world_of()
        long_btc(world, "main", "bybit", away=19.0)
        falls(world, (60, 100_000), (120, 90_000), (300, 90_000))
        config = tmp_path / "watcher.toml"
        async with staged(world, tmp_path) as stage:
            await stage.to(50)
            edit(config, 'distance = ["22%", "21%", 6, "3%"]')
            line = config.read_text(encoding="utf-8").count("\n")

            done = await command(config)
            assert done.code == 2
            place = f"watcher.toml line {line}, column 27): found the bare number 6"
            assert place in done.err
            assert not logged(tmp_path, "reload.refused")  # refused before the daemon was told

            stage.daemon.hang_up()
            await stage.to(140)

            (told,) = notes(stage, "NEW SETTINGS NOT TAKEN")
            assert f"watcher.toml line {line}, column 27" in told
            assert "tiers.distance.critical" in told
            (entry,) = logged(tmp_path, "reload.refused")
            assert place in str(entry["problems"])
            assert stage.words("main") == ["WATCH", "WARNING"]
            assert not notes(stage, "RELOADED")

    asyncio.run(play())
