"""
Binance below the level of fields: its error codes, its limits and what its headers tell.

Rule: classified by the venue's own code first and the HTTP status second, never by a library's
class. Codes and limits: docs/venues.md, section Binance.
"""

from __future__ import annotations

import re
from types import MappingProxyType

from watcher.ports import (
    Banned,
    Maintenance,
    RateLimited,
    Refused,
    Unreachable,
    Unreadable,
    VenueError,
)
from watcher.venues.ccxt_venue import Dialect
from watcher.venues.fields import row_of
from watcher.venues.transport import BAN_S, Answer, ClockSkew, plain, seen_as
from watcher.venues.weights import Limit

MINUTE_MS = 60_000
TOO_MANY = -1003
CLOCK = -1021
SIGNATURE = -1022
SHUTTING_DOWN = -1016
NO_SUCH_SYMBOL = -1121
KEY_CODES = frozenset({-2015, -2014, -2008, -1002, -1005, -1099})
BUSY_CODES = frozenset({-1000, -1001, -1004, -1006, -1007, -1008, -1010, -3044, -3045})
BANNED_STATUS = 418

_UNTIL = re.compile(r"until (\d{13})")


class UnknownSymbol(Unreadable):
    """The venue does not have the symbol asked for."""


def explain(answer: Answer) -> VenueError | None:
    """Read the error body `{"code": -2015, "msg": ...}`; a code of 0 or more is no error."""
    payload = answer.payload
    if not isinstance(payload, dict):
        return None
    code, message = payload.get("code"), payload.get("msg")
    if not isinstance(code, int) or code >= 0:
        return None
    if code == TOO_MANY:
        return _too_many(answer, str(message))
    if code in KEY_CODES:
        return Refused(f"key refused ({code}){seen_as(message)}: key, IP or permission")
    return _of_request(code) or _trouble(code, plain(message))


def _of_request(code: int) -> VenueError | None:
    if code == SIGNATURE:
        return Refused(f"signature refused ({code}): check the secret")
    if code == CLOCK:
        return ClockSkew(f"time stamp refused ({code})")
    return UnknownSymbol(f"unknown symbol ({code})") if code == NO_SUCH_SYMBOL else None


def _trouble(code: int, words: str) -> VenueError:
    if code == SHUTTING_DOWN or "maintenance" in words.lower():
        return Maintenance(f"maintenance ({code})")
    if code in BUSY_CODES:
        return Unreachable(f"venue busy ({code})")
    return Unreadable(f"error {code}: {words}" if words else f"error {code}")


def _too_many(answer: Answer, message: str) -> VenueError:
    until = _UNTIL.search(message)
    # a wait in seconds holds by any clock; the end in words is by the venue's
    left_s = (int(until[1]) - answer.now_ms) / 1000 if until else 0.0
    wait_s = answer.wait_s or (left_s if left_s > 0 else None)
    if until or answer.status == BANNED_STATUS:
        return Banned("this address is banned for too many requests", wait_s=wait_s or BAN_S)
    words = "too many requests" + (f" (HTTP {answer.status})" if answer.status >= 400 else "")  # noqa: PLR2004 - HTTP
    return RateLimited(words, wait_s=wait_s or MINUTE_MS / 1000)


_USED_HEADERS = MappingProxyType(
    {
        "fapi": "x-mbx-used-weight-1m",
        "dapi": "x-mbx-used-weight-1m",
        "papi": "x-mbx-used-weight-1m",
        "api": "x-mbx-used-weight-1m",
        "sapi": "x-sapi-used-ip-weight-1m",
    }
)


def heard(answer: Answer) -> tuple[str, int] | None:
    """Return the weight Binance has counted for this address in the running minute."""
    name = answer.path.lstrip("/").partition("/")[0]
    used = answer.headers.get(_USED_HEADERS.get(name, ""), "")
    return (name, int(used)) if used.isdecimal() else None


DIALECT = Dialect(
    venue="binance",
    ccxt_id="binance",
    limits=MappingProxyType(
        {
            "fapi": Limit(weight=2_400, window_ms=MINUTE_MS),
            "dapi": Limit(weight=2_400, window_ms=MINUTE_MS),
            "sapi": Limit(weight=12_000, window_ms=MINUTE_MS),
            "papi": Limit(weight=6_000, window_ms=MINUTE_MS),
            "api": Limit(weight=6_000, window_ms=MINUTE_MS),
        }
    ),
    explain=explain,
    heard=heard,
    clock_method="fapiPublicGetTime",
    clock_budget="fapi",
    read_clock_ms=lambda data: row_of(data, "binance time").time_ms("serverTime"),
    perpetuals=MappingProxyType({"USDT": "{}USDT", "USDC": "{}USDC", "USD": "{}USD_PERP"}),
)
