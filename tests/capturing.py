"""
Makes tests/payloads/captures anew: one capture of each kind of account the practice exchange has.

    python -m tests.capturing

Needed when an adapter asks for something it did not ask for before. The worlds are those of the
contract tests, seed 0, so that a new mode there gets its capture here.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.contract.test_worlds import KINDS, drawn
from watcher.domain.alert import Moment
from watcher.sim.bot_api import BotApi
from watcher.sim.default import wires
from watcher.sim.server import PracticeServer
from watcher.sim.world import World
from watcher.venues import open_venue
from watcher.venues.capture import Capture, Quiet, Tape, record, write_capture
from watcher.venues.ccxt_venue import Credentials
from watcher.venues.redact import Redactor

FOLDER = Path(__file__).resolve().parent / "payloads" / "captures"


async def captured(world: World) -> Capture:
    """Return one poll of the world's account, through the practice exchange."""

    def now_ms() -> float:
        return world.now_us / 1000

    server = PracticeServer(world, wires=wires(), bot=BotApi(world, token="1:token", chats=(1,)))
    await server.start()
    account = world.account("account")
    secrets = [account.key, account.secret, account.passphrase or ""]
    tape = Tape(now_ms, Redactor(secrets))
    venue = open_venue(
        account.venue,
        account.name,
        Credentials(api_key=secrets[0], api_secret=secrets[1], password=secrets[2] or None),
        endpoint=f"http://127.0.0.1:{server.port}",
        clock=lambda: Moment(steady_us=world.now_us, wall_us=world.now_us),
        timeout_s=5.0,
        log=Quiet(),
        shared=tape,
    )
    try:
        capture, _ = await record(venue, tape, account.venue)
    finally:
        await venue.close()
        await tape.close()
        await server.close()
    return capture


def main() -> int:
    failed = 0
    for kind in KINDS:
        capture = asyncio.run(captured(drawn(kind, 0)))
        if capture.trouble is not None:
            sys.stderr.write(f"{kind}: {capture.trouble}\n")
            failed += 1
            continue
        (FOLDER / f"{kind}.json").write_text(write_capture(capture), encoding="utf-8")
        sys.stdout.write(f"{kind}: {len(capture.answers)} answers, {capture.mode}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
