"""
The people of the story: a trader with the bot on the phone, and a twin with the venue's e-mail.

Rule: a person acts only on what reached a screen, `reaction_s` after it did, and only through
operations a venue's app offers (move collateral, close part of a position). The trader does what
the message says; the twin, whose e-mail says nothing, moves whatever the funding wallet holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal

from watcher.sim.demo.phone import Read
from watcher.sim.things import ZERO, Account, Position
from watcher.sim.world import COLLATERAL_WALLET, World

SPARE_WALLET = "funding"
ACT_ON = ("CRITICAL", "EMERGENCY")
ACT_AGAIN_S = 600.0
WORSE_AGAIN_S = 60.0
"""How soon a person acts again where the message is graver than the one acted on."""
CONTRACTS = "contracts"
"""What a position is counted in that is settled in its own coin."""


@dataclass(slots=True, kw_only=True)
class Plan:
    """Something a person will do at `at_us`."""

    at_us: int
    account: str
    advice: Read | None


@dataclass(slots=True, kw_only=True)
class Person:
    """One of the two people; `plans` wait for their time."""

    reaction_s: float
    plans: list[Plan] = field(default_factory=list)
    acts: dict[str, Plan] = field(default_factory=dict)
    """By account the last thing done."""

    def notice(self, world: World, account: str, advice: Read | None) -> None:
        """Take note of a message that just arrived. One act at a time, none right after another."""
        if advice is not None and advice.tier not in ACT_ON:
            return
        if any(plan.account == account for plan in self.plans):
            return
        last = self.acts.get(account)
        wait_s = WORSE_AGAIN_S if _is_graver(advice, last) else ACT_AGAIN_S
        if last is not None and world.now_us - last.at_us < wait_s * 1e6:
            return
        due_us = world.now_us + round(self.reaction_s * 1e6)
        self.plans.append(Plan(at_us=due_us, account=account, advice=advice))

    def due(self, world: World) -> list[tuple[str, str]]:
        """Do what is due; return (account, what was done)."""
        ready = [plan for plan in self.plans if plan.at_us <= world.now_us]
        done = []
        for plan in ready:
            self.plans.remove(plan)
            account = world.account(plan.account)
            if account.positions:
                self.acts[plan.account] = replace(plan, at_us=world.now_us)
                done.append((plan.account, _act(world, account, plan.advice)))
        return done


def _is_graver(advice: Read | None, last: Plan | None) -> bool:
    if advice is None or last is None or last.advice is None:
        return False
    return ACT_ON.index(advice.tier) > ACT_ON.index(last.advice.tier)


def _act(world: World, account: Account, advice: Read | None) -> str:
    """Follow *advice* (without any: move all there is), and say in words what was done."""
    target = COLLATERAL_WALLET[account.venue]
    wanted, asset = advice.add if advice is not None and advice.add else (None, "USDT")
    held = account.balance(SPARE_WALLET, asset)
    moved = held if wanted is None else min(wanted, held)
    words = []
    if moved > ZERO:
        world.transfer(account, asset, moved, source=SPARE_WALLET, target=target)
        words.append(f"moved {moved:,.0f} {asset} from {SPARE_WALLET}")
    if wanted is not None and moved < wanted and advice is not None and advice.close:
        words.append(_close(world, account, *advice.close))
    return " and ".join(words) or "found nothing to move"


def _close(world: World, account: Account, amount: Decimal, coin: str) -> str:
    """Close *amount* of coin (or contracts) of the largest position in it, as the message asked."""
    counted = coin == CONTRACTS
    legs = [
        leg
        for leg in account.positions.values()
        if (leg.instrument.inverse if counted else leg.instrument.underlying == coin)
    ]
    if not legs:
        return f"found no {coin} position"
    leg = max(legs, key=world.notional)
    contracts = amount if counted else _contracts(world, leg, amount)
    world.reduce(account, leg, min(contracts, leg.quantity))
    return f"closed {amount} {coin}"


def _contracts(world: World, leg: Position, coins: Decimal) -> Decimal:
    instrument = leg.instrument
    if instrument.inverse:
        return (coins * world.mark(instrument) / instrument.contract_size).to_integral_value(
            ROUND_CEILING
        )
    steps = coins / instrument.contract_size / instrument.quantity_step
    return steps.to_integral_value(ROUND_CEILING) * instrument.quantity_step
