"""
Two opinions of one pool: ours and the venue's.

Rule: the worse ratio rules, never the lower equity with the higher margin. Where the venue's is
worse, our model keeps its shape and loses a constant (the gap) so that today both agree. Health
1.00 is liquidation everywhere; every venue's headline number is turned into it here and nowhere
else.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from decimal import Decimal

from watcher.domain.account import Rules, VenueRatio, VenueSays

NO_DEBT_LEVEL = 999
"""What Binance prints as the margin level of an account that owes nothing."""

UNI_MMR_LIQUIDATION = 1.05


def _inverse(value: float, rules: Rules) -> float | None:
    # a rate of maintenance margin over equity: 1 is liquidation, higher is worse
    del rules
    if value == 0:
        return math.inf
    return 1 / value if value > 0 else -math.inf


def _as_is(value: float, rules: Rules) -> float | None:
    del rules
    return value


def _level(value: float, rules: Rules) -> float | None:
    level = rules.liquidation_level
    if level == 1:
        # cross margin Pro: its level is already equity over maintenance margin, and may be higher
        return math.inf if value == NO_DEBT_LEVEL else value
    if value >= NO_DEBT_LEVEL:
        return math.inf
    return None if level is None or level < 1 else (value - 1) / (float(level) - 1)


def _uni(value: float, rules: Rules) -> float | None:
    line = rules.liquidation_level
    return value / (UNI_MMR_LIQUIDATION if line is None else float(line))


RATIOS: Mapping[str, Callable[[float, Rules], float | None]] = {
    "marginRatio": _inverse,
    "accountMMRate": _inverse,
    "mgnRatio": _as_is,
    "marginLevel": _level,
    "uniMMR": _uni,
    "health": _as_is,
}


def health_of_ratio(ratio: VenueRatio, rules: Rules) -> float | None:
    """Return the health a venue's headline number stands for; None for a name not known here."""
    turn = RATIOS.get(ratio.name)
    return None if turn is None else turn(float(ratio.value), rules)


def venue_health(
    says: VenueSays | None, rules: Rules, ours: tuple[float, float, float] | None = None
) -> float | None:
    """
    Return the venue's own verdict as health, None when it tells none.

    A ratio under a name not known here is no verdict; then its equity and maintenance margin are,
    and what it does not tell of the two is taken from *ours* (equity, maintenance margin,
    requirement), so that one figure told alone is compared too.

    Bybit truncates `accountMMRate` to four decimals, so its parts are finer when it told both. Yet
    the rate also counts what resting orders lose, and the parts do not: the worse of the two is
    its verdict. A zero rate of a truncating venue is small, not nothing: it needs no margin at all
    to be inf.
    """
    if says is None:
        return None
    equity, margin, ratio = says.equity, says.maintenance_margin, says.ratio
    if ratio is not None and ratio.name == "accountMMRate":
        return _of_truncated(ratio, equity, margin, rules)
    if ratio is not None and ratio.name in RATIOS:
        return health_of_ratio(ratio, rules)
    return _of_parts(equity, margin, rules, ours)


def _of_parts(
    equity: Decimal | None,
    margin: Decimal | None,
    rules: Rules,
    ours: tuple[float, float, float] | None,
) -> float | None:
    if equity is None and margin is None:
        return None
    if ours is not None:
        has = ours[0] if equity is None else float(equity)
        more = 0.0 if margin is None else float(margin) - ours[1]
        return health(has, ours[2] + more)
    if equity is None or margin is None or rules.fee_in == "requirement":
        return None  # with fees beside the margin, equity over margin is not the venue's verdict
    return health(float(equity), float(margin))


def _of_truncated(
    ratio: VenueRatio, equity: Decimal | None, margin: Decimal | None, rules: Rules
) -> float | None:
    told = None if ratio.value == 0 else health_of_ratio(ratio, rules)
    if equity is None or margin is None:
        return math.inf if told is None and margin == 0 else told
    parts = health(float(equity), float(margin))
    if margin == 0:
        return parts  # nothing is at risk, whatever a rate of nothing to nothing is written as
    return parts if told is None else min(parts, told)


def health(equity: float, requirement: float) -> float:
    """Return equity over requirement; inf with no requirement, -inf with less than no equity."""
    if requirement > 0:
        return equity / requirement
    return math.inf if equity >= 0 else -math.inf


def gap(equity: float, requirement: float, told: float | None) -> float:
    """
    Return what to take off *equity* so that health is not better than what the venue *told*.

    With no requirement of our own there is nothing to scale and the gap is 0: the two healths
    still differ, and `disagreement` says so. A venue that sees nothing left takes all of it.
    """
    if told is None or requirement <= 0 or told == math.inf:
        return 0.0
    if told == -math.inf:
        return max(0.0, equity)
    return max(0.0, equity - told * requirement)


def disagreement(ours: float, told: float | None) -> float | None:
    """Return how far two healths lie apart, in percent of the larger; 0..200, None if untold."""
    if told is None:
        return None
    if ours == told:
        return 0.0
    if math.isinf(ours) or math.isinf(told):
        return 100.0
    return min(200.0, 100 * abs(ours - told) / max(abs(ours), abs(told)))


def moved(
    says: VenueSays,
    rules: Rules,
    *,
    before: tuple[float, float, float],
    after: tuple[float, float, float],
) -> VenueSays | None:
    """
    Return the venue's figures as they would read once ours went from *before* to *after*.

    Both are (equity, maintenance margin, requirement). The gap stays what it was, so a what-if
    keeps the venue's doubt; liquidation prices are dropped, they are not known any more.
    """
    told = venue_health(says, rules, before)
    if told is None or after[2] <= 0:
        return None
    if told == math.inf:
        now = health(after[0], after[2])
    elif told == -math.inf:
        # how much less than nothing is left is not told: only what is new counts, as in `gap`
        now = (after[0] - max(0.0, before[0])) / after[2]
    else:
        now = (after[0] - (before[0] - told * before[2])) / after[2]
    if not math.isfinite(now):
        return None
    told_margin = says.maintenance_margin
    margin = after[1] if told_margin is None else float(told_margin) + after[1] - before[1]
    return VenueSays(
        equity=_exact(now * margin),
        maintenance_margin=_exact(margin),
        used_margin=says.used_margin,
        ratio=VenueRatio(name="health", value=_exact(now)),
    )


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))
