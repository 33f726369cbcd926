"""
The answer to /whatif: the last reading again, with prices moved or money added, beside today's.

    BTC -10% ETH -15%     each coin by so much, together
    BTC 52000             to this price
    all -10%              every coin along its beta; coins named beside it go their own way
    add 500 USDT          more collateral, in the pool named first or in the one nearest its end

Rule: arithmetic on a copy; nothing is asked of a venue and nothing is remembered. A move passes
through all prices on its way: what would be liquidated half-way is liquidated. What nobody here can
compute is said to be unknown, never shown as unmoved.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import numpy as np

from watcher.domain.account import Family, Snapshot
from watcher.domain.alert import AccountState, AlertRules, Measure, Moment, Text, Tier
from watcher.domain.report import PoolReport, Status
from watcher.margin import BookError, figures_under, prices_after, repriced, with_top_up
from watcher.policy import lines, wording
from watcher.policy import messages as say
from watcher.policy.asked import AskedWrong, unknown
from watcher.policy.checks import Look
from watcher.policy.incidents import elapsed_us
from watcher.policy.looking import look
from watcher.policy.readings import is_flat
from watcher.policy.verbs import form_of
from watcher.policy.wording import Bold, Row, filled, row

ALL = "all"
ADD = "add"
RISE_MAX = 1000.0
FACTOR_MAX = 10.0
"""A price further off than this is taken for a percentage somebody forgot to mark."""
STEPS = 64
_NUMBER = re.compile(r"[+-]?\d[\d,]*(\.\d+)?k?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is to be tried: moves in percent and prices by coin, and money by asset."""

    moves: Mapping[str, float] = field(default_factory=dict)
    prices: Mapping[str, float] = field(default_factory=dict)
    added: tuple[Decimal, str] | None = None


def question_of(raw: str) -> Question:
    """
    Return what is asked.

    Raises: `AskedWrong`.
    """
    words = re.sub(r"\s+%", "%", raw.replace(wording.MINUS, "-").replace("=", " ")).split()
    moves: dict[str, float] = {}
    prices: dict[str, float] = {}
    added: tuple[Decimal, str] | None = None
    while words:
        word = words.pop(0)
        if word.lower() == ADD:
            if len(words) < 2 or added is not None:  # noqa: PLR2004 - an amount and an asset
                raise _wrong(say.WHATIF_ADD_NEEDS)
            added = (Decimal(_number(words.pop(0))), words.pop(0).upper())
            if added[0] <= 0:
                raise _wrong(say.WHATIF_ADD_ABOVE)
            continue
        if not words:
            raise _wrong(say.WHATIF_NEEDS.format(name=wording.name(word)))
        coin, value = (
            word.lower() if word.lower() == ALL else word.upper(),
            words.pop(0).rstrip(","),
        )
        if coin in moves or coin in prices:
            raise _wrong(say.WHATIF_TWICE.format(coin=wording.name(coin)))
        if value.endswith("%"):
            moves[coin] = _move(coin, float(_number(value.removesuffix("%"))))
        else:
            prices[coin] = _price(coin, value)
    if not moves and not prices and added is None:
        raise _wrong(say.WHATIF_WHAT)
    return Question(moves=moves, prices=prices, added=added)


def coins_of(snapshot: Snapshot) -> set[str]:
    """Return the coins of *snapshot* whose price can move something."""
    return {*(p.underlying for p in snapshot.positions), *(a.asset for a in snapshot.assets)}


def whatif(
    states: Sequence[AccountState],
    rules: Mapping[str, AlertRules],
    asked: Question,
    now: Moment,
    *,
    pool: str = "",
) -> Text:
    """
    Return the answer for those of *states* that *asked* concerns; *pool* is where money goes.

    Raises: `AskedWrong`.
    """
    read = [state for state in states if state.last_good is not None]
    if not read:
        raise AskedWrong(say.WHATIF_NOTHING_READ)
    named = {*asked.moves, *asked.prices} - {ALL}
    known = {coin for state in read for coin in coins_of(_last(state))}
    for coin in sorted(named - known):
        raise AskedWrong(unknown(say.KIND_COIN, coin, known))
    if asked.added is not None and len(read) > 1:
        raise AskedWrong(form_of("whatif", say.WHATIF_WHICH_ACCOUNT))
    touched = [s for s in read if not named or named & coins_of(_last(s))]
    blocks = [_account(state, rules[state.account], asked, now, pool) for state in touched]
    return wording.text_of([filled(say.WHATIF_HEAD, asked=Bold(_said(asked))), *_fitted(blocks)])


def _account(
    state: AccountState, rules: AlertRules, asked: Question, now: Moment, pool: str
) -> list[Row]:
    before, name = look(_last(state), rules), wording.name(state.account)
    age = wording.duration(elapsed_us(now.steady_us, state.last_good_at_us or now.steady_us) / 1e6)
    head = filled(
        say.ACCOUNT_HEAD_BLIND if state.blind.active else say.ACCOUNT_HEAD,
        account=Bold(name),
        age=say.AGE.format(age=age),
    )
    factors = _factors(before, asked, rules)
    moved, into = before.snapshot, ""
    if asked.added is not None:
        amount, asset = asked.added
        into = _taker(before, asset, pool)
        moved = _added(moved, into, asset, amount)
    try:
        after = look(repriced(moved, factors), rules)
    except BookError as error:
        raise AskedWrong(say.WHATIF_NOT_RECKONED.format(why=wording.words(str(error)))) from error
    ways = {p.pool: _is_passed(moved, p.pool, factors) for p in after.report.pools}
    rows = [head]
    found = {each.pool: each for each in before.report.pools}
    order = sorted(after.report.pools, key=lambda p: _worst_first(after, p, passed=ways[p.pool]))
    for each in order:
        if is_flat(each) and is_flat(found[each.pool]):
            continue
        tier = state.dangers[each.pool].tier if each.pool in state.dangers else Tier.CALM
        label = len(order) > 1 or each.pool == into
        rows += _pool(
            before, after, found[each.pool], each, tier, label=label, passed=ways[each.pool]
        )
    return rows if len(rows) > 1 else [*rows, row(say.NO_POSITION_AT_ALL)]


def _pool(
    before: Look,
    after: Look,
    was: PoolReport,
    then: PoolReport,
    tier: Tier,
    *,
    label: bool,
    passed: bool,
) -> Iterator[Row]:
    if label:
        yield filled(say.POOL, label=Bold(wording.pool_name(then.pool)))
    old, new = before.readings[then.pool], after.readings[then.pool]
    if then.status is not Status.OK or new is None or old is None:
        venue = wording.venue_name(after.snapshot.venue)
        yield row(say.WHATIF_ONLY_VENUE.format(venue=venue))
        return
    if passed:
        yield filled(
            say.WHATIF_ON_THE_WAY, liquidated=Bold(say.LIQUIDATED), now=lines.headline(old.gauge)
        )
        yield _tiers(tier, Tier.EMERGENCY)
        return
    yield row(say.WHATIF_DISTANCE.format(was=_away(was), then=_away(then)))
    if Measure.MARGIN_LEVEL in (old.gauge.measure, new.gauge.measure):
        yield row(say.WHATIF_LEVEL.format(was=_level(was), then=_level(then)))
    else:
        yield row(say.WHATIF_HEALTH.format(was=_health(was), then=_health(then)))
    yield _tiers(tier, new.tier)


def _tiers(was: Tier, then: Tier) -> Row:
    if was is then:
        return row(say.WHATIF_TIER_STILL.format(mark=lines.MARK[was], tier=wording.tier_name(was)))
    later = say.WHATIF_LATER if then < was else ""
    old = f"  {lines.MARK[was]} {wording.tier_name(was)} → {lines.MARK[then]} "
    return row(old, Bold(wording.tier_name(then)), later)


def _away(report: PoolReport) -> str:
    return (
        say.HEALTH_NO_LIMIT
        if report.tier_distance is None
        else wording.percent(report.tier_distance)
    )


def _health(report: PoolReport) -> str:
    return say.NOT_KNOWN if report.health is None else wording.health(report.health)


def _level(report: PoolReport) -> str:
    if report.margin_level is None or math.isinf(report.margin_level):
        return say.SHORT_NOTHING_OWED
    return wording.level(report.margin_level)


def _worst_first(after: Look, report: PoolReport, *, passed: bool) -> tuple[bool, int, float]:
    reading = after.readings[report.pool]
    if reading is None:
        return (not passed, 0, 0.0)
    return (not passed, -reading.tier, reading.gauge.remaining)


# a hedge may dip below its limit between two prices that are both fine
def _is_passed(snapshot: Snapshot, pool: str, factors: Mapping[str, float]) -> bool:
    steps = np.linspace(0.0, 1.0, STEPS + 1)
    ways = {coin: 1.0 + (factor - 1.0) * steps for coin, factor in factors.items()}
    try:
        figures = figures_under(snapshot, pool, ways or {"BTC": np.ones(1)})
    except BookError:
        return False
    if figures is None:
        return False
    gone = (figures.requirement > 0) | (figures.equity < 0)
    return bool(np.any(gone & (figures.equity <= figures.requirement)))


def _factors(found: Look, asked: Question, rules: AlertRules) -> dict[str, float]:
    known = _prices(found.snapshot)
    factors: dict[str, float] = {}
    for coin, percent in asked.moves.items():
        if coin == ALL:
            factors |= _together(found.snapshot, percent, rules.betas)
    for coin, percent in asked.moves.items():
        if coin in known:
            factors[coin] = 1 + percent / 100
    for coin, price in asked.prices.items():
        if coin not in known:
            continue
        factor = price / known[coin]
        if not 1 / FACTOR_MAX < factor < FACTOR_MAX:
            at, meant = wording.price(known[coin]), wording.price(price)
            raise AskedWrong(
                say.WHATIF_FAR_OFF.format(coin=wording.name(coin), now=at, meant=meant)
            )
        factors[coin] = factor
    return factors


def _together(snapshot: Snapshot, percent: float, betas: Mapping[str, float]) -> dict[str, float]:
    factors: dict[str, float] = {}
    for pool in snapshot.rules:
        try:
            today = prices_after(snapshot, pool, 0.0, betas=betas, down=False)
            then = prices_after(snapshot, pool, abs(percent), betas=betas, down=percent < 0)
        except BookError:
            continue
        factors |= {coin: then[coin] / price for coin, price in today.items() if price > 0}
    return factors


def _prices(snapshot: Snapshot) -> dict[str, float]:
    own = {asset.asset: float(asset.index) for asset in snapshot.assets}
    later_first = sorted(snapshot.positions, key=lambda each: each.symbol, reverse=True)
    own.update({each.underlying: float(each.mark) for each in later_first})
    return {coin: price for coin, price in own.items() if price > 0}


def _taker(found: Look, asset: str, pool: str) -> str:
    takers = [each for each in found.report.pools if asset in _taken_by(found.snapshot, each.pool)]
    if pool:
        takers = [each for each in takers if each.pool == pool]
    if not takers:
        pools = [pool] if pool else [each.pool for each in found.report.pools]
        known = {each for one in pools for each in _taken_by(found.snapshot, one)}
        raise AskedWrong(unknown(say.KIND_TAKER, asset, known))
    return min(takers, key=lambda each: _worst_first(found, each, passed=False)).pool


def _taken_by(snapshot: Snapshot, pool: str) -> Collection[str]:
    own = {asset.asset for asset in snapshot.assets if asset.pool == pool}
    settled = {p.settle for p in snapshot.positions if p.pool == pool}
    if snapshot.rules[pool].family is Family.HAIRCUT_POOL:
        return own
    return own | settled


def _added(snapshot: Snapshot, pool: str, asset: str, amount: Decimal) -> Snapshot:
    try:
        return with_top_up(snapshot, pool, asset, amount)
    except BookError as error:
        raise AskedWrong(say.WHATIF_NOT_RECKONED.format(why=wording.words(str(error)))) from error


def _said(asked: Question) -> str:
    said = [f"{wording.name(c)} {wording.signed_percent(m)}" for c, m in asked.moves.items()]
    said += [f"{wording.name(coin)} {wording.price(at)}" for coin, at in asked.prices.items()]
    if asked.added is not None:
        amount, asset = asked.added
        said.append(
            say.WHATIF_MORE.format(amount=wording.amount(float(amount)), asset=wording.name(asset))
        )
    shown = ", ".join(said)
    return (
        shown
        if len(shown) <= lines.WIDTH_WANTED
        else say.WHATIF_AND_MORE.format(shown=", ".join(said[:2]))
    )


def _fitted(blocks: list[list[Row]]) -> list[Row]:
    room = lines.LINES_MAX - 1
    rows = [one for block in blocks for one in block]
    if len(rows) <= room:
        return rows
    kept: list[Row] = []
    left = len(blocks)
    for block in blocks:
        if len(kept) + len(block) >= room:
            break
        kept += block
        left -= 1
    if not kept:
        return [*blocks[0][: room - 1], row(say.WHATIF_CUT)]
    return [*kept, row(say.WHATIF_CUT_MORE.format(count=left))]


def _last(state: AccountState) -> Snapshot:
    assert state.last_good is not None
    return state.last_good


def _move(coin: str, percent: float) -> float:
    if not -100 < percent <= RISE_MAX:  # noqa: PLR2004 - all of it
        raise _wrong(say.WHATIF_TOO_MUCH.format(coin=wording.name(coin)))
    return percent


def _price(coin: str, raw: str) -> float:
    if coin == ALL or raw.startswith(("+", "-")):
        raise _wrong(say.WHATIF_PERCENT.format(asked=wording.words(f"{coin} {raw}")))
    price = float(_number(raw))
    if price <= 0:
        raise _wrong(say.WHATIF_ABOVE.format(coin=wording.name(coin)))
    return price


def _number(raw: str) -> str:
    if _NUMBER.fullmatch(raw.lower()) is None:
        raise _wrong(say.WHATIF_NO_NUMBER.format(name=wording.words(raw)))
    plain = raw.lower().replace(",", "")
    return str(Decimal(plain.removesuffix("k")) * 1000) if plain.endswith("k") else plain


def _wrong(problem: str) -> AskedWrong:
    return AskedWrong(form_of("whatif", problem))
