"""
Where each rule of a venue is written, and when it was read: what `watcher explain` cites.

Rule: one row per venue and kind of line (`margin.written`). docs/venues.md holds the same table
under "Rules cited by explain"; a test holds the two equal, so a rule is changed in both or in
neither. What the venue does not document says so.
"""

from __future__ import annotations

from dataclasses import dataclass

READ = "2026-11-22"


@dataclass(frozen=True, slots=True)
class Source:
    """`rule` is the kind of line, `words` what the venue does, `page` where it says so."""

    venue: str
    rule: str
    words: str
    page: str
    read: str = READ


SOURCES = (
    Source(
        "binance",
        "equity",
        "wallet of the margin asset and P&L of its cross legs; an isolated leg stands alone",
        "usds-margined-futures: Account-Information-V3; FAQ on the liquidation price",
    ),
    Source(
        "binance",
        "profit",
        "size × (mark − entry); coin-margined: size × (1/entry − 1/mark)",
        "FAQ on the liquidation price of USDⓈ-M and of COIN-M contracts",
    ),
    Source(
        "binance",
        "collateral",
        "slices of value at the rate of each (margin); bid and ask of the index (multi-assets)",
        "FAQ on collateral ratio; FAQ on multi-assets mode",
    ),
    Source(
        "binance",
        "maintenance",
        "value × maintMarginRatio − cum of the bracket with floor < value ≤ cap, each leg; "
        "coin-margined: value in coin; multi-assets: the sum at the ask",
        "usds-margined-futures, coin-margined-futures: Notional-and-Leverage-Brackets; FAQ on the "
        "liquidation price; FAQ on multi-assets mode",
    ),
    Source(
        "binance",
        "borrow",
        "Pro: debt × maintenanceMarginRate − fastNum of its bracket",
        "FAQ on cross margin Pro, rules of 2025-01-21",
    ),
    Source(
        "binance",
        "level",
        "assets over debt with interest, at index, no haircut; bars are the account's own",
        "margin_trading: Query-Cross-Margin-Account-Details, tradeCoeff; FAQ on margin level",
    ),
    Source(
        "binance",
        "orders",
        "Pro: what resting orders would lose lowers equity, as the venue tells it",
        "FAQ on cross margin Pro, rules of 2025-01-21",
    ),
    Source(
        "binance",
        "stage",
        "margin: the account's own bars; futures: at 100 % orders go, then positions; uniMMR 1.5, "
        "1.2, 1.05",
        "FAQ on margin level; FAQ on liquidation; FAQ on portfolio margin",
    ),
    Source(
        "bybit",
        "equity",
        "margin of the isolated position, its P&L beside it",
        "position; help centre, isolated margin",
    ),
    Source(
        "bybit",
        "profit",
        "size × (mark − entry); inverse: size × (1/entry − 1/mark)",
        "help centre, P&L calculations",
    ),
    Source(
        "bybit",
        "collateral",
        "slices of the coin's quantity; what is below zero counts in full",
        "spot-margin-uta/tier-collateral-ratio",
    ),
    Source(
        "bybit",
        "maintenance",
        "value at mark × rate − deduction of the risk limit row",
        "help centre, maintenance margin (mark price), valid from 2025-09-02; market/risk-limit",
    ),
    Source(
        "bybit",
        "fee",
        "size × entry × (1 ∓ 1/leverage) × taker fee; inverse by symmetry, not documented",
        "help centre, maintenance margin (mark price), valid from 2025-09-02",
    ),
    Source(
        "bybit",
        "borrow",
        "rate of the tier reached, on the whole debt",
        "spot-margin-uta/position-tiers",
    ),
    Source(
        "bybit",
        "orders",
        "what a resting order would lose if filled lowers the margin balance",
        "glossary (margin balance, order loss)",
    ),
    Source(
        "bybit",
        "option",
        "short: the venue's own positionMM; as its coin moves against it, at most that move and "
        "the share of the index it asks beyond the mark; a put as its coin rises: that share",
        "position (positionMM); help centre, option margin; the bound: no option gains faster "
        "than its coin moves",
    ),
    Source(
        "bybit",
        "stage",
        "from 85 % of the MM rate debts may be repaid by themselves; at 100 % orders go, debts are "
        "repaid, positions reduced",
        "the 85 %: a secondary source, not documented by Bybit; 100 %: help centre, liquidation",
    ),
    Source(
        "okx",
        "equity",
        "cash of the settle currency and P&L; an isolated position stands alone",
        "help centre, futures mode; account/balance",
    ),
    Source(
        "okx",
        "profit",
        "size × (mark − average price); inverse: size × (1/average price − 1/mark)",
        "help centre, futures mode",
    ),
    Source(
        "okx",
        "collateral",
        "discount rates in slices of quantity; what is below zero counts in full",
        "public/discount-rate-interest-free-quota; help centre, multi-currency margin",
    ),
    Source(
        "okx",
        "maintenance",
        "value × mmr of the tier reached by contracts, on the whole position",
        "public/position-tiers; help centre, forced liquidation",
    ),
    Source(
        "okx",
        "fee",
        "value × taker fee is part of the requirement; on a debt (1 + rate) × taker fee, "
        "outside spot mode only where the venue's own ratio has room for it",
        "account/positions (mgnRatio); help centre, forced liquidation; borrow in spot mode",
    ),
    Source(
        "okx",
        "borrow",
        "rate of the tier reached, on the whole debt and on what orders would borrow: "
        "what they hold back less equity",
        "public/position-tiers (ccy); help centre, multi-currency margin",
    ),
    Source(
        "okx",
        "orders",
        "what resting orders lock lowers the numerator: the venue's own figures tell how "
        "much, at most what is frozen",
        "help centre, futures mode; multi-currency margin; borrow in spot mode",
    ),
    Source(
        "okx",
        "stage",
        "warning at a mgnRatio of 300 %; at 100 % orders go, then positions tier by tier",
        "account/positions; liquidation-warning channel; help centre, forced liquidation",
    ),
)


def source_of(venue: str, rule: str) -> Source | None:
    """Return where *rule* of *venue* is written, None where nobody wrote it down."""
    return next((one for one in SOURCES if (one.venue, one.rule) == (venue, rule)), None)


def table() -> str:
    """Return the table of docs/venues.md."""
    rows = [
        f"| {one.venue} | {one.rule} | {one.words} | {one.page} | {one.read} |" for one in SOURCES
    ]
    return "\n".join(["| venue | line | rule | source | read |", "|---|---|---|---|---|", *rows])
