"""
The demo itself: practice exchange, real daemon, people, a sell-off, an outage and a kill -9.

Rule: this file only directs. The daemon is a process that reads the venues over HTTP and cannot
know it is being watched; the people act on what reaches their screens; what is true is asked of
the world. Everything runs in lockstep: the daemon's clock is the world's, so one seed is one
story, told at reading pace or as fast as the machine allows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from watcher.sim.bot_messages import SentMessage
from watcher.sim.demo.daemon import Daemon
from watcher.sim.demo.people import Person
from watcher.sim.demo.phone import Read, read
from watcher.sim.demo.record import TIERS, Event, Record
from watcher.sim.demo.rescue import read_ledger, top_up_table, words_of
from watcher.sim.demo.stage import Pair
from watcher.sim.demo.truth import RANGE_PERCENT, Way, crosses_within, distance, paths_within
from watcher.sim.demo.view import View
from watcher.sim.faults import Fault
from watcher.sim.practice import Practice, write_config
from watcher.sim.world import SECOND_US, World

CURVE_EVERY_S = 30.0
FRAME_EVERY_S = 5.0
DEAD_S = 6.0
OUTAGE_S = 240.0
CHECK_S = 0.5
MOVE_MAX = 8.0

KIND_OF_WORD = {
    **dict.fromkeys(TIERS, "alert"),
    "BLIND": "blind",
    "SEEING": "seeing",
    "CALM": "recovered",
    "GONE": "gone",
}
BETTER, AGAIN = "was ", ("still", "unanswered")


@dataclass(slots=True, kw_only=True)
class Plot:
    """
    What happens when: times in seconds of the story. `pace`: its seconds per real one; `lines`:
    the daemon's distance lines by tier, in percent; `top_up`: the mode of the account that has one.
    """

    lines: Mapping[str, float]
    end_s: float
    outage_venue: str
    outage_s: float
    trader_s: float
    email_s: float
    pace: float | None
    top_up: str = "auto"


@dataclass(slots=True, kw_only=True)
class Show:
    """One telling of the story."""

    practice: Practice
    pairs: list[Pair]
    plot: Plot
    view: View
    record: Record = field(default_factory=Record)
    killed_at: float | None = None
    ledger: list[dict[str, str]] = field(default_factory=list)
    _armed: bool = False
    _kill_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _done: set[tuple[str, str]] = field(default_factory=set)
    _rank: dict[str, int] = field(default_factory=dict)
    _distances: dict[str, float | None] = field(default_factory=dict)
    _near: dict[tuple[str, int], list[Way]] = field(default_factory=dict)
    _blind: set[str] = field(default_factory=set)
    _tiers: dict[str, str] = field(default_factory=dict)
    _moved: dict[str, int] = field(default_factory=dict)
    _next_curve: float = 0.0
    _next_frame: float = 0.0
    _trader: Person = field(init=False)
    _sleeper: Person = field(init=False)

    def __post_init__(self) -> None:
        self._trader = Person(reaction_s=self.plot.trader_s)
        self._sleeper = Person(reaction_s=self.plot.email_s)

    @property
    def world(self) -> World:
        return self.practice.world

    @property
    def _auto(self) -> list[Pair]:
        return [pair for pair in self.pairs if pair.auto]

    @property
    def t(self) -> float:
        return (self.world.now_us - self.world.start_us) / SECOND_US

    async def run(self, folder: Path) -> Record:
        """Tell the story with the daemon's files in *folder*. Raises: `DaemonError`."""
        watched = [pair.watched for pair in self.pairs]
        config = write_config(self.practice, folder, only=watched)
        lines = ", ".join(f'"{self.plot.lines[tier]:g}%"' for tier in TIERS)
        with config.open("a", encoding="utf-8") as out:
            out.write(f"\n[tiers]\ndistance = [{lines}]\n")
            for pair in self._auto:
                out.write(top_up_table(pair.watched, self.plot.top_up))
        daemon = Daemon(
            config=config, clock_url=f"{self.practice.url}/clock", log=folder / "daemon.log"
        )
        self._sample()
        self.practice.server.hold = self._hold
        self.world.on_step.append(self._on_step)
        self.practice.bot.on_message.append(self._on_message)
        await daemon.start()
        try:
            while not self._ended.is_set():
                daemon.check()
                if self._kill_wanted.is_set():
                    await self._kill(daemon)
                await _either(self._kill_wanted, self._ended, CHECK_S)
        finally:
            await daemon.stop()
        self.ledger = await read_ledger(config)
        return self.record

    # ── time ───────────────────────────────────────────────────────────────────────────────

    async def _hold(self, until_us: int) -> int:
        """Pace the story, stop it while the daemon is dead and at its end."""
        if self._armed and self.killed_at is None:
            self._kill_wanted.set()
        if self._kill_wanted.is_set() or self._ended.is_set():
            await asyncio.Event().wait()  # the caller is about to be killed or stopped
        limit = min(until_us, self.world.start_us + round(self.plot.end_s * SECOND_US))
        if self.plot.pace is not None:
            await asyncio.sleep((limit - self.world.now_us) / SECOND_US / self.plot.pace)
        if self.t >= self.plot.end_s:
            self._ended.set()
        return limit

    async def _kill(self, daemon: Daemon) -> None:
        await daemon.kill()
        self.killed_at = self.t
        self._happened(Event(t=self.t, kind="kill", note="kill -9: the daemon is gone"))
        # the world goes on without it, as it would
        self.world.step(self.world.now_us + round(DEAD_S * SECOND_US))
        self._kill_wanted.clear()
        self._happened(Event(t=self.t, kind="restart", note=f"started again {DEAD_S:.0f} s later"))
        await daemon.start()

    # ── what happens in the world ──────────────────────────────────────────────────────────

    def _on_step(self, world: World) -> None:
        t = self.t
        self._outage(t)
        for pair in self.pairs:
            self._true_tier(pair.watched)
            self._venue_acts(pair.watched)
            self._venue_acts(pair.twin)
        for pair in self._auto:
            self._topped_up(pair.watched)
            self._nearest(pair.watched)
        for person in (self._trader, self._sleeper):
            for account, words in person.due(world):
                self._near.clear()
                held = self._distances.get(account)
                self._happened(
                    Event(t=t, kind="action", account=account, distance=held, note=words)
                )
        if t >= self._next_curve:
            self._next_curve = t + CURVE_EVERY_S
            self._sample()
        if t >= self._next_frame:
            self._next_frame = t + FRAME_EVERY_S
            self.view.frame(t, self._rows())

    def _outage(self, t: float) -> None:
        venue = self.plot.outage_venue
        if t >= self.plot.outage_s and ("outage", "begin") not in self._done:
            self._done.add(("outage", "begin"))
            end_us = self.world.now_us + round(OUTAGE_S * SECOND_US)
            fault = Fault(target=venue, kind="http", status=503, until_us=end_us)
            self.practice.server.faults.add(fault)
            note = f"{venue} answers 503 for {OUTAGE_S / 60:.0f} min"
            self._happened(Event(t=t, kind="outage", note=note))
        if t >= self.plot.outage_s + OUTAGE_S and ("outage", "end") not in self._done:
            self._done.add(("outage", "end"))
            self._happened(Event(t=t, kind="outage_end", note=f"{venue} answers again"))

    def _true_tier(self, name: str) -> None:
        """Record each line the moment the world itself crosses it, and when it is back again."""
        account = self.world.account(name)
        rank = self._rank.get(name, -1)
        while rank >= 0 and not (account.positions and self._beyond(name, rank)):
            self.record.add(Event(t=self.t, kind="back", account=name, tier=TIERS[rank]))
            rank -= 1
        while rank + 1 < len(TIERS) and account.positions and self._beyond(name, rank + 1):
            rank += 1
            line = self.plot.lines[TIERS[rank]]
            self.record.add(
                Event(t=self.t, kind="crossing", account=name, tier=TIERS[rank], distance=line)
            )
        self._rank[name] = rank

    def _beyond(self, name: str, rank: int) -> bool:
        return self._within(name, rank, self.plot.lines[TIERS[rank]])

    def _within(self, name: str, rank: int, line: float) -> bool:
        """Say whether *line* percent are undercut, asking only paths that may; kept by *rank*."""
        known = self._distances.get(name)
        # what is known is up to half a minute old; a distance moves by less than this in it
        reach = line * 1.3 + MOVE_MAX
        if known is None or known > reach:
            return False
        account = self.world.account(name)
        if (name, rank) not in self._near:
            self._near[name, rank] = paths_within(self.world, account, reach)
        return crosses_within(self.world, account, line, paths=self._near[name, rank])

    def _venue_acts(self, name: str) -> None:
        account = self.world.account(name)
        for number, call in enumerate(account.margin_calls):
            if (name, f"e-mail {number}") not in self._done:
                self._done.add((name, f"e-mail {number}"))
                held = self._distances.get(name)
                note = f"the venue's e-mail to {name}: {call.text}"
                self._happened(
                    Event(t=self.t, kind="e-mail", account=name, distance=held, note=note)
                )
                if self._has_owner(name) and not self._is_watched(name):
                    self._sleeper.notice(self.world, name, None)
        for number, event in enumerate(account.liquidations):
            if (name, f"liquidation {number}") in self._done:
                continue
            self._done.add((name, f"liquidation {number}"))
            if event.kind != "cancel_orders" and (name, "liquidated") not in self._done:
                self._done.add((name, "liquidated"))
                note = f"{name} is being LIQUIDATED by {account.venue}"
                self._happened(
                    Event(t=self.t, kind="liquidation", account=name, distance=0.0, note=note)
                )

    def _topped_up(self, name: str) -> None:
        """Tell each transfer of the venue's own record, once."""
        account = self.world.account(name)
        for one in account.transfers[self._moved.get(name, 0) :]:
            self._near.clear()
            self._distances[name] = value = distance(self.world, account)
            t = (one.at_us - self.world.start_us) / SECOND_US
            note = f"{account.venue} {words_of(one)}"
            self._happened(Event(t=t, kind="top-up", account=name, distance=value, note=note))
        self._moved[name] = len(account.transfers)

    def _nearest(self, name: str) -> None:
        """Keep the least true distance; it is solved for only where it was undercut."""
        account = self.world.account(name)
        least = self.record.nearest.get(name, (0.0, RANGE_PERCENT))[1]
        if account.positions and self._within(name, len(TIERS), least):
            value = distance(self.world, account)
            if value is not None:
                self.record.nearest[name] = (self.t, value)

    def _has_owner(self, name: str) -> bool:
        """Say whether a person looks after the account; of a pair on its own nobody does."""
        return not any(name in (pair.watched, pair.twin) for pair in self._auto)

    def _is_watched(self, name: str) -> bool:
        return any(pair.watched == name for pair in self.pairs)

    def _sample(self) -> None:
        self._near.clear()
        for pair in self.pairs:
            for name in (pair.watched, pair.twin):
                account = self.world.account(name)
                value = distance(self.world, account)
                self._distances[name] = value
                self.record.plot(name, self.t, value)

    # ── what reaches the phone ─────────────────────────────────────────────────────────────

    def _on_message(self, sent: SentMessage) -> None:
        said = read(sent.text)
        account = said.account if said is not None else ""
        self.view.phone(self.t, account, sent.text)
        if said is None:
            self.record.add(Event(t=self.t, kind="note", note=sent.text.splitlines()[0]))
            return
        event = self._event(said)
        self.record.add(event)
        if said.tier and self._has_owner(said.account):
            self._trader.notice(self.world, said.account, said)
        if said.tier == "CRITICAL" and self.killed_at is None:
            self._armed = True

    def _event(self, said: Read) -> Event:
        kind = KIND_OF_WORD.get(said.word, "note")
        if kind == "alert" and said.note.startswith(BETTER):
            kind = "eased"
        if kind == "blind":
            repeated = said.account in self._blind
            self._blind.add(said.account)
        else:
            repeated = said.note in AGAIN
        if kind == "seeing":
            self._blind.discard(said.account)
        elif kind != "blind":
            self._tiers[said.account] = said.tier
        pools = self.world.pools(self.world.account(said.account), prices=False)
        healths = [pool.health for pool in pools if pool.health is not None]
        return Event(
            t=self.t,
            kind=kind,
            account=said.account,
            tier=said.tier,
            distance=said.distance,
            health=float(min(healths)) if healths else None,
            code=said.code,
            seq=said.seq,
            repeated=repeated,
            raced=said.raced,
        )

    def _happened(self, event: Event) -> None:
        self.record.add(event)
        self.view.happened(
            event.t, f"{event.account}: {event.note}" if event.account else event.note
        )

    def _rows(self) -> list[tuple[str, float | None, str]]:
        rows: list[tuple[str, float | None, str]] = []
        for pair in self.pairs:
            who_of = {pair.watched: "watched", pair.twin: "e-mail only"}
            if pair.auto:
                who_of = {pair.watched: "watched, auto", pair.twin: "nobody"}
            for name, who in who_of.items():
                pools = self.world.pools(self.world.account(name), prices=False)
                healths = [pool.health for pool in pools if pool.health is not None]
                health = f"{min(healths):6.2f}x" if healths else "       "
                words = f"{health}  {self._tiers.get(name, ''):<9}  {who}"
                if (name, "liquidated") in self._done:
                    words = f"LIQUIDATED  {who}"
                rows.append((name, self._distances.get(name), words))
        return rows


async def _either(one: asyncio.Event, other: asyncio.Event, timeout_s: float) -> None:
    """Wait until one of two events is set, at most *timeout_s*."""
    waits = [asyncio.ensure_future(event.wait()) for event in (one, other)]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
