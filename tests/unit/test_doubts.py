"""Readings nothing explains: said at once, marked, looked at again; good ones wait."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import RULES, missed, moment, seen, single, unified
from tests.unit.test_messages import check
from watcher.domain.account import Snapshot
from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    Ack,
    Decision,
    Kind,
    Message,
    Seen,
    Tier,
)
from watcher.policy import decide
from watcher.policy.doubts import bars_money, is_suspect

POOL = "cross:USDT"


class Account:
    """One account, looked at every four seconds."""

    def __init__(self) -> None:
        self.state = AccountState(account="bybit_main")
        self.seconds = 0.0
        self.last: Decision | None = None

    def see(self, book: Snapshot) -> list[Message]:
        return self._decide(seen(book))

    def miss(self) -> list[Message]:
        return self._decide(missed())

    def _decide(self, what: Seen) -> list[Message]:
        self.seconds += 4
        if what.snapshot is not None:
            taken_at_us = moment(self.seconds).wall_us
            what = replace(what, snapshot=replace(what.snapshot, taken_at_us=taken_at_us))
        self.last = decide(self.state, what, RULES, moment(self.seconds))
        self.state = self.last.state
        return list(self.last.messages)

    def is_suspect(self) -> bool:
        return is_suspect(self.state.findings, POOL)

    @property
    def wait_s(self) -> float:
        assert self.last is not None
        return self.last.next_poll_us / SECOND_US


def with_equity(book: Snapshot, equity: str) -> Snapshot:
    """The same account with so much *equity*, its positions as they were."""
    (cash,), (held,) = book.assets, book.positions
    gain = held.quantity * (held.mark - held.entry)
    return replace(book, assets=(replace(cash, wallet=Decimal(equity) - gain),))


GLITCH = ("40000000", "0")


def thin(equity: str = "33", **wallets: str) -> Snapshot:
    """An account in danger, with so much of USDT in its other wallets."""
    held = {name: {"USDT": Decimal(amount)} for name, amount in wallets.items()}
    return replace(with_equity(single(40), equity), wallets=held)


def jumps(said: list[Message]) -> list[str]:
    return [head for head in heads(said) if "JUMPED" in head]


def heads(said: list[Message]) -> list[str]:
    return [message.text.plain.splitlines()[0].split(" #")[0] for message in said]


def test_equity_shown_as_nothing_is_told_at_once_and_marked() -> None:
    account = Account()
    account.see(single(40))

    danger, note = account.see(with_equity(single(40), "0"))

    assert (danger.kind, danger.tier) == (Kind.RAISED, Tier.EMERGENCY)
    assert "(unconfirmed)" in danger.text.plain.splitlines()[0]
    assert heads([note]) == ["🔧 EQUITY JUMPED"]
    assert "Equity 0 USDT, was 403" in note.text.plain
    assert (note.tier, note.silent) == (Tier.WARNING, False)
    assert account.wait_s == 2


def test_the_words_for_what_nothing_explains() -> None:
    account = Account()
    account.see(single(40))
    check("equity_jumped", account.see(with_equity(single(40), "0"))[1].text)

    account = Account()
    account.see(unified(usdt=200_000))
    (gone,) = account.see(replace(unified(usdt=200_000), positions=()))
    check("position_gone_unpaid", gone.text)


def test_equity_ten_times_too_high_ends_no_danger_before_three_readings() -> None:
    account = Account()
    account.see(single(5))
    (note,) = account.see(with_equity(single(5), "60000"))
    assert heads([note]) == ["🔧 EQUITY JUMPED"]
    assert (note.tier, note.silent) == (Tier.WATCH, True)

    said = account.see(single(5))

    assert account.state.dangers[POOL].tier is Tier.CRITICAL
    assert heads(said) == []


def test_a_doubt_is_unconfirmed_for_three_readings_also_over_a_miss() -> None:
    account = Account()
    account.see(single(40))
    assert not account.is_suspect()
    account.see(with_equity(single(40), "0"))
    account.miss()
    for _ in range(2):
        account.see(with_equity(single(40), "0"))
        assert account.is_suspect()
        assert account.wait_s == 2
    account.see(with_equity(single(40), "0"))
    assert not account.is_suspect()
    assert account.wait_s == 4


def test_a_doubt_bars_money_for_ten_minutes_and_three_readings() -> None:
    account = Account()
    account.see(single(40))
    account.see(with_equity(single(40), "0"))
    for _ in range(152):
        assert bars_money(account.state.findings, POOL)
        account.see(single(40))
    assert not bars_money(account.state.findings, POOL)


@pytest.mark.parametrize("turns", [1, 4, 20])
def test_figures_that_flap_are_one_note_in_ten_minutes(turns: int) -> None:
    """One venue's glitch showed nothing and tens of millions in turn."""
    account = Account()
    account.see(single(40))
    said = [
        message
        for turn in range(450)
        for message in account.see(with_equity(single(40), GLITCH[turn // turns % 2]))
    ]

    assert 1 <= len([head for head in heads(said) if "JUMPED" in head]) <= 3


def test_a_rise_in_doubt_ends_no_alert_while_the_doubt_stands() -> None:
    """The simulation had balances ten times too high for minutes end an alert."""
    account = Account()
    thin = with_equity(single(40), "120")
    account.see(thin)
    before = account.state.dangers[POOL].tier
    assert before > Tier.CALM

    said = [message for _ in range(80) for message in account.see(with_equity(thin, "9000"))]

    assert not [head for head in heads(said) if "CALM" in head or "EASED" in head], heads(said)
    assert account.state.dangers[POOL].tier is before
    for _ in range(140):
        said += account.see(with_equity(thin, "9000"))
    assert account.state.dangers[POOL].tier is Tier.CALM, "after ten minutes it is the new truth"


def acked(account: Account) -> None:
    [(key, told)] = [(k, f) for k, f in account.state.findings.items() if f.fact == "jump"]
    by_hand = replace(told, ack=Ack(tier=told.tier, at_us=told.told_at_us or 0, user_id=7))
    account.state = replace(account.state, findings={**account.state.findings, key: by_hand})


def test_an_ack_of_a_rise_in_doubt_does_not_make_it_true() -> None:
    """Seed 87: whoever had seen the word of a rise was told CALM by it three minutes later."""
    account = Account()
    low = with_equity(single(40), "120")
    account.see(low)
    before = account.state.dangers[POOL].tier
    high = with_equity(low, "9000")
    account.see(high)
    acked(account)

    said = [message for _ in range(80) for message in account.see(high)]

    assert jumps(said) == []
    assert account.state.dangers[POOL].tier is before > Tier.CALM


def test_a_rise_after_a_fall_is_in_doubt_though_it_is_no_news() -> None:
    account = Account()
    low = with_equity(single(40), "120")
    account.see(low)
    before = account.state.dangers[POOL].tier
    account.see(with_equity(low, "9000"))
    acked(account)
    assert jumps(account.see(low)), "a fall is worse than what was seen"
    for _ in range(80):
        account.see(with_equity(low, "9000"))

    assert account.state.dangers[POOL].tier is before > Tier.CALM


def test_a_glitch_that_comes_back_late_is_in_doubt_for_ten_minutes_of_its_own() -> None:
    account = Account()
    low = with_equity(single(40), "120")
    account.see(low)
    before = account.state.dangers[POOL].tier
    account.see(with_equity(low, "9000"))
    for _ in range(135):
        account.see(low)
    said = [message for _ in range(140) for message in account.see(with_equity(low, "9000"))]

    assert account.state.dangers[POOL].tier is before > Tier.CALM
    assert not [head for head in heads(said) if "CALM" in head or "EASED" in head], heads(said)
    for _ in range(90):
        account.see(with_equity(low, "9000"))
    assert account.state.dangers[POOL].tier is Tier.CALM, "what stays is the truth"


def test_the_way_back_from_a_fall_is_no_rise_in_doubt() -> None:
    """Seed 148: a balance shown as nothing for a minute held EMERGENCY for ten more."""
    account = Account()
    book = with_equity(single(40), "9000")
    account.see(book)
    for _ in range(15):
        account.see(with_equity(book, "0"))
    assert account.state.dangers[POOL].tier is Tier.EMERGENCY
    said = [message for _ in range(60) for message in account.see(book)]

    assert account.state.dangers[POOL].tier is Tier.CALM, heads(said)


def test_figures_in_doubt_are_not_called_good_where_an_account_is_seen_again() -> None:
    account = Account()
    account.see(thin("120"))
    for _ in range(60):
        account.miss()

    said = account.see(thin("9000"))

    (seeing,) = [one for one in said if one.kind is Kind.SEEING]
    head = seeing.text.plain.splitlines()[0]
    assert "SEEING" in head
    assert "unconfirmed)" in head
    assert not head.startswith("🟢")


def test_a_rise_that_came_from_the_funding_wallet_is_no_doubt() -> None:
    account = Account()
    account.see(thin(funding="6000"))
    assert account.state.dangers[POOL].tier is Tier.EMERGENCY

    said = account.see(thin("6033", funding="0"))
    for _ in range(50):
        said += account.see(thin("6033", funding="0"))

    assert jumps(said) == []
    assert not bars_money(account.state.findings, POOL)
    assert account.state.dangers[POOL].tier is Tier.CALM, "after its dwell"


def test_a_wallet_read_later_ends_the_doubt() -> None:
    """Wallets are read once a minute."""
    account = Account()
    account.see(thin(funding="6000"))

    said = [m for _ in range(10) for m in account.see(thin("6033", funding="6000"))]
    assert len(jumps(said)) == 1
    assert bars_money(account.state.findings, POOL)
    for _ in range(3):
        said += account.see(thin("6033", funding="0"))

    assert not bars_money(account.state.findings, POOL)
    for _ in range(46):
        said += account.see(thin("6033", funding="0"))
    assert account.state.dangers[POOL].tier is Tier.CALM
    assert len(jumps(said)) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {}),
        ({"funding": "6000"}, {}),
        ({}, {"funding": "0"}),
        ({"funding": "6000"}, {"funding": "6000"}),
        ({"funding": "500"}, {"funding": "0"}),
        ({"funding": "6000", "spot": "0"}, {"funding": "0", "spot": "6000"}),
    ],
)
def test_a_wallet_that_is_not_there_or_did_not_fall_explains_nothing(
    before: dict[str, str], after: dict[str, str]
) -> None:
    account = Account()
    account.see(thin(**before))

    assert len(jumps(account.see(thin("6033", **after)))) == 1
    for _ in range(20):
        account.see(thin("6033", **after))
    assert bars_money(account.state.findings, POOL)


def test_what_came_from_another_pool_is_no_doubt() -> None:
    """Closing an isolated position pays its margin back."""
    account = Account()
    (held,) = single(40).positions
    pool = "isolated:ETHUSDT:long"
    beside = replace(
        held, pool=pool, symbol="ETHUSDT", underlying="ETH", isolated_margin=Decimal(6000)
    )
    book = thin()
    rules = {**book.rules, pool: book.rules[POOL]}
    account.see(replace(book, rules=rules, positions=(*book.positions, beside)))

    assert jumps(account.see(thin("6033"))) == []


def test_a_tier_held_by_a_doubt_alone_is_told_every_three_minutes_and_why() -> None:
    account = Account()
    account.see(thin())
    said = [(account.seconds, m) for _ in range(135) for m in account.see(thin("6033"))]

    told = [(at_s, m) for at_s, m in said if m.tier is Tier.EMERGENCY]
    assert [(at_s, m.kind) for at_s, m in told] == [
        (184.0, Kind.REPEATED),
        (364.0, Kind.REPEATED),
        (544.0, Kind.REPEATED),
    ]
    check("danger_doubted", told[0][1].text)
    assert all("Held: equity jumped, unexplained; until 14:23 UTC" in m.text.plain for _, m in told)


@pytest.mark.parametrize("equity", ["41", "4000"])
def test_less_than_tenfold_is_the_traders_own_business(equity: str) -> None:
    account = Account()
    account.see(single(40))

    assert not [h for h in heads(account.see(with_equity(single(40), equity))) if "JUMPED" in h]


def test_what_prices_explain_is_no_doubt() -> None:
    account = Account()
    account.see(single(40))
    (held,) = single(40).positions
    crash = replace(single(40), positions=(replace(held, mark=Decimal(610)),))

    said = account.see(crash)

    assert heads(said) == ["🚨 EMERGENCY"]
    assert "unconfirmed" not in said[0].text.plain


def test_what_went_to_a_pool_beside_it_is_no_doubt() -> None:
    account = Account()

    def beside(cash: str) -> Snapshot:
        book = with_equity(single(40), "30") if cash != "0" else single(40)
        spare = replace(book.assets[0], pool="margin", wallet=Decimal(cash))
        rules = {**book.rules, "margin": book.rules[POOL]}
        return replace(book, rules=rules, assets=(*book.assets, spare))

    account.see(beside("0"))

    assert not [head for head in heads(account.see(beside("373"))) if "JUMPED" in head]


def test_a_position_that_goes_without_its_gain_in_the_wallet_is_told_in_the_calm_too() -> None:
    account = Account()
    book = unified(usdt=200_000)
    assert account.see(book) == []

    (note,) = account.see(replace(book, positions=()))

    assert heads([note]) == ["🟠 POSITION GONE"]
    assert "Its gain or loss is not in the wallet" in note.text.plain
    assert "LIQUIDATED" not in note.text.plain


def test_a_position_closed_in_the_calm_for_its_gain_is_not() -> None:
    account = Account()
    book = unified(usdt=200_000)
    account.see(book)
    (cash,) = book.assets
    paid = replace(cash, wallet=cash.wallet + Decimal(790))

    assert account.see(replace(book, positions=(), assets=(paid,))) == []
