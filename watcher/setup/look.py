"""
Every account read once: what `watcher check` shows and `watcher init` builds on.

Rule: nothing is sent to anybody but the venues, nothing is written. An account that cannot be read
is an answer too, and says why.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from watcher.app import open_clock, open_venues, set_up_log
from watcher.domain.account import Snapshot
from watcher.domain.alert import SECOND_US
from watcher.domain.report import Report
from watcher.domain.status import KeyRights, VenueStatus
from watcher.margin import BookError, evaluate
from watcher.ports import Venue, VenueError
from watcher.settings import Settings, alert_rules
from watcher.venues.ccxt_venue import Shared

START_TIMEOUT_S = 30.0
EXPIRY_WARN_DAYS = 14


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One account as it answered, or why it did not."""

    name: str
    status: VenueStatus | None = None
    snapshot: Snapshot | None = None
    report: Report | None = None
    trouble: str | None = None


async def ask_all(settings: Settings, clock_url: str | None = None) -> tuple[list[Answer], int]:
    """
    Return what every account of *settings* answers when read once, and our time then.

    Raises: `ConfigError` for a key that cannot be used.
    """
    shared = Shared()
    async with open_clock(clock_url) as clock:
        set_up_log(settings, clock.now, level="error")
        try:
            venues = open_venues(settings, shared, clock)
            timeout_s = settings.poll.timeout / SECOND_US
            answers = await asyncio.gather(
                *(_ask(name, venue, settings, timeout_s) for name, venue in venues.items())
            )
            return answers, clock.now().wall_us
        finally:
            await shared.close()


async def _ask(name: str, venue: Venue, settings: Settings, timeout_s: float) -> Answer:
    status: VenueStatus | None = None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            status = await venue.start()
        # a first reading loads tables the daemon keeps: it gets the time of a start
        async with asyncio.timeout(max(START_TIMEOUT_S, timeout_s)):
            snapshot = await venue.snapshot()
        report = evaluate(snapshot, betas=dict(alert_rules(settings, name).betas))
    except VenueError as error:
        return Answer(name=name, status=status, trouble=f"{error.kind}: {error.reason}")
    except TimeoutError:
        return Answer(name=name, status=status, trouble=f"no answer in {START_TIMEOUT_S:g} s")
    except BookError as error:
        return Answer(name=name, status=status, trouble=f"unreadable: {error}")
    finally:
        await venue.close()
    return Answer(name=name, status=status, snapshot=snapshot, report=report)


def rights(rights: KeyRights, now_us: int) -> str:
    """Return what a key may do, in words."""
    names = ("read", "trade", "transfer", "withdraw")
    told = {True: "yes", False: "no", None: "not told"}
    words = [f"{name} {told[getattr(rights, name)]}" for name in names]
    words.append(f"bound to addresses {told[rights.ip_bound]}")
    if rights.expires_at_us is not None:
        days = (rights.expires_at_us - now_us) / (86_400 * SECOND_US)
        soon = " (soon)" if days < EXPIRY_WARN_DAYS else ""
        words.append(f"expires in {days:.0f} days{soon}")
    return ", ".join(words)
