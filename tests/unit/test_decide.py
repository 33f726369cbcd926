"""`decide`: readings, misses, estimates, blindness and what comes of them, through the engine."""

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
    position,
    seen,
    single,
    unified,
)
from watcher.domain.account import (
    Asset,
    Family,
    Mismatch,
    Position,
    Rules,
    Side,
    Snapshot,
    VenueRatio,
    VenueSays,
)
from watcher.domain.alert import (
    SECOND_US,
    AccountState,
    Decision,
    Kind,
    Lane,
    Message,
    MissKind,
    Seen,
    Tier,
)
from watcher.policy import decide
from watcher.policy.looking import factors_of


class Account:
    """One account, its memory and its clock."""

    def __init__(self, rules: object = RULES) -> None:
        self.rules = replace(RULES) if rules is RULES else rules
        self.state = AccountState(account="bybit_main")
        self.seconds = 0.0
        self.skew_us = 0
        self.said: list[Message] = []
        self.last: Decision | None = None

    def see(self, make: Callable[[float], Snapshot], after_s: float = 4) -> list[Message]:
        self.seconds += after_s
        return self._decide(seen(make(self.seconds)))

    def miss(self, after_s: float = 4, **how: object) -> list[Message]:
        self.seconds += after_s
        return self._decide(missed(**how))  # type: ignore[arg-type]

    def _decide(self, what: Seen) -> list[Message]:
        now = moment(self.seconds)
        now = replace(now, wall_us=now.wall_us + self.skew_us)
        self.last = decide(self.state, what, self.rules, now)  # type: ignore[arg-type]
        self.state = self.last.state
        self.said += self.last.messages
        return list(self.last.messages)

    def kinds(self) -> list[Kind]:
        return [message.kind for message in self.said]


def at(distance: float) -> Callable[[float], Snapshot]:
    return lambda seconds: single(distance, seconds=seconds)


def test_a_slide_through_the_engine_says_each_tier_once_at_its_line() -> None:
    account = Account()
    told = {}
    for tenths in range(300, 5, -1):
        for message in account.see(at(tenths / 10), after_s=40):
            if message.kind in (Kind.RAISED, Kind.ESCALATED):
                told[message.tier] = tenths / 10

    assert told == {
        Tier.WATCH: 19.9,
        Tier.WARNING: 11.9,
        Tier.CRITICAL: 5.9,
        Tier.EMERGENCY: 2.9,
    }


def test_lanes_and_sound_follow_the_tier() -> None:
    account = Account()
    for distance in (15, 8, 5, 2):
        account.see(at(distance))

    assert [(m.tier, m.lane, m.silent) for m in account.said] == [
        (Tier.WATCH, Lane.WARNING, True),
        (Tier.WARNING, Lane.WARNING, False),
        (Tier.CRITICAL, Lane.DANGER, False),
        (Tier.EMERGENCY, Lane.DANGER, False),
    ]


def test_a_watch_that_passes_is_silent_to_its_end() -> None:
    account = Account()
    account.see(at(18))
    for _ in range(30):
        account.see(at(40))

    assert [(m.kind, m.silent) for m in account.said] == [
        (Kind.RAISED, True),
        (Kind.RESOLVED, True),
    ]


def test_keys_are_unique_and_messages_count_up() -> None:
    account = Account()
    for n in range(400):
        account.see(at(2 + (n % 7)), after_s=30)

    keys = [m.key for m in account.said]
    assert len(set(keys)) == len(keys) > 50


def test_a_reload_of_the_memory_repeats_nothing() -> None:
    account = Account()
    account.see(at(5))
    again = Account()
    again.state, again.seconds = account.state, account.seconds

    assert again.see(at(5)) == []


def test_a_miss_says_nothing_before_the_allowed_age_and_blind_after_it() -> None:
    account = Account()
    account.see(at(10))  # warning; S = 40 s
    account.said.clear()

    for _ in range(9):
        account.miss()
    assert account.said == []
    account.miss(after_s=5)
    assert account.kinds() == [Kind.BLIND]
    assert account.said[0].lane is Lane.BLIND


def test_the_wait_after_a_miss_ends_when_blindness_begins() -> None:
    account = Account(replace(RULES, poll_hot_us=30 * SECOND_US))
    account.see(at(5))  # S = 20 s
    account.miss(after_s=4)

    assert account.last is not None
    assert account.last.next_poll_us <= 17 * SECOND_US
    account.miss(after_s=account.last.next_poll_us / SECOND_US)
    assert Kind.BLIND in account.kinds()


def test_an_account_never_read_is_blind_after_twenty_seconds() -> None:
    account = Account()
    for _ in range(6):
        account.miss()
    assert account.said == []
    account.miss()

    assert account.kinds() == [Kind.BLIND]
    assert "Never read since start" in account.said[0].text.plain


def test_blindness_shares_the_incident_of_the_danger_and_counts_on() -> None:
    account = Account()
    account.see(at(5))
    for _ in range(10):
        account.miss()
    account.see(at(5.2))

    codes = {m.incident for m in account.said}
    assert len(codes) == 1
    assert account.kinds() == [Kind.RAISED, Kind.BLIND, Kind.SEEING]
    assert [m.text.plain.split("·")[1].split()[0] for m in account.said] == ["1", "2", "3"]


def test_critical_blindness_repeats_every_three_minutes() -> None:
    account = Account()
    account.see(at(5))
    for _ in range(60 * 10):
        account.miss(after_s=1)

    assert account.kinds() == [Kind.RAISED, Kind.BLIND, *[Kind.BLIND_REPEATED] * 3]


def test_an_estimate_escalates_and_is_marked() -> None:
    account = Account()
    account.see(at(10))
    said = account.miss(prices={"BTC": 940.0})

    assert [m.kind for m in said] == [Kind.ESCALATED]
    assert said[0].tier is Tier.CRITICAL
    assert "ESTIMATE" in said[0].text.plain
    assert account.last is not None
    assert all(sample.estimate for sample in account.last.samples)


def test_an_estimate_never_makes_better() -> None:
    account = Account()
    account.see(at(5))
    for _ in range(100):
        account.miss(prices={"BTC": 3000.0})

    assert account.state.dangers["cross:USDT"].tier is Tier.CRITICAL
    assert Kind.RESOLVED not in account.kinds()
    assert Kind.EASED not in account.kinds()


def test_a_worse_estimate_while_blind_is_told_at_once() -> None:
    account = Account()
    account.see(at(5))
    for _ in range(8):
        account.miss()
    assert account.state.blind.active

    said = account.miss(prices={"BTC": 970.0})

    assert [(m.kind, m.tier) for m in said] == [(Kind.ESCALATED, Tier.EMERGENCY)]


def test_prices_of_another_contract_or_no_number_are_not_believed() -> None:
    account = Account()
    account.see(at(10))

    for price in (0.0, -5.0, float("nan"), float("inf"), 1e-3, 1e9):
        assert account.miss(after_s=1, prices={"BTC": price}) == []
    assert account.last is not None
    assert account.last.samples == ()


@pytest.mark.parametrize("symbols", [("BTCUSDT", "BTCUSDT_260327"), ("BTCUSDT_260327", "BTCUSDT")])
def test_a_live_price_is_compared_with_the_contract_it_is_of(symbols: tuple[str, str]) -> None:
    """A dated contract stands 3 % above the perpetual: that is no fall of the coin."""
    marks = {"BTCUSDT": "100000", "BTCUSDT_260327": "103000"}
    held = tuple(position(symbol, mark=marks[symbol]) for symbol in symbols)

    factors = factors_of(replace(unified(), positions=held), {"BTC": 100_000.0})

    assert factors == {"BTC": 1.0}


def test_a_blind_account_with_a_live_price_shows_the_estimate() -> None:
    account = Account()
    account.see(at(5.8))
    for _ in range(8):
        account.miss(prices={"BTC": 990.0})

    text = next(m for m in account.said if m.kind is Kind.BLIND).text.plain
    assert "ESTIMATE with live BTC price: 4.8 %" in text
    assert "Last true reading" in text


def with_an_option(seconds: float) -> Snapshot:
    return replace(
        reported("3.4", seconds),
        rules={"unified": Rules(family=Family.HAIRCUT_POOL)},
        unmodelled={"unified": "an option"},
    )


@pytest.mark.parametrize("book", [lambda s: reported("3.4", s), with_an_option])
def test_what_no_price_moves_here_is_not_shown_as_an_estimate(
    book: Callable[[float], Snapshot],
) -> None:
    """A portfolio margin account was told as it was before, "ESTIMATE with live prices"."""
    account = Account()
    account.see(book)
    for _ in range(60):
        account.miss(prices={"BTC": 113_420 * 0.7, "SOL": 196.4 * 0.7})
        assert account.last is not None
        assert account.last.samples == ()

    text = next(m for m in account.said if m.kind is Kind.BLIND).text.plain
    assert "ESTIMATE" not in text
    assert "Last true reading" in text


def test_a_snapshot_the_engine_refuses_is_a_miss_with_its_reason() -> None:
    account = Account()
    account.see(at(5))

    def broken(seconds: float) -> Snapshot:
        good = single(5, seconds=seconds)
        return replace(good, positions=(replace(good.positions[0], mark=Decimal(0)),))

    account.see(broken)

    assert account.state.blind.misses == 1
    assert account.state.blind.missed is not None
    assert account.state.blind.missed.kind is MissKind.UNREADABLE
    assert account.state.dangers["cross:USDT"].tier is Tier.CRITICAL


def test_an_answer_that_is_old_on_arrival_is_a_miss() -> None:
    account = Account()
    account.see(at(5))
    account.seconds += 400

    account.see(lambda seconds: single(50, seconds=seconds - 200))

    assert account.state.blind.misses == 1
    assert Kind.BLIND in account.kinds()


def test_answers_further_apart_than_ten_seconds_are_of_no_one_moment() -> None:
    def torn(apart_s: int) -> Callable[[float], Snapshot]:
        def make(seconds: float) -> Snapshot:
            book = unified(seconds=seconds)
            late = {"wallet": book.taken_at_us, "positions": book.taken_at_us + apart_s * SECOND_US}
            return replace(book, parts=late)

        return make

    account = Account()
    account.see(torn(10))
    assert account.state.blind.missed is None
    account.see(torn(11))

    assert account.state.blind.missed is not None
    assert account.state.blind.missed.reason == "answers lie 11 s apart"


def test_a_ban_is_told_twenty_seconds_after_the_last_reading_with_its_end() -> None:
    """At 50 % a mere outage may last three minutes; this one says itself that it lasts longer."""
    for kind, words in ((MissKind.BANNED, "until 14:43"), (MissKind.REFUSED, "refuses the key")):
        account = Account()
        account.see(at(50.0), after_s=0)
        until_us = moment(1800).steady_us
        assert account.miss(after_s=10, kind=kind, until_us=until_us) == []
        assert account.last is not None
        assert account.last.next_poll_us <= 10.01 * SECOND_US
        (told,) = account.miss(after_s=10.01, kind=kind, until_us=until_us)
        assert told.kind is Kind.BLIND
        assert words in told.text.plain
        assert ("until" in told.text.plain) is (kind is MissKind.BANNED)


def test_the_end_of_a_ban_is_told_by_the_clock_as_it_goes_now() -> None:
    """Also where that was set meanwhile: what is waited for did not change."""
    account = Account()
    account.see(at(50.0), after_s=0)
    account.miss(after_s=10, kind=MissKind.BANNED, until_us=moment(1800).steady_us)
    account.skew_us = 3600 * SECOND_US

    (told,) = account.miss(after_s=10.01, kind=MissKind.BANNED, until_us=moment(1800).steady_us)

    assert "until 15:43" in told.text.plain


@pytest.mark.parametrize(("distance", "old_s", "miss"), [(5, 19, False), (5, 25, True)])
@pytest.mark.parametrize("calm", [False, True])
def test_how_old_an_answer_may_be_follows_the_distance(
    distance: float, old_s: float, *, miss: bool, calm: bool
) -> None:
    """By its own time; in the calm a slow answer is still news."""
    account = Account()
    away = 40 if calm else distance
    account.see(at(away))

    account.see(lambda seconds: single(away, seconds=seconds - old_s), after_s=30)

    assert account.state.blind.misses == (1 if miss and not calm else 0)
    if account.state.blind.missed is not None:
        assert account.state.blind.missed.reason == f"answer is {old_s:.0f} s old"
        assert account.kinds()[-1] is Kind.BLIND


def test_a_vanished_pool_is_resolved_after_three_readings_without_claims() -> None:
    account = Account()
    account.see(at(5))

    def flat(seconds: float) -> Snapshot:
        return replace(single(5, seconds=seconds), rules={}, assets=(), positions=())

    for _ in range(29):
        assert [m.kind for m in account.see(flat)] in ([], [Kind.NOTE])
    account.see(flat, after_s=10)

    last = account.said[-1]
    assert last.kind is Kind.RESOLVED
    assert "no longer there" in last.text.plain
    assert "recover" not in last.text.plain.lower()


def test_a_closed_position_in_a_pool_that_stays_is_gone_not_calm() -> None:
    account = Account()
    account.see(at(5))

    def emptied(seconds: float) -> Snapshot:
        return replace(single(5, seconds=seconds), positions=())

    for _ in range(40):
        account.see(emptied)

    text = next(m for m in account.said if m.kind is Kind.RESOLVED).text.plain
    assert "GONE" in text
    assert "CALM" not in text


def test_a_position_that_shrinks_near_liquidation_is_told_at_once() -> None:
    account = Account()
    account.see(at(5))

    said = account.see(lambda s: single(5, seconds=s, quantity="0.6"))

    assert [m.kind for m in said] == [Kind.NOTE]
    assert said[0].lane is Lane.DANGER
    assert "Was BTCUSDT long 1, now 0.6" in said[0].text.plain


def closed(before: Snapshot, quantity: str = "0") -> Snapshot:
    """Return the account after a close at its mark: what was won is in the wallet."""
    (held,), (cash,) = before.positions, before.assets
    left = Decimal(quantity)
    won = (held.mark - held.entry) * (held.quantity - left)
    rest = (replace(held, quantity=left),) if left else ()
    return replace(before, positions=rest, assets=(replace(cash, wallet=cash.wallet + won),))


def liquidated(before: Snapshot, left: str = "0") -> Snapshot:
    """Return the account after a liquidation that left *left* of its currency."""
    (cash,) = before.assets
    return replace(before, positions=(), assets=(replace(cash, wallet=Decimal(left)),))


def without_positions(seconds: float) -> Snapshot:
    return closed(single(5, seconds=seconds))


def vanished(before: Snapshot) -> Snapshot:
    return replace(before, positions=(), rules={}, assets=())


def without_the_pool(seconds: float) -> Snapshot:
    return vanished(without_positions(seconds))


@pytest.mark.parametrize(
    ("gone", "least", "words"),
    [
        (closed, Tier.WARNING, "liquidated or deleveraged by Bybit?"),
        (vanished, Tier.CRITICAL, "most likely LIQUIDATED"),
    ],
)
@pytest.mark.parametrize("distance", [11.0, 5.0, 2.0])
def test_a_position_that_vanishes_in_danger_is_told_on_the_first_reading(
    gone: Callable[[Snapshot], Snapshot], least: Tier, words: str, distance: float
) -> None:
    account = Account()
    account.see(at(distance))
    tier = account.state.dangers["cross:USDT"].tier

    said = account.see(lambda s: gone(single(distance, seconds=s)))

    assert [(m.kind, m.tier, m.lane, m.silent) for m in said] == [
        (Kind.NOTE, max(tier, least), Lane.DANGER, False)
    ]
    text = said[0].text.plain
    assert "POSITION GONE" in text
    assert "Was BTCUSDT long 1, now gone" in text
    assert "not confirmed" in text
    assert words in text
    assert account.state.dangers["cross:USDT"].tier is tier


@pytest.mark.parametrize("gone", [without_positions, without_the_pool])
def test_until_it_is_proven_a_vanished_position_is_said_to_be_unproven(
    gone: Callable[[float], Snapshot],
) -> None:
    account = Account()
    account.see(at(2))
    for _ in range(50):
        account.see(gone)

    words = [m.text.plain for m in account.said if m.kind is Kind.REPEATED]
    assert words
    assert all("No position seen" in text or "not proven yet" in text for text in words)
    assert not any("make no sense" in text for text in words)
    assert "GONE" in account.said[-1].text.plain


def test_a_danger_whose_pool_was_last_seen_gone_says_so_while_nothing_is_seen() -> None:
    """Found by MAR13: EMERGENCY (not seen) told neither a figure nor of when it was."""
    account = Account()
    account.see(at(2))
    account.see(without_the_pool)
    said = [message for _ in range(50) for message in account.miss()]

    unseen = [m for m in said if m.kind in (Kind.REPEATED, Kind.BLIND, Kind.BLIND_REPEATED)]
    assert {m.kind for m in unseen} >= {Kind.REPEATED, Kind.BLIND}
    for message in unseen:
        assert "Last true reading 14:13:28: no position" in message.text.plain


@pytest.mark.parametrize("gone", [without_positions, without_the_pool])
def test_good_readings_before_it_do_not_prove_that_a_position_is_gone(
    gone: Callable[[float], Snapshot],
) -> None:
    """A venue forgets the position in one answer, just as its recovery is nearly proven."""
    account = Account()
    account.see(at(5))
    for _ in range(30):
        account.see(at(40))
    assert account.state.dangers["cross:USDT"].tier is Tier.CRITICAL

    account.see(gone, after_s=10)
    account.see(gone, after_s=10)

    assert account.state.dangers["cross:USDT"].tier is Tier.CRITICAL
    assert not any("looked three times" in m.text.plain for m in account.said)


def test_a_position_that_changed_its_pool_is_not_gone() -> None:
    account = Account()
    account.see(at(10))

    def isolated(seconds: float) -> Snapshot:
        before = single(10, seconds=seconds)
        moved = tuple(
            replace(p, pool="isolated:BTCUSDT:long", isolated_margin=Decimal(1))
            for p in before.positions
        )
        rules = {p.pool: Rules(family=Family.LINEAR_POOL) for p in moved}
        return replace(before, rules=rules, assets=(), positions=moved)

    said = account.see(isolated)

    assert not any("POSITION" in m.text.plain for m in said)


@pytest.mark.parametrize("after_km", [10, 30])
def test_danger_goes_along_with_positions_into_another_pool(after_km: float) -> None:
    """A switch of mode: no GONE of the old pool, no fresh alarm, and no all-clear at once."""
    account = Account()
    account.see(at(10))

    def elsewhere(seconds: float) -> Snapshot:
        now = single(after_km, seconds=seconds)
        return replace(
            now,
            rules=dict.fromkeys(["unified"], *now.rules.values()),
            assets=tuple(replace(one, pool="unified") for one in now.assets),
            positions=tuple(replace(one, pool="unified") for one in now.positions),
        )

    assert [m.text.plain.split(" #")[0] for m in account.see(elsewhere)] == ["🔧 MODE CHANGED"]
    (danger,) = account.state.dangers.values()
    assert (danger.pool, danger.tier) == ("unified", Tier.WARNING)
    assert danger.incident is not None
    assert account.said[0].text.plain.split()[2].startswith(f"#{danger.incident.code}")
    said = [message for _ in range(20) for message in account.see(elsewhere)]
    assert not any("GONE" in message.text.plain for message in said)
    eased = [message for message in said if message.kind is Kind.RESOLVED]
    assert len(eased) == (after_km > 20)


def test_what_vanished_while_nobody_could_see_it_is_told_on_sight() -> None:
    """A calm account is liquidated during an outage that offers no price to estimate with."""
    account = Account()
    account.see(at(40))
    for _ in range(60):
        account.miss()
    assert account.kinds() == [Kind.BLIND]

    said = account.see(without_positions)

    assert [m.kind for m in said] == [Kind.NOTE, Kind.SEEING]
    assert "POSITION GONE" in said[0].text.plain


def test_what_vanished_while_the_watcher_was_down_is_told_on_sight() -> None:
    account = Account()
    account.see(at(40))

    said = account.see(without_positions, after_s=3600)

    assert [m.kind for m in said] == [Kind.NOTE]
    assert "POSITION GONE" in said[0].text.plain


def test_a_calm_position_that_is_closed_in_sight_is_nobodys_business() -> None:
    account = Account()
    account.see(at(40))

    assert account.see(lambda s: closed(single(40, seconds=s))) == []


@pytest.mark.parametrize("left", ["0", "-3", "120"])
def test_a_calm_position_a_gap_liquidates_is_told_on_the_first_reading(left: str) -> None:
    """The pool was calm at the reading before; what it held no longer has a price to look at."""
    account = Account()
    account.see(at(40))

    said = account.see(lambda s: liquidated(single(40, seconds=s), left))

    assert [(m.kind, m.lane, m.silent) for m in said] == [(Kind.NOTE, Lane.DANGER, False)]
    assert said[0].tier >= Tier.CRITICAL
    text = said[0].text.plain
    assert "POSITION GONE" in text
    assert "Was BTCUSDT long 1, now gone" in text
    assert ", was 403: most likely LIQUIDATED" in text
    assert "Health" not in text


def test_a_calm_pool_that_vanishes_with_its_equity_is_told_as_liquidated() -> None:
    account = Account()
    account.see(at(40))

    said = account.see(lambda s: replace(single(40, seconds=s), positions=(), assets=(), rules={}))

    assert [m.kind for m in said] == [Kind.NOTE]
    assert "Equity 0, was 403: most likely LIQUIDATED" in said[0].text.plain


def test_a_pool_that_is_gone_is_named_where_another_is_left() -> None:
    account = Account()

    def two(seconds: float, *, gone: bool = False) -> Snapshot:
        far = single(60, seconds=seconds)
        (cash,), (held,) = single(40, seconds=seconds).assets, far.positions
        if gone:
            return far
        pool = "cross:USDC"
        return replace(
            far,
            rules={**far.rules, pool: far.rules["cross:USDT"]},
            assets=(*far.assets, replace(cash, pool=pool, asset="USDC")),
            positions=(*far.positions, replace(held, pool=pool, settle="USDC")),
        )

    account.see(two)
    said = account.see(lambda s: two(s, gone=True))

    assert "Pool cross USDC" in said[0].text.plain
    assert said[0].text.plain.startswith("🔴 POSITION GONE")


def test_a_position_that_shrinks_as_the_price_passes_its_liquidation_is_told() -> None:
    """A part is sold off: equity is where the move explains it, the price says the rest."""
    account = Account()
    account.see(at(25))

    def cut(seconds: float) -> Snapshot:
        before = single(25, seconds=seconds)
        fallen = tuple(replace(p, mark=Decimal(760)) for p in before.positions)
        return closed(replace(before, positions=fallen), "0.3")

    said = account.see(cut)

    notes = [m for m in said if m.kind is Kind.NOTE]
    assert [(m.lane, m.silent) for m in notes] == [(Lane.DANGER, False)]
    assert "POSITION SMALLER" in notes[0].text.plain
    assert "Was BTCUSDT long 1, now 0.3" in notes[0].text.plain
    assert "most likely LIQUIDATED" in notes[0].text.plain


def test_a_watched_position_that_is_closed_asks_who_closed_it() -> None:
    account = Account()
    account.see(at(15))

    said = account.see(lambda s: closed(single(15, seconds=s)))

    assert [(m.kind, m.lane, m.silent) for m in said] == [(Kind.NOTE, Lane.DANGER, False)]
    assert "Closed by you, liquidated or deleveraged by Bybit?" in said[0].text.plain
    assert "LIQUIDATED" not in said[0].text.plain


def test_margin_that_comes_back_from_an_isolated_pool_is_no_loss() -> None:
    account = Account()
    pool = "isolated:BTCUSDT:long"
    cash = Asset(pool="cross:USDT", asset="USDT", wallet=Decimal(50), index=Decimal(1))

    def isolated(seconds: float) -> Snapshot:
        before = single(40, seconds=seconds)
        held = replace(before.positions[0], pool=pool, isolated_margin=before.assets[0].wallet)
        rules = {name: Rules(family=Family.LINEAR_POOL) for name in ("cross:USDT", pool)}
        return replace(before, rules=rules, assets=(cash,), positions=(held,))

    def back(seconds: float, wallet: int) -> Snapshot:
        after = isolated(seconds)
        rules = {"cross:USDT": after.rules["cross:USDT"]}
        wallets = (replace(cash, wallet=Decimal(wallet)),)
        return replace(after, rules=rules, positions=(), assets=wallets)

    account.see(isolated)
    assert account.see(lambda s: back(s, 450)) == []

    account = Account()
    account.see(isolated)
    said = account.see(lambda s: back(s, 50))
    assert "most likely LIQUIDATED" in said[0].text.plain


def test_a_debt_that_vanishes_in_danger_is_told_on_the_first_reading() -> None:
    account = Account(replace(RULES, account="bin_margin", venue="binance"))
    account.state = AccountState(account="bin_margin")
    account.see(lambda s: borrowed(115, seconds=s))

    def sold_out(seconds: float) -> Snapshot:
        debt, coin = borrowed(115, seconds=seconds).assets
        rest = (replace(debt, debt=Decimal(0)), replace(coin, wallet=Decimal("0.13")))
        return replace(borrowed(115, seconds=seconds), assets=rest)

    said = account.see(sold_out)

    assert [m.kind for m in said] == [Kind.NOTE]
    assert "DEBT GONE" in said[0].text.plain
    assert "Owed 10,000 USDT, now nothing" in said[0].text.plain
    assert "Repaid by you, or liquidated by Binance?" in said[0].text.plain


def test_a_position_that_shrinks_far_from_liquidation_is_nobodys_business() -> None:
    account = Account()
    account.see(at(40))

    assert account.see(lambda s: closed(single(40, seconds=s), "0.6")) == []


def test_polls_are_hot_near_the_warning_line_and_while_blind() -> None:
    for distance, hot in ((30, False), (23.9, True), (5, True)):
        account = Account()
        account.see(at(distance))
        assert account.last is not None
        assert (account.last.next_poll_us == RULES.poll_hot_us) is hot


@pytest.mark.parametrize(("distance", "seconds"), [(60, 90), (30, 60), (24.5, 49)])
def test_a_slow_pace_still_reads_twice_in_the_time_an_account_may_go_unseen(
    distance: float, seconds: int
) -> None:
    account = Account(replace(RULES, poll_calm_us=300 * SECOND_US))

    account.see(at(distance))

    assert account.last is not None
    assert account.last.next_poll_us == pytest.approx(seconds * SECOND_US, rel=0.01)


def test_a_rate_limit_does_not_speed_up_polling() -> None:
    account = Account()
    account.see(at(5))
    for _ in range(10):
        account.miss(kind=MissKind.RATE_LIMITED)

    assert account.state.blind.active
    assert account.last is not None
    assert account.last.next_poll_us == RULES.poll_calm_us


def test_every_reading_leaves_a_sample_per_pool() -> None:
    account = Account()
    account.see(lambda s: unified(seconds=s))

    assert account.last is not None
    (sample,) = account.last.samples
    assert sample.pool == "unified"
    assert sample.distance is not None
    assert not sample.estimate


def test_memory_of_samples_stays_small() -> None:
    account = Account()
    for _ in range(1000):
        account.see(at(15))

    assert 20 <= len(account.state.recent) <= 30


def test_borrowed_margin_follows_its_level_and_call_bar() -> None:
    told = []
    account = Account(replace(RULES, account="bin_margin", venue="binance"))
    account.state = AccountState(account="bin_margin")
    for level in range(250, 110, -1):
        said = account.see(lambda s, level=level: borrowed(level, seconds=s), after_s=90)
        told += [(m.tier, level) for m in said if m.kind is not Kind.REPEATED]

    assert told == [
        (Tier.WATCH, 199),
        (Tier.WARNING, 149),
        (Tier.CRITICAL, 129),
        (Tier.EMERGENCY, 119),
    ]


def test_borrowed_margin_whose_call_nobody_tells_is_critical_by_its_distance() -> None:
    """An isolated pair of 1.25 (SOLUSDC) lay 0.16 % from liquidation as a WARNING."""
    told = []
    account = Account(replace(RULES, account="bin_margin", venue="binance"))
    account.state = AccountState(account="bin_margin")
    for level in range(250, 110, -1):

        def book(seconds: float, level: int = level) -> Snapshot:
            whole = borrowed(level, seconds=seconds)
            rules = {"margin": replace(whole.rules["margin"], call_level=None)}
            return replace(whole, rules=rules)

        said = account.see(book, after_s=600)
        told += [(m.tier, level) for m in said if m.kind in (Kind.RAISED, Kind.ESCALATED)]

    assert [tier for tier, _ in told] == [
        Tier.WATCH,
        Tier.WARNING,
        Tier.CRITICAL,
        Tier.EMERGENCY,
    ]
    assert told[:2] == [(Tier.WATCH, 199), (Tier.WARNING, 149)]
    assert told[2][1] > 115, "liquidated at 110"


def reported(health: str | None, seconds: float) -> Snapshot:
    ratio = None if health is None else VenueRatio(name="health", value=Decimal(health))
    return replace(
        unified(seconds=seconds),
        mode="portfolio margin",
        rules={"unified": Rules(family=Family.REPORTED)},
        venue_says={"unified": VenueSays(ratio=ratio)},
    )


def test_a_mode_not_supported_is_told_once_with_the_venues_figures() -> None:
    account = Account()
    for _ in range(50):
        account.see(lambda s: reported("4.2", s))

    assert account.kinds() == [Kind.NOTE]
    assert "portfolio margin" in account.said[0].text.plain
    assert "Health 4.20x" in account.said[0].text.plain
    assert account.said[0].silent


def isolated_at_bybit(trigger: str, seconds: float) -> Snapshot:
    """A pool that is not computed, of which the venue tells the price that ends it."""
    held = replace(position(), mark=Decimal(100_000))
    says = VenueSays(liquidation_prices={"BTCUSDT": Decimal(trigger)})
    return replace(reported(None, seconds), positions=(held,), venue_says={"unified": says})


@pytest.mark.parametrize(
    ("trigger", "tier"),
    [
        ("60000", Tier.CALM),
        ("85000", Tier.WATCH),
        ("89000", Tier.WARNING),
        ("95000", Tier.CRITICAL),
        ("98000", Tier.EMERGENCY),
        ("110000", Tier.EMERGENCY),
    ],
)
def test_a_liquidation_price_the_venue_tells_is_a_distance(trigger: str, tier: Tier) -> None:
    account = Account()
    account.see(lambda s: isolated_at_bybit(trigger, s))

    assert account.state.dangers["unified"].tier is tier
    assert not any("NO TIER CAN FIRE" in m.text.plain for m in account.said)


def test_the_health_of_a_venue_does_not_hide_its_liquidation_price() -> None:
    """Futures in a mode not computed: health 12x, and five percent from liquidation."""
    account = Account()

    def near(seconds: float) -> Snapshot:
        shown = isolated_at_bybit("95000", seconds)
        ratio = VenueRatio(name="health", value=Decimal(12))
        return replace(shown, venue_says={"unified": replace(shown.venue_says["unified"],
                                                             ratio=ratio)})  # fmt: skip

    account.see(near)

    assert account.state.dangers["unified"].tier is Tier.CRITICAL


def test_a_pool_of_which_nothing_is_known_is_told_loudly() -> None:
    account = Account()

    def unknown(seconds: float) -> Snapshot:
        held = replace(position(), mark=Decimal(113_420))
        return replace(reported(None, seconds), positions=(held,))

    account.see(unknown)

    assert account.kinds() == [Kind.NOTE]
    assert "NO TIER CAN FIRE" in account.said[0].text.plain
    assert not account.said[0].silent


def test_a_danger_whose_figures_become_unknown_is_held_and_repeated() -> None:
    account = Account()
    account.see(lambda s: reported("1.4", s))
    assert account.state.dangers["unified"].tier is Tier.CRITICAL
    for _ in range(100):
        account.see(lambda s: reported(None, s))

    assert account.state.dangers["unified"].tier is Tier.CRITICAL
    assert account.kinds().count(Kind.REPEATED) == 2


def partial(health: str, seconds: float) -> Snapshot:
    """The account of `single`, with a contract in it that nobody has a table for."""
    told = VenueSays(ratio=VenueRatio(name="health", value=Decimal(health)))
    return replace(
        single(40, seconds=seconds),
        unmodelled={"cross:USDT": "NEWUSDT has no maintenance table"},
        venue_says={"cross:USDT": told},
    )


def test_a_partial_reading_never_eases_what_a_distance_entered() -> None:
    account = Account()
    account.see(at(10))
    for _ in range(200):
        account.see(lambda s: partial("18", s))

    assert account.state.dangers["cross:USDT"].tier is Tier.WARNING
    assert not {Kind.EASED, Kind.RESOLVED} & set(account.kinds())

    for _ in range(30):
        account.see(at(40))

    assert account.kinds()[-1] is Kind.RESOLVED


def test_a_partial_reading_makes_worse_and_eases_only_its_own_part() -> None:
    account = Account()
    account.see(at(10))
    account.see(lambda s: partial("1.1", s))
    assert account.state.dangers["cross:USDT"].tier is Tier.EMERGENCY
    for _ in range(200):
        account.see(lambda s: partial("18", s))

    assert account.state.dangers["cross:USDT"].tier is Tier.WARNING
    assert account.kinds().count(Kind.EASED) == 1


def test_an_estimated_tier_waits_for_its_own_measure_too() -> None:
    account = Account()
    account.see(at(10))
    account.miss(prices={"BTC": 925.0})
    assert account.state.dangers["cross:USDT"].tier is Tier.EMERGENCY
    for _ in range(200):
        account.see(lambda s: partial("18", s))

    assert account.state.dangers["cross:USDT"].tier is Tier.EMERGENCY
    assert "held: how far it is, is not known" in account.said[-1].text.plain


def test_a_partial_pool_with_nothing_left_in_it_is_not_held() -> None:
    account = Account()
    account.see(at(10))

    def flat(seconds: float) -> Snapshot:
        says = VenueSays(equity=Decimal(500), maintenance_margin=Decimal(0))
        told = replace(partial("18", seconds), venue_says={"cross:USDT": says})
        return replace(told, positions=())

    for _ in range(30):
        account.see(flat)

    assert account.state.dangers["cross:USDT"].tier is Tier.CALM


def test_a_partial_pool_held_in_danger_may_not_go_unseen_for_long() -> None:
    account = Account()
    account.see(at(5))
    account.see(lambda s: partial("18", s))
    for _ in range(6):
        account.miss()

    assert Kind.BLIND in account.kinds()


@pytest.mark.parametrize("readings", [3, 8])
def test_opinions_that_hover_about_their_line_are_told_once(readings: int) -> None:
    """An hour about 3 % was 150 words with as many codes."""
    account = Account()

    def told(rate: str) -> Callable[[float], Snapshot]:
        says = VenueSays(ratio=VenueRatio(name="accountMMRate", value=Decimal(rate)))
        return lambda s: replace(unified(seconds=s), venue_says={"unified": says})

    for _ in range(20):
        for rate in ("0.0848", "0.0845"):
            for _ in range(readings):
                account.see(told(rate))

    notes = [m for m in account.said if "MODEL DIFFERS" in m.text.plain]
    assert len(notes) == 1
    for rate in ("0.0822", "0.09"):
        for _ in range(3):
            account.see(told(rate))
    assert len([m for m in account.said if "MODEL DIFFERS" in m.text.plain]) == 2


def test_a_table_that_differs_beside_another_now_and_then_is_told_once() -> None:
    """A second name in every second reading was 900 words in an hour, acked or not."""
    account = Account()

    def told(*names: str) -> Callable[[float], Snapshot]:
        found = tuple(
            Mismatch(
                pool="unified",
                what=n,
                figure="maintenance margin",
                ours=Decimal(1),
                venue=Decimal(2),
            )
            for n in names
        )
        return lambda s: replace(unified(seconds=s), mismatches=found)

    for _ in range(50):
        for names in (("BTCUSDT",), ("BTCUSDT", "SOLUSDT"), ()):
            account.see(told(*names))
    account.see(told("BTCUSDT", "ETHUSDT"))

    heads = [m.text.plain.splitlines() for m in account.said if "TABLE DIFFERS" in m.text.plain]
    assert len(heads) == 3, "each name once"


def test_a_model_that_differs_is_told_after_three_readings_in_a_row() -> None:
    account = Account()
    far = unified(seconds=0)
    maintenance = Decimal("0.09")

    def differing(seconds: float) -> Snapshot:
        says = VenueSays(ratio=VenueRatio(name="accountMMRate", value=maintenance))
        return replace(far, venue_says={"unified": says}, taken_at_us=moment(seconds).wall_us)

    first = [account.see(differing) for _ in range(3)]

    notes = [[m.kind for m in said if m.kind is Kind.NOTE] for said in first]
    assert notes == [[], [], [Kind.NOTE]]
    assert "Our model and Bybit differ by" in account.said[-1].text.plain


def test_a_security_miss_is_told_at_once_and_ends_with_seeing() -> None:
    account = Account()
    account.see(at(40))
    said = account.miss(kind=MissKind.SECURITY, reason="withdrawals enabled")
    assert [m.kind for m in said] == [Kind.SECURITY]
    assert said[0].lane is Lane.BLIND

    assert [m.kind for m in account.see(at(40))] == [Kind.SEEING]


def test_who_reads_of_danger_that_it_was_not_seen_hears_when_it_is() -> None:
    """Seed 46: EMERGENCY (not seen) stood for three minutes, with every reading there again."""
    account = Account()
    account.see(at(2))
    account.see(at(2), after_s=58)
    [told] = account.miss()
    assert told.kind is Kind.REPEATED
    assert "(not seen)" in told.text.plain
    assert not account.state.blind.active, "a miss of four seconds is no blindness yet"

    [seen] = account.see(at(2))
    assert (seen.kind, seen.silent) == (Kind.SEEING, False)
    assert seen.tier is Tier.EMERGENCY
    assert not account.see(at(2))


def test_what_was_told_unseen_without_a_sound_ends_without_one() -> None:
    account = Account()
    account.see(at(30))
    [told] = account.miss(prices={"BTC": 850.0})
    assert (told.tier, told.silent) == (Tier.WATCH, True)
    assert "(ESTIMATE)" in told.text.plain

    [seen] = account.see(at(18))
    assert (seen.kind, seen.silent) == (Kind.SEEING, True)


def test_a_danger_told_of_an_estimate_does_not_put_the_word_of_blindness_off() -> None:
    account = Account()
    account.see(at(10))
    [told] = account.miss(prices={"BTC": 930.0})
    assert told.kind is Kind.ESCALATED
    said = [message.kind for _ in range(8) for message in account.miss(prices={"BTC": 930.0})]
    assert Kind.BLIND in said


def test_danger_is_told_before_blindness_in_one_slot() -> None:
    account = Account()
    account.see(at(10))
    account.seconds += 300
    said = account.miss(prices={"BTC": 930.0})

    assert [m.kind for m in said] == [Kind.ESCALATED, Kind.BLIND]


def test_a_blind_account_whose_dangers_were_forgotten_is_judged() -> None:
    """A lost ledger begins empty, the last reading is in the history: no machine to go on with."""
    account = Account()
    account.see(at(40))
    for _ in range(30):
        account.miss(after_s=10)
    assert account.state.blind.active
    account.state = replace(account.state, dangers={})

    account.miss(after_s=10, prices={"BTC": 1_005.0})

    assert account.last is not None
    assert [sample.estimate for sample in account.last.samples] == [True]


def test_a_miss_reckons_from_the_report_of_the_last_reading() -> None:
    """What was read once is not evaluated again at each miss, and says the same."""
    known, anew = Account(), Account()
    for account in (known, anew):
        account.see(at(5))
    assert known.state.last_report is not None

    for _ in range(30):
        anew.state = replace(anew.state, last_report=None)
        assert known.miss(after_s=10) == anew.miss(after_s=10)


@pytest.mark.parametrize("slept", [True, False])
def test_time_nobody_looked_in_proves_no_recovery(*, slept: bool) -> None:
    """A machine that slept, or a venue that was away, leaves good readings from before: too old."""
    account = Account()
    account.see(at(10))
    account.see(at(30))
    for _ in range(0 if slept else 10):
        account.miss(after_s=9)

    for after_s in (100 if slept else 4, 4, 4, 4):
        account.see(at(30), after_s=after_s)
    assert Kind.RESOLVED not in account.kinds()

    for _ in range(30):
        account.see(at(30))
    assert Kind.RESOLVED in account.kinds()


def test_the_same_inputs_give_the_same_decision() -> None:
    state = AccountState(account="bybit_main")
    what = seen(unified(seconds=10))

    assert decide(state, what, RULES, moment(10)) == decide(state, what, RULES, moment(10))


def test_two_isolated_positions_are_two_machines_named_by_symbol() -> None:
    def isolated(seconds: float) -> Snapshot:
        def one(symbol: str, coin: str, side: Side, margin: str) -> Position:
            return position(
                symbol,
                underlying=coin,
                side=side,
                quantity="1",
                entry="1000",
                mark="1000",
                pool=f"isolated:{symbol}:{side.value}",
                isolated_margin=margin,
            )

        held = (
            one("BTCUSDT", "BTC", Side.LONG, "60"),
            one("ETHUSDT", "ETH", Side.SHORT, "25"),
        )
        return replace(
            unified(seconds=seconds),
            rules={p.pool: Rules(family=Family.LINEAR_POOL) for p in held},
            assets=(),
            positions=held,
            venue_says={},
        )

    account = Account()
    said = account.see(isolated)

    assert [m.tier for m in said] == [Tier.EMERGENCY, Tier.CRITICAL]
    assert "isolated ETHUSDT short" in said[0].text.plain
    assert "isolated BTCUSDT long" in said[1].text.plain
