"""
Whatever the account, the history and the caps are: what is proposed fits all of them and helps.

Method: random caps, balances, histories and clocks over one account of closed form, then random
books of every family; each answer is checked by sums of its own, not by the code that made it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.test_margin_remedies import drawn
from tests.reference.books import POOL as BOOK
from tests.unit.policy_books import moment
from tests.unit.top_up_books import AUTO, MOVE, Scene, intent, means, scene, short_of
from watcher.domain.account import Snapshot
from watcher.domain.alert import MINUTE_US, SECOND_US, AccountState, Measure
from watcher.domain.topup import COUNTED, OPEN, Intent, Limits, Mode, Progress, Route, Verb
from watcher.margin import evaluate, required_repay, with_repaid, with_top_up
from watcher.policy.allowance import DAY_US, WEEK_US, verdict, worths
from watcher.policy.checks import Look
from watcher.policy.means import Balance, Held, Means, Why
from watcher.policy.readings import value_of
from watcher.policy.sizing import GAIN_MIN, Proposal

AT_S = 4.0
NOW_US = moment(AT_S).steady_us

AMOUNTS = st.decimals("0.01", "3000", places=2)
HISTORY = st.lists(
    st.builds(
        lambda n, progress, ago_s, amount, far: intent(
            f"T{n}",
            progress,
            seconds=AT_S - ago_s,
            amount=str(amount),
            route=replace(MOVE, source="spot") if far else MOVE,
            pool="other" if far else "cross:USDT",
        ),
        st.integers(0, 10**6),
        st.sampled_from(list(Progress)),
        st.integers(-3600, 8 * 86_400),
        AMOUNTS,
        st.booleans(),
    ),
    max_size=8,
)
CAPS = st.builds(
    Limits,
    unit=st.sampled_from(["USDT", "USD"]),
    per_event=AMOUNTS,
    per_day=AMOUNTS,
    per_week=AMOUNTS,
    count_per_day=st.integers(1, 8),
    cooldown_us=st.integers(1, 30).map(lambda m: m * MINUTE_US),
    keep_in_source=AMOUNTS,
)
BALANCES = st.lists(AMOUNTS, min_size=2, max_size=2)


def readings(distance: float, index: str) -> list[Snapshot]:
    made = [short_of(distance, seconds=s) for s in (0, AT_S)]
    return [replace(s, assets=(replace(s.assets[0], index=Decimal(index)),)) for s in made]


def moved_since(history: Sequence[Intent], span_us: int) -> Decimal:
    """What of *history* may have left within *span_us*: its own sum, in the asset."""
    return sum(
        (
            i.amount
            for i in history
            if i.progress in COUNTED and (i.progress in OPEN or i.changed_us > NOW_US - span_us)
        ),
        Decimal(0),
    )


@settings(max_examples=300, deadline=None)
@given(
    distance=st.floats(0.2, 12),
    index=st.sampled_from(["1", "0.98", "1.03"]),
    limits=CAPS,
    history=HISTORY,
    balances=BALANCES,
    step=st.sampled_from(["0.01", "0.1", "1", "0.000001"]),
)
def test_no_cap_is_passed_and_the_floor_holds(
    distance: float,
    index: str,
    limits: Limits,
    history: list[Intent],
    balances: list[Decimal],
    step: str,
) -> None:
    rules = replace(AUTO, limits=limits)
    money = means(
        rules,
        balances=[str(b) for b in balances],
        intents=history,
        at_s=AT_S,
        step=Decimal(step),
    )
    one = scene(*readings(distance, index), rules=rules, money=money).propose()
    if isinstance(one, Held):
        return

    price = Decimal(index) if limits.unit == "USD" else Decimal(1)
    cost = one.amount * price
    assert 0 < cost <= limits.per_event
    assert moved_since(history, DAY_US) * price + cost <= limits.per_day
    assert moved_since(history, WEEK_US) * price + cost <= limits.per_week
    counted = [i for i in history if i.progress in COUNTED]
    recent = [i for i in counted if i.progress in OPEN or i.changed_us > NOW_US - DAY_US]
    assert len(recent) < limits.count_per_day
    assert (min(balances) - one.amount) * price >= limits.keep_in_source
    assert one.amount % Decimal(step) == 0
    assert one.after - one.before >= GAIN_MIN[one.measure]
    assert not [i for i in history if i.progress in OPEN and i.route.source == MOVE.source]
    judge = verdict(
        intent("mine", Progress.APPROVED, amount=str(one.amount), mode=Mode.AUTO),
        rules,
        money,
        snapshot=readings(distance, index)[-1],
        read_at_us=NOW_US,
        now=moment(AT_S),
    )
    # the ledger, asked at once with the same, has nothing against it
    assert judge(history, {}) == ""


@settings(max_examples=200, deadline=None)
@given(
    limits=CAPS,
    history=HISTORY,
    balances=BALANCES,
    amount=AMOUNTS,
)
def test_the_ledger_lets_nothing_through_that_passes_a_cap(
    limits: Limits, history: list[Intent], balances: list[Decimal], amount: Decimal
) -> None:
    rules = replace(AUTO, limits=replace(limits, unit="USDT"))
    money = means(rules, balances=[str(b) for b in balances], at_s=AT_S)
    mine = intent("mine", Progress.APPROVED, amount=str(amount), mode=Mode.AUTO)
    judge = verdict(mine, rules, money, snapshot=short_of(), read_at_us=NOW_US, now=moment(AT_S))

    if judge((*history, mine), {}):
        return

    assert amount <= limits.per_event
    assert moved_since(history, DAY_US) + amount <= limits.per_day
    assert moved_since(history, WEEK_US) + amount <= limits.per_week
    assert min(balances) - amount >= limits.keep_in_source


@settings(max_examples=100, deadline=None)
@given(distance=st.floats(0.2, 9.9), ceiling=AMOUNTS, limits=CAPS)
def test_a_tap_never_brings_more_than_was_shown(
    distance: float, ceiling: Decimal, limits: Limits
) -> None:
    rules = replace(AUTO, mode=Mode.ASK, limits=limits)
    asked = intent(progress=Progress.PROPOSED, amount=str(ceiling), mode=Mode.ASK, seconds=0)
    money = means(rules, intents=[asked], at_s=AT_S)

    found = scene(*readings(distance, "1"), rules=rules, money=money).reconsider(asked)

    if not isinstance(found, Held):
        assert 0 < found <= ceiling
        assert found <= limits.per_event


def _withheld(one: Scene, rng: random.Random) -> Scene:
    """The same account with one thing not known."""
    good = one.means
    return rng.choice(
        [
            replace(one, means=replace(good, balances={})),
            replace(one, means=replace(good, steps={})),
            replace(one, state=replace(one.state, last_good=None)),
            replace(one, state=replace(one.state, last_good_at_us=None)),
            replace(one, state=replace(one.state, crossed={})),
            replace(one, state=AccountState(account="bybit_main")),
            replace(one, now=moment(AT_S + 11)),
            replace(one, found=replace(one.found, report=replace(one.found.report, pools=()))),
            replace(one, found=_valueless(one.found)),
        ]
    )


def _valueless(found: Look) -> Look:
    pools = [
        replace(p, tier_distance=float("nan"), margin_level=None, health=None)
        for p in found.report.pools
    ]
    return replace(found, report=replace(found.report, pools=tuple(pools)))


def test_nothing_is_proposed_on_what_is_not_known() -> None:
    rng = random.Random(7)
    whole = scene()
    assert isinstance(whole.propose(), Proposal)

    for _ in range(60):
        assert isinstance(_withheld(whole, rng).propose(), Held)


# -- random books ---------------------------------------------------------------------------------

BOOKS = 160
SEED = 70_000
CHUNKS = 4


def _rules_of(
    rng: random.Random, snapshot: Snapshot, betas: dict[str, float]
) -> tuple[Measure, float, float] | None:
    """A trigger just above where the pool is, and a target beyond it; None: it is not in danger."""
    (pool,) = evaluate(snapshot, betas=betas).pools
    measure = rng.choice([Measure.DISTANCE, Measure.DISTANCE, Measure.HEALTH])
    value = value_of(pool, measure)
    if value is None or not 0 <= value < 50:
        return None
    trigger = max(value * 1.02, value + 0.01)
    return measure, trigger, max(1.2 * trigger, trigger + 2)


def _book(seed: int) -> tuple[Scene, Decimal] | None:
    rng, _, snapshot, betas = drawn(seed)
    aim = _rules_of(rng, snapshot, betas)
    if aim is None:
        return None
    measure, trigger, target = aim
    assets = [a.asset for a in snapshot.assets] or [snapshot.positions[0].settle]
    route = Route(verb=Verb.MOVE, asset=rng.choice(assets), source="funding", destination=BOOK)
    (pool,) = evaluate(snapshot, betas=betas).pools
    size = abs(pool.equity or 0) + (pool.requirement or 0) + 1
    price = float(worths(snapshot, "USD").get(route.asset, Decimal(1)))
    # a step that matters: a ten thousandth of the pool, in round digits
    step = Decimal(f"1e{len(str(int(size / price))) - 5}")
    rules = replace(
        AUTO,
        mode=Mode.DRY_RUN,
        routes=(route,),
        measure=measure,
        trigger=trigger,
        target=target,
        limits=None,
    )
    state = AccountState(
        account="random",
        last_good=snapshot,
        last_good_at_us=NOW_US,
        crossed={BOOK: NOW_US - 4 * SECOND_US},
    )
    found = Look(snapshot=snapshot, report=evaluate(snapshot, betas=betas), readings={})
    rich = [Balance(amount=Decimal("1e17"), at_us=NOW_US)] * 2
    money = Means(balances={route: rich}, steps={route: step})
    now = replace(moment(AT_S), wall_us=snapshot.taken_at_us)
    made = Scene(found=found, state=state, now=now, rules=rules, means=money, betas=betas)
    return made, step


def _value(snapshot: Snapshot, measure: Measure, betas: dict[str, float]) -> float:
    (pool,) = evaluate(snapshot, betas=betas).pools
    value = value_of(pool, measure)
    assert value is not None
    return value


@pytest.mark.parametrize("number", range(CHUNKS))
def test_what_no_cap_cuts_reaches_its_target_and_a_step_less_does_not(number: int) -> None:
    done, held = 0, set()
    for seed in range(SEED + number, SEED + BOOKS, CHUNKS):
        made = _book(seed)
        if made is None:
            continue
        one, step = made
        found = one.propose()
        betas = dict(one.betas)
        if isinstance(found, Held):
            held.add(found.why)
            continue
        done += 1
        snapshot, asset = one.found.snapshot, found.route.asset
        close = found.target * (1 - 1e-9)
        assert found.short is None
        enough = with_top_up(snapshot, BOOK, asset, found.amount)
        assert _value(enough, found.measure, betas) >= close, seed
        less = with_top_up(snapshot, BOOK, asset, found.amount - step)
        assert _value(less, found.measure, betas) < close, seed
        assert found.after >= found.before

    assert done >= BOOKS / CHUNKS / 4
    assert held <= {Why.OUT_OF_REACH, Why.SLIGHT, Why.BURNING}


@pytest.mark.parametrize("number", range(CHUNKS))
def test_a_repayment_reaches_its_target_and_a_hundredth_less_does_not(number: int) -> None:
    done = 0
    for seed in range(SEED + number, SEED + 8 * BOOKS, CHUNKS):
        rng, kind, snapshot, betas = drawn(seed)
        if kind not in ("borrowed", "pro"):
            continue
        owed = [a for a in snapshot.assets if a.debt and a.wallet > a.frozen]
        (pool,) = evaluate(snapshot, betas=betas).pools
        if not owed or pool.health is None or not 0.2 < pool.health < 100:
            continue
        asset = rng.choice(owed).asset
        target = pool.health * rng.uniform(1.01, 1.2)

        amount = required_repay(snapshot, BOOK, asset, Measure.HEALTH, target, betas=betas)

        if not amount:
            continue
        done += 1

        def at(
            part: float,
            whole: float = amount,
            of: str = asset,
            book: Snapshot = snapshot,
            by: dict[str, float] = betas,
        ) -> float:
            size = Decimal(repr(whole * part))
            after = with_repaid(book, BOOK, of, size, inside=True)
            return _value(after, Measure.HEALTH, by)

        assert at(1) >= target * (1 - 1e-7), seed
        assert at(0.99) < target, seed

    assert done >= 3


def test_a_history_with_one_more_never_allows_more() -> None:
    rng = random.Random(11)
    for _ in range(40):
        history = [
            intent(f"T{n}", seconds=-rng.uniform(400, 8 * 86_400), amount=str(rng.randint(1, 700)))
            for n in range(rng.randint(0, 3))
        ]
        more = [*history, intent("more", seconds=-500, amount="300")]
        few, many = (
            scene(rules=AUTO, money=means(intents=made, at_s=AT_S)).propose()
            for made in (history, more)
        )
        if isinstance(few, Held):
            assert isinstance(many, Held)
        elif isinstance(many, Proposal):
            assert many.amount <= few.amount
