"""
`watcher drill`: an imagined slide through the real machine, store and roads; `--wake` times a tap.

Rule: every message says DRILL first, and nothing real is touched: the book is a copy of the last
reading, the memory is the drill's own. Time inside the drill is compressed, so it ends within about
a minute. Exit code 0 when every tier on the way fired and was delivered, or the call was answered.
"""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from watcher.app import set_up_log, system_clock
from watcher.cli import FINE, REFUSED, TROUBLE
from watcher.cli.exercise import Desk, open_desk
from watcher.cli.options import config_parser, refuse, settings_of
from watcher.cli.send_test import codes_for, seconds
from watcher.domain.account import Snapshot
from watcher.domain.alert import AccountState, AlertRules, Tier
from watcher.policy import drill, proving, wording
from watcher.policy.plan import way
from watcher.ports import Clock, StoreError
from watcher.settings import ConfigError, Need, Settings, alert_rules
from watcher.store.beside import peek, samples

WAKE_S = 900.0
MINUTE_S = 60.0


def main(argv: Sequence[str]) -> int:
    parser = config_parser(
        "drill", "Let an account slide to liquidation in imagination, over the real roads."
    )
    parser.add_argument("--account", metavar="NAME", help="from its last reading (default: first)")
    parser.add_argument(
        "--wake", action="store_true", help="one call aloud instead, and time the answer"
    )
    parser.add_argument(
        "--wait", type=seconds, default=WAKE_S, metavar="15m", help="with --wake: so long at most"
    )
    arguments = parser.parse_args(argv)
    settings = settings_of(arguments, Need.TELEGRAM | Need.STATE)
    if settings is None:
        return REFUSED
    if arguments.account is not None and arguments.account not in settings.accounts:
        known = ", ".join(settings.accounts) or "none configured"
        print(
            f"drill: found account {arguments.account!r}, expected one of {known}", file=sys.stderr
        )
        return REFUSED
    names = list(settings.accounts) if arguments.account is None else [arguments.account]
    try:
        if arguments.wake:
            return asyncio.run(_wake(settings, names, arguments.wait))
        return asyncio.run(_drill(settings, names))
    except ConfigError as error:
        refuse(error)
        return REFUSED
    except StoreError as error:
        print(f"watcher: {error}", file=sys.stderr)
        return TROUBLE


async def _drill(settings: Settings, names: Sequence[str]) -> int:
    clock = system_clock()
    set_up_log(settings, clock.now, level="error")
    book, rules = _book(settings, names)
    print(f"drill of {book.account}: prices slide, nothing real is touched")
    async with open_desk(settings, clock) as desk:
        stops: list[drill.Stop] = []
        heard = True
        for stop in drill.slide(book, rules, clock.now()):
            stops.append(stop)
            heard &= await _told(desk, stop)
        over = drill.over(stops, clock.now())
        desk.put(over)
        await desk.fates([over.key])
    fired = {stop.tier for stop in stops}
    missing = [tier.name for tier in Tier if tier > min(fired, default=Tier.CALM)]
    missing = [name for name in missing if Tier[name] not in fired]
    if missing:
        print(f"NOT FIRED: {', '.join(missing)}", file=sys.stderr)
    return FINE if heard and not missing else TROUBLE


async def _told(desk: Desk, stop: drill.Stop) -> bool:
    """Deliver one stop before the next, or the next would take its place."""
    desk.put(*stop.messages)
    fates = await desk.fates([message.key for message in stop.messages])
    roads = ", ".join(f"{f.road.road}{'' if f.arrived else ' NOT DELIVERED'}" for f in fates)
    print(f"{stop.tier.name:<9}  {stop.words}  → {roads}")
    for fate in fates:
        if not fate.arrived:
            print(f"{fate.road.road}: {fate.reason or 'no answer yet'}", file=sys.stderr)
    return all(fate.arrived for fate in fates)


async def _wake(settings: Settings, names: Sequence[str], wait_s: float) -> int:
    clock = system_clock()
    set_up_log(settings, clock.now, level="error")
    if not settings.telegram.allowed_users:
        print("nobody can answer: telegram.allowed_users is empty", file=sys.stderr)
        return TROUBLE
    async with open_desk(settings, clock) as desk:
        reaction_s = await _called(desk, clock, settings.timezone, wait_s)
    if reaction_s is None:
        print(f"nobody answered within {wording.duration(wait_s)}", file=sys.stderr)
        return TROUBLE
    print(f"answered after {wording.duration(reaction_s)}")
    need_s = math.ceil(max(reaction_s, 1.0) / MINUTE_S) * MINUTE_S
    for name in names:
        try:
            past = samples(Path(settings.state_dir), name)
        except StoreError:
            past = ()
        rules = alert_rules(settings, name)
        for line in drill.verdict(need_s, drill.worst_fall(past, need_s), rules):
            print(f"{name}: {line}")
    return FINE


async def _called(desk: Desk, clock: Clock, zone: str, wait_s: float) -> float | None:
    codes = codes_for(desk.roads)
    calls = [proving.drill_call(road, codes[road], clock.now(), zone=zone) for road in codes]
    for call in calls:
        desk.put(call, only=call.reach)
    fates = await desk.fates([call.key for call in calls])
    print(f"called over {', '.join(f.road.road for f in fates if f.arrived) or 'no road'}")
    proofs = await desk.proofs(list(codes.values()), wait_s, least=1)
    return min((proof.reaction_s for proof in proofs.values()), default=None)


def _book(settings: Settings, names: Sequence[str]) -> tuple[Snapshot, AlertRules]:
    """Return the book to slide: the first of *names* that was read and can be liquidated."""
    for name, book in _last_books(settings, names):
        rules = alert_rules(settings, name)
        if way(book, rules) is not None:
            return book, rules
    if names:
        print("no reading here has anything to liquidate: a built-in sample slides instead")
        return drill.sample(), alert_rules(settings, names[0])
    settings = settings.model_copy(update={"accounts": Settings(accounts=SAMPLE).accounts})
    return drill.sample(), alert_rules(settings, "sample")


SAMPLE = {"sample": {"venue": "bybit"}}


def _last_books(settings: Settings, names: Sequence[str]) -> Iterator[tuple[str, Snapshot]]:
    states: Mapping[str, AccountState] = {}
    try:
        states, _ = peek(Path(settings.state_dir))
    except StoreError:
        return
    for name in names:
        state = states.get(name)
        if state is not None and state.last_good is not None:
            yield name, state.last_good
