"""
The transfer desk of the practice venues: who moves collateral, when it arrives, what is told.

Rule: the truth is `Account.transfers`: one record per execution, with its id, our reference, its
amount and time, so that a double shows as two. A plan (set from the control endpoint) decides what
becomes of a request: executed at once or later, failed, hidden from the history for a while, its
answer lost. What is on its way has left its source and reached nothing. A venue's words are in
`sim.<venue>.transfers`, not here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from watcher.sim.things import Account, Transfer, WorldError

if TYPE_CHECKING:
    from watcher.sim.world import World

SECOND_US = 1_000_000
QUEUE_S = 33 * 60
"""Binance, 2025-10-10: how long transfers waited."""

REFUSALS = ("revoked", "precision", "recv_window", "insufficient", "rate_limit")
ZERO_BALANCES = "zero_balances"
_SHAPES: dict[str, dict[str, Any]] = {
    "pending": {"delay_s": 30.0},
    "slow": {"delay_s": float(QUEUE_S)},
    "failed": {"fails": True},
    "lost_reply": {"reply": "lost"},
    "executed_504": {"reply": "504"},
    "history_lag": {"lag_s": 60.0},
    ZERO_BALANCES: {},
    **{kind: {} for kind in REFUSALS},
}
KINDS = tuple(_SHAPES)
REPLIES = ("ok", "lost", "504")


class CutOff(Exception):
    """The request was taken, its answer is not: the connection drops, or the gateway speaks."""

    def __init__(self, status: int | None) -> None:
        super().__init__("answer lost" if status is None else f"HTTP {status}")
        self.status = status


@dataclass(slots=True, kw_only=True)
class Plan:
    """
    What becomes of the next requests of *target* (a venue or an account), all verbs or one.

    It ends after `count` requests or at `until_us`; with neither, after one.
    """

    target: str
    kind: str
    verb: str = ""
    count: int | None = 1
    until_us: int | None = None
    delay_s: float = 0.0
    lag_s: float = 0.0
    fails: bool = False
    reply: str = "ok"

    @classmethod
    def of(cls, body: dict[str, Any], *, now_us: int) -> Plan:
        """
        Read a control request: {target, kind, verb?, count? | seconds?, delay?, lag?, reply?,
        fails?}; what is not said is as the kind has it.

        Raises: `WorldError` naming the key and what was expected.
        """
        kind, reply = body.get("kind"), body.get("reply")
        if kind not in _SHAPES:
            raise WorldError(f"transfers kind: found {kind!r}, expected one of {', '.join(KINDS)}")
        if reply is not None and reply not in REPLIES:
            raise WorldError(f"transfers reply: found {reply!r}, expected {', '.join(REPLIES)}")
        shape = dict(_SHAPES[kind])
        for name, key in (("delay", "delay_s"), ("lag", "lag_s")):
            if body.get(name) is not None:
                shape[key] = float(body[name])
        shape |= {name: body[name] for name in ("reply", "fails") if body.get(name) is not None}
        seconds, count = body.get("seconds"), body.get("count")
        if count is None and seconds is None:
            count = 1
        return cls(
            target=str(body.get("target", "")),
            kind=kind,
            verb=str(body.get("verb", "")),
            count=None if count is None else int(count),
            until_us=None if seconds is None else now_us + round(float(seconds) * SECOND_US),
            **shape,
        )

    def fits(self, account: Account, verb: str, now_us: int) -> bool:
        if self.count == 0 or (self.until_us is not None and now_us >= self.until_us):
            return False
        return self.target in {account.name, account.venue} and self.verb in {"", verb}


@dataclass(slots=True)
class _Waiting:
    account: Account
    transfer: Transfer
    due_us: int
    fails: bool


@dataclass(slots=True)
class TransferDesk:
    """Every request that moves collateral, at every practice venue."""

    plans: list[Plan] = field(default_factory=list)
    _waiting: list[_Waiting] = field(default_factory=list)
    _failed: list[tuple[str, Transfer]] = field(default_factory=list)

    def add(self, plan: Plan) -> None:
        self.plans.append(plan)

    def refusal(self, world: World, account: Account, verb: str) -> str:
        """Return the kind of refusal planned for this request, "" for none; it is counted."""
        plan = self._next(account, verb, world.now_us, REFUSALS)
        return "" if plan is None else plan.kind

    def reads_zero(self, world: World, account: Account) -> bool:
        """Tell whether the venue shows this account's wallets as empty now."""
        return any(
            plan.kind == ZERO_BALANCES and plan.fits(account, "", world.now_us)
            for plan in self.plans
        )

    def move(self, world: World, account: Account, wanted: Transfer) -> Transfer:
        """
        Take a transfer between wallets: carried out, or on its way.

        Raises: `WorldError` for more than is there; `CutOff` when nobody is to hear of it.
        """
        plan = self._next(account, "move", world.now_us, ()) or Plan(target="", kind="")
        if plan.delay_s or plan.fails:
            done = self._queue(world, account, wanted, plan)
        else:
            world.transfer(
                account,
                wanted.asset,
                wanted.amount,
                source=wanted.source,
                target=wanted.target,
                client_id=wanted.client_id,
            )
            done = account.transfers.pop()
            done = replace(done, visible_us=world.now_us + round(plan.lag_s * SECOND_US))
            account.transfers.append(done)
        _answer(plan)
        return done

    def act(
        self, world: World, account: Account, wanted: Transfer, carry: Callable[[], object]
    ) -> Transfer:
        """
        Carry out what the engine does at once (adding margin, repaying) and write it down.

        Raises: `CutOff` when nobody is to hear of it.
        """
        plan = self._next(account, wanted.verb, world.now_us, ()) or Plan(target="", kind="")
        carry()
        visible_us = world.now_us + round(plan.lag_s * SECOND_US)
        done = replace(wanted, id=world.next_id(), at_us=world.now_us, visible_us=visible_us)
        account.transfers.append(done)
        world.touch()
        _answer(plan)
        return done

    def settle(self, world: World) -> None:
        """Let arrive what is due: called after each slice of time."""
        for one in [one for one in self._waiting if one.due_us <= world.now_us]:
            self._waiting.remove(one)
            account, sent = one.account, one.transfer
            if one.fails:
                world.credit(account, sent.asset, sent.amount, wallet=sent.source)
                ended = replace(sent, state="failed", at_us=world.now_us)
                self._failed.append((account.name, ended))
            else:
                world.credit(account, sent.asset, sent.amount, wallet=sent.target)
                account.transfers.append(replace(sent, state="done", at_us=world.now_us))

    def all_of(self, account: Account) -> list[Transfer]:
        """Return every request of *account* that was taken, oldest first, seen or not."""
        waiting = [one.transfer for one in self._waiting if one.account is account]
        failed = [transfer for name, transfer in self._failed if name == account.name]
        return sorted((*account.transfers, *waiting, *failed), key=lambda one: one.id)

    def seen(self, world: World, account: Account, verb: str) -> list[Transfer]:
        """Return what the venue's history tells now, oldest first."""
        return [
            one
            for one in self.all_of(account)
            if one.verb == verb and one.visible_us <= world.now_us
        ]

    def _queue(self, world: World, account: Account, wanted: Transfer, plan: Plan) -> Transfer:
        held = account.balance(wanted.source, wanted.asset)
        if wanted.amount > held:
            raise WorldError(f"{account.name}: {wanted.source} holds {held} {wanted.asset}")
        world.credit(account, wanted.asset, -wanted.amount, wallet=wanted.source)
        sent = replace(
            wanted,
            id=world.next_id(),
            at_us=world.now_us,
            visible_us=world.now_us + round(plan.lag_s * SECOND_US),
            state="pending",
        )
        due_us = world.now_us + round(plan.delay_s * SECOND_US)
        self._waiting.append(_Waiting(account, sent, due_us, plan.fails))
        if due_us <= world.now_us:
            self.settle(world)
        return sent

    def _next(
        self, account: Account, verb: str, now_us: int, kinds: tuple[str, ...]
    ) -> Plan | None:
        for plan in self.plans:
            refuses = plan.kind in REFUSALS
            if plan.kind == ZERO_BALANCES or refuses != bool(kinds):
                continue
            if plan.fits(account, verb, now_us):
                if plan.count is not None:
                    plan.count -= 1
                return plan
        return None


def _answer(plan: Plan) -> None:
    if plan.reply != "ok":
        raise CutOff(None if plan.reply == "lost" else int(plan.reply))
