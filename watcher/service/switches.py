"""
What turns money off: the kill file, a doubt about the ledger, and what is unfit on each account.

Rule: shared by the money loops of all accounts, so that what is so for several at once (a clock of
this machine, a key from any address) is told once and names them: what is found waits a moment for
the others to find it too, and is not told if it is over by then. Who turns a switch says nothing
itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from watcher.domain.alert import SECOND_US, Message, Moment
from watcher.policy import money_notes
from watcher.policy.arming import Unfit

GATHER_US = 35 * SECOND_US
"""What is found waits so long for the others: a look that failed comes again after 30 s."""

log = structlog.get_logger()


@dataclass(slots=True)
class _Switch:
    """What is unfit on an account, since when, and what of it was told."""

    found: Unfit | None = None
    told: Unfit | None = None
    since_us: int = 0


class Switches:
    """`killed` tells whether the kill file is there; `doubt` is why the ledger is not trusted."""

    def __init__(
        self,
        *,
        queue: Callable[[Message], Awaitable[None]],
        killed: Callable[[], bool],
        doubt: str = "",
    ) -> None:
        self.killed = killed
        self.doubt = doubt
        self._queue = queue
        self._of: dict[str, _Switch] = {}

    def unfit(self, account: str) -> Unfit | None:
        """Return what was found unfit on *account*, if anything is."""
        one = self._of.get(account)
        return None if one is None else one.found

    def turn(self, account: str, found: Unfit | None, now: Moment) -> None:
        """Take what a look at *account* found; None: all was in order."""
        one = self._of.setdefault(account, _Switch())
        if found != one.found:
            one.since_us = now.steady_us
            if found is None:
                log.info("money.armed", account=account)
            else:
                log.error("money.unfit", account=account, reason=found.reason, fix=found.fix)
        one.found = found

    async def tell(self, now: Moment) -> None:
        """Queue what has stood long enough, one message for all who share it."""
        while (due := self._due(now)) is not None:
            fellows = {
                account: one
                for account, one in self._of.items()
                if one.found == due.found and one.told != due.found
            }
            found = {name: one.found for name, one in fellows.items() if one.found is not None}
            for one in fellows.values():
                one.told = due.found  # before anything waits: another loop may come by
            if found:
                await self._queue(money_notes.switched_off(found, now))
            else:
                await self._queue(money_notes.switched_on(list(fellows), now))

    def _due(self, now: Moment) -> _Switch | None:
        return next(
            (
                one
                for one in self._of.values()
                if one.found != one.told and now.steady_us - one.since_us >= GATHER_US
            ),
            None,
        )
