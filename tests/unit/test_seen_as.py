"""The address a venue saw us at, out of its refusal and into ours, over HTTP."""

from __future__ import annotations

import asyncio
import re

import pytest

from tests.unit.far_server import Hands, Quiet
from watcher.policy import wording
from watcher.ports import Refused, Venue
from watcher.sim.default import default_world
from watcher.sim.practice import serve
from watcher.venues import open_venue
from watcher.venues.ccxt_venue import Credentials, Shared
from watcher.venues.transport import seen_as


async def refusal(account: str, flag: str) -> str:
    """Return why *account* of the practice world cannot be read while its key has *flag*."""
    practice, shared = await serve(default_world()), Shared()
    one = practice.world.accounts[account]
    one.flags[flag] = True
    hands = Hands(practice.world.now_us / 1000)
    venue: Venue = open_venue(
        one.venue,
        account,
        Credentials(api_key=one.key, api_secret=one.secret, password=one.passphrase or None),
        endpoint=practice.url,
        clock=hands,
        timeout_s=10.0,
        log=Quiet(),
        shared=shared,
    )
    try:
        with pytest.raises(Refused) as refused:
            await venue.start()
    finally:
        await venue.close()
        await shared.close()
        await practice.close()
    return refused.value.reason


@pytest.mark.parametrize(
    ("account", "flag", "expected"),
    [
        ("binance_usdm", "elsewhere", r"\(-2015\) from 203\.0\.113\.7: key, IP or permission"),
        (
            "okx_futures",
            "elsewhere",
            r"50110 from 203\.0\.113\.7: this address is not",
        ),
        ("okx_futures", "demo", "50101: the key belongs to the other environment"),
        ("bybit_main", "elsewhere", "10010: this address is not on the key's list"),
    ],
)
def test_a_refusal_names_the_address_where_the_venue_does(
    account: str, flag: str, expected: str
) -> None:
    assert re.search(f"{expected}$|{expected} ", asyncio.run(refusal(account, flag)))


@pytest.mark.parametrize(
    ("message", "seen"),
    [
        ("... for action, request ip: 203.0.113.7", "203.0.113.7"),
        (
            "Your IP 2a02:c207::1 is not included in your API key's 1a-2b IP whitelist.",
            "2a02:c207::1",
        ),
        ("Your IP 203.0.113.7.", "203.0.113.7"),
        ("Your IP is not included", ""),
        ("request ip: /kill", ""),
        ("request ip: 203.0.113.7.evil.example", ""),
        (None, ""),
    ],
)
def test_only_an_address_is_taken_out_of_a_venues_words(message: object, seen: str) -> None:
    assert seen_as(message) == (f" from {seen}" if seen else "")


@pytest.mark.parametrize("account", ["binance_usdm", "okx_futures"])
def test_a_phone_shows_the_address_whole(account: str) -> None:
    assert " from 203.0.113.7: " in wording.words(asyncio.run(refusal(account, "elsewhere")))
