"""
`watcher check --json`: the same findings as the tables, as one JSON document per run.

Rule: nothing is judged here that the tables do not judge: status, figures, differences and tiers
come from where the tables take them. Amounts of the venue are strings as exact as it told them;
ours are numbers as in `watcher.report/1`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal

from watcher.domain.account import Snapshot, VenueSays
from watcher.domain.report import PoolReport, Report
from watcher.domain.status import VenueStatus
from watcher.policy.plan import Step
from watcher.store.files import report_json

SCHEMA = "watcher.check/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one account's table is drawn from; `status`: ok, partial, disagrees or unread."""

    account: str
    venue: str
    endpoint: str | None
    status: str
    trouble: str | None
    start: VenueStatus | None
    snapshot: Snapshot | None
    report: Report | None
    steps: Sequence[Step] = ()


def text(found: Sequence[Found], at_us: int) -> str:
    """Return the document."""
    document = {"schema": SCHEMA, "at_us": at_us, "accounts": [_account(one) for one in found]}
    return json.dumps(document, indent=2, allow_nan=False)


def percent_apart(ours: float | None, theirs: Decimal | None) -> float | None:
    """Return by how many percent of the venue's figure ours is off; None when that says nothing."""
    if ours is None or theirs is None:
        return None
    if theirs == 0:
        return 0.0 if ours == 0 else None
    return abs(ours - float(theirs)) / abs(float(theirs)) * 100


def _account(one: Found) -> dict[str, object]:
    start = one.start
    return {
        "account": one.account,
        "venue": one.venue,
        "endpoint": one.endpoint,
        "status": one.status,
        "trouble": one.trouble,
        "mode": None if start is None else start.mode,
        "rights": None if start is None else asdict(start.rights),
        "clock_offset_ms": None if start is None else start.clock_offset_ms,
        "weight_used": None if start is None else start.weight_used,
        "weight_limit": None if start is None else start.weight_limit,
        "pools": _pools(one),
        "wallets": _texts(one.snapshot.wallets) if one.snapshot is not None else {},
        "tiers": [_step(step) for step in one.steps],
    }


def _pools(one: Found) -> list[dict[str, object]]:
    if one.report is None or one.snapshot is None:
        return []
    plain = report_json(one.report)["pools"]
    says = one.snapshot.venue_says
    return [
        {**row, "venue_says": _says(told), "difference_percent": _differences(pool, told)}
        for row, pool in zip(plain, one.report.pools, strict=True)
        for told in [says.get(pool.pool)]
    ]


def _says(told: VenueSays | None) -> object:
    if told is None:
        return None
    ratio = told.ratio
    return {
        "equity": _texts(told.equity),
        "maintenance_margin": _texts(told.maintenance_margin),
        "used_margin": _texts(told.used_margin),
        "ratio": None if ratio is None else {"name": ratio.name, "value": _texts(ratio.value)},
        "liquidation_prices": _texts(told.liquidation_prices),
        "liquidation_estimated": told.liquidation_estimated,
    }


def _differences(pool: PoolReport, told: VenueSays | None) -> dict[str, object]:
    if told is None:
        return {}
    prices = {row.symbol: row.liquidation_price for row in pool.positions}
    return {
        "equity": percent_apart(pool.equity, told.equity),
        "maintenance_margin": percent_apart(pool.maintenance_margin, told.maintenance_margin),
        "used_margin": percent_apart(pool.used_margin, told.used_margin),
        "liquidation_prices": {
            symbol: percent_apart(prices.get(symbol), price)
            for symbol, price in told.liquidation_prices.items()
        },
    }


def _step(step: Step) -> dict[str, object]:
    return {
        "pool": step.pool,
        "tier": None if step.tier is None else step.tier.name.lower(),
        "reached": step.reached,
        "move_percent": step.move_percent,
        "prices": dict(step.prices),
        "words": step.words,
    }


def _texts(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _texts(inner) for key, inner in value.items()}
    return format(value, "f") if isinstance(value, Decimal) else value
