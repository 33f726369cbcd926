"""
The account that tops itself up: what its owner wrote, what moved, and what that was worth.

Rule: three witnesses, none of them asked for another's answer: the venue's own record of transfers,
the daemon's ledger as `watcher ledger` prints it, and the twin, the same account to the cent
without a top-up, whom nobody touched either. Every figure is one of theirs.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from watcher.sim.demo.record import Record
from watcher.sim.demo.stage import Pair
from watcher.sim.demo.truth import worth
from watcher.sim.demo.view import clock_text
from watcher.sim.things import Transfer
from watcher.sim.world import SECOND_US, World

MODES = ("auto", "dry_run", "off")


def top_up_table(account: str, mode: str) -> str:
    """Return the table *account*'s owner wrote: what may be moved, when and how much at most."""
    return f"""
[accounts.{account}.top_up]
mode = "{mode}"
asset = "USDT"
from = "funding"
to = "cross:USDT"
trigger = "8%"
target = "12%"
max_per_event = "6000 USDT"
max_per_day = "12000 USDT"
keep_in_source = "5000 USDT"
cooldown = "2m"
"""


async def read_ledger(config: Path) -> list[dict[str, str]]:
    """Return what `watcher ledger` tells of every top-up ever decided, as a user would ask it."""
    words = ("-m", "watcher", "ledger", "--json", "--config", str(config))
    child = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await child.communicate()
    found: list[dict[str, str]] = json.loads(told)["intents"] if told else []
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """
    What became of an account that tops itself up, and of its twin that could not.

    Times are seconds of the story, sums of money USDT. `decided` are the ledger's top-ups that
    were to be sent, `starts` is what either of the two was worth before it all began.
    """

    account: str
    twin: str
    moves: Sequence[tuple[float, Transfer]]
    decided: Sequence[Mapping[str, str]]
    nearest: tuple[float, float] | None
    lost_at: float | None
    twin_lost_at: float | None
    starts: Decimal
    ends: Decimal
    twin_ends: Decimal

    @property
    def twin_lost(self) -> Decimal:
        return self.starts - self.twin_ends


def rescues_of(
    world: World,
    record: Record,
    pairs: Sequence[Pair],
    starts: Mapping[str, Decimal],
    ledger: Sequence[Mapping[str, str]],
) -> list[Rescue]:
    """Return the outcome of each of *pairs* that is on its own, when the story has ended."""
    died = {event.account: event.t for event in reversed(record.of("liquidation"))}
    found = []
    for pair in (pair for pair in pairs if pair.auto):
        account = world.account(pair.watched)
        moves = [((one.at_us - world.start_us) / SECOND_US, one) for one in account.transfers]
        sent = [one for one in ledger if one["account"] == pair.watched and one["mode"] == "auto"]
        found.append(
            Rescue(
                account=pair.watched,
                twin=pair.twin,
                moves=moves,
                decided=sent,
                nearest=record.nearest.get(pair.watched),
                lost_at=died.get(pair.watched),
                twin_lost_at=died.get(pair.twin),
                starts=starts[pair.watched],
                ends=worth(world, account),
                twin_ends=worth(world, world.account(pair.twin)),
            )
        )
    return found


def failures_of(one: Rescue) -> list[str]:
    """Return what of the story did not come true, in words."""
    failed = []
    if not one.moves:
        failed.append(f"{one.account}: nothing was moved")
    executed = Counter((move.asset, move.amount) for _, move in one.moves)
    decided = Counter(
        (intent["asset"], Decimal(intent["amount"]))
        for intent in one.decided
        if intent["state"] == "done"
    )
    if executed != decided or len(one.decided) != len(one.moves):
        states = ", ".join(intent["state"] for intent in one.decided) or "none"
        failed.append(
            f"{one.account}: the venue carried out {len(one.moves)} top-ups, "
            f"the ledger has {len(one.decided)} ({states})"
        )
    if one.lost_at is not None:
        failed.append(f"{one.account}: liquidated at {clock_text(one.lost_at)} all the same")
    if one.twin_lost_at is None:
        failed.append(f"{one.twin}: lived without a top-up, so none was needed")
    return failed


def words_of(move: Transfer) -> str:
    return f"moved {move.amount:,.2f} {move.asset}, {move.source} → {move.target}"


def lines_of(one: Rescue) -> list[str]:
    """Return what the closing page says of it."""
    lines = [f"{one.account} tops itself up, nobody touches it:"]
    for t, move in one.moves:
        lines.append(f"  {clock_text(t)}  {words_of(move)}")
    lines.append(
        f"  top-ups decided: {len(one.decided)}; carried out by the venue: {len(one.moves)}"
    )
    if one.nearest is not None:
        t, value = one.nearest
        lines.append(f"  nearest to liquidation: {value:.1f} % at {clock_text(t)}")
    with_it = "its positions stand"
    if one.lost_at is not None:
        with_it = f"liquidated at {clock_text(one.lost_at)}"
    lines.append(f"  with it: {with_it}; worth {one.ends:,.0f} USDT at the end")
    if one.twin_lost_at is not None:
        lines.append(
            f"  without it: {one.twin}, the same account, was liquidated at "
            f"{clock_text(one.twin_lost_at)}, {one.twin_lost:,.0f} USDT lost"
        )
    lines.append(f"  {one.twin} is worth {one.twin_ends:,.0f} USDT at the end")
    return lines
