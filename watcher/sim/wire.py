"""
What a venue's wire must offer, and how the server reaches it.

Rule: a wire turns one `Call` into one `Reply` from the world's truth; it checks key, signature
and time the way its venue does and counts weight. It knows nothing of sockets, faults or the
control endpoint (server, faults), and shares no code with the adapters it is read by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, Protocol

import orjson

from watcher.sim.things import Account
from watcher.sim.world import World

Json = dict[str, Any] | list[Any] | str | int | float | bool | None

Trouble = Literal["rate_limit", "ban", "maintenance", "revoked"]
"""Refusals every venue can utter in its own words."""


SEEN_AT = "203.0.113.7"
"""The address a refusal says it came from: one of those set aside for examples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request: `query` decoded, `raw_query` and `body` as they were signed."""

    method: str
    path: str
    query: Mapping[str, str]
    raw_query: str
    body: bytes
    headers: Mapping[str, str]
    """Names in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """
    One answer. `payload` is anything JSON can hold (numbers as the venue prints them: mostly
    text), or ready bytes. `weight` is what the venue charges for the call.
    """

    payload: object
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    weight: int = 1
    content_type: str = "application/json"


class Wire(Protocol):
    """One venue's HTTP face."""

    venue: str
    prefixes: tuple[str, ...]
    """Path prefixes this wire answers, each with its closing slash: `("/v5/",)`."""
    key_header: str
    """Lower-case name of the header that carries the API key: `x-bapi-api-key`."""

    def handle(self, call: Call, world: World, account: Account | None) -> Reply:
        """
        Answer *call*. *account* is the one whose key came with it; None: no key or a foreign one
        (public calls are fine, private ones are refused in the venue's words).
        """

    def refuse(self, trouble: Trouble, world: World, *, retry_after_s: float) -> Reply:
        """Return the venue's own refusal of this kind (status, body, headers)."""


def encoded(payload: object) -> bytes:
    """Return the bytes a payload goes out as."""
    return payload if isinstance(payload, bytes) else orjson.dumps(payload)


def text(value: Decimal, places: int | None = None) -> str:
    """
    Return *value* in plain digits, never with an exponent; with *places*, padded to that many.

    >>> text(Decimal("1E+3")), text(Decimal("0.5000"), 8)
    ('1000', '0.50000000')
    """
    if places is None:
        return format(value, "f")
    return f"{value:.{places}f}"


def short(value: Decimal) -> str:
    """
    Return *value* in plain digits without trailing zeros.

    >>> short(Decimal("1500.000")), short(Decimal("0.10")), short(Decimal("0E-8"))
    ('1500', '0.1', '0')
    """
    digits = format(value, "f")
    if "." in digits:
        digits = digits.rstrip("0").rstrip(".")
    return "0" if digits in {"", "-0"} else digits
