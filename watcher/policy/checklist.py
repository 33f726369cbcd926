"""
All checks there are, in the order their findings are told.

Rule: a check that is not in here does not exist.
"""

from __future__ import annotations

from watcher.policy import checks, compared, doubts, shrinking, venue_checks
from watcher.policy.checks import Check

CHECKS: tuple[Check, ...] = (
    venue_checks.flagged,
    shrinking.shrunk,
    doubts.jumped,
    checks.unmodelled,
    checks.divergence,
    checks.contradicted,
    compared.price_apart,
    compared.depegged,
    venue_checks.mode_changed,
    venue_checks.table_changed,
    venue_checks.key_changed,
    venue_checks.key_expiring,
    venue_checks.key_unbound,
    venue_checks.clock_off,
)
