"""
`watcher status`: what a running daemon knows, read from its store beside it; changes nothing.

Rule: needs neither secrets nor network, so that anyone who may read the folder can look. Exit code
0 when the daemon runs and every account was read in time or is told to be blind; 1 otherwise.
With `--quiet` only the exit code speaks: that is the container's health check.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from watcher.app import open_clock
from watcher.cli import FINE, REFUSED, TROUBLE, show
from watcher.cli.options import add_clock, config_parser, refuse, settings_of
from watcher.domain.alert import SECOND_US, AccountState, AlertRules, Moment
from watcher.policy import overview, wording
from watcher.ports import Backlog, StoreError
from watcher.settings import ConfigError, Need, Settings, alert_rules
from watcher.store.sqlite import peek

SIGN_OF_LIFE_MAX_S = 150.0
"""The daemon probes its disk every 60 s: twice that and some."""
BLIND_GRACE_S = 30.0


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
            states, backlog = peek(folder, now)
        except StoreError as error:
            if not quiet:
                print(f"watcher: {error}", file=sys.stderr)
            return TROUBLE
    life_s = _sign_of_life_s(folder, now) if clock_url is None else 0.0
    running = _is_locked(folder / "lock")
    alive = life_s <= SIGN_OF_LIFE_MAX_S and running is not False
    silent = sorted(_silent(states, settings, now))
    if not quiet:
        _tell(settings, states, backlog, now, alive=alive, life_s=life_s)
        for name in silent:
            show.line(f"{name}: not read in time, and nobody was told", style="red")
    return FINE if alive and not silent else TROUBLE


def _tell(
    settings: Settings,
    states: Mapping[str, AccountState],
    backlog: Backlog,
    now: Moment,
    *,
    alive: bool,
    life_s: float,
) -> None:
    sign = f"last sign of life {wording.duration(life_s)} ago"
    if alive:
        print(f"daemon: running, {sign}")
    else:
        show.line(f"daemon: NOT RUNNING, {sign}", style="red")
    if backlog.waiting:
        urgent = ""
        if backlog.urgent_since_us is not None:
            waited_s = (now.steady_us - backlog.urgent_since_us) / SECOND_US
            urgent = f", an alert among them for {wording.duration(waited_s)}"
        show.line(f"outbox: {backlog.waiting} not yet delivered{urgent}", style="yellow")
    else:
        print("outbox: empty")
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


def _is_locked(path: Path) -> bool | None:
    """
    Return whether a process holds the store's lock; None when the system does not tell.

    Taking the lock to find out would refuse a daemon that starts at that moment.
    """
    try:
        inode = str(path.stat().st_ino)
        table = Path("/proc/locks").read_text(encoding="ascii")
    except FileNotFoundError:
        return None if path.exists() else False
    except OSError:
        return None
    held = (line.split() for line in table.splitlines())
    return any("FLOCK" in words and words[-3].endswith(f":{inode}") for words in held)
