"""
The control endpoint: how a person or a test moves the practice world from outside.

Rule: JSON in, JSON out; every wish becomes one operation of `World` (or a fault, a freeze, a
word to the bot). What cannot be done is answered 400 with the reason, naming what was expected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from typing import Any, Protocol, cast
from urllib.parse import parse_qs

import orjson

from watcher.domain.amounts import exact
from watcher.sim.bot_api import BotApi
from watcher.sim.bot_control import People
from watcher.sim.bot_fallback import Fallback
from watcher.sim.desk import Plan
from watcher.sim.faults import Fault, FaultBook
from watcher.sim.heartbeat import Pings
from watcher.sim.things import (
    Account,
    Liquidation,
    PoolState,
    Position,
    Rights,
    SideName,
    Transfer,
    WorldError,
)
from watcher.sim.wire import Reply, short
from watcher.sim.world import World

Body = dict[str, Any]
MONEY = Decimal("0.00000001")


@dataclass(slots=True)
class Tally:
    """What one path was asked so far."""

    count: int = 0
    weight: int = 0
    refused: int = 0


class Served(Protocol):
    """What may be moved from outside: the server's world, bot and troubles."""

    world: World
    bot: BotApi
    fallback: Fallback
    pings: Pings
    faults: FaultBook
    frozen: set[str]
    tallies: dict[tuple[str, str], Tally]

    @property
    def lockstep(self) -> bool: ...

    def release(self) -> None:
        """Let requests go that a `timeout` fault holds."""


class Control:
    """Answers `/control/...` over one server's world, faults and bot."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self._world = server.world
        self._people = People(server.bot, server.fallback, server.pings)
        self._posts: Mapping[str, Callable[[Body], object]] = {
            "price": self._price,
            "index": self._index,
            "position": self._position,
            "transfer": self._transfer,
            "transfers": self._transfers,
            "deposit": self._deposit,
            "debt": self._debt,
            "basis": self._basis,
            "flag": self._flag,
            "rights": self._rights,
            "fault": self._fault,
            "freeze": self._freeze,
            "reset_faults": self._reset_faults,
            **self._people.posts,
        }

    def handle(self, method: str, path: str, raw_query: str, body: bytes) -> Reply:
        """Answer one call. Raises: `WorldError` and what reading numbers raises (server: 400)."""
        name = path.removeprefix("/control/")
        if method == "GET":
            return self._get(name, parse_qs(raw_query))
        action = self._posts.get(name)
        if action is None:
            known = ", ".join(sorted(self._posts))
            raise WorldError(f"control/{name}: not known; POST one of {known}")
        said = orjson.loads(body) if body else {}
        if not isinstance(said, dict):
            raise WorldError(f"control/{name}: expected a JSON object")
        done = action(said)
        self._world.check()
        return Reply(payload={"now_us": self._world.now_us, **cast("Body", done or {})})

    # ── reading ────────────────────────────────────────────────────────────────────────────

    def _get(self, name: str, query: Mapping[str, list[str]]) -> Reply:
        if name == "state":
            return Reply(payload=self.state())
        if name in self._people.gets:
            return Reply(payload=self._people.gets[name](query))
        if name == "requests":
            return Reply(payload=self._requests())
        if name == "faults":
            return Reply(payload=[_fault_shown(one) for one in self._server.faults.standing])
        known = ", ".join(["state", "requests", "faults", *self._people.gets])
        raise WorldError(f"control/{name}: not known; GET one of {known}")

    def state(self) -> Body:
        """Return the truth, as the venues' rules see it."""
        world = self._world
        prices = {**world.prices, **world.stables}
        return {
            "now_us": world.now_us,
            "lockstep": self._server.lockstep,
            "prices": {name: short(price) for name, price in prices.items()},
            "accounts": {name: self._account(one) for name, one in world.accounts.items()},
        }

    def _account(self, account: Account) -> Body:
        return {
            "venue": account.venue,
            "mode": account.mode,
            "pools": {state.pool: _pool(state) for state in self._world.pools(account)},
            "positions": [self._leg(leg) for leg in account.positions.values()],
            "wallets": {
                wallet: {asset: short(amount) for asset, amount in purse.items()}
                for wallet, purse in account.wallets.items()
            },
            "debts": {
                asset: {"principal": short(debt.principal), "interest": short(debt.interest)}
                for asset, debt in account.debts.items()
            },
            "liquidations": [_liquidation(one) for one in account.liquidations],
            "transfers": [_transfer(one) for one in account.transfers],
            "margin_calls": [
                {"at_us": one.at_us, "pool": one.pool, "text": one.text}
                for one in account.margin_calls
            ],
        }

    def _leg(self, leg: Position) -> Body:
        return {
            "symbol": leg.symbol,
            "side": leg.side,
            "quantity": short(leg.quantity),
            "entry": short(leg.entry.quantize(MONEY)),
            "mark": short(self._world.mark(leg.instrument)),
            "leverage": short(leg.leverage),
            "margin_mode": leg.margin_mode,
            "isolated_margin": short(leg.isolated_margin.quantize(MONEY)),
            "unrealised_pnl": short(self._world.unrealised(leg).quantize(MONEY)),
        }

    def _requests(self) -> Body:
        venues: dict[str, Body] = {}
        for (venue, path), tally in self._server.tallies.items():
            part = venues.setdefault(venue, {"count": 0, "weight": 0, "refused": 0, "paths": {}})
            part["count"] += tally.count
            part["weight"] += tally.weight
            part["refused"] += tally.refused
            part["paths"][path] = {
                "count": tally.count,
                "weight": tally.weight,
                "refused": tally.refused,
            }
        return venues

    # ── the world ──────────────────────────────────────────────────────────────────────────

    def _price(self, said: Body) -> None:
        prices = _amounts(said)
        for name in prices:
            self._world.price(name)
        self._world.bend(prices)

    def _index(self, said: Body) -> None:
        self._price(said)

    def _position(self, said: Body) -> Body:
        account = self._named(said)
        side = said.get("side")
        if side not in {"long", "short"}:
            raise WorldError(f"side: found {side!r}, expected long or short")
        leg = self._world.set_position(
            account,
            str(said.get("symbol", "")),
            cast("SideName", side),
            _amount(said, "quantity"),
            entry=_maybe(said, "entry"),
            leverage=_maybe(said, "leverage"),
            isolated_margin=_maybe(said, "isolated_margin"),
        )
        return {"position": None if leg is None else self._leg(leg)}

    def _transfer(self, said: Body) -> Body:
        done = self._world.transfer(
            self._named(said),
            str(said.get("asset", "")),
            _amount(said, "amount"),
            source=str(said.get("from", "")),
            target=str(said.get("to", "")),
        )
        return {"id": done.id}

    def _transfers(self, said: Body) -> None:
        """Plan what becomes of requests that move collateral: see `desk.Plan.of`."""
        self._target(said)
        self._world.desk.add(Plan.of(said, now_us=self._world.now_us))

    def _deposit(self, said: Body) -> None:
        """Add to (or, negative, take from) a wallet: {account, wallet, asset, amount}."""
        self._world.credit(
            self._named(said),
            str(said.get("asset", "")),
            _amount(said, "amount"),
            wallet=str(said.get("wallet", "")),
        )

    def _debt(self, said: Body) -> None:
        """Borrow into a wallet (negative: repay): {account, wallet, asset, amount}."""
        account, amount = self._named(said), _amount(said, "amount")
        asset, wallet = str(said.get("asset", "")), str(said.get("wallet", ""))
        if amount >= 0:
            rate = _maybe(said, "hourly_rate") or Decimal(0)
            self._world.borrow(account, asset, amount, wallet=wallet, hourly_rate=rate)
        else:
            self._world.repay(account, asset, -amount, wallet=wallet)

    def _basis(self, said: Body) -> None:
        """Lift one contract's mark over its underlying: {venue, symbol, basis}."""
        venue, symbol = str(said.get("venue", "")), str(said.get("symbol", ""))
        self._world.set_basis(self._world.instrument(venue, symbol), _amount(said, "basis"))

    def _flag(self, said: Body) -> None:
        """Switch a mode or oddity of an account: {account, flag, on}, or {account, mode}."""
        account = self._named(said)
        if "mode" in said:
            account.mode = str(said["mode"])
        if "flag" in said:
            account.flags[str(said["flag"])] = bool(said.get("on", True))
        self._world.touch()

    def _rights(self, said: Body) -> None:
        """
        Change what an account's key may do: {account, withdraw: true, transfer: false, ...}, and
        with `uid` whose it is.
        """
        account = self._named(said)
        known = [one.name for one in fields(Rights) if one.name != "expires_at_us"]
        wanted = {name: value for name, value in said.items() if name not in ("account", "uid")}
        for name, value in wanted.items():
            if name not in known or not isinstance(value, bool):
                raise WorldError(f"rights: found {name}={value!r}, expected {known} as true/false")
        account.rights = replace(account.rights, **wanted)
        if "uid" in said:
            account.uid = int(_amount(said, "uid"))
        self._world.touch()

    # ── trouble ────────────────────────────────────────────────────────────────────────────

    def _target(self, said: Body) -> str:
        target = str(said.get("target", ""))
        known = {"bot", "fallback", "ping", *self._world.rules, *self._world.accounts}
        if target not in known:
            raise WorldError(
                f"target: found {target!r}, expected one of {', '.join(sorted(known))}"
            )
        return target

    def _fault(self, said: Body) -> None:
        self._target(said)
        self._server.faults.add(Fault.of(said, now_us=self._world.now_us))

    def _freeze(self, said: Body) -> None:
        target = self._target(said)
        if said.get("on", True):
            self._server.frozen.add(target)
        else:
            self._server.frozen.discard(target)

    def _reset_faults(self, _: Body) -> None:
        self._server.faults.clear()
        self._world.desk.plans.clear()
        self._server.frozen.clear()
        self._people.reset()
        self._server.release()

    def _named(self, said: Body) -> Account:
        return self._world.account(str(said.get("account", "")))


def _amount(said: Body, name: str) -> Decimal:
    return exact(_written(said.get(name)), name)


def _maybe(said: Body, name: str) -> Decimal | None:
    return None if said.get(name) is None else _amount(said, name)


def _amounts(said: Body) -> dict[str, Decimal]:
    return {name: _amount(said, name) for name in said}


def _written(value: object) -> object:
    # a person at a prompt may leave the quotes away; the float's shortest text is what they typed
    return repr(value) if isinstance(value, float) else value


def _pool(state: PoolState) -> Body:
    return {
        "reference": state.reference,
        "equity": short(state.equity.quantize(MONEY)),
        "maintenance_margin": short(state.maintenance_margin.quantize(MONEY)),
        "requirement": short(state.requirement.quantize(MONEY)),
        "health": None if state.health is None else float(state.health),
        "margin_level": None if state.margin_level is None else float(state.margin_level),
        "venue_ratio": None if state.venue_ratio is None else float(state.venue_ratio),
        "liquidation_prices": {
            f"{symbol}:{side}": short(price.quantize(MONEY))
            for (symbol, side), price in state.liquidation_prices.items()
        },
    }


def _liquidation(event: Liquidation) -> Body:
    return {
        "at_us": event.at_us,
        "pool": event.pool,
        "kind": event.kind,
        "symbol": event.symbol,
        "side": event.side,
        "quantity": short(event.quantity.quantize(MONEY)),
        "price": short(event.price.quantize(MONEY)),
        "fee": short(event.fee.quantize(MONEY)),
        "note": event.note,
    }


def _transfer(one: Transfer) -> Body:
    return {
        "id": one.id,
        "verb": one.verb,
        "ref": one.client_id,
        "asset": one.asset,
        "amount": short(one.amount),
        "from": one.source,
        "to": one.target,
        "at_us": one.at_us,
    }


def _fault_shown(fault: Fault) -> Body:
    return {
        "target": fault.target,
        "kind": fault.kind,
        "count": fault.count,
        "until_us": fault.until_us,
        "path": fault.path,
    }
