"""
Acks, mutes, misses and restarts in any order: what is critical is told within its interval.

The machine feeds `decide` and `obey`; what must be heard is worked out beside them from the levels
and orders alone. A message counts when it was made, aloud, at critical or worse.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.unit.policy_books import (
    DISTANCE_LINES,
    RULES,
    TIERS,
    missed,
    moment,
    seen,
    single,
)
from watcher.domain.alert import (
    MINUTE_US,
    AccountState,
    Kind,
    Message,
    MissKind,
    Seen,
    Tier,
)
from watcher.domain.road import Reach
from watcher.policy import decide
from watcher.policy.orders import AckOrder, MuteOrder, UnmuteOrder, obey
from watcher.store.codec import durable, state_of, state_text

POOL = "cross:USDT"
SLOT_S = 70
"""The longest slot; a word may be that late."""
UNACKED_S = {Tier.CRITICAL: 600, Tier.EMERGENCY: 60}
ACKED_S = {Tier.CRITICAL: 7200, Tier.EMERGENCY: 300}
BLIND_S = {False: 180, True: 1200}
ESCALATES_S = {Reach.SECOND: 180, Reach.FALLBACK: 360}

slots = st.sampled_from([2, 4, 10, 30, SLOT_S])
levels = st.one_of(
    st.floats(0.5, 40.0), st.floats(0.5, 7.0), st.sampled_from([5.9, 5.0, 4.0, 2.9, 1.0])
).map(lambda value: round(value, 2))


def tier_of(distance: float) -> Tier:
    pairs = zip(TIERS, DISTANCE_LINES, strict=True)
    return max((tier for tier, line in pairs if distance < line), default=Tier.CALM)


class Alerts(RuleBasedStateMachine):
    """
    `level` is the last true distance; `acked` the tier and the figure somebody has seen; `waits_s`
    since when it reads critical, in sight and with no answer, `went` how far that was told.
    """

    furthest = Reach.FALLBACK

    @initialize(level=levels)
    def start(self, level: float) -> None:
        self.rules = replace(RULES, reach=self.furthest)
        self.state = AccountState(account=RULES.account)
        self.seconds = 0.0
        self.level = level
        self.acked: tuple[Tier, float] | None = None
        self.blind_acked = False
        self.heard_s: float | None = None
        self.waits_s: float | None = None
        self.told_level = level
        self.went = Reach.CHAT
        self.fresh: list[Message] = []
        self._slot(seen(single(level)))

    def _slot(self, what: Seen) -> None:
        decision = decide(self.state, what, self.rules, moment(self.seconds))
        self.state = decision.state
        self.fresh = list(decision.messages)
        for message in self.fresh:
            if message.kind in (Kind.RAISED, Kind.ESCALATED):
                self.acked, self.went = None, Reach.CHAT
            elif message.kind in (Kind.EASED, Kind.RESOLVED) and message.tier < Tier.CRITICAL:
                self.acked = None
            if message.kind is Kind.ESCALATED and message.tier >= Tier.CRITICAL:
                assert not message.silent
                assert self.state.dangers[POOL].ack is None
            aloud = not message.silent and not message.edits
            if aloud and message.tier >= Tier.CRITICAL:
                self.heard_s = self.seconds
                self.went = max(self.went, message.reach)
            if message.pool == POOL and what.snapshot is not None:
                self.told_level = self.level
        waits = tier_of(self.level) >= Tier.CRITICAL and self.acked is None
        if not waits or self.state.blind.active:
            self.waits_s = None
        elif self.waits_s is None:
            self.waits_s = self.seconds

    def _look(self, level: float) -> None:
        worse = self.acked is not None and (
            tier_of(level) > self.acked[0] or level < 0.8 * self.acked[1] - 0.01
        )
        if worse:
            self.acked, self.went = None, Reach.CHAT
        self.level = level
        self.blind_acked = False
        self._slot(seen(single(level, seconds=self.seconds)))

    @rule(level=levels, after_s=slots, times=st.integers(1, 12))
    def looks(self, level: float, after_s: int, times: int) -> None:
        for _ in range(times):
            self.seconds += after_s
            self._look(level)
            self.critical_is_heard()

    @rule(part=st.floats(0.9, 1.05), after_s=slots, times=st.integers(1, 12))
    def slides(self, part: float, after_s: int, times: int) -> None:
        for _ in range(times):
            self.seconds += after_s
            self._look(round(min(max(self.level * part, 0.3), 60.0), 2))
            self.critical_is_heard()

    @rule(after_s=slots, times=st.integers(1, 12), refused=st.booleans())
    def misses(self, after_s: int, times: int, refused: bool) -> None:  # noqa: FBT001 - drawn
        kind = MissKind.REFUSED if refused else MissKind.UNREACHABLE
        for _ in range(times):
            self.seconds += after_s
            self._slot(missed(kind=kind))
            self.critical_is_heard()

    @rule(after_s=slots)
    def may_withdraw(self, after_s: int) -> None:
        """Whatever is muted or acked, a key that may withdraw is told once a day."""
        due = self.state.blind.security_told_at_us
        self.seconds += after_s
        self._slot(missed("may withdraw", kind=MissKind.SECURITY))
        if due is None:
            assert [m for m in self.fresh if m.kind is Kind.SECURITY and not m.silent]

    @rule()
    def restarts(self) -> None:
        kept = state_of(state_text(durable(self.state)), self.state.account)
        self.state = replace(
            kept,
            last_good=self.state.last_good,
            last_good_at_us=self.state.last_good_at_us,
            recent=self.state.recent,
        )

    @precondition(lambda self: POOL in self.state.dangers)
    @rule(old=st.booleans())
    def acks(self, old: bool) -> None:  # noqa: FBT001 - drawn
        danger = self.state.dangers[POOL]
        if danger.incident is None:
            return
        tier = Tier.WARNING if old else None
        order = AckOrder(incident=danger.incident.code, user_id=1, tier=tier)
        self.state, said = obey(self.state, order, moment(self.seconds))
        if old and danger.tier > Tier.WARNING:
            assert not said.startswith("Seen")
        elif said.startswith("Seen"):
            self.acked = (danger.tier, max(self.told_level, self.level))
            self.blind_acked = self.state.blind.active
            self.waits_s, self.went = None, Reach.CHAT

    @rule(
        pool=st.sampled_from([POOL, ""]),
        minutes=st.sampled_from([1, 30, 24 * 60, 25 * 60]),
        tier=st.sampled_from(list(Tier)),
    )
    def mutes(self, pool: str, minutes: int, tier: Tier) -> None:
        order = MuteOrder(pool=pool, for_us=minutes * MINUTE_US, user_id=1, tier_max=tier)
        self.state, _ = obey(self.state, order, moment(self.seconds))
        assert all(mute.tier_max <= Tier.WARNING for mute in self.state.mutes)

    @rule(pool=st.sampled_from([POOL, ""]))
    def unmutes(self, pool: str) -> None:
        order = UnmuteOrder(pool=pool, user_id=1)
        self.state, _ = obey(self.state, order, moment(self.seconds))

    @invariant()
    def critical_is_heard(self) -> None:
        tier = tier_of(self.level)
        if tier < Tier.CRITICAL:
            return
        limit_s = UNACKED_S[tier] if self.acked is None else ACKED_S[tier]
        if self.state.blind.active:
            limit_s = max(limit_s, BLIND_S[self.blind_acked])
        assert self.heard_s is not None
        assert self.seconds - self.heard_s <= limit_s + SLOT_S

    @invariant()
    def what_nobody_answers_goes_further(self) -> None:
        if self.waits_s is None:
            return
        for reach, after_s in ESCALATES_S.items():
            if self.seconds - self.waits_s > after_s + SLOT_S:
                assert self.went >= min(reach, self.furthest)


class OneRoad(Alerts):
    """The same where there is nobody else to tell."""

    furthest = Reach.CHAT


TestAlerts = Alerts.TestCase
TestAlerts.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestOneRoad = OneRoad.TestCase
TestOneRoad.settings = settings(max_examples=10, stateful_step_count=30, deadline=None)
