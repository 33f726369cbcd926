"""`watcher demo` end to end: what it shows is true, moves with the seed, needs the real parts."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from watcher.sim.default import empty_world
from watcher.sim.demo.market import sell_off
from watcher.sim.demo.record import TIERS as LADDER
from watcher.sim.demo.rescue import failures_of, lines_of, rescues_of
from watcher.sim.demo.run import START_US
from watcher.sim.demo.show import Plot, Show
from watcher.sim.demo.stage import cast
from watcher.sim.demo.truth import worth
from watcher.sim.demo.view import PlainView, clock_text
from watcher.sim.practice import serve
from watcher.sim.things import Account
from watcher.sim.world import SECOND_US, World

pytestmark = [pytest.mark.process, pytest.mark.slow]

ROOT = Path(__file__).resolve().parents[2]
TIERS = ["WATCH", "WARNING", "CRITICAL", "EMERGENCY"]
KEYS = {"t", "kind", "account", "tier", "distance", "health"}


def demo(
    folder: Path, *arguments: str, environ: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WATCHER_")}
    return subprocess.Popen(
        [sys.executable, "-m", "watcher", "demo", "--fast", *arguments],
        cwd=ROOT,
        env={**clean, **(environ or {}), "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def events_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_two_seeds_tell_two_stories_and_both_hold(tmp_path: Path) -> None:
    runs = {}
    for seed in (1, 2):
        folder = tmp_path / str(seed)
        folder.mkdir()
        out, png = folder / "out.jsonl", folder / "out.png"
        options = ("--seed", str(seed), "--json", str(out), "--png", str(png))
        runs[seed] = (demo(folder, *options), out, png)
    stories, pages = {}, {}
    for seed, (process, out, png) in runs.items():
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said[-3000:]
        assert "FAILED" not in said
        assert png.stat().st_size > 10_000
        stories[seed], pages[seed] = events_of(out), said

    # what the README shows is what it says
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [sample] = [part for part in readme.split("```") if "saved by a top-up" in part]
    for line in (line for line in sample.strip().splitlines() if line != "..."):
        assert line in pages[1]
    for events in stories.values():
        assert all(set(event) >= KEYS for event in events)
        for account in ("bybit_main", "binance_main", "okx_main"):
            alerts = [e for e in events if e["kind"] == "alert" and e["account"] == account]
            fresh = [e for e in alerts if not e["repeated"]]
            # the first slide: in order, none skipped but by its speed, whatever comes later
            assert fresh[0]["tier"] == TIERS[0]
            assert fresh[1]["tier"] in TIERS[1 : 2 + fresh[1]["raced"]]
        kinds = [event["kind"] for event in events]
        assert {"blind", "seeing", "kill", "restart", "liquidation", "action"} <= set(kinds)
        dead = {event["account"] for event in events if event["kind"] == "liquidation"}
        assert any(name.endswith("_twin") for name in dead)
        assert not any(name.endswith("_main") for name in dead)
        assert {"binance_main"} == {e["account"] for e in events if e["kind"] == "top-up"}
        touched = {event["account"] for event in events if event["kind"] == "action"}
        assert touched
        assert not touched & {"binance_main", "binance_twin"}

    times = [
        [event["t"] for event in events if event["kind"] == "alert"] for events in stories.values()
    ]
    assert times[0] != times[1]


async def told(folder: Path) -> tuple[World, Show, dict[str, Decimal]]:
    """Play a story in this process, so that its world can be asked; return the first worths too."""
    path, _ = sell_off(5)
    world = empty_world(seed=5, start_us=START_US, prices=path.prices_at(0))
    pairs = cast(world, None)
    world.follow(path)
    starts = {name: worth(world, account) for name, account in world.accounts.items()}
    practice = await serve(world, lockstep=True)
    plot = Plot(
        lines=dict(zip(LADDER, (20.0, 12.0, 6.0, 3.0), strict=True)),
        end_s=path.length_us / SECOND_US,
        outage_venue="bybit",
        outage_s=2800.0,
        trader_s=120.0,
        email_s=1800.0,
        pace=None,
    )
    with (folder / "said.txt").open("w", encoding="utf-8") as out:
        view = PlainView(Console(file=out))
        show = Show(practice=practice, pairs=pairs, plot=plot, view=view)
        try:
            await show.run(folder / "daemon")
        finally:
            await practice.close()
    return world, show, starts


def held(account: Account) -> Decimal:
    """Return the USDT of all its wallets."""
    return sum((purse.get("USDT", Decimal(0)) for purse in account.wallets.values()), Decimal(0))


def test_a_top_up_saves_and_without_it_the_same_account_dies(tmp_path: Path) -> None:
    """The world is asked what moved and what was lost; rehearsed only, the demo's check fails."""
    out, nowhere = tmp_path / "out.jsonl", tmp_path / "none.png"
    dry = demo(tmp_path, "--top-up", "dry_run", "--json", str(out), "--png", str(nowhere))

    world, show, starts = asyncio.run(told(tmp_path))
    [rescue] = rescues_of(world, show.record, show.pairs, starts, show.ledger)
    said = "\n".join(lines_of(rescue))
    main, twin = world.account("binance_main"), world.account("binance_twin")

    assert failures_of(rescue) == []
    assert main.liquidations == []
    assert main.transfers
    assert {(one.source, one.target) for one in main.transfers} == {("funding", "futures")}
    assert sum(one.amount for one in main.transfers) <= 12_000
    intents = [Decimal(one["amount"]) for one in show.ledger]
    assert intents == [one.amount for one in main.transfers]
    for one in main.transfers:
        at = clock_text((one.at_us - world.start_us) / SECOND_US)
        assert f"{at}  moved {one.amount:,.2f} USDT, funding → futures" in said
    # whoever has no position is worth what the wallets hold
    assert twin.positions == {}
    assert twin.transfers == []
    died = clock_text((twin.liquidations[0].at_us - world.start_us) / SECOND_US)
    lost = starts["binance_twin"] - held(twin)
    assert starts["binance_twin"] == starts["binance_main"]
    assert f"liquidated at {died}, {lost:,.0f} USDT lost" in said
    nearest = show.record.nearest["binance_main"][1]
    curve = [value for _, value in show.record.curves["binance_main"] if value is not None]
    assert 3.0 < nearest <= min(curve)

    words, _ = dry.communicate(timeout=300)
    assert dry.returncode == 1, words[-3000:]
    assert "FAILED: binance_main: nothing was moved" in words
    assert "TOP-UP, DRY RUN" in words
    dead = {e["account"]: e["t"] for e in events_of(out) if e["kind"] == "liquidation"}
    assert dead["binance_main"] == dead["binance_twin"]


def test_without_ccxt_there_is_no_demo(tmp_path: Path) -> None:
    """The demo reads its venues through the real library or not at all."""
    broken = tmp_path / "broken" / "ccxt"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('no ccxt here')\n", encoding="utf-8")

    process = demo(tmp_path, environ={"PYTHONPATH": f"{broken.parent}{os.pathsep}{ROOT}"})
    said, _ = process.communicate(timeout=120)

    assert process.returncode == 1, said[-2000:]


@pytest.mark.parametrize(
    "book", ["2 BTC", "2 BTC long", "many BTC long, 5k USDT", "1 XYZ long, 5k USDT", ""]
)
def test_a_book_that_cannot_be_read_is_refused(book: str, tmp_path: Path) -> None:
    process = demo(tmp_path, "--book", book)
    said, _ = process.communicate(timeout=60)

    assert process.returncode == 2
    assert "--book" in said


def test_a_demo_that_is_stopped_takes_its_daemon_along(tmp_path: Path) -> None:
    process = demo(tmp_path)
    assert process.stdout is not None
    for line in process.stdout:
        if "WATCHING" in line:
            break
    process.terminate()
    said, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert "stopped" in said
    assert not list(tmp_path.glob("watcher-demo-*"))


def test_a_target_without_a_folder_is_refused_before_the_show(tmp_path: Path) -> None:
    process = demo(tmp_path, "--json", str(tmp_path / "none" / "out.jsonl"))
    said, _ = process.communicate(timeout=30)

    assert process.returncode == 2
    assert "expected one" in said
