"""
`watcher send-test`: send a test message and say what became of it; with `--all` prove every road.

Rule: a road is proven by the person who answers what came over it, by the button or by typing the
code, and by nothing else. Exit code 0 when all was delivered, and answered where `--wait` asks for
it.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
from collections.abc import Sequence

from watcher.app import set_up_log, system_clock
from watcher.cli import FINE, REFUSED, TROUBLE
from watcher.cli.exercise import Desk, open_desk
from watcher.cli.options import config_parser, refuse, settings_of
from watcher.domain.alert import SECOND_US
from watcher.domain.road import Reach
from watcher.outlets import open_chat
from watcher.policy import notes, proving, wording
from watcher.ports import Clock, DeliveryError, StoreError
from watcher.settings import ConfigError, Need, Settings
from watcher.settings.problems import Misread
from watcher.settings.units import duration_us

LISTEN_S = 60.0
"""Without a daemon nobody takes a tap once this command has ended."""


def main(argv: Sequence[str]) -> int:
    parser = config_parser("send-test", "Send one test message to the configured chat.")
    parser.add_argument(
        "--all", action="store_true", help="over every configured road, to be answered by a person"
    )
    parser.add_argument(
        "--wait", type=seconds, metavar="60s", help="with --all: until each is answered, so long"
    )
    arguments = parser.parse_args(argv)
    settings = settings_of(arguments, Need.TELEGRAM | (Need.STATE if arguments.all else Need(0)))
    if settings is None:
        return REFUSED
    if arguments.wait is not None and not arguments.all:
        parser.error("--wait goes with --all")
    try:
        return asyncio.run(
            _send_all(settings, arguments.wait) if arguments.all else _send(settings)
        )
    except ConfigError as error:
        refuse(error)
        return REFUSED
    except StoreError as error:
        print(f"watcher: {error}", file=sys.stderr)
        return TROUBLE


def seconds(text: str) -> float:
    try:
        return duration_us(text) / SECOND_US
    except Misread as error:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected one like 60s") from error


def codes_for(roads: Sequence[Reach]) -> dict[Reach, str]:
    """Return four digits of chance for each road, no two alike."""
    numbers = secrets.SystemRandom().sample(range(proving.CODES), len(roads))
    return {road: proving.code_of(number) for road, number in zip(roads, numbers, strict=True)}


async def _send_all(settings: Settings, wait_s: float | None) -> int:
    clock = system_clock()
    set_up_log(settings, clock.now, level="error")
    async with open_desk(settings, clock) as desk:
        print("the running daemon delivers" if desk.by_daemon else "no daemon runs: delivering")
        codes = codes_for(desk.roads)
        delivered = await _deliver(desk, codes, clock, settings.timezone)
        answered = await _answers(settings, desk, codes, wait_s) if delivered else True
        return FINE if delivered == len(codes) and answered else TROUBLE


async def _deliver(desk: Desk, codes: dict[Reach, str], clock: Clock, zone: str) -> int:
    tests = {road: proving.road_test(road, codes[road], clock.now(), zone=zone) for road in codes}
    for road, test in tests.items():
        desk.put(test, only=road)
    fates = {fate.road: fate for fate in await desk.fates([t.key for t in tests.values()])}
    for road in tests:
        fate = fates.get(road)
        if fate is not None and fate.arrived:
            print(f"{road.road}: delivered")
        else:
            reason = fate.reason if fate is not None and fate.reason else "no answer yet"
            print(f"{road.road}: NOT DELIVERED: {reason}", file=sys.stderr)
    return sum(fate.arrived for fate in fates.values())


async def _answers(
    settings: Settings, desk: Desk, codes: dict[Reach, str], wait_s: float | None
) -> bool:
    """Tell who answers; return whether all did who had to."""
    if not settings.telegram.allowed_users:
        print("nobody can answer: telegram.allowed_users is empty", file=sys.stderr)
        return wait_s is None
    if desk.by_daemon and wait_s is None:
        print("the daemon takes the answers; `watcher status` shows them")
        return True
    within_s = LISTEN_S if wait_s is None else wait_s
    print(f"answer each within {wording.duration(within_s)}: the button, or /heard and its code")
    proofs = await desk.proofs(list(codes.values()), within_s, least=len(codes))
    for road in codes:
        proof = proofs.get(road)
        if proof is None:
            print(f"{road.road}: not answered", file=sys.stderr)
        else:
            print(f"{road.road}: heard after {wording.duration(proof.reaction_s)}, proven")
    return wait_s is None or len(proofs) == len(codes)


async def _send(settings: Settings) -> int:
    clock = system_clock()
    set_up_log(settings, clock.now, level="error")
    channel = open_chat(settings)
    chat = settings.telegram.chat_id
    try:
        bot = await channel.warm()
        print(f"the bot answers: @{bot}")
        message = notes.test_message(clock.now(), zone=settings.timezone)
        receipt = await channel.send(message.text, silent=message.silent)
    except DeliveryError as error:
        print(f"not delivered to chat {chat}: {error.reason}", file=sys.stderr)
        print(_hint(error), file=sys.stderr)
        return TROUBLE
    finally:
        await channel.close()
    print(f"delivered to chat {chat} as message {receipt}")
    return FINE


def _hint(error: DeliveryError) -> str:
    if error.retry_after_s is not None:
        return f"Telegram asks to wait {error.retry_after_s:g} s"
    if error.ambiguous:
        return "it may have arrived all the same: look at the chat"
    if error.refused:
        return "write /start to the bot in that chat, then check telegram.chat_id and the token"
    return "the network or Telegram is in the way: try again"
