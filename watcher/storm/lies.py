"""
What a venue tells of an account that is not so, while nothing says that it is not.

Rule: a lie is whole. The venue's own totals agree with it, as far as they come from the same
source, because what lies is shown an account, or prices, that are not the true ones, and the view
is then taken as always. The world itself never learns of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from watcher.domain.account import ONE, ZERO, Snapshot, VenueRatio, VenueSays
from watcher.sim.things import Account
from watcher.sim.world import World
from watcher.storm import misread
from watcher.storm.views import prices_of, snapshot_of
from watcher.storm.weather import Fault, Spell, Weather

GLITCH, WORST_GLITCH = Decimal(30), Decimal(1000)
BENT_MIN, BENT_MAX = 0.65, 0.97
WIDE_MIN, WIDE_MAX = 0.03, 0.30
COIN = "BTC"
"""The collateral whose index is bent; its contracts keep their marks."""


class Liar:
    """Shows one account, by the weather, as it is or as it is not."""

    def __init__(
        self,
        world: World,
        name: str,
        weather: Weather,
        chance: random.Random,
        now_us: Callable[[], int],
    ) -> None:
        self._world = world
        self._name = name
        self._venue = world.account(name).venue
        self._weather = weather
        self._chance = chance
        self._now_us = now_us
        self._standing: dict[Fault, tuple[Spell, Decimal]] = {}
        self._frozen: Snapshot | None = None
        self.apart: Decimal | None = None
        """The share of the equity that the venue's figures in the last snapshot leave out."""

    def account(self) -> Account:
        """Return the account in the mode its venue has it in now."""
        true = self._world.account(self._name)
        if Fault.MODE_SWITCH not in self._standing:
            return true
        mode = "portfolio" if self._venue == "okx" else true.mode
        return replace(true, mode=mode, flags={**true.flags, "portfolio": True})

    def snapshot(self, at_us: int) -> Snapshot:
        """
        Return what is told of the account at *at_us* of the reader's clock.

        Raises: `VenueError` where the adapter's readers notice that it cannot be so.
        """
        self._settle_mode()
        spell = self._strikes(*misread.SPOILT)
        if spell is not None:
            misread.read_spoilt(spell.fault, self._world, self.account())
        found = self._seen(at_us)
        if spell is not None and spell.fault is Fault.PAGE_CUT:
            kept = found.positions[: len(found.positions) // 2]
            found = replace(found, positions=kept)
        self.apart = apart = self._stands(Fault.DIVERGENCE, WIDE_MIN, WIDE_MAX)
        if apart is not None:
            found = replace(
                found,
                venue_says={pool: _worse(says, apart) for pool, says in found.venue_says.items()},
            )
        return self._as_frozen(found, at_us)

    def prices(self, symbols: Sequence[str]) -> Mapping[str, float]:
        """Return the public marks of *symbols*; those of a frozen venue stand still as well."""
        found = prices_of(self._world, self._venue, symbols)
        if self._frozen is not None and self._stands(Fault.FROZEN_MARK) is not None:
            stood = {one.underlying: float(one.mark) for one in self._frozen.positions}
            found |= {name: stood[name] for name in found if name in stood}
        return found

    # ── lies ───────────────────────────────────────────────────────────────────────────────

    def _settle_mode(self) -> None:
        known = Fault.MODE_SWITCH in self._standing
        if self._stands(Fault.MODE_SWITCH) is None or known:
            return
        if self._venue == "bybit":
            # the adapter looks for cross margin's fields until it has read the new mode
            misread.read_other_mode(self._world, self._world.account(self._name), self.account())

    def _seen(self, at_us: int) -> Snapshot:
        world, seen = self._world, self.account()
        glitch = self._strikes(Fault.GLITCH_ZERO, Fault.GLITCH_UP)
        if glitch is not None:
            factor = WORST_GLITCH if glitch.worst else GLITCH
            seen = multiplied(seen, ZERO if glitch.fault is Fault.GLITCH_ZERO else factor)
        if self._strikes(Fault.VANISHED) is not None:
            seen = emptied(seen)
        bent = self._stands(Fault.BENT_INDEX, BENT_MIN, BENT_MAX)
        if bent is not None:
            world = world.bent({COIN: world.price(COIN) * bent})
        return snapshot_of(world, self._name, at_us=at_us, seen=seen)

    def _as_frozen(self, found: Snapshot, at_us: int) -> Snapshot:
        if self._stands(Fault.FROZEN_MARK) is None:
            self._frozen = None
            return found
        if self._frozen is None:
            self._frozen = found
        # the answers are fresh, what they tell is not
        return replace(
            self._frozen, taken_at_us=at_us, parts=dict.fromkeys(self._frozen.parts, at_us)
        )

    def _strikes(self, *faults: Fault) -> Spell | None:
        return self._weather.first(faults, self._name, self._venue)

    def _stands(self, fault: Fault, low: float = 1.0, high: float = 1.0) -> Decimal | None:
        """Return how far a lie goes that, once told, is kept to until its spell is over."""
        standing = self._standing.get(fault)
        if standing is not None and self._now_us() < standing[0].until_us:
            return standing[1]
        self._standing.pop(fault, None)
        spell = self._strikes(fault)
        if spell is None:
            return None
        far = Decimal(str(round(self._chance.uniform(low, high), 4)))
        self._standing[fault] = (spell, far)
        return far


def multiplied(account: Account, factor: Decimal) -> Account:
    """Return *account* with *factor* times what it has."""
    return replace(
        account,
        wallets={
            wallet: {name: held * factor for name, held in purse.items()}
            for wallet, purse in account.wallets.items()
        },
    )


def emptied(account: Account) -> Account:
    """Return *account* without its positions, and without what it borrowed or lent for them."""
    wallets = {name: purse for name, purse in account.wallets.items() if name != "margin"}
    return replace(account, positions={}, debts={}, wallets=wallets)


def _worse(says: VenueSays, share: Decimal) -> VenueSays:
    """Return the venue's figures with *share* of the equity gone that ours still counts."""
    if says.equity is None:
        return says
    left = ONE - share
    ratio = says.ratio
    if ratio is not None:
        ratio = replace(ratio, value=_ratio(ratio, left))
    return replace(says, equity=says.equity * left, ratio=ratio)


def _ratio(ratio: VenueRatio, left: Decimal) -> Decimal:
    match ratio.name:
        case "marginLevel":
            return ONE + (ratio.value - ONE) * left
        case "marginRatio" | "accountMMRate":
            return ratio.value / left
        case _:
            return ratio.value * left
