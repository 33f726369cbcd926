"""
Troubles on demand: what a venue, one account or the Bot API answers while a fault lasts.

Rule: a fault is data (who, what, how often or how long) and is counted in world time; how it
looks on the wire is decided in one place, here. It never changes the truth: a lost reply to an
executed transfer is a fault, an unexecuted transfer is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args

import orjson

from watcher.sim.things import WorldError
from watcher.sim.wire import Json, Reply, Trouble, encoded
from watcher.sim.world import SECOND_US

Kind = Literal[
    "http",
    "html",
    "empty",
    "truncated",
    "garbage",
    "empty_list",
    "missing_field",
    "nan",
    "timeout",
    "hang",
    "reset",
    "dropped",
    "rate_limit",
    "ban",
    "maintenance",
    "revoked",
    "unknown_symbol",
    "no_keys",
]
KINDS: tuple[str, ...] = get_args(Kind)
SILENT = frozenset({"timeout", "hang", "reset", "dropped"})
"""No answer comes; the bot and the fallback take what came in `timeout` and `dropped` though."""
ACCEPTED = frozenset({"timeout", "dropped"})
HELD = frozenset({"timeout", "hang"})
TROUBLES: tuple[str, ...] = get_args(Trouble)

RETRY_AFTER_S_DEFAULT = 3.0

HTML = (
    b"<html>\r\n<head><title>Error</title></head>\r\n<body>\r\n<center><h1>Error</h1></center>\r\n"
    b"<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
GARBAGE = b'\x1f\x8b\x08\x00{"code":\xff\xfe,,}}'

VITAL = (
    "maintMargin",
    "marginLevel",
    "positionAmt",
    "totalMaintenanceMargin",
    "positionMM",
    "mmr",
    "mgnRatio",
    "walletBalance",
    "cashBal",
    "markPrice",
    "markPx",
    "serverTime",
)
"""Fields no reader can do without, in the order `missing_field` and `nan` look for them."""

_SYMBOL = re.compile(rb'("(?:symbol|instId)":")[A-Z]+(-?USD|PERP)')


@dataclass(slots=True, kw_only=True)
class Fault:
    """
    One trouble. `target` is a venue, an account name, `bot`, `fallback` or `ping`; `path` must
    occur in the path (for the bot `sendMessage` unless said; `/bot` is every method).

    It ends after `count` answers or at `until_us`, whichever is given; with neither, after one.
    """

    target: str
    kind: Kind
    count: int | None = None
    until_us: int | None = None
    status: int | None = None
    path: str = ""
    retry_after_s: float = RETRY_AFTER_S_DEFAULT
    field: str = ""

    @classmethod
    def of(cls, body: dict[str, Any], *, now_us: int) -> Fault:
        """Read a control request. Raises: `WorldError` naming the key and what was expected."""
        kind = body.get("kind")
        if kind not in KINDS:
            raise WorldError(f"fault kind: found {kind!r}, expected one of {', '.join(KINDS)}")
        target = body.get("target")
        if not isinstance(target, str) or not target:
            raise WorldError("fault target: expected a venue, an account name or bot")
        seconds, count = body.get("seconds"), body.get("count")
        if count is None and seconds is None:
            count = 1
        return cls(
            target=target,
            kind=cast("Kind", kind),
            count=None if count is None else int(count),
            until_us=None if seconds is None else now_us + round(float(seconds) * SECOND_US),
            status=None if body.get("status") is None else int(body["status"]),
            path=str(body.get("path") or ("sendMessage" if target == "bot" else "")),
            retry_after_s=float(body.get("retry_after", RETRY_AFTER_S_DEFAULT)),
            field=str(body.get("field", "")),
        )

    def alive(self, now_us: int) -> bool:
        if self.until_us is not None and now_us >= self.until_us:
            return False
        return self.count is None or self.count > 0


@dataclass(slots=True)
class FaultBook:
    """The faults that stand, in the order they were asked for."""

    standing: list[Fault] = field(default_factory=list)
    fired: dict[str, int] = field(default_factory=dict)

    def add(self, fault: Fault) -> None:
        self.standing.append(fault)

    def clear(self) -> None:
        self.standing.clear()

    def take(self, targets: Iterable[str], path: str, now_us: int) -> Fault | None:
        """Return the first fault that hits this request, and count it."""
        if not self.standing:
            return None
        self.standing = [fault for fault in self.standing if fault.alive(now_us)]
        wanted = set(targets)
        for fault in self.standing:
            if fault.target in wanted and fault.path in path:
                if fault.count is not None:
                    fault.count -= 1
                self.fired[fault.kind] = self.fired.get(fault.kind, 0) + 1
                return fault
        return None


def instead(fault: Fault) -> Reply | None:
    """Return the answer that takes the true one's place; None when the fault spoils a true one."""
    if fault.kind == "http":
        status = fault.status or 503
        return Reply(payload=f"{status} error".encode(), status=status, content_type="text/plain")
    if fault.kind == "html":
        return Reply(payload=HTML, status=fault.status or 200, content_type="text/html")
    if fault.kind == "empty":
        return Reply(payload=b"", status=fault.status or 200)
    if fault.kind == "garbage":
        return Reply(payload=GARBAGE, status=fault.status or 200)
    if fault.kind == "no_keys":
        return Reply(payload=b"{}", status=fault.status or 200)
    return None


def spoiled(fault: Fault, reply: Reply, *, private: bool) -> Reply:
    """Return *reply* with the fault's damage done to its body."""
    raw = encoded(reply.payload)
    if fault.kind == "truncated":
        return replace(reply, payload=raw[: max(1, len(raw) // 2)])
    if fault.kind == "unknown_symbol":
        return replace(reply, payload=_SYMBOL.sub(rb"\1ZZZ\2", raw, count=1) if private else raw)
    if fault.kind in {"empty_list", "missing_field", "nan"}:
        body = orjson.loads(raw)
        if fault.kind == "empty_list":
            body = _emptied(body)
        else:
            _damage(body, fault)
        return replace(reply, payload=orjson.dumps(body))
    return reply


def _emptied(node: Json) -> Json:
    if isinstance(node, list):
        return []
    if isinstance(node, dict):
        return {name: _emptied(value) for name, value in node.items()}
    return node


def _damage(body: Json, fault: Fault) -> None:
    for name in (fault.field,) if fault.field else VITAL:
        holder = _holder_of(body, name)
        if holder is not None:
            if fault.kind == "nan":
                holder[name] = "NaN"
            else:
                del holder[name]
            return


def _holder_of(node: Json, name: str) -> dict[str, Any] | None:
    """Return the first object, depth first, that has *name*."""
    if isinstance(node, dict):
        if name in node:
            return node
        node = list(node.values())
    if isinstance(node, list):
        for child in node:
            found = _holder_of(child, name)
            if found is not None:
                return found
    return None
