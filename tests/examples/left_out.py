"""
What of the published examples is not computed, or not compared to the last digit printed.

Rule: `NOT_COVERED` names whole examples: of a mode not built, superseded by the venue, at odds with
themselves, or about something that is no margin arithmetic. Nothing is left out silently: an
example that is neither here nor in `tests.examples.compare.COVERED` fails a test, and of a covered
example every figure is compared. `COARSER` names the figures that are not the nearest to ours that
can be printed with as many digits; a name that is there without need fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_COVERED: Mapping[str, str] = {
    "BB-17": "superseded: the inverse wallet of the classic account, which the venue has closed",
    "BB-19": "what placing an order costs, not a margin: this program places none",
    "OK-08": "superseded: the venue replaced this model of portfolio margin in 2025",
    "OK-13": "superseded: quick margin was withdrawn by the venue",
}

CUT_OFF = "cut off, not rounded"
INPUTS_ROUNDED = "its own inputs are printed rounded"

COARSER: Mapping[str, Mapping[str, str]] = {
    "BN-02": {"margin_level": INPUTS_ROUNDED},
    "BN-08": {"margin_level": CUT_OFF},
    "BN-09": {"margin_level": CUT_OFF},
    "BN-14": {"margin_ratio": CUT_OFF},
    "BN-20": {"unrealized_profit_btc": CUT_OFF},
    "BB-05": {"positionIM": INPUTS_ROUNDED, "positionMM": INPUTS_ROUNDED},
    "BB-06": {"positionIM": INPUTS_ROUNDED, "positionMM": INPUTS_ROUNDED},
    "BB-07": {"totalAvailableBalance": INPUTS_ROUNDED},
    "OK-04": {"implied_adjEq": INPUTS_ROUNDED},
    "BIN-011": {"margin_level": INPUTS_ROUNDED},
    "FT-BYBIT-18": {"liquidation_price": CUT_OFF},
}
"""One unit of the last digit is allowed to what is cut off, the published tolerance to the rest."""
