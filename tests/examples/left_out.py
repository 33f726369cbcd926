"""
What of the published examples is not computed, each with its reason.

Rule: `NOT_COVERED` names whole examples: of a mode not built, superseded by the venue, at odds with
themselves, or about something that is no margin arithmetic. `FIGURES_NOT_COVERED` names single
figures of examples that are otherwise computed. Nothing is left out silently: an example that is
neither here nor in `tests.examples.compare.COVERED` fails a test.
"""

from __future__ import annotations

from collections.abc import Mapping

NOT_COVERED: Mapping[str, str] = {
    "BB-17": "superseded: the inverse wallet of the classic account, which the venue has closed",
    "BB-19": "what placing an order costs, not a margin: this program places none",
    "OK-08": "superseded: the venue replaced this model of portfolio margin in 2025",
    "OK-13": "superseded: quick margin was withdrawn by the venue",
}

FIGURES_NOT_COVERED: Mapping[str, Mapping[str, str]] = {
    "BN-05": {"initial_margin_usd": "the venue's own figure, decides what may be borrowed only"},
    "BN-16": {"initialMargin": "the venue's own figure, never derived from leverage"},
    "BN-17": {"initialMargin": "the venue's own figure, never derived from leverage"},
    "BN-21": {"liq_price_perp": "theirs holds the dated contract still; ours moves all of BTC"},
    "BN-25": {
        "spot_repay_from_account": "repaying debt is not a top-up",
        "spot_repay_with_transferred_in": "repaying debt is not a top-up",
    },
    "BB-04": {"positionIM": "the venue's own figure, never derived from leverage"},
    "BB-05": {"positionIM": "the venue's own figure, never derived from leverage"},
    "BB-06": {"positionIM": "the venue's own figure, never derived from leverage"},
    "BB-09": {"venue_estimate": "the venue's own estimate keeps the maintenance margin still"},
    "BB-11": {
        "total_im": "the venue's own figure, never derived from leverage",
        "account_imr": "the venue's own initial margin over its balance",
    },
    "BB-12": {"im": "the venue's own figure, never derived from leverage"},
    "BB-13": {"im": "the venue's own figure, never derived from leverage"},
    "OK-02": {"liqPx_reported": "the venue adds one tick"},
    "OK-14": {"tier": "the number of a tier is shown nowhere, its rate is used"},
    "BIN-007": {"initial_margin": "the venue's own figure, never derived from leverage"},
    "BYB-001": {"initial_margin": "the venue's own figure, never derived from leverage"},
    "BYB-003": {"initial_margin": "the venue's own figure, never derived from leverage"},
    "BYB-008": {"initial_margin": "the venue's own figure, never derived from leverage"},
}
