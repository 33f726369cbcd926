"""What a venue says beside its numbers: flags, mode, key and clock, through the whole decision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from tests.unit.policy_books import RULES, moment, single
from tests.unit.test_messages import check
from watcher.domain.account import Snapshot, VenueFlag
from watcher.domain.alert import (
    AccountState,
    Kind,
    Lane,
    Message,
    Missed,
    MissKind,
    Seen,
    Tier,
)
from watcher.domain.status import KeyRights, VenueStatus
from watcher.policy.decide import decide
from watcher.store.codec import durable, state_of, state_text

DAY_S = 86_400
READ_ONLY = KeyRights(
    read=True, trade=False, transfer=False, withdraw=False, ip_bound=True, uid="1234"
)
STATUS = VenueStatus(
    mode="single", rights=READ_ONLY, clock_offset_ms=12.0, weight_used=1, weight_limit=100
)
Change = Callable[[Snapshot], Snapshot]


@dataclass
class Watched:
    """One calm account, polled with what its venue says of mode, key and clock."""

    status: VenueStatus = STATUS
    state: AccountState = field(default_factory=lambda: AccountState(account="bybit_main"))
    seconds: float = 0.0

    def see(self, change: Change = lambda s: s, *, after_s: float = 10) -> list[Message]:
        self.seconds += after_s
        book = change(single(50.0, seconds=self.seconds))
        return self._decide(Seen(snapshot=book, missed=None, status=self.status))

    def miss(self, missed: Missed, *, after_s: float = 10) -> list[Message]:
        self.seconds += after_s
        return self._decide(Seen(snapshot=None, missed=missed, status=self.status))

    def rights(self, **changes: object) -> None:
        rights = replace(self.status.rights, **changes)  # type: ignore[arg-type]
        self.status = replace(self.status, rights=rights)

    def clock(self, offset_ms: float) -> None:
        self.status = replace(self.status, clock_offset_ms=offset_ms)

    def restart(self) -> None:
        """Go on from what the ledger and the history keep."""
        kept = state_of(state_text(durable(self.state)), "bybit_main")
        last, at_us = self.state.last_good, self.state.last_good_at_us
        self.state = replace(kept, last_good=last, last_good_at_us=at_us)

    def _decide(self, seen: Seen) -> list[Message]:
        decision = decide(self.state, seen, RULES, moment(self.seconds))
        self.state = decision.state
        return list(decision.messages)


def expiring(*, days: float) -> Watched:
    watched = Watched()
    watched.rights(ip_bound=True, expires_at_us=moment(days * DAY_S).wall_us)
    return watched


def flagged(*flags: VenueFlag) -> Change:
    return lambda s: replace(s, flags=flags)


def in_mode(mode: str) -> Change:
    return lambda s: replace(s, mode=mode)


def isolated(book: Snapshot) -> Snapshot:
    """The same position in a pool of its own, with all that was beside it."""
    pool = "isolated:BTCUSDT:long"
    (held,) = book.positions
    alone = replace(held, pool=pool, isolated_margin=book.assets[0].wallet)
    rules = {pool: book.rules["cross:USDT"]}
    return replace(book, rules=rules, positions=(alone,), assets=())


# ── flags ────────────────────────────────────────────────────────────────────────────────────

CALL = VenueFlag(pool="cross:USDT", says="MARGIN_CALL")
ADL = VenueFlag(pool="cross:USDT", says="Adl", what="BTCUSDT long", forced=True)


def test_a_margin_call_of_the_venue_is_told_at_once_and_every_four_hours() -> None:
    watched = Watched()
    watched.see()

    (told,) = watched.see(flagged(CALL))
    assert (told.kind, told.tier, told.silent) == (Kind.NOTE, Tier.WARNING, False)
    check("venue_warns", told.text)

    assert not watched.see(flagged(CALL), after_s=4 * 3600 - 60)
    assert len(watched.see(flagged(CALL), after_s=60)) == 1


def test_a_forced_act_is_critical_and_its_end_is_asked_about_with_the_venues_word() -> None:
    watched = Watched()
    watched.see()

    (told,) = watched.see(flagged(ADL))
    assert (told.tier, told.lane, told.silent) == (Tier.CRITICAL, Lane.DANGER, False)
    check("venue_acts", told.text)
    assert len(watched.see(flagged(ADL), after_s=600)) == 1

    (gone,) = [m for m in watched.see(lambda s: replace(s, positions=(), assets=())) if m.tier]
    assert "POSITION GONE" in gone.text.plain
    assert "Bybit said before: Adl" in gone.text.plain


def test_a_flag_that_gets_worse_is_news() -> None:
    watched = Watched()
    watched.see(flagged(CALL))

    (told,) = watched.see(flagged(replace(CALL, says="FORCE_LIQUIDATION", forced=True)))

    assert told.text.plain.startswith("🔴 BYBIT ACTS")


def test_a_word_nobody_knows_is_told_as_it_is() -> None:
    (told,) = Watched().see(flagged(VenueFlag(pool="cross:USDT", says="NEW_STATE")))

    assert "NEW_STATE" in told.text.plain


# ── mode ─────────────────────────────────────────────────────────────────────────────────────


def test_a_changed_mode_is_told_once_with_both() -> None:
    watched = Watched()
    watched.see(in_mode("futures single-asset, one-way; cross margin classic"))

    (told,) = watched.see(in_mode("futures multi-assets, hedge; cross margin classic"))
    check("mode_changed", told.text)
    assert (told.tier, told.silent) == (Tier.WARNING, False)

    assert not watched.see(in_mode("futures multi-assets, hedge; cross margin classic"))
    assert len(watched.see(in_mode("futures single-asset, one-way; cross margin classic"))) == 1


def test_a_wallet_opened_beside_the_others_is_no_change_of_mode() -> None:
    watched = Watched()
    watched.see(in_mode("futures single-asset, one-way"))

    assert not watched.see(in_mode("futures single-asset, one-way; COIN-M"))
    assert not watched.see(in_mode("futures single-asset, one-way"))


def test_a_mode_changed_while_nobody_watched_is_told_after_it() -> None:
    watched = Watched()
    watched.see(in_mode("futures mode"))
    watched.restart()

    (told,) = watched.see(in_mode("futures mode, hedge"), after_s=3600)

    assert "MODE CHANGED" in told.text.plain


def test_a_position_that_went_from_cross_to_isolated_is_told_once() -> None:
    watched = Watched()
    watched.see()

    (told,) = watched.see(isolated)
    check("margin_mode_changed", told.text)

    assert not watched.see(isolated)


def test_one_position_more_or_less_is_no_change_of_mode() -> None:
    watched = Watched()
    watched.see(lambda s: replace(s, positions=()))

    assert not watched.see()


# ── key ──────────────────────────────────────────────────────────────────────────────────────


def test_a_key_that_gained_a_right_is_told_once() -> None:
    watched = Watched()
    watched.see()
    watched.rights(trade=True, transfer=True, ip_bound=None)

    (told,) = watched.see()
    check("key_changed", told.text)
    assert (told.tier, told.silent) == (Tier.WARNING, False)

    assert not watched.see()


def test_what_a_venue_does_not_tell_for_a_while_is_no_change() -> None:
    watched = Watched()
    watched.see()
    watched.rights(trade=None, ip_bound=None, uid=None)
    assert not watched.see()
    watched.rights(trade=False, ip_bound=True, uid="1234")

    assert not watched.see()


def test_what_was_known_before_a_venue_was_silent_is_still_compared() -> None:
    watched = Watched()
    watched.see()
    watched.rights(trade=None, uid=None)
    watched.see()
    watched.rights(trade=True)
    assert ["May now trade" in m.text.plain for m in watched.see()] == [True]
    watched.rights(uid="5678")

    assert [m.kind for m in watched.see()] == [Kind.SECURITY]


def test_a_right_gained_while_nobody_watched_is_told_after_it() -> None:
    watched = Watched()
    watched.see()
    watched.restart()
    watched.rights(trade=True)

    assert ["May now trade" in m.text.plain for m in watched.see()] == [True]


@pytest.mark.parametrize(
    ("change", "words", "tier"),
    [
        ({"read": False}, "May no longer read", Tier.WATCH),
        ({"transfer": True}, "May now transfer", Tier.WARNING),
        ({"ip_bound": False}, "No longer bound to addresses", Tier.WARNING),
        ({"expires_at_us": moment(90 * DAY_S).wall_us}, "Expires now 20 Dec 14:13 UTC", Tier.WATCH),
    ],
)
def test_each_change_of_a_key_has_its_words(
    change: dict[str, object], words: str, tier: Tier
) -> None:
    watched = Watched()
    watched.see()
    watched.rights(**change)

    said = [m for m in watched.see() if words in m.text.plain]

    assert [m.tier for m in said] == [tier]


def test_the_end_of_a_key_is_told_at_14_7_3_and_1_days() -> None:
    watched = expiring(days=20)
    told = {}
    for hour in range(20 * 24 + 1):
        for message in watched.see(after_s=3600):
            told[hour + 1] = message
    left = [20 * 24 - hour for hour in told]

    assert left == [14 * 24, 7 * 24, 3 * 24, 24]
    tiers = [message.tier for message in told.values()]
    assert tiers == [Tier.WATCH, Tier.WATCH, Tier.WARNING, Tier.WARNING]
    check("key_expires", told[17 * 24].text)


def test_a_restart_does_not_tell_the_same_end_again() -> None:
    watched = expiring(days=6)
    assert len(watched.see()) == 1
    watched.restart()

    assert not watched.see()


def test_a_key_refused_after_its_end_says_so() -> None:
    watched = expiring(days=0.5)
    watched.see()
    refused = Missed(kind=MissKind.REFUSED, reason="33004")

    said = watched.miss(refused, after_s=DAY_S)

    assert [m.kind for m in said] == [Kind.BLIND]
    assert "expired on 22 Sep 02:13 UTC" in said[0].text.plain


def test_a_key_refused_before_its_end_keeps_the_venues_reason() -> None:
    watched = expiring(days=30)
    watched.see()

    said = watched.miss(Missed(kind=MissKind.REFUSED, reason="33004"), after_s=DAY_S)

    assert "33004" in said[0].text.plain


def test_an_unbound_key_is_noted_once_a_day_without_a_sound() -> None:
    watched = Watched()
    watched.rights(ip_bound=False)
    told = {hour: watched.see(after_s=3600) for hour in range(50)}

    assert [hour for hour, said in told.items() if said] == [0, 24, 48]
    assert all(m.silent and m.tier is Tier.WATCH for said in told.values() for m in said)
    check("key_unbound", told[0][0].text)


def test_an_unbound_trading_key_of_okx_may_lapse() -> None:
    watched = Watched()
    watched.rights(ip_bound=False, trade=True)

    (told,) = watched.see(lambda s: replace(s, venue="okx"))

    assert "Unused for 14 days, OKX ends it" in told.text.plain


# ── whose key ────────────────────────────────────────────────────────────────────────────────


def test_another_accounts_key_is_a_matter_of_security_and_nothing_is_read_with_it() -> None:
    watched = Watched()
    watched.see()
    watched.restart()
    watched.rights(uid="5678")

    (told,) = watched.see(lambda s: single(1.0))

    assert (told.kind, told.tier) == (Kind.SECURITY, Tier.CRITICAL)
    assert "account 5678, known is 1234" in told.text.plain
    assert watched.state.dangers["cross:USDT"].tier is Tier.CALM
    assert not watched.see(after_s=3600)
    assert len(watched.see(after_s=DAY_S)) == 1


def test_the_right_key_ends_it() -> None:
    watched = Watched()
    watched.see()
    watched.rights(uid="5678")
    watched.see()
    watched.rights(uid="1234")

    assert [m.kind for m in watched.see()] == [Kind.SEEING]


def test_an_account_is_pinned_when_its_number_is_told_for_the_first_time() -> None:
    watched = Watched()
    watched.rights(uid=None)
    watched.see()
    watched.rights(uid="1234")
    assert not watched.see()
    watched.rights(uid="5678")

    assert [m.kind for m in watched.see()] == [Kind.SECURITY]


# ── clock ────────────────────────────────────────────────────────────────────────────────────


def test_a_clock_off_by_more_than_a_second_is_told_once_a_day() -> None:
    watched = Watched()
    watched.clock(1000.0)
    assert not watched.see()
    watched.clock(1001.0)
    (told,) = watched.see()
    check("clock_off", told.text)
    assert told.tier is Tier.WATCH

    watched.clock(1500.0)
    assert not watched.see(after_s=DAY_S - 60)
    assert len(watched.see(after_s=60)) == 1


def test_a_clock_beyond_half_of_what_venues_accept_has_worse_words() -> None:
    watched = Watched()
    watched.clock(-1200.0)
    watched.see()
    watched.clock(-2600.0)

    (told,) = watched.see()

    check("clock_far_off", told.text)
    assert told.tier is Tier.WARNING


def test_nothing_is_said_where_the_venue_told_nothing() -> None:
    watched = Watched()
    seen = Seen(snapshot=single(50.0, seconds=10), missed=None)

    assert not decide(watched.state, seen, RULES, moment(10)).messages


def test_what_is_remembered_of_a_key_reads_back() -> None:
    watched = expiring(days=30)
    watched.see()
    kept = watched.state.key
    watched.restart()

    assert kept is not None
    assert watched.state.key == kept
    assert Decimal(kept.expires_at_us or 0) == moment(30 * DAY_S).wall_us
