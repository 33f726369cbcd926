"""
The next step: what a person does about an account that cannot be read, in one line.

Rule: by the venue's own code, taken from the reason our adapter gives; where the venue does not
say which of several things it was, all of them are named. No step for what nobody can know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from watcher.domain.status import VenueStatus

CLOCK_OFFSET_WARN_MS = 1000.0
SET_CLOCK = "set the clock of this machine: `timedatectl set-ntp true`"

OWN_ADDRESS = (
    "on a VPS it is the address you log in to, and `curl -4 https://api.ipify.org` shows it"
)

_CODE = re.compile(r"error (\d+)|\((-\d+)\)")
_SEEN = re.compile(r" from ([0-9a-f.:]{3,}): ")

_COPY = "copy key and secret again, both of one key"
_LIVE = "a key of the testnet or of demo trading does not open the live venue"
_SPENT = "it has ended or was deleted: make a new one"

_STEPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "binance": {
            "-2015": "Binance does not say which it is: put {address} on the key's list, tick "
            "Enable Reading, copy the key again, or make a new one if it is older than the futures "
            f"account; {_LIVE}",
            "-2014": f"this is no Binance key: {_COPY}",
            "-2008": f"Binance does not know this key: {_COPY}; {_LIVE}",
            "-1022": f"the secret is not this key's: {_COPY}",
        },
        "bybit": {
            "10003": f"Bybit does not know this key: {_COPY}; {_LIVE}",
            "10004": f"the secret is not this key's: {_COPY}",
            "10005": "edit the key at Bybit: Read-Only, and tick Unified Trading and Wallet",
            "10010": "put this machine's address on the key's list; Bybit does not say which it "
            f"saw: {OWN_ADDRESS}",
            "10028": "upgrade the account to a Unified Trading Account; classic ones are not read",
            "33004": _SPENT,
        },
        "okx": {
            "50030": "edit the key at OKX: tick Read",
            "50101": "the key is of demo trading: make one while OKX is in live trading",
            "50105": "give the passphrase chosen when this key was made, not the login's",
            "50110": "put {address} on the key's list at OKX",
            "50111": f"OKX does not know this key: {_COPY}; {_LIVE}",
            "50113": f"the secret is not this key's: {_COPY}",
            "50119": f"OKX does not know this key: {_COPY}, or {_SPENT}",
            "50120": "edit the key at OKX: tick Read",
        },
    }
)

_KINDS = (
    ("security:", "make a key without the right to withdraw; this one is never used"),
    ("clock is", SET_CLOCK),
    ("banned:", "wait until the ban is over, and see what else runs from this address"),
    ("rate_limited:", "wait a minute, and see what else runs with this key or address"),
    ("maintenance:", "the venue is being worked on: try again later"),
    ("unreachable:", "the network or the venue is in the way: try again in a minute"),
    ("no answer", "the network or the venue is in the way: try again in a minute"),
)


def next_step(venue: str, trouble: str) -> str | None:
    """
    Return what to do about *trouble*, the reason an account of *venue* could not be read.

    >>> next_step("okx", "refused: OKX error 50110 from 203.0.113.7: this address is not on …")
    "put 203.0.113.7 on the key's list at OKX"
    """
    code = _CODE.search(trouble)
    step = _STEPS[venue].get(code[1] or code[2]) if code else None
    if step is not None:
        return step.format(address=seen_at(trouble) or "this machine's address")
    return next((words for sign, words in _KINDS if sign in trouble), None)


def seen_at(trouble: str) -> str | None:
    """Return the address a venue refused, where it names it."""
    found = _SEEN.search(trouble)
    return found[1] if found else None


def about_clock(status: VenueStatus) -> str | None:
    """Return what to do about a clock that is off, if it is."""
    return SET_CLOCK if abs(status.clock_offset_ms) > CLOCK_OFFSET_WARN_MS else None
