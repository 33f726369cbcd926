"""Builders for the tests of top-ups: rules, caps, intents, an account that was read twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tests.unit.policy_books import RULES, missed, moment, seen, single
from watcher.domain.account import Snapshot
from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    AlertRules,
    Measure,
    Moment,
    Trigger,
)
from watcher.domain.topup import (
    Assurance,
    Intent,
    Limits,
    Mode,
    Progress,
    Route,
    TopUpRules,
    Verb,
)
from watcher.policy import topups
from watcher.policy.checks import Look
from watcher.policy.decide import decide
from watcher.policy.looking import look
from watcher.policy.means import Balance, Held, Means
from watcher.policy.sizing import Proposal

POOL = "cross:USDT"
MOVE = Route(verb=Verb.MOVE, asset="USDT", source="funding", destination=POOL)
STEP = Decimal("0.01")

LIMITS = Limits(
    unit="USDT",
    per_event=Decimal(500),
    per_day=Decimal(1500),
    per_week=Decimal(4500),
    count_per_day=4,
    cooldown_us=5 * MINUTE_US,
    keep_in_source=Decimal(100),
)
AUTO = TopUpRules(
    mode=Mode.AUTO,
    routes=(MOVE,),
    measure=Measure.DISTANCE,
    trigger=10.0,
    target=15.0,
    limits=LIMITS,
)


def limited(rules: TopUpRules = AUTO, **caps: object) -> TopUpRules:
    assert rules.limits is not None
    return replace(rules, limits=replace(rules.limits, **caps))  # type: ignore[arg-type]


def short_of(distance: float = 9.4, *, seconds: float = 0.0, quantity: str = "1") -> Snapshot:
    """A linear pool of one BTC so far from liquidation, with a funding wallet beside it."""
    made = single(distance, seconds=seconds, quantity=quantity)
    return replace(made, wallets={"funding": {"USDT": Decimal(5000)}})


@dataclass(frozen=True, kw_only=True)
class Scene:
    """An account as it is when somebody asks for a top-up."""

    found: Look
    state: AccountState
    now: Moment
    rules: TopUpRules = AUTO
    means: Means

    betas: Mapping[str, float] = field(default_factory=dict)

    def propose(self) -> Proposal | Held:
        return topups.propose(
            self.found, self.state, self.rules, self.means, betas=self.betas, now=self.now
        )

    def proposed(self) -> Proposal:
        found = self.propose()
        assert isinstance(found, Proposal), found
        return found

    def held(self) -> str:
        found = self.propose()
        assert isinstance(found, Held), found
        return found.why.value

    def reconsider(self, intent: Intent) -> Decimal | Held:
        return topups.reconsider(
            intent,
            self.found,
            self.state,
            self.rules,
            self.means,
            betas=self.betas,
            now=self.now,
        )


def alert_rules(rules: TopUpRules) -> AlertRules:
    return replace(RULES, trigger=Trigger(measure=rules.measure, value=rules.trigger))


def means(
    rules: TopUpRules = AUTO,
    *,
    balances: Sequence[str] = ("5000", "5000"),
    intents: Sequence[Intent] = (),
    at_s: float = 0.0,
    step: Decimal = STEP,
    **more: object,
) -> Means:
    """Means with the same two balances for every route, read just before *at_s*."""
    end = moment(at_s).steady_us
    read = [
        Balance(amount=Decimal(amount), at_us=end - (len(balances) - n) * SECOND_US)
        for n, amount in enumerate(balances)
    ]
    return Means(
        intents=intents,
        balances=dict.fromkeys(rules.routes, read),
        steps=dict.fromkeys(rules.routes, step),
        **more,  # type: ignore[arg-type]
    )


def scene(
    *snapshots: Snapshot,
    rules: TopUpRules = AUTO,
    money: Means | None = None,
    later_s: float = 0.0,
    state: AccountState | None = None,
) -> Scene:
    """The account after each of *snapshots* was read when it was taken, then *later_s* on."""
    readings = snapshots or (short_of(seconds=0), short_of(seconds=4))
    held = state or AccountState(account="bybit_main")
    for one in readings:
        at = Moment(steady_us=one.taken_at_us, wall_us=one.taken_at_us)
        held = decide(held, seen(one), alert_rules(rules), at).state
    last = readings[-1]
    end = last.taken_at_us + round(later_s * SECOND_US)
    at_s = (end - moment().wall_us) / SECOND_US
    return Scene(
        found=look(last, alert_rules(rules)),
        state=held,
        now=Moment(steady_us=end, wall_us=end),
        rules=rules,
        means=means(rules, at_s=at_s) if money is None else money,
    )


def after_a_miss(one: Scene) -> Scene:
    at = Moment(steady_us=one.now.steady_us + SECOND_US, wall_us=one.now.wall_us + SECOND_US)
    state = decide(one.state, missed(), alert_rules(one.rules), at).state
    return replace(one, state=state, now=at)


def intent(
    name: str = "T1",
    progress: Progress = Progress.DONE,
    *,
    seconds: float = -3600.0,
    amount: str = "100",
    route: Route = MOVE,
    pool: str = POOL,
    mode: Mode = Mode.AUTO,
    **more: object,
) -> Intent:
    """One intent that got as far as *progress* at *seconds*."""
    at = moment(seconds).steady_us
    return Intent(
        id=name,
        decision_key=f"key of {name}",
        account="bybit_main",
        venue="bybit",
        pool=pool,
        route=route,
        amount=Decimal(amount),
        ceiling=Decimal(amount),
        progress=progress,
        assurance=Assurance.DEDUP,
        mode=mode,
        created_us=at,
        changed_us=at,
        ts_sign_ms=at // 1000,
        **more,  # type: ignore[arg-type]
    )
