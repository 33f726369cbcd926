"""
What to tick at a venue when making a key, what to leave, and how to bind it to this machine.

Rule: reading is all a watcher needs; what top-ups want more is named apart, and withdrawing is
never among it. Names as the venues' pages have them; sources: docs/venues.md, docs/security.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from watcher.setup.advice import OWN_ADDRESS


@dataclass(frozen=True, slots=True, kw_only=True)
class Guide:
    """How a key is made at one venue. `top_up`: what moving collateral needs beyond reading."""

    title: str
    page: str
    tick: str
    leave: str
    top_up: str
    address: str

    def lines(self) -> list[str]:
        return [
            f"{self.title}: make a key at {self.page}",
            f"  tick      {self.tick}",
            f"  leave     {self.leave}",
            f"  top-ups   only for mode ask or auto, better with a key of its own: {self.top_up}",
            f"  address   {self.address}",
        ]


_BIND = "bind the key to this machine's address: "

GUIDES: Mapping[str, Guide] = MappingProxyType(
    {
        "binance": Guide(
            title="Binance",
            page="Account → API Management → Create API (system generated, HMAC)",
            tick="Enable Reading, and nothing else; a key older than the futures account does not "
            "see that",
            leave="Enable Withdrawals (such a key is refused), Spot & Margin Trading, Futures",
            top_up="Permits Universal Transfer; to repay or add margin also Enable Margin Loan, "
            "Repay & Transfer",
            address=f"{_BIND}where it is another than you gave, the refusal names it here",
        ),
        "bybit": Guide(
            title="Bybit",
            page="API → Create New Key → System-generated API Keys",
            tick="Read-Only, with Unified Trading and Wallet",
            leave="Read-Write, Withdrawal (such a key is refused)",
            top_up="Read-Write: Assets → Account Transfer; Unified Trading → Contract: Positions, "
            "SPOT for repaying",
            address=f"{_BIND}Bybit does not say which it saw: {OWN_ADDRESS}; without one the key "
            "ends after 90 days",
        ),
        "okx": Guide(
            title="OKX",
            page="Profile → API → Create API key (in live trading, not in demo trading)",
            tick="Read, and nothing else",
            leave="Withdraw (such a key is refused), Trade",
            top_up="Trade (OKX has no smaller right that may transfer)",
            address=f"{_BIND}{OWN_ADDRESS}; where OKX sees another, its refusal names it here",
        ),
    }
)
