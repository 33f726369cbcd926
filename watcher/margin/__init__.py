"""
Arithmetic of margin: what a snapshot means, and what a change of it would.

Rule: pure and exact. A snapshot goes in, a report or a number comes out; no clock, no chance, no
network. Families are compilers onto one canonical form (`book`), and everything that is asked of
an account (health, distances, liquidation prices, what-if, top-ups) is written once, on that form.
"""

from __future__ import annotations

from watcher.margin.along import figures_under, health_along
from watcher.margin.change import (
    prices_after,
    repayable,
    repriced,
    with_closed,
    with_moved,
    with_repaid,
    with_top_up,
)
from watcher.margin.errors import BookError
from watcher.margin.evaluate import evaluate
from watcher.margin.opinion import health_of_ratio
from watcher.margin.remedy import required_close, required_repay, required_top_up

__all__ = [
    "BookError",
    "evaluate",
    "figures_under",
    "health_along",
    "health_of_ratio",
    "prices_after",
    "repayable",
    "repriced",
    "required_close",
    "required_repay",
    "required_top_up",
    "with_closed",
    "with_moved",
    "with_repaid",
    "with_top_up",
]
