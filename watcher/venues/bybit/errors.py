"""
Bybit's own error codes, in plain words.

Rule: the raw code decides, before ccxt's classes, which take many of these for something else. No
word of the venue is passed on unfiltered, and no number is guessed: an unknown code is a miss that
may pass. Sources: docs/venues.md, "Bybit".
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from watcher.ports import (
    Banned,
    Maintenance,
    RateLimited,
    Refused,
    Unreachable,
    Unreadable,
    VenueError,
)
from watcher.venues.transport import Answer, ClockSkew, plain

BAN_S = 600
"""HTTP 403 without a code of Bybit's own: the address sent too much and is out for ten minutes."""
PAUSE_S = 5
RESET_S_MAX = 60
"""Limits of a key count by the second, those of an address by five: a longer one is misread."""

_REFUSALS = {
    "10003": "the key does not exist or was revoked",
    "10004": "the signature does not fit the key's secret",
    "10005": "the key lacks the right to read this",
    "10007": "the key was not accepted",
    "10008": "the account is suspended",
    "10010": "this address is not on the key's list",
    "10024": "refused by Bybit's rules for this region",
    "10028": "the account is not unified",
    "33004": "the key has expired",
}
_LIMITS = {
    "10006": "too many requests with this key",
    "10018": "too many requests from this address",
    "10429": "too many requests",
}


def explain(answer: Answer) -> VenueError | None:
    """Return what *answer* really is, None when it is data or its HTTP status says it better."""
    payload = answer.payload
    code = str(payload.get("retCode", "")) if isinstance(payload, dict) else ""
    if code:
        return None if code == "0" else _of_code(code, answer)
    if answer.status == HTTPStatus.FORBIDDEN:
        return Banned("HTTP 403, too many requests from this address", wait_s=BAN_S)
    if answer.status == HTTPStatus.OK and payload is not None:
        return Unreadable("answer has no retCode")
    return None


def _of_code(code: str, answer: Answer) -> VenueError:
    said = f"Bybit error {code}"
    if code in _REFUSALS:
        return Refused(f"{said}: {_REFUSALS[code]}")
    if code in _LIMITS:
        return RateLimited(f"{said}: {_LIMITS[code]}", wait_s=_reset_s(answer))
    if code in _OTHERS:
        return _OTHERS[code](said, answer)
    assert isinstance(answer.payload, dict)
    words = plain(answer.payload.get("retMsg")) or "not explained"
    if "maintenance" in words.lower():
        return Maintenance(f"{said}: maintenance")
    return Unreachable(f"{said}: {words}")


def _refused_request(said: str, answer: Answer) -> VenueError:
    assert isinstance(answer.payload, dict)
    return Unreadable(f"{said}: request refused, {plain(answer.payload.get('retMsg'))}")


_OTHERS: dict[str, Callable[[str, Answer], VenueError]] = {
    "10001": _refused_request,
    "10002": lambda said, _: ClockSkew(f"{said}: our time stamp was refused"),
    "10009": lambda said, _: Banned(f"{said}: this address is banned", wait_s=BAN_S),
    "10017": _refused_request,
    "10019": lambda said, _: Maintenance(f"{said}: maintenance"),
}


# both times are the venue's, of one answer: no clock of ours makes a pause of seconds a long one
def _reset_s(answer: Answer) -> float:
    reset_ms = answer.headers.get("x-bapi-limit-reset-timestamp", "")
    now_ms = answer.payload.get("time") if isinstance(answer.payload, dict) else None
    left_ms = 0.0
    if reset_ms.isdecimal():
        left_ms = int(reset_ms[:15]) - (now_ms if isinstance(now_ms, int) else answer.now_ms)
    return min(left_ms / 1000, RESET_S_MAX) if left_ms > 0 else answer.wait_s or PAUSE_S
