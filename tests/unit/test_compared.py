"""Prices compared: with other venues', with how long they stood still, with what they follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import RULES, moment, single, unified
from tests.unit.test_messages import check, fits
from watcher.domain.account import Asset, Snapshot
from watcher.domain.alert import AccountState, Message, Seen, Tier
from watcher.policy import decide
from watcher.policy.compared import differing, standing
from watcher.policy.doubts import bars_money
from watcher.store.codec import durable, state_of, state_text

POOL = "cross:USDT"


class Account:
    """One account, looked at every ten seconds beside what other venues say."""

    def __init__(self) -> None:
        self.state = AccountState(account="bybit_main")
        self.seconds = 0.0

    def see(self, book: Snapshot, **elsewhere: float) -> list[Message]:
        self.seconds += 10
        taken_at_us = moment(self.seconds).wall_us
        seen = Seen(
            snapshot=replace(book, taken_at_us=taken_at_us, parts={}),
            missed=None,
            prices=elsewhere,
        )
        decision = decide(self.state, seen, RULES, moment(self.seconds))
        self.state = decision.state
        return list(decision.messages)

    def restart(self) -> None:
        kept = state_of(state_text(durable(self.state)), "bybit_main")
        last, at_us = self.state.last_good, self.state.last_good_at_us
        self.state = replace(kept, last_good=last, last_good_at_us=at_us)


def heads(said: list[Message]) -> list[str]:
    return [message.text.plain.splitlines()[0].split(" #")[0] for message in said]


def marked(mark: str) -> Snapshot:
    """40 % from liquidation at a mark of 1,000: liquidated at 600."""
    book = single(40)
    (held,) = book.positions
    return replace(book, positions=(replace(held, mark=Decimal(mark)),))


# ── another venue's price of the same contract ──────────────────────────────────────────────


def test_a_worse_price_elsewhere_is_danger_at_once_and_told_of_on_the_second_reading() -> None:
    account = Account()
    account.see(marked("1000"), BTC=1000)

    (danger,) = account.see(marked("1001"), BTC=660)
    assert danger.tier is Tier.WARNING
    assert "(unconfirmed)" in danger.text.plain.splitlines()[0]
    assert "9.1 % from liquidation" in danger.text.plain

    (note,) = account.see(marked("1002"), BTC=660)
    assert heads([note]) == ["🔧 PRICE DIFFERS"]
    assert "BTC 1,002.0 at Bybit, 660.00 elsewhere" in note.text.plain
    assert "not moved" not in note.text.plain
    assert (note.tier, note.silent) == (Tier.WARNING, False)


@pytest.mark.parametrize(
    ("other", "asked"), [(1000.0, False), (960.0, True), (1040.0, True), (400.0, False)]
)
def test_what_is_another_coin_of_the_same_name_is_not_asked_about(
    other: float, *, asked: bool
) -> None:
    found = differing(marked("1000"), {"BTC": other})

    assert found == (("BTCUSDT",) if asked else ())


def test_a_price_of_nothing_elsewhere_is_no_price_to_compare_with() -> None:
    account = Account()
    for _ in range(5):
        account.see(marked("1000"), BTC=0.0)
    for _ in range(5):
        assert account.see(marked("1000"), BTC=1000.0) == []


def test_a_better_price_elsewhere_ends_nothing() -> None:
    account = Account()
    account.see(marked("630"), BTC=630)
    for number in range(30):
        account.see(marked(str(630 + number % 2)), BTC=900)

    assert account.state.dangers[POOL].tier is Tier.CRITICAL


def test_a_difference_venues_have_every_day_says_nothing() -> None:
    account = Account()
    said = [m for n in range(20) for m in account.see(marked(str(1000 + n)), BTC=1045)]

    assert said == []


def test_a_difference_that_hovers_at_its_line_is_told_once() -> None:
    account = Account()
    said = [
        m
        for n in range(60)
        for m in account.see(marked(str(1000 + n % 2)), BTC=1053 if n % 8 < 4 else 1045)
    ]

    assert heads(said) == ["🔧 PRICE DIFFERS"]


def test_a_mark_that_agrees_with_others_is_not_stuck_however_old_the_first_comparison() -> None:
    """A price of another account, seconds older than ours, was taken for a market that moved on."""
    account = Account()
    account.see(marked("1000"), BTC=1005)
    said = [m for _ in range(12) for m in account.see(marked("1000"), BTC=1000)]

    assert said == []


def test_another_coin_of_the_same_name_is_not_believed() -> None:
    account = Account()
    said = [m for n in range(10) for m in account.see(marked(str(1000 + n)), BTC=450)]

    assert said == []


def test_no_money_moves_on_a_price_in_doubt() -> None:
    account = Account()
    account.see(marked("1000"), BTC=1000)
    assert not bars_money(account.state.findings, POOL)
    account.see(marked("1001"), BTC=900)
    assert bars_money(account.state.findings, POOL)
    for number in range(3):
        account.see(marked(str(1002 + number)), BTC=1000)
    assert not bars_money(account.state.findings, POOL)


def test_the_words_for_two_prices_and_for_a_lost_peg() -> None:
    account = Account()
    for _ in range(4):
        account.see(marked("1000"), BTC=1000)
    (danger,) = account.see(marked("1000"), BTC=660)
    check("danger_unconfirmed", danger.text)
    (note,) = account.see(marked("1000"), BTC=655)
    check("price_differs", note.text)

    account = Account()
    account.see(wbeth("2140"))
    lost = replace(wbeth("1900"), assets=(*wbeth("1900").assets, usde("0.931").assets[-1]))
    (peg,) = [m for _ in range(2) for m in account.see(lost) if m.tier is Tier.WARNING]
    check("off_peg", peg.text)


# ── a mark that stands still ─────────────────────────────────────────────────────────────────


def test_a_mark_that_stands_still_while_the_market_moves_is_told_with_the_worse_verdict() -> None:
    account = Account()
    said = [m for n in range(3) for m in account.see(marked("690"), BTC=690 - n)]
    assert heads(said) == ["🟡 WATCH"]
    before = account.state.dangers[POOL].tier

    told = [m for n in range(3) for m in account.see(marked("690"), BTC=660 - 10 * n)]

    assert account.state.dangers[POOL].tier > before
    (note,) = [m for m in told if "PRICE DIFFERS" in m.text.plain]
    assert "BTC has not moved there for" in note.text.plain


def test_a_mark_may_stand_still_with_the_market() -> None:
    account = Account()
    said = [m for _ in range(30) for m in account.see(marked("1000"), BTC=1004)]

    assert said == []


def test_others_are_asked_of_a_mark_that_stood_still_for_half_a_minute() -> None:
    account = Account()
    for number, expected in ((0, ()), (1, ()), (2, ()), (3, ("BTCUSDT",)), (4, ("BTCUSDT",))):
        account.see(marked("1000"))
        assert standing(account.state, moment(account.seconds).steady_us) == expected, number
    account.see(marked("1001"))
    assert standing(account.state, moment(account.seconds).steady_us) == ()


def test_a_restart_counts_anew() -> None:
    account = Account()
    for _ in range(5):
        account.see(marked("1000"))
    account.restart()
    assert account.state.still == {}


# ── collateral off its peg ───────────────────────────────────────────────────────────────────


def holding(asset: str, index: str, wallet: str = "50000", **more: object) -> Snapshot:
    """A unified account whose collateral is *asset*, beside an ETH index of 2,000."""
    book = unified(usdt=200_000)
    ether = Asset(pool="unified", asset="ETH", wallet=Decimal(1), index=Decimal(2000))
    extra = Asset(
        pool="unified",
        asset=asset,
        wallet=Decimal(wallet),
        index=Decimal(index),
        **more,  # type: ignore[arg-type]
    )
    return replace(book, assets=(*book.assets, ether, extra))


def told(account: Account, make: Callable[[str], Snapshot], *indices: str) -> list[str]:
    said = [m for index in indices for m in account.see(make(index))]
    pegs = [m.text for m in said if "OFF ITS PEG" in m.text.plain]
    for text in pegs:
        fits(text)
    return [text.plain for text in pegs]


def usde(index: str) -> Snapshot:
    return holding("USDE", index)


def test_a_stable_coin_off_its_dollar_is_told_at_each_worse_step() -> None:
    account = Account()
    assert told(account, usde, "0.999", "0.992", "0.985") == []
    (first,) = told(account, usde, "0.984", "0.983", "0.982")
    assert "USDE stands at 0.9840 (−1.6 % off its dollar)" in first
    (worse,) = told(account, usde, "0.93", "0.93", "0.94")
    assert "−7.0 %" in worse


def test_a_peg_that_hovers_at_a_step_is_told_once_and_again_only_after_it_was_over() -> None:
    account = Account()
    hover = ["0.989", *(["0.989", "0.991", "0.9915"] * 10)]
    assert len(told(account, usde, *hover)) == 1
    assert told(account, usde, *["1.0"] * 4) == []
    assert len(told(account, usde, "0.98", "0.98")) == 1


def test_one_odd_reading_of_a_peg_is_not_told() -> None:
    account = Account()
    assert told(account, usde, "1.0", "0.9", "1.0", "1.0") == []


@pytest.mark.parametrize(
    "book",
    [
        holding("USDE", "0.8", wallet="100"),
        holding("USDE", "0.8", weights=()),
        holding("SHIB", "0.8"),
    ],
)
def test_dust_and_what_counts_for_nothing_and_other_coins_have_no_peg(book: Snapshot) -> None:
    assert told(Account(), lambda _: book, *"123") == []


def wbeth(index: str) -> Snapshot:
    return holding("WBETH", index, wallet="50")


def test_a_staked_coin_off_its_coin_is_told_with_what_it_was() -> None:
    account = Account()
    assert told(account, wbeth, "2140", "2141", "2139", "1900") == []
    account.restart()
    (said,) = told(account, wbeth, "1890", "1889")
    assert "WBETH is −11.7 % off what it was, 1.0700 ETH" in said


def test_a_peg_follows_what_a_staked_coin_earns() -> None:
    account = Account()
    earned = [f"{2140 * 1.002**n:.2f}" for n in range(40)]
    assert told(account, wbeth, *earned) == []
    assert account.state.pegs["WBETH"] > 1.15
