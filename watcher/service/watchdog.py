"""
Watches the watcher: are slots taken in time, do urgent messages leave, does the loop turn, does the
disk write.

Rule: each check is a plain yes or no with its reason; edges are logged, repeats are not. The
system's watchdog is fed only while every check passes that a restart could mend (slots, loop); a
dead Telegram or a full disk is not mended by forgetting what is in memory. Nothing is judged here
about accounts.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from watcher.domain.alert import SECOND_US, Message, Moment
from watcher.policy import troubles
from watcher.ports import Clock, DeliveryError, Store, StoreError

LOOK_S = 5.0
SLOT_GRACE_S = 60.0
LAG_MAX_S = 5.0
URGENT_AGE_MAX_S = 60.0
PROBE_EVERY_S = 10.0
CONTACT_MAX_S = 300.0
WARM_EVERY_S = 120.0

log = structlog.get_logger()

Notify = Callable[[str], None]


class Watched(Protocol):
    """A job with a pace: when its last slot ended and how long it then meant to wait."""

    slot_ended_us: int | None
    wait_s: float


class Outbound(Protocol):
    @property
    def contact_us(self) -> int | None: ...

    def urgent_since_us(self) -> int | None: ...

    def tell(self, message: Message) -> None: ...

    def warmed(self, error: DeliveryError | None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A check that fails. `mendable`: a restart of the process could help."""

    check: str
    reason: str
    mendable: bool


class Watchdog:
    """
    The watchdog loop: `run` it supervised. `faults` are the checks failing now, by name, as of
    `looked_us`.

    *warm* asks the channel for a sign of life (`TelegramChannel.warm`), None where there is none.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        store: Store,
        slots: Mapping[str, Watched],
        outbound: Outbound,
        notify: Notify,
        warm: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.faults: dict[str, Fault] = {}
        self.looked_us: int | None = None
        self._clock = clock
        self._store = store
        self._slots = slots
        self._outbound = outbound
        self._notify = notify
        self._warm = warm
        self._began_us = clock.now().steady_us
        self._probed_us: int | None = None
        self._warmed_us: int | None = None
        self._contact_us: int | None = None
        self._store_fault: Fault | None = None
        self._store_told = ""  # the key of what was last told of it

    async def run(self) -> None:
        self._notify("READY=1")
        while True:
            before = self._clock.now()
            await self._clock.sleep(LOOK_S)
            await self.look(before)

    async def look(self, before: Moment) -> None:
        """Check everything once; *before* is when the sleep of `LOOK_S` began."""
        now = self._clock.now()
        found = [*self._late_slots(now), *self._stalled(before, now)]
        found += [*await self._stuck(now), *await self._dumb(now), *await self._unwritable(now)]
        self._tell_edges({fault.check: fault for fault in found})
        self.looked_us = now.steady_us
        if not any(fault.mendable for fault in found):
            self._notify("WATCHDOG=1")

    def _tell_edges(self, found: dict[str, Fault]) -> None:
        for check, fault in found.items():
            if check not in self.faults:
                log.error("watchdog.tripped", check=check, reason=fault.reason)
        for check in self.faults:
            if check not in found:
                log.info("watchdog.cleared", check=check)
        self.faults = found

    def _late_slots(self, now: Moment) -> Iterable[Fault]:
        for name, slot in self._slots.items():
            since_us = self._began_us if slot.slot_ended_us is None else slot.slot_ended_us
            late_s = (now.steady_us - since_us) / SECOND_US - slot.wait_s
            if late_s > SLOT_GRACE_S:
                yield Fault(
                    check=f"slot:{name}", reason=f"no slot for {late_s:.0f} s", mendable=True
                )

    def _stalled(self, before: Moment, now: Moment) -> Iterable[Fault]:
        lag_s = (now.steady_us - before.steady_us) / SECOND_US - LOOK_S
        if lag_s > LAG_MAX_S:
            # seen after the fact: the loop turns again, a restart would only lose time
            yield Fault(check="loop", reason=f"stood still for {lag_s:.1f} s", mendable=False)

    async def _stuck(self, now: Moment) -> Iterable[Fault]:
        waiting = [self._outbound.urgent_since_us()]
        try:
            waiting.append((await self._store.backlog()).urgent_since_us)
        except StoreError as error:
            log.debug("backlog.unknown", reason=str(error))
        ages_s = [(now.steady_us - at_us) / SECOND_US for at_us in waiting if at_us is not None]
        age_s = max(ages_s, default=0.0)
        if age_s <= URGENT_AGE_MAX_S:
            return ()
        reason = f"an urgent message waits for {age_s:.0f} s"
        return (Fault(check="outbox", reason=reason, mendable=False),)

    async def _dumb(self, now: Moment) -> Iterable[Fault]:
        if self._warm is None:
            return ()
        if _is_due(self._warmed_us, WARM_EVERY_S, now):
            self._warmed_us = now.steady_us
            try:
                await self._warm()
            except DeliveryError as error:
                log.debug("channel.cold", reason=error.reason)
                self._outbound.warmed(error)
            else:
                self._outbound.warmed(None)
                self._contact_us = now.steady_us
        contacts = (self._contact_us, self._outbound.contact_us, self._began_us)
        last_us = max(at_us for at_us in contacts if at_us is not None)
        silent_s = (now.steady_us - last_us) / SECOND_US
        if silent_s <= CONTACT_MAX_S:
            return ()
        reason = f"no sign of life for {silent_s:.0f} s"
        return (Fault(check="channel", reason=reason, mendable=False),)

    async def _unwritable(self, now: Moment) -> Iterable[Fault]:
        if _is_due(self._probed_us, PROBE_EVERY_S, now):
            self._probed_us = now.steady_us
            try:
                await self._store.probe()
            except StoreError as error:
                self._store_fault = Fault(check="store", reason=str(error), mendable=False)
            else:
                self._store_fault = None
            self._tell_store(now)
        return () if self._store_fault is None else (self._store_fault,)

    # past the store, from memory; told again every hour that it lasts
    def _tell_store(self, now: Moment) -> None:
        if self._store_fault is not None:
            told = troubles.not_kept(self._store_fault.reason, now)
            if told.key != self._store_told:
                self._outbound.tell(told)
            self._store_told = told.key
        elif self._store_told:
            self._outbound.tell(troubles.kept_again(now))
            self._store_told = ""


def notifier(address: str | None) -> Notify:
    """Return a function that tells the service manager at *address* (`$NOTIFY_SOCKET`) a state."""
    if not address:
        return lambda _state: None
    # a leading @ stands for the abstract namespace
    path = "\0" + address[1:] if address.startswith("@") else address

    def notify(state: str) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
                line.connect(path)
                line.send(state.encode())
        except OSError as error:
            log.debug("notify.failed", reason=type(error).__name__)

    return notify


def _is_due(last_us: int | None, every_s: float, now: Moment) -> bool:
    return last_us is None or now.steady_us - last_us >= every_s * SECOND_US
