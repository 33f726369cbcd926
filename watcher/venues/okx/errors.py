"""
OKX's own error codes, in plain words.

Rule: the raw code decides, before ccxt's classes, which take many of these for something else
(50119, a key that does not exist, is a plain ExchangeError there). No word of the venue is passed
on unfiltered, and no number is guessed: an unknown code is a miss that may pass. Sources:
docs/venues.md, "OKX".
"""

from __future__ import annotations

from http import HTTPStatus

from watcher.ports import Maintenance, RateLimited, Refused, Unreachable, Unreadable, VenueError
from watcher.venues.transport import Answer, ClockSkew, plain, seen_as

PAUSE_S = 2

_REFUSALS = {
    "50005": "this call is closed to the account",
    "50007": "the account is blocked",
    "50008": "the account does not exist",
    "50024": "the key and the account do not fit",
    "50030": "the key lacks the right to read this",
    "50035": "the key must be bound to an address first",
    "50100": "the key is frozen",
    "50101": "the key belongs to the other environment (demo or live)",
    "50103": "no key was sent",
    "50104": "no passphrase was sent",
    "50105": "the passphrase is wrong",
    "50106": "no signature was sent",
    "50107": "no time stamp was sent",
    "50108": "the key belongs to another exchange brand",
    "50110": "this address is not on the key's list",
    "50111": "the key does not exist or was revoked",
    "50113": "the signature does not fit the key's secret",
    "50114": "the key was not accepted",
    "50119": "the key does not exist or was revoked",
    "50120": "the key lacks the right to read this",
    "58004": "the account is blocked",
}
_LIMITS = {
    "50011": "too many requests",
    "50040": "too many requests",
    "50061": "too many requests of this account",
}
_BUSY = {
    "50004": "no answer in time",
    "50013": "the system is busy",
    "50026": "system error",
}
_BAD_REQUESTS = ("50000", "50002", "50014", "50015", "50016", "51000", "51001")
_OTHER_MODE = "51010"


def explain(answer: Answer) -> VenueError | None:
    """Return what *answer* really is, None when it is data or its HTTP status says it better."""
    payload = answer.payload
    code = str(payload.get("code", "")) if isinstance(payload, dict) else ""
    if code:
        return None if code == "0" else _of_code(code, answer)
    if answer.status == HTTPStatus.OK and payload is not None:
        return Unreadable("answer has no code")
    return None


def _of_code(code: str, answer: Answer) -> VenueError:
    said = f"OKX error {code}"
    for kind, meanings in ((Refused, _REFUSALS), (Unreachable, _BUSY)):
        if code in meanings:
            assert isinstance(answer.payload, dict)
            seen = seen_as(answer.payload.get("msg"))
            return kind(f"{said}{seen}: {meanings[code]}")
    if code in _LIMITS:
        return RateLimited(f"{said}: {_LIMITS[code]}", wait_s=answer.wait_s or PAUSE_S)
    if code == "50001":
        return Maintenance(f"{said}: maintenance")
    if code in ("50102", "50112"):
        return ClockSkew(f"{said}: our time stamp was refused")
    if code == _OTHER_MODE:
        return Unreadable(f"{said}: the account's mode has changed")
    return _in_its_words(code, said, answer)


def _in_its_words(code: str, said: str, answer: Answer) -> VenueError:
    assert isinstance(answer.payload, dict)
    words = plain(answer.payload.get("msg")) or "not explained"
    if "maintenance" in words.lower() or "upgrad" in words.lower():
        return Maintenance(f"{said}: maintenance")
    kind = Unreadable if code in _BAD_REQUESTS else Unreachable
    return kind(f"{said}: {words}")
