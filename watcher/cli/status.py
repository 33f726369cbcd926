"""
`watcher status`: what a running daemon knows, read from its store beside it; changes nothing.

Rule: needs neither secrets nor network, so that anyone who may read the folder can look. Exit code
0 when the daemon runs, its alerts leave, and every account was read in time or is told to be blind;
1 otherwise.
With `--quiet` only the exit code speaks: that is the container's health check.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from watcher.app import open_clock
from watcher.cli import FINE, REFUSED, TROUBLE, show
from watcher.cli.errors import tell_running_errors
from watcher.cli.money import holding, tell_open
from watcher.cli.options import add_clock, config_parser, refuse, settings_of
from watcher.domain.alert import MINUTE_US, SECOND_US, AccountState, AlertRules, Moment
from watcher.policy import overview, proving, wording
from watcher.ports import Backlog, StoreError, Traffic, Undelivered
from watcher.settings import ConfigError, Need, Settings, alert_rules, reaches
from watcher.store.beside import Overview, peek, purse_of, undelivered
from watcher.store.beside import overview as overview_of
from watcher.store.life import is_locked

SIGN_OF_LIFE_MAX_S = 150.0
"""The daemon probes its disk every 60 s: twice that and some."""
BLIND_GRACE_S = 30.0
URGENT_AGE_MAX_S = 60.0


def main(argv: Sequence[str]) -> int:
    parser = config_parser("status", "Show what a running daemon knows, from its store.")
    parser.add_argument("--quiet", action="store_true", help="say it by the exit code only")
    add_clock(parser)
    arguments = parser.parse_args(argv)
    settings = settings_of(arguments, Need.NOTHING)
    if settings is None:
        return REFUSED
    try:
        return asyncio.run(_status(settings, quiet=arguments.quiet, clock_url=arguments.clock))
    except ConfigError as error:
        refuse(error)
        return REFUSED


async def _status(settings: Settings, *, quiet: bool, clock_url: str | None) -> int:
    folder = Path(settings.state_dir)
    async with open_clock(clock_url) as clock:
        now = clock.now()
        try:
            states, backlog = peek(folder)
            stuck = undelivered(folder)
            roads = overview_of(folder)
        except StoreError as error:
            if not quiet:
                print(f"watcher: {error}", file=sys.stderr)
            return TROUBLE
    life_s = _sign_of_life_s(folder, now) if clock_url is None else 0.0
    running = is_locked(folder)
    alive = life_s <= SIGN_OF_LIFE_MAX_S and running is not False
    silent = sorted(_silent(states, settings, now))
    if not quiet:
        _tell_life(alive=alive, life_s=life_s)
        _tell_outbox(settings, backlog, stuck, now)
        _tell_roads(settings, roads, now)
        _tell_states(settings, states, now)
        _tell_money(folder, now)
        tell_running_errors(folder)
        for name in silent:
            show.line(f"{name}: not read in time, and nobody was told", style="red")
    heard = not _is_unheard(backlog, stuck, now)
    return FINE if alive and heard and not silent else TROUBLE


def _tell_life(*, alive: bool, life_s: float) -> None:
    sign = f"last sign of life {wording.duration(life_s)} ago"
    if alive:
        print(f"daemon: running, {sign}")
    else:
        show.line(f"daemon: NOT RUNNING, {sign}", style="red")


def _tell_outbox(settings: Settings, backlog: Backlog, stuck: Undelivered, now: Moment) -> None:
    if stuck.refusal is not None:
        zone = wording.zone(settings.timezone)
        day_us = 24 * 60 * MINUTE_US
        old = now.wall_us - stuck.refusal.since_us >= day_us
        at = (wording.day_time if old else wording.minute_time)(stuck.refusal.since_us, zone)
        reason = wording.words(stuck.refusal.reason)
        show.line(f"NOT DELIVERING since {at}: {reason}", style="red")
    if backlog.waiting:
        urgent = ""
        if backlog.urgent_since_us is not None:
            waited_s = (now.steady_us - backlog.urgent_since_us) / SECOND_US
            urgent = f", an alert among them for {wording.duration(waited_s)}"
        show.line(f"outbox: {backlog.waiting} not yet delivered{urgent}", style="yellow")
    elif not stuck.abandoned:
        print("outbox: empty")
    if stuck.abandoned:
        urgent = f", {stuck.abandoned_urgent} of danger" if stuck.abandoned_urgent else ""
        reason = wording.words(stuck.reason)
        show.line(
            f"outbox: {stuck.abandoned} could never be delivered{urgent}: {reason}",
            style="red" if urgent else "yellow",
        )


def _tell_roads(settings: Settings, seen: Overview, now: Moment) -> None:
    for road in sorted({*reaches(settings), *seen.traffic}):
        proof = seen.proofs.get(road)
        traffic = seen.traffic.get(road, Traffic())
        facts = [
            *_facts(traffic, now, settings.timezone),
            proving.proven(None if proof is None else proof.at_us, now.wall_us),
        ]
        bad = traffic.refusal is not None or traffic.abandoned > 0
        show.line(f"road {road.road}: {', '.join(facts)}", style="red" if bad else "")


def _tell_money(folder: Path, now: Moment) -> None:
    try:
        view = purse_of(folder)
    except StoreError as error:
        show.line(f"money: not known, {error}", style="red")
        return
    for words in holding(folder, view.flags, now):
        show.line(words, style="yellow")
    tell_open(view)


def _facts(traffic: Traffic, now: Moment, zone: str) -> list[str]:
    facts = [f"{traffic.waiting} waiting"]
    if traffic.oldest_us is not None:
        facts.append(f"oldest {_ago(traffic.oldest_us, now)}")
    if traffic.delivered_us is None:
        facts.append("nothing delivered yet")
    else:
        facts.append(f"last delivered {_ago(traffic.delivered_us, now)} ago")
    if traffic.refusal is not None:
        since = wording.day_time(traffic.refusal.since_us, wording.zone(zone))
        facts.append(f"REFUSED since {since}")
    if traffic.abandoned:
        facts.append(f"{traffic.abandoned} abandoned")
    return facts


def _ago(at_us: int, now: Moment) -> str:
    return wording.duration(max(0, now.steady_us - at_us) / SECOND_US)


def _is_unheard(backlog: Backlog, stuck: Undelivered, now: Moment) -> bool:
    """Return whether alerts reach nobody: refused with the channel or alone, or waiting long."""
    late_us = round(URGENT_AGE_MAX_S * SECOND_US)
    since_us = backlog.urgent_since_us
    late = since_us is not None and now.steady_us - since_us > late_us
    return stuck.refusal is not None or stuck.abandoned_urgent > 0 or late


def _tell_states(settings: Settings, states: Mapping[str, AccountState], now: Moment) -> None:
    if not states:
        print("nothing remembered yet")
        return
    rules = {name: _rules(settings, state) for name, state in states.items()}
    text = overview.status(list(states.values()), rules, now, zone=settings.timezone)
    print(text.plain)


# an account no longer in the configuration, or no configuration at hand: the default lines
def _rules(settings: Settings, state: AccountState) -> AlertRules:
    if state.account in settings.accounts:
        return alert_rules(settings, state.account)
    venue = "bybit" if state.last_good is None else state.last_good.venue
    return alert_rules(Settings(accounts={state.account: {"venue": venue}}), state.account)


def _silent(states: Mapping[str, AccountState], settings: Settings, now: Moment) -> list[str]:
    """Return the accounts that are neither read in time nor told to be blind."""
    limit_us = settings.blind.after_max + round(BLIND_GRACE_S * SECOND_US)
    watched = [
        state
        for state in states.values()
        if not settings.accounts or state.account in settings.accounts
    ]
    return [
        state.account
        for state in watched
        if not state.blind.active
        and now.steady_us - (state.last_good_at_us or state.first_seen_at_us or 0) > limit_us
    ]


def _sign_of_life_s(folder: Path, now: Moment) -> float:
    changed = [
        path.stat().st_mtime_ns // 1000
        for path in (folder / name for name in ("ledger.db", "ledger.db-wal", "history.db-wal"))
        if path.exists()
    ]
    return max(0.0, (now.wall_us - max(changed, default=0)) / SECOND_US)
