"""
Nouns of what got smaller: one loss, and the steps of one that are told together.

Rule: values only; what is a loss is `policy.losses`, when it is told `policy.checks`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from watcher.domain.account import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A position, or with no `side` a debt, that got smaller: from `was` to `now`, 0 when gone."""

    name: str
    side: Side | None
    was: Decimal
    now: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """
    What was lost since the last word of it, in so many `steps`, and what the pool was worth before
    the first. `likely`: that word, or what is gathered, called it a liquidation.
    """

    losses: tuple[Loss, ...] = ()
    steps: int = 0
    equity_was: float | None = None
    likely: bool = False
