"""
Incidents and their codes: the name under which one stretch of trouble is spoken of.

Rule: the same inputs give the same code; every word said under it counts `seq` up, so that what
arrived twice, or not at all, can be seen.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from watcher.domain.alert import Incident

CODE_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O, U, so a code survives being read aloud."""


def elapsed_us(now_us: int, since_us: int) -> int:
    """
    Return the time between the two, never negative.

    After a restart the clock may stand before a stored time. Then we know only that it moved by
    at least the difference, and count that: waiting for it to catch up would be silence.
    """
    return abs(now_us - since_us)


def code_of(account: str, subject: str, opened_at_us: int) -> str:
    """Return the four characters an incident is called by; the same inputs give the same code."""
    named = f"{account}/{subject}/{opened_at_us}"
    # half a character, as broken JSON can bring it, is no reason not to tell
    digest = hashlib.sha256(named.encode(errors="backslashreplace")).digest()
    number = int.from_bytes(digest[:4], "big")
    return "".join(CODE_LETTERS[(number >> shift) & 31] for shift in (15, 10, 5, 0))


def opened(account: str, subject: str, now_us: int) -> Incident:
    return Incident(code=code_of(account, subject, now_us), seq=0, opened_at_us=now_us)


def spoken(incident: Incident) -> Incident:
    return replace(incident, seq=incident.seq + 1)
