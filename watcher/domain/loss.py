"""
Nouns of what changed between readings: losses, steps told together, and a rise not explained yet.

Rule: values only; what is a loss is `policy.losses`, when it is told `policy.checks`, what a rise
is explained by `policy.doubts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from watcher.domain.account import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A position, a debt, or collateral that was sold: it went from `was` to `now`, 0 when gone."""

    kind: Literal["position", "debt", "asset"]
    name: str
    side: Side | None
    was: Decimal
    now: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """
    What was lost since the last word of it, in so many `steps`, and what the pool was worth before
    the first. `likely`: that word, or what is gathered, called it a liquidation. `told` is what was
    said to be lost, until it is there again.
    """

    losses: tuple[Loss, ...] = ()
    told: tuple[Loss, ...] = ()
    steps: int = 0
    equity_was: float | None = None
    likely: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rise:
    """
    What a pool was to be worth by prices, what it was read as, and what lay `beside` it before:
    in each wallet, and under "" in all other pools, by asset. `at_us` is when it rose.
    """

    expected: float
    worth: float
    beside: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    at_us: int = 0
