"""
`watcher money`: what holds money, hold it, let it move again, settle what only a person can.

Rule: works beside a running daemon, through its ledger; needs neither secrets nor network. Nothing
but this command lets money move again, and it asks for a reason, which is kept and told.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from watcher.app import open_clock
from watcher.cli import FINE, REFUSED, TROUBLE, show
from watcher.cli.options import add_clock, add_config, settings_of
from watcher.domain.alert import Moment
from watcher.domain.topup import OPEN, Progress
from watcher.policy import money_notes, protocol, wording
from watcher.ports import FROZEN, Flag, StoreError
from watcher.settings import ConfigError, Need, Settings, reaches, top_up_rules
from watcher.store.beside import PurseView, freeze, purse_of, settle, unfreeze
from watcher.treasury import KILL_FILE

BY = "on the server"


def main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="watcher money", description="What holds money, and letting it move again."
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("status", help="modes, what holds money, what is open")
    for name, text in (("freeze", "move nothing any more"), ("unfreeze", "let money move again")):
        verb = verbs.add_parser(name, help=text)
        verb.add_argument("--reason", required=True, type=_reason, help="kept and told")
    settling = verbs.add_parser("settle", help="say what became of a top-up nobody knows of")
    settling.add_argument("id", help="as `watcher ledger` shows it")
    which = settling.add_mutually_exclusive_group(required=True)
    which.add_argument("--happened", action="store_true", help="the venue's history shows it")
    which.add_argument("--did-not", action="store_true", help="it does not, an hour later")
    for verb in verbs.choices.values():
        add_config(verb)
        add_clock(verb)
    arguments = parser.parse_args(argv)
    settings = settings_of(arguments, Need.NOTHING)
    if settings is None:
        return REFUSED
    try:
        return asyncio.run(_timed(arguments, settings))
    except (StoreError, ConfigError) as error:
        print(f"watcher: {error}", file=sys.stderr)
        if arguments.verb == "freeze":
            # whoever wants money to stand still gets it, whatever became of the ledger
            file = Path(settings.state_dir) / KILL_FILE
            print(f"watcher: NOT frozen; the file {file} holds all money too", file=sys.stderr)
        return TROUBLE


def _reason(raw: str) -> str:
    if not raw.strip():
        raise argparse.ArgumentTypeError("expected a few words that say why")
    return raw


async def _timed(arguments: argparse.Namespace, settings: Settings) -> int:
    async with open_clock(arguments.clock) as clock:
        now = clock.now()
    match arguments.verb:
        case "freeze":
            return _freeze(arguments.reason, settings, now)
        case "unfreeze":
            return _unfreeze(arguments.reason, settings, now)
        case "settle":
            return _settle(arguments.id, settings, now, happened=arguments.happened)
        case _:
            return _status(settings, now)


def _status(settings: Settings, now: Moment) -> int:
    folder = Path(settings.state_dir)
    view = purse_of(folder)
    for name in settings.accounts:
        rules = top_up_rules(settings, name)
        print(f"{name}: {'off' if rules is None else rules.mode.value}")
    held = holding(folder, view.flags, now)
    for words in held:
        show.line(words, style="red")
    if not held:
        print("nothing holds money")
    if view.armed is not None:
        at = wording.day_time(view.armed[0], wording.zone(settings.timezone))
        print(f"last armed by hand {at}: {wording.words(view.armed[1])}")
    tell_open(view)
    stuck = any(one.progress is Progress.HUMAN for one in view.intents)
    return TROUBLE if held or stuck else FINE


def holding(folder: Path, flags: Mapping[str, Flag], now: Moment) -> list[str]:
    """Return what holds money, a line each."""
    found = []
    if (folder / KILL_FILE).exists():
        found.append(f"money KILLED by the file {KILL_FILE} in state_dir: remove it")
    for flag in flags.values():
        if flag.until_us is not None and flag.until_us <= now.wall_us:
            continue
        word = flag.name.removeprefix("money_").upper()
        until = "" if flag.until_us is None else f" until {wording.day_time(flag.until_us, _UTC)}"
        by = f" by {flag.user_id}" if flag.user_id else ""
        why = f": {wording.words(flag.reason)}" if flag.reason else ""
        found.append(f"money {word}{by}{until}{why}")
    return found


def tell_open(view: PurseView) -> None:
    """Print a line for each top-up that is open."""
    for one in view.intents:
        if one.progress in OPEN:
            human = one.progress is Progress.HUMAN
            words = f"top-up {one.id} {one.account}: {one.amount:f} {one.route.asset}"
            hint = "; look at the venue, then `watcher money settle`" if human else ""
            show.line(f"{words}, {one.progress.value}{hint}", style="red" if human else "")


def _freeze(reason: str, settings: Settings, now: Moment) -> int:
    flag = Flag(name=FROZEN, user_id=0, at_us=now.wall_us, reason=reason)
    said = money_notes.frozen("", reason, now)
    fresh = freeze(Path(settings.state_dir), flag, said, reaches(settings))
    print("money is frozen: nothing is moved any more; alerts go on")
    if not fresh:
        print("it was frozen before; why stands in `watcher money status`, and stays")
    return FINE


def _unfreeze(reason: str, settings: Settings, now: Moment) -> int:
    folder = Path(settings.state_dir)
    said = money_notes.rearmed(reason, now)
    lifted = unfreeze(folder, reason, now, said, reaches(settings))
    names = ", ".join(name.removeprefix("money_") for name in lifted)
    print(f"lifted: {names}" if lifted else "nothing held money in the ledger")
    if (folder / KILL_FILE).exists():
        show.line(f"the file {KILL_FILE} still holds it: remove it yourself", style="yellow")
        return TROUBLE
    return FINE


def _settle(intent_id: str, settings: Settings, now: Moment, *, happened: bool) -> int:
    folder = Path(settings.state_dir)
    found = {one.id: one for one in purse_of(folder).intents}
    was = found.get(intent_id)
    if was is None:
        print(f"watcher: found no top-up {intent_id}; see `watcher ledger`", file=sys.stderr)
        return REFUSED
    if was.progress is not Progress.HUMAN:
        state = was.progress.value
        print(f"watcher: {intent_id} is {state}, expected one that is human", file=sys.stderr)
        return REFUSED
    moved = protocol.judged(was, happened=happened, by=BY, now_us=now.steady_us)
    said = money_notes.settled(moved, now)
    if not settle(folder, was, moved, said, reaches(settings)):
        print(f"watcher: {intent_id} changed meanwhile; look again", file=sys.stderr)
        return TROUBLE
    print(f"{intent_id} is {moved.progress.value}")
    return FINE


_UTC = wording.zone("UTC")
