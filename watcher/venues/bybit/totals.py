"""
What the totals of a Bybit unified wallet say between the lines.

Rule: pure. The haircut loss of resting spot orders is told by no field, but the venue subtracts it
from two figures it does tell: totalAvailableBalance = margin balance - haircut loss - initial
margin, and the rates, which divide by margin balance - haircut loss + order loss.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.domain.account import ZERO
from watcher.venues.fields import Row

RATE_STEP = Decimal("0.0001")
"""Rates are cut to four decimals: the true one is less than this above what is told."""
NOISE_USD = Decimal("0.000001")


def haircut_loss(account: Row) -> Decimal:
    """
    Return what resting spot orders take off the margin balance, in USD.

    Only coins locked by spot orders can lose. Once nothing is available the first figure is 0
    whatever the loss: then the rates bracket it, and the larger end is taken. They also count
    what resting contract orders lose: the caller takes that off.
    """
    if not any(coin.amount("locked") > 0 for coin in account.rows("coin")):
        return ZERO
    balance = account.amount("totalMarginBalance")
    margin = account.amount("totalInitialMargin")
    available = account.amount("totalAvailableBalance")
    if available > 0:
        loss = balance - margin - available
    else:
        maintenance = account.amount("totalMaintenanceMargin")
        left = max(
            maintenance / (account.not_negative("accountMMRate") + RATE_STEP),
            margin / (account.not_negative("accountIMRate") + RATE_STEP),
        )
        loss = balance - left
    return loss if loss > NOISE_USD else ZERO
