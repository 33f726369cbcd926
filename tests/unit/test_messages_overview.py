"""Answers to /status and /positions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import (
    RULES,
    borrowed,
    missed,
    moment,
    seen,
    single,
    unified,
)
from tests.unit.test_messages import check, fits
from watcher.domain.account import Family, Rules, Snapshot, VenueRatio, VenueSays
from watcher.domain.alert import AccountState, AlertRules, Text, Tier
from watcher.policy import decide, positions, status
from watcher.policy.overview import bar

NOW_S = 600.0


def named(name: str, venue: str = "bybit") -> AlertRules:
    return replace(RULES, account=name, venue=venue)


def after(
    name: str,
    *makes: Callable[[float], Snapshot],
    every_s: float = 60,
    end_s: float = NOW_S - 4,
    misses: int = 0,
) -> AccountState:
    """The memory of an account that brought *makes* in turn, the last of them at *end_s*."""
    state = AccountState(account=name)
    rules = named(name)
    for number, make in enumerate(makes):
        seconds = end_s - every_s * (len(makes) - 1 - number)
        snapshot = replace(make(seconds), account=name)
        state = decide(state, seen(snapshot), rules, moment(seconds)).state
    for number in range(misses):
        state = decide(state, missed(), rules, moment(end_s + 4 * (number + 1))).state
    return state


def falling(seconds: float) -> Snapshot:
    # 0.2 points a minute, 5.8 % at the end
    return single(5.8 + 0.2 * (NOW_S - 4 - seconds) / 60, seconds=seconds)


def flat(seconds: float) -> Snapshot:
    return replace(single(5, seconds=seconds), positions=())


def answer(*states: AccountState) -> Text:
    rules = {state.account: named(state.account) for state in states}
    return status(states, rules, moment(NOW_S), zone="UTC")


def test_status_reads_like_its_model() -> None:
    text = answer(
        after("okx_hedge", flat),
        after("bin_margin", lambda s: borrowed(152, seconds=s)),
        after("bybit_main", *[falling] * 10),
    )

    check("status", text)
    assert text.plain == (
        "14:23 UTC · 3 of 3 seen, oldest 4 s\n"
        "🔴 bybit_main  5.8 %  ▓▓▓▓▓▓▓▓░░ CRITICAL\n"
        "   −0.2 %/min · BTC alone 942.00\n"
        "🟡 bin_margin 27.6 %  ▓▓▓░░░░░░░ WATCH\n"
        "   level 152 % (call 130, liq 110)\n"
        "🟢 okx_hedge  none in range\n"
        "Equity in all 4,417 USD"
    )


def test_a_tier_never_stands_beside_the_distance_of_another_pool() -> None:
    """The pool in danger is no longer there; the one that is left is far from liquidation."""

    def two(seconds: float, *, both: bool = True) -> Snapshot:
        near, far = single(2, seconds=seconds), single(19.8, seconds=seconds)
        (cash,), (held,) = near.assets, near.positions
        pool, rules = "cross:USDC", far.rules["cross:USDT"]
        if not both:
            return replace(far)
        return replace(
            far,
            rules={**far.rules, pool: rules},
            assets=(*far.assets, replace(cash, pool=pool, asset="USDC")),
            positions=(*far.positions, replace(held, pool=pool, settle="USDC", symbol="ETHUSDC")),
        )

    text = answer(after("bin_usdm", two, lambda s: two(s, both=False))).plain

    assert "19.8" not in text
    assert "🚨 bin_usdm no position EMERGENCY\n   cross USDC · held until proven gone" in text


def test_a_tier_held_after_a_liquidation_has_no_distance() -> None:
    text = answer(after("bybit_main", lambda s: single(2, seconds=s), flat)).plain

    assert "🚨 bybit_main no position EMERGENCY\n   held until proven gone" in text


def test_blind_accounts_come_first_with_their_age() -> None:
    text = answer(
        after("bybit_main", lambda s: single(2, seconds=s)),
        after("bin_cross", lambda s: single(8, seconds=s), end_s=NOW_S - 250, misses=50),
        AccountState(account="okx_new"),
    )

    check("status_blind", text)
    rows = text.plain.split("\n")
    assert rows[0].startswith("14:23 UTC · 1 of 3 seen")
    assert "okx_new" in rows[1] or "okx_new" in rows[3]
    assert "BLIND 4 min 10 s (was WARNING)" in text.plain


def test_many_accounts_still_fit_and_are_counted() -> None:
    calm = [after(f"acc_{n:02}", lambda s: single(60, seconds=s)) for n in range(14)]
    bad = [after(f"bad_{n}", lambda s: single(5, seconds=s)) for n in range(3)]

    text = answer(*calm, *bad)

    fits(text)
    assert all(state.account in text.plain for state in bad)
    assert "more, all calm" in text.plain


def test_no_account_at_all_is_said() -> None:
    assert "no account is watched" in answer().plain


def test_a_reported_pool_shows_the_venues_health() -> None:
    def told(seconds: float) -> Snapshot:
        ratio = VenueRatio(name="health", value=Decimal("1.7"))
        return replace(
            unified(seconds=seconds),
            positions=(),
            rules={"unified": Rules(family=Family.REPORTED)},
            venue_says={"unified": VenueSays(ratio=ratio)},
        )

    assert "health 1.70x" in answer(after("bybit_main", told)).plain


@pytest.mark.parametrize(
    ("fraction", "cells"), [(-3.0, 0), (0.0, 0), (0.31, 3), (0.855, 8), (1.0, 10), (7.0, 10)]
)
def test_bars_are_never_rounded_up(fraction: float, cells: int) -> None:
    assert bar(fraction) == "▓" * cells + "░" * (10 - cells)


def test_positions_say_size_mark_price_and_what_kills_the_pool() -> None:
    state = after("bybit_main", lambda s: unified(seconds=s))

    (text,) = positions(state, named("bybit_main"), moment(NOW_S))

    check("positions", text)


def test_positions_of_borrowed_margin_are_holdings_and_debts() -> None:
    state = after("bin_margin", lambda s: borrowed(152, seconds=s))

    (text,) = positions(state, named("bin_margin", "binance"), moment(NOW_S))

    check("positions_margin", text)


def test_many_positions_come_in_pages() -> None:
    def many(seconds: float) -> Snapshot:
        one = unified(seconds=seconds)
        copies = [
            replace(one.positions[0], symbol=f"C{n}USDT", underlying=f"C{n}", quantity=Decimal(1))
            for n in range(15)
        ]
        return replace(one, positions=tuple(copies))

    pages = positions(after("bybit_main", many), named("bybit_main"), moment(NOW_S))

    assert len(pages) > 1
    for page in pages:
        fits(page)
        assert page.plain.startswith("bybit_main · 4 s old")
    assert all(any(f"C{n}USDT" in page.plain for page in pages) for n in range(15))


def test_positions_of_an_account_never_read_say_so() -> None:
    (text,) = positions(AccountState(account="bybit_main"), RULES, moment())

    assert "never read" in text.plain


def test_positions_of_a_blind_account_carry_their_age() -> None:
    state = after("bybit_main", lambda s: single(5, seconds=s), end_s=NOW_S - 100, misses=20)

    (text,) = positions(state, RULES, moment(NOW_S))

    assert "BLIND, 1 min 40 s old" in text.plain
    assert state.dangers["cross:USDT"].tier is Tier.CRITICAL
