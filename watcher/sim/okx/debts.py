"""
What OKX does about the debts of a shared account at a ratio of 100 %.

Rule: resting spot orders go first; then the debt that needs most is lowered to the cap of the tier
below, in the first tier to nothing, again and again until the ratio holds (guide to partial
liquidation: a debt of 110 BTC is lowered to 100). Drawn: what is sold for it goes at its index.
"""

from __future__ import annotations

from decimal import Decimal

from watcher.sim.forced import record
from watcher.sim.okx.borrowing import cap_below
from watcher.sim.okx.figures import WALLET, CurrencyFigures, Figures, figures
from watcher.sim.things import ZERO, Account
from watcher.sim.world import World

POOL = "unified"


def cancel_spot_orders(world: World, account: Account) -> None:
    for name, held_back in account.frozen.items():
        record(
            world,
            account,
            pool=POOL,
            kind="cancel_orders",
            symbol=name,
            side="sell",
            quantity=held_back,
            price=world.index(name),
        )
    account.frozen.clear()
    account.haircut_loss = ZERO
    world.touch()


def repay_tier_by_tier(world: World, account: Account) -> None:
    """Lower the debt that needs most to the tier below, the lowest to nothing, until it is calm."""
    while True:
        now = figures(world, account)
        if now.need <= 0 or now.adjusted_equity > now.need:
            return
        owing = max(now.currencies.values(), key=lambda one: one.borrowed.need * one.index)
        wanted = owing.owed - cap_below(owing.currency, owing.owed)
        if wanted <= 0 or not _repay(world, account, now, owing, wanted):
            return


def _repay(
    world: World, account: Account, now: Figures, owing: CurrencyFigures, wanted: Decimal
) -> bool:
    """Pay *wanted* of a debt from what is kept of it, then by selling, largest first."""
    name = owing.currency
    # outside spot mode what is kept is netted with the debt already
    kept = max(account.balance(WALLET, name), ZERO) if owing.terms.lent else ZERO
    missing = max(wanted - kept, ZERO) * owing.index
    owned = sorted(
        (one for one in now.currencies.values() if one.equity > 0 and one.currency != name),
        key=lambda one: one.equity * one.index,
        reverse=True,
    )
    sales = ZERO
    for asset in owned:
        left = max(account.balance(WALLET, asset.currency), ZERO)
        sold = min(left, missing / asset.index)
        if sold > 0:
            missing -= sold * asset.index
            sales += sold * asset.index
            world.credit(account, asset.currency, -sold)
            world.credit(account, name, sold * asset.index / owing.index)
            _record_sale(world, account, asset, sold)
    if name in account.debts:
        return bool(world.repay(account, name, wanted, wallet=WALLET))
    return sales > 0


def _record_sale(world: World, account: Account, asset: CurrencyFigures, quantity: Decimal) -> None:
    record(
        world,
        account,
        pool=POOL,
        kind="sell_asset",
        symbol=asset.currency,
        side="sell",
        quantity=quantity,
        price=asset.index,
    )
