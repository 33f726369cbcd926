"""
Prices compared with other venues', and collateral with what it should follow.

Rule: a venue liquidates by its own prices, and may be the one that is wrong: a mark that stood
still while the market moved will jump. Where two prices of the same contract differ the worse
verdict counts, marked as unconfirmed, and no money moves. What is said of it waits for a second
reading; danger by it does not.

    apart    further from another venue's than `APART_PERCENT`
    stuck    unchanged for 30 s while the same contract moved by `STUCK_PERCENT` elsewhere
    depegged a stable coin off its dollar, a staked coin off what one of it was worth in its coin

Who asks other venues, and when, is the service's; `standing` says of which marks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from watcher.domain.account import ZERO, Asset, Snapshot
from watcher.domain.alert import (
    MINUTE_US,
    SECOND_US,
    AccountState,
    FindingState,
    Lane,
    Still,
    Tier,
)
from watcher.margin.movers import STAKED, is_stable
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.checks import LOSSES_SHOWN_MAX, STAY, Apart, Finding, Look, Scene
from watcher.policy.incidents import elapsed_us
from watcher.policy.readings import Reading

APART_PERCENT = 5.0
APART_PERCENT_MAX = 50.0
"""Further apart it is another coin of the same name, unless the mark is known to be stuck."""
STUCK_PERCENT = 0.3
STUCK_AFTER_US = 30 * SECOND_US
PEG_STEPS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0)
"""Percent off at which a collateral is told of, again at each worse one."""
PEG_CALM = 0.5
PEG_MOVED = 0.05
"""Between these, in percent, the peg follows: staked coins earn; each step is a synced write."""
DUST = Decimal("0.01")
"""Less than this part of what a pool holds and owes is not told of."""
SAMPLES = 2
REPEAT_US = 4 * 60 * MINUTE_US


Stills = Mapping[str, Still]


def stills(state: AccountState, found: Snapshot, prices: Mapping[str, float], at_us: int) -> Stills:
    """Return since when each mark of *found*, read at *at_us*, reads the same."""
    last = state.last_good
    was = {} if last is None else {one.symbol: one.mark for one in last.positions}
    kept = {}
    for one in found.positions:
        old = state.still.get(one.symbol)
        same = old if was.get(one.symbol) == one.mark else None
        still = same or Still(since_us=at_us)
        if still.elsewhere is None and prices.get(one.underlying, 0.0) > 0:
            still = replace(still, elsewhere=prices[one.underlying])
        kept[one.symbol] = still
    return kept


def standing(state: AccountState, now_us: int) -> tuple[str, ...]:
    """Return the contracts whose marks stood still for so long that others should be asked."""
    stood = (s for s, one in state.still.items() if _stood(one, now_us))
    return tuple(sorted(stood))


def differing(found: Snapshot, prices: Mapping[str, float]) -> tuple[str, ...]:
    """
    Return the contracts whose marks differ from *prices* by about what is told of; what is further
    away is another coin of the same name.
    """
    limit = APART_PERCENT * STAY
    return tuple(
        one.symbol
        for one in found.positions
        if one.mark > 0 and one.underlying in prices
        if limit < _percent_off(prices[one.underlying], float(one.mark)) < APART_PERCENT_MAX
    )


def aparts(
    found: Snapshot,
    prices: Mapping[str, float],
    still: Stills,
    at_us: int,
    *,
    told: Mapping[str, FindingState],
) -> tuple[Apart, ...]:
    """
    Return what differs between *found* and *prices* from elsewhere.

    What stands among *told* stays until it is plainly over.
    """
    apart: dict[str, Apart] = {}
    state = told.get(f"{price_apart.__name__}:")
    limit = APART_PERCENT * (STAY if state is not None and state.fact else 1.0)
    for one in sorted(found.positions, key=lambda position: position.symbol):
        other, mark = prices.get(one.underlying), float(one.mark)
        if one.underlying in apart or other is None or not other > 0 or not mark > 0:
            continue
        stuck_us = _stuck_us(still.get(one.symbol), mark, other, at_us)
        if stuck_us is not None or limit < _percent_off(other, mark) < APART_PERCENT_MAX:
            apart[one.underlying] = Apart(
                coin=one.underlying, ours=mark, elsewhere=other, stuck_us=stuck_us
            )
    return tuple(apart.values())


def worse(found: Look, other: Look | None) -> tuple[Mapping[str, Reading | None], frozenset[str]]:
    """Return the worse verdict on each pool of the two, and the pools where it is *other*'s."""
    if other is None:
        return found.readings, frozenset()
    doubted = frozenset(
        pool
        for pool, reading in other.readings.items()
        if reading is not None and _is_worse(reading, found.readings.get(pool))
    )
    readings = {**found.readings, **{pool: other.readings[pool] for pool in doubted}}
    return readings, doubted


def _is_worse(reading: Reading, own: Reading | None) -> bool:
    return own is not None and (reading.tier, reading.hold) > (own.tier, own.hold)


def price_apart(scene: Scene) -> Iterator[Finding]:
    """Find marks that differ from other venues'."""
    if not scene.apart:
        return
    venue = wording.venue_name(scene.look.snapshot.venue)
    said = []
    for one in scene.apart[:LOSSES_SHOWN_MAX]:
        coin = wording.name(one.coin)
        ours, other = wording.price(one.ours), wording.price(one.elsewhere)
        said.append(say.PRICE_APART.format(coin=coin, ours=ours, other=other, venue=venue))
        if one.stuck_us is not None:
            stood = wording.duration(one.stuck_us / SECOND_US)
            said.append(say.PRICE_STUCK.format(coin=coin, since=stood))
    yield Finding(
        check=price_apart.__name__,
        pool="",
        fact="apart",
        title=say.PRICE_DIFFERS,
        facts=(*said, say.WORSE_COUNTS),
        tier=Tier.WARNING,
        lane=Lane.WARNING,
        samples=SAMPLES,
        repeat_us=REPEAT_US,
    )


def depegged(scene: Scene) -> Iterator[Finding]:
    """Find collateral, or what is owed, that is not worth what it should be."""
    snapshot = scene.look.snapshot
    prices = _prices(snapshot)
    found: dict[str, list[tuple[str, float, str]]] = {}
    for one in snapshot.assets:
        if not _matters(one, snapshot):
            continue
        off = _off_peg(one, snapshot.reference, prices, scene.pegs)
        told = _told_step(scene.findings.get(f"{depegged.__name__}:{one.pool}"), one.asset)
        step = max((s for s in PEG_STEPS if off is not None and abs(off) >= s), default=0.0)
        if off is not None and step < told and abs(off) >= STAY * told:
            step = told
        if off is not None and step:
            text = _peg_said(one, off, scene.pegs)
            found.setdefault(one.pool, []).append((one.asset, step, text))
    for pool, rows in found.items():
        worst = max(step for _, step, _ in rows)
        yield Finding(
            check=depegged.__name__,
            pool=pool,
            fact="/".join(f"{asset} {step:g}" for asset, step, _ in sorted(rows)),
            title=say.OFF_PEG,
            facts=(*(text for _, _, text in rows[:LOSSES_SHOWN_MAX]), say.OFF_PEG_FACT),
            tier=Tier.WARNING if worst > PEG_STEPS[1] else Tier.WATCH,
            lane=Lane.WARNING,
            silent=worst <= PEG_STEPS[1],
            samples=SAMPLES,
            repeat_us=REPEAT_US,
        )


def pegs(known: Mapping[str, float], found: Snapshot) -> dict[str, float]:
    """Return what one of each staked coin of *found* is worth in its coin, as far as it is calm."""
    prices = _prices(found)
    kept = dict(known)
    for one in found.assets:
        worth = _worth_in_coin(one, prices)
        if worth is None:
            continue
        was = kept.get(one.asset)
        if was is None or PEG_MOVED < _percent_off(worth, was) <= PEG_CALM:
            kept[one.asset] = worth
    return kept


# dust, and what counts for nothing, may be worth what it likes
def _matters(one: Asset, snapshot: Snapshot) -> bool:
    def value(asset: Asset) -> Decimal:
        return (abs(asset.wallet) + (asset.debt or ZERO)) * asset.index

    whole = sum((value(asset) for asset in snapshot.assets if asset.pool == one.pool), ZERO)
    counts = bool(one.debt) or one.wallet < 0 or any(slice_.weight for slice_ in one.weights)
    return counts and value(one) > DUST * whole


def _stood(one: Still, now_us: int) -> bool:
    return elapsed_us(now_us, one.since_us) >= STUCK_AFTER_US


# what was first compared may have been an older price than ours: the two have to be apart as well
def _stuck_us(still: Still | None, mark: float, other: float, at_us: int) -> int | None:
    if still is None or still.elsewhere is None or not _stood(still, at_us):
        return None
    moved = min(_percent_off(other, still.elsewhere), _percent_off(other, mark))
    return elapsed_us(at_us, still.since_us) if moved > STUCK_PERCENT else None


def _percent_off(one: float, of: float) -> float:
    return abs(one / of - 1) * 100


# the coin's own index where it is held too, else the mark of a contract on it
def _prices(snapshot: Snapshot) -> dict[str, float]:
    found = {one.underlying: float(one.mark) for one in snapshot.positions if not one.inverse}
    found.update({one.asset: float(one.index) for one in snapshot.assets})
    return found


def _worth_in_coin(one: Asset, prices: Mapping[str, float]) -> float | None:
    coin = prices.get(STAKED.get(one.asset.upper(), ""))
    return float(one.index) / coin if coin and one.index > 0 else None


def _off_peg(
    one: Asset, reference: str, prices: Mapping[str, float], known: Mapping[str, float]
) -> float | None:
    """Return how far off *one* is, in percent, below 0 where it is worth less."""
    if is_stable(one.asset):
        return None if one.asset == reference else (float(one.index) - 1) * 100
    worth, was = _worth_in_coin(one, prices), known.get(one.asset)
    return None if worth is None or was is None else (worth / was - 1) * 100


def _peg_said(one: Asset, off: float, known: Mapping[str, float]) -> str:
    asset, percent = wording.name(one.asset), wording.signed_percent(off)
    if is_stable(one.asset):
        return say.OFF_DOLLAR.format(asset=asset, index=f"{one.index:.4f}", off=percent)
    coin = wording.name(STAKED[one.asset.upper()])
    return say.OFF_COIN.format(asset=asset, was=f"{known[one.asset]:.4f}", coin=coin, off=percent)


def _told_step(state: FindingState | None, asset: str) -> float:
    told = {} if state is None or not state.fact else dict(_parts(state.fact))
    return told.get(asset, 0.0)


def _parts(fact: str) -> Iterator[tuple[str, float]]:
    for part in fact.split("/"):
        asset, _, step = part.rpartition(" ")
        yield asset, float(step)
