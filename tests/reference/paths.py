"""
Price paths of a snapshot, and what a report claims about each: the side of the comparison that
knows nothing of how the claim was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.reference.books import POOL
from tests.reference.oracle import balance
from watcher.domain.account import Snapshot
from watcher.domain.report import PoolReport

LEAST = Decimal("1e-9")
DOWN_MAX, UP_MAX = 1 - 1e-6, 10.0
STABLES = {"USD", "USDT", "USDC"}


@dataclass(frozen=True, slots=True)
class Path:
    """
    `betas` moves each named coin by 1 + beta*t. `claim` is the fraction at which the report says
    liquidation lies, None for none in range.
    """

    name: str
    betas: Mapping[str, float]
    sign: int
    claim: float | None

    def factors(self, t: Any, number: Callable[[Any], Any]) -> dict[str, Any]:
        least = number(LEAST)
        move = self.sign * t
        return {
            coin: max(least, number(1) + number(repr(beta)) * move)
            for coin, beta in self.betas.items()
        }

    def headroom(self, snapshot: Snapshot, t: Any, number: Callable[[Any], Any]) -> Any:
        return balance(snapshot, POOL, self.factors(t, number), number).headroom


def coins_of(snapshot: Snapshot) -> list[str]:
    names = [p.underlying for p in snapshot.positions] + [a.asset for a in snapshot.assets]
    names += [o.underlying for o in snapshot.orders]
    names += [c.underlying for c in snapshot.claims if c.underlying]
    return list(dict.fromkeys(names))


def paths_of(snapshot: Snapshot, report: PoolReport, betas: Mapping[str, float]) -> Iterator[Path]:
    """Yield every path the report makes a claim about."""
    joint = {coin: betas.get(coin, 0.0 if coin in STABLES else 1.0) for coin in coins_of(snapshot)}
    yield Path("all down", joint, -1, _fraction(report.joint_down))
    yield Path("all up", joint, 1, _fraction(report.joint_up))
    for u in report.underlyings:
        down, up = u.liquidation_down, u.liquidation_up
        alone = {u.underlying: 1.0}
        yield Path(f"{u.underlying} down", alone, -1, None if down is None else 1 - down / u.mark)
        yield Path(f"{u.underlying} up", alone, 1, None if up is None else up / u.mark - 1)


def depegs_of(report: PoolReport) -> Iterator[tuple[Path, Path]]:
    """Yield both ways of each stable coin off its peg; the report claims the nearer of the two."""
    traded = {u.underlying for u in report.underlyings}
    for name, percent in report.depeg.items():
        if name in traded:
            continue
        claim = _fraction(percent)
        yield (
            Path(f"{name} down", {name: 1.0}, -1, claim),
            Path(f"{name} up", {name: 1.0}, 1, claim),
        )


def _fraction(percent: float | None) -> float | None:
    return None if percent is None else percent / 100
