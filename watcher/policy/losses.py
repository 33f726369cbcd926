"""
What got smaller between two readings of an account, and whether a liquidation explains it best.

Rule: told from evidence alone, whatever tier the pool had: a gap of the price can liquidate what
was calm at the reading before. Either the price went where the pool is liquidated, or nearly; or
equity is missing that neither the move of prices nor a transfer within the account explains. A
close by the trader leaves his equity where it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from watcher.domain.account import ZERO, Asset, Position, Side, Snapshot
from watcher.domain.loss import Gathered, Loss, Rise
from watcher.domain.report import PoolReport, Report
from watcher.margin import BookError, evaluate, repriced
from watcher.policy import messages as say
from watcher.policy import moves, wording

DEBT_NOISE = Decimal("0.001")
"""A debt that falls by less than this part is interest being settled."""
SOLD_FRACTION = Decimal("0.01")
"""Less than this part of an asset gone is a fee."""
PAID_FOR_FRACTION = Decimal("0.5")
"""What was sold brought about its worth in other assets; what was moved away brought nothing."""
NEAR_FRACTION = 0.2
"""This part of the way to liquidation left, and a dip between two readings may have reached it."""
COLLAPSE_FRACTION = 0.2
"""More than this part of the equity gone unexplained is no fee and no slip of a price."""
PAID_FRACTION = Decimal("0.1")
GAIN_FRACTION = Decimal("0.001")
"""A close pays its gain or loss into the wallet; below this part of its value it proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """
    What one pool was worth, whether it was most likely liquidated, and whether what it held is gone
    though no close was paid for: `unpaid`.
    """

    equity_was: float | None
    likely: bool
    unpaid: bool = False


def losses(before: Snapshot, after: Snapshot) -> dict[str, list[Loss]]:
    """Return what each pool holds or owes less of than before."""
    found: dict[str, list[Loss]] = {}
    held = {_key(position): position for position in after.positions}
    known = {_key(position) for position in before.positions}
    # a change of margin mode moves a position to another pool: that is no loss
    moved = {(p.symbol, p.side): p for key, p in held.items() if key not in known}
    for old in before.positions:
        new = held.get(_key(old)) or moved.get((old.symbol, old.side))
        if new is None or new.quantity < old.quantity:
            left = ZERO if new is None else new.quantity
            loss = Loss(kind="position", name=old.symbol, side=old.side, was=old.quantity, now=left)
            found.setdefault(old.pool, []).append(loss)
    owed = {(asset.pool, asset.asset): _owed(asset) for asset in after.assets}
    for asset in before.assets:
        was, now = _owed(asset), owed.get((asset.pool, asset.asset), ZERO)
        if now < was * (1 - DEBT_NOISE) and moves.swallowed(asset.pool, before, after) is None:
            loss = Loss(kind="debt", name=asset.asset, side=None, was=was, now=now)
            found.setdefault(asset.pool, []).append(loss)
    for pool, sold in _sales(before, after):
        found.setdefault(pool, []).append(sold)
    return found


# a venue sells one asset for another to cover a loss, before it touches a position
def _sales(before: Snapshot, after: Snapshot) -> Iterator[tuple[str, Loss]]:
    """Yield what went from one asset of a pool into another of it."""
    wallets = {(asset.pool, asset.asset): asset.wallet for asset in after.assets}
    came: dict[str, Decimal] = {}
    left: list[tuple[Asset, Decimal]] = []
    for asset in before.assets:
        now = wallets.get((asset.pool, asset.asset), ZERO)
        if now > asset.wallet:
            rise = (now - asset.wallet) * asset.index
            came[asset.pool] = came.get(asset.pool, ZERO) + rise
        elif ZERO <= now < asset.wallet * (1 - SOLD_FRACTION):
            left.append((asset, now))
    for asset, now in left:
        value = (asset.wallet - now) * asset.index
        if came.get(asset.pool, ZERO) >= value * PAID_FOR_FRACTION:
            loss = Loss(kind="asset", name=asset.asset, side=None, was=asset.wallet, now=now)
            yield asset.pool, loss


def said(loss: Loss) -> str:
    """Return the line that says *loss*."""
    if loss.side is None:
        text = say.DEBT_WAS if loss.kind == "debt" else say.ASSET_WAS
        return text.format(
            was=wording.amount(float(loss.was)),
            asset=wording.name(loss.name),
            now=wording.amount(float(loss.now)) if loss.now else say.NOTHING,
        )
    return say.POSITION_WAS.format(
        symbol=wording.name(loss.name),
        side=say.SIDES[loss.side],
        was=f"{loss.was.normalize():,f}",
        now=f"{loss.now.normalize():,f}" if loss.now else say.POSITION_IS_GONE,
    )


def said_back(loss: Loss) -> str:
    """Return the line that says that *loss* is none."""
    side = "" if loss.side is None else f" {say.SIDES[loss.side]}"
    form = say.OWED_AGAIN if loss.kind == "debt" else say.HELD_AGAIN
    amount = f"{loss.was.normalize():,f}" if loss.side else wording.amount(float(loss.was))
    return form.format(what=f"{wording.name(loss.name)}{side}", was=amount)


def gathered(earlier: Gathered | None, found: Iterable[Loss], change: Change) -> Gathered:
    """Return *found* as one more step after *earlier*: each from what it was before the first."""
    before = earlier if earlier is not None and earlier.steps else Gathered()
    lost = {_thing(loss): loss for loss in before.losses}
    for loss in found:
        key = _thing(loss)
        lost[key] = replace(loss, was=lost[key].was) if key in lost else loss
    return Gathered(
        losses=tuple(lost.values()),
        told=() if earlier is None else earlier.told,
        steps=before.steps + 1,
        equity_was=before.equity_was if before.steps else change.equity_was,
        likely=before.likely or change.likely,
    )


def telling(whole: Gathered) -> Gathered:
    """Return what is left of *whole* once it is told."""
    told = {_thing(loss): loss for loss in (*whole.losses, *whole.told)}
    return Gathered(likely=whole.likely, told=tuple(told.values()))


def _thing(loss: Loss) -> tuple[str, str, Side | None]:
    return loss.kind, loss.name, loss.side


def is_back(loss: Loss, pool: str, snapshot: Snapshot) -> bool:
    """Tell whether *pool* holds, or owes, as much again as before *loss*."""
    if loss.kind == "position":
        return any(
            (one.pool, one.symbol, one.side) == (pool, loss.name, loss.side)
            and one.quantity >= loss.was
            for one in snapshot.positions
        )
    return any(
        (_owed(one) if loss.kind == "debt" else one.wallet) >= loss.was * (1 - DEBT_NOISE)
        for one in snapshot.assets
        if (one.pool, one.asset) == (pool, loss.name)
    )


def changes(
    before: Snapshot, after: Snapshot, report: Report, betas: Mapping[str, float]
) -> dict[str, Change]:
    """Return what became of each pool of *before*; *report* is that of *after*."""
    was = _pools(before, betas)
    if not was:
        return {}
    then = _moved(before, after, betas)
    now = {pool.pool: pool for pool in report.pools}
    return {
        name: Change(
            equity_was=pool.equity,
            likely=_reached(pool, then.get(name))
            or _collapsed(pool, then.get(name), _worth_now(pool, now.get(name), before, after)),
            unpaid=_is_unpaid(name, before, after),
        )
        for name, pool in was.items()
    }


def unexplained(
    before: Snapshot, after: Snapshot, report: Report, betas: Mapping[str, float]
) -> dict[str, tuple[float, float]]:
    """
    Return by pool what it would be worth at the prices of *after* and what it is worth, with what
    went to other pools; *report* is that of *after*.
    """
    now = {pool.pool: pool for pool in report.pools}
    found = {}
    for name, pool in _moved(before, after, betas).items():
        worth = _worth_now(pool, now.get(name), before, after)
        if pool.equity is not None and worth is not None:
            found[name] = (pool.equity, worth)
    return found


def beside(pool: str, snapshot: Snapshot) -> dict[str, dict[str, Decimal]]:
    """Return what lies beside *pool*: in each wallet that was read, and as "" in other pools."""
    found = {name: dict(held) for name, held in snapshot.wallets.items()}
    others = found.setdefault("", {})
    for asset in snapshot.assets:
        if asset.pool != pool:
            others[asset.asset] = others.get(asset.asset, ZERO) + asset.wallet
    for one in snapshot.positions:
        if one.pool != pool and one.isolated_margin is not None:
            others[one.settle] = others.get(one.settle, ZERO) + one.isolated_margin
    return found


def is_explained(rise: Rise, pool: str, reference: str, snapshot: Snapshot, most: float) -> bool:
    """
    Tell whether *pool* without what left the wallets and pools beside it rose less than *most*.

    A wallet that was not read, or an asset without a price, explains nothing.
    """
    left: dict[str, Decimal] = {}
    now = beside(pool, snapshot)
    for name, held in rise.beside.items():
        for coin in {*held, *now[name]} if name in now else ():
            gone = held.get(coin, ZERO) - now[name].get(coin, ZERO)
            left[coin] = left.get(coin, ZERO) + gone
    prices = {reference: 1.0}
    if reference == snapshot.reference:
        prices = {asset.asset: float(asset.index) for asset in snapshot.assets} | prices
    came = sum(max(0.0, float(gone)) * prices.get(coin, 0.0) for coin, gone in left.items())
    return rise.worth - came < most * rise.expected


# what was read once can be refused after an update of the engine: then nothing is known of it
def _pools(snapshot: Snapshot, betas: Mapping[str, float]) -> dict[str, PoolReport]:
    try:
        return {pool.pool: pool for pool in evaluate(snapshot, betas=betas, stages=False).pools}
    except BookError:
        return {}


def _moved(before: Snapshot, after: Snapshot, betas: Mapping[str, float]) -> dict[str, PoolReport]:
    """Return the pools of *before* at the prices of *after*."""
    try:
        return _pools(repriced(before, _factors(before, after)), betas)
    except BookError:
        return {}


def _factors(before: Snapshot, after: Snapshot) -> dict[str, float]:
    was, now = _prices(before), _prices(after)
    return {coin: now[coin] / price for coin, price in was.items() if price > 0 and coin in now}


# of several contracts on one coin the first by name, so that both readings are compared alike
def _prices(snapshot: Snapshot) -> dict[str, float]:
    found = {asset.asset: float(asset.index) for asset in snapshot.assets}
    later_first = sorted(snapshot.positions, key=lambda position: position.symbol, reverse=True)
    found.update({position.underlying: float(position.mark) for position in later_first})
    return found


# *then*: the pool as it was, at the prices of now
def _reached(was: PoolReport, then: PoolReport | None) -> bool:
    if then is None:
        return False
    if then.requirement and then.health is not None and not then.health > 1:
        return True
    if was.tier_distance is None or then.tier_distance is None:
        return False
    return then.tier_distance <= NEAR_FRACTION * was.tier_distance


def _collapsed(was: PoolReport, then: PoolReport | None, now: float | None) -> bool:
    if was.equity is None or was.equity <= 0 or now is None:
        return False
    expected = was.equity if then is None or then.equity is None else then.equity
    return expected - now > COLLAPSE_FRACTION * was.equity


# the answers agree that the positions are gone, and the balance says that nothing was traded
def _is_unpaid(pool: str, before: Snapshot, after: Snapshot) -> bool:
    held = {_key(position) for position in after.positions}
    gains: dict[str, Decimal] = {}
    values: dict[str, Decimal] = {}
    for one in before.positions:
        if one.pool == pool and _key(one) not in held and not one.inverse:
            size = one.quantity * one.contract_size
            gain = size * (one.mark - one.entry) * (1 if one.side is Side.LONG else -1)
            gains[one.settle] = gains.get(one.settle, ZERO) + gain
            values[one.settle] = values.get(one.settle, ZERO) + size * one.mark
    was = {asset.asset: asset.wallet for asset in before.assets if asset.pool == pool}
    now = {asset.asset: asset.wallet for asset in after.assets if asset.pool == pool}
    return any(
        abs(gain) > GAIN_FRACTION * values[settle]
        and abs(now[settle] - was[settle]) < PAID_FRACTION * abs(gain)
        for settle, gain in gains.items()
        if settle in was and settle in now
    )


def _worth_now(
    was: PoolReport, now: PoolReport | None, before: Snapshot, after: Snapshot
) -> float | None:
    """
    Return what the pool is worth with what went from it to other pools of the account.

    None where that cannot be known: an isolated pool whose margin goes to a wallet not shown.
    """
    if now is not None and now.equity is None:
        return None
    own = 0.0 if now is None or now.equity is None else now.equity
    earlier, later = _beside(was, before), _beside(was, after)
    if now is None and was.pool.startswith(wording.ISOLATED) and (earlier is None or later is None):
        return None
    return own + max(0.0, (later or 0.0) - (earlier or 0.0))


# balances exclude unrealised P&L: the moves of other pools are not in them
def _beside(was: PoolReport, snapshot: Snapshot) -> float | None:
    balances = []
    for asset in snapshot.assets:
        if asset.pool == was.pool:
            continue
        if asset.asset == was.reference:
            balances.append(float(asset.wallet))
        elif was.reference == snapshot.reference:
            balances.append(float(asset.wallet * asset.index))
    return sum(balances) if balances else None


def _owed(asset: Asset) -> Decimal:
    return (asset.debt or ZERO) + (asset.interest or ZERO)


def _key(position: Position) -> tuple[str, str, Side]:
    return position.pool, position.symbol, position.side
