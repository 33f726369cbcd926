"""Into portfolio margin, or out of it: debts are told no more, which is not that they are gone."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tests.unit.policy_books import RULES, borrowed, moment, seen
from watcher.domain.account import Family, Rules, Snapshot, VenueRatio, VenueSays
from watcher.domain.alert import AccountState, Message, Tier
from watcher.policy import decide

RULES_MARGIN = replace(RULES, account="bin_margin", venue="binance")


class Account:
    """One borrowed margin account in danger, looked at every four seconds."""

    def __init__(self) -> None:
        self.state = AccountState(account="bin_margin")
        self.seconds = 0.0

    def see(self, book: Snapshot) -> list[Message]:
        now = moment(self.seconds)
        whole = replace(book, taken_at_us=now.wall_us, parts={"account": now.wall_us})
        last = decide(self.state, seen(whole), RULES_MARGIN, now)
        self.state, self.seconds = last.state, self.seconds + 4
        return list(last.messages)


def portfolio(ratio: str = "4") -> Snapshot:
    """The same account in portfolio margin: one ratio, no assets."""
    says = VenueSays(
        equity=Decimal(1500),
        maintenance_margin=Decimal(375),
        ratio=VenueRatio(name="uniMMR", value=Decimal(ratio)),
    )
    reported = Rules(family=Family.REPORTED, liquidation_level=Decimal("1.05"))
    return replace(
        borrowed(115),
        mode="portfolio margin (reported)",
        rules={"portfolio": reported},
        assets=(),
        venue_says={"portfolio": says},
    )


def titles(said: list[Message]) -> list[str]:
    return [message.text.plain.splitlines()[0].split(" #")[0] for message in said]


def test_debts_an_account_takes_into_portfolio_margin_are_not_told_as_gone() -> None:
    account = Account()
    account.see(borrowed(115))
    was = account.state.dangers["margin"].tier
    assert was >= Tier.CRITICAL

    said = titles(account.see(portfolio()))

    assert "🟠 DEBT GONE" not in said
    assert not [title for title in said if "DEBT" in title]
    assert [title for title in said if "MODE CHANGED" in title]
    assert "margin" not in account.state.dangers
    assert account.state.dangers["portfolio"].tier is was, "a switch is no proof of safety"


def test_nor_does_the_danger_end_as_gone_when_it_leaves_it() -> None:
    account = Account()
    account.see(portfolio("1.1"))
    was = account.state.dangers["portfolio"].tier
    assert was is Tier.EMERGENCY

    said = [title for _ in range(100) for title in titles(account.see(borrowed(115)))]

    assert not [title for title in said if "GONE" in title]
    assert list(account.state.dangers) == ["margin"]


def test_a_debt_repaid_beside_a_reported_pool_is_told() -> None:
    account = Account()
    owing = borrowed(115)
    beside = portfolio()

    def both(book: Snapshot) -> Snapshot:
        return replace(book, rules={**book.rules, **beside.rules}, venue_says=beside.venue_says)

    account.see(both(owing))
    (debt, coin) = owing.assets
    rest = replace(owing, assets=(replace(debt, debt=Decimal(0)), coin))

    assert [t for t in titles(account.see(both(rest))) if "DEBT GONE" in t]
