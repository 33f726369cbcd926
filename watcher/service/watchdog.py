"""
Watches the watcher: are slots taken in time, do deliverers turn, do urgent messages leave, is the
loop late, does the disk write.

Rule: each check is a plain yes or no with its reason; edges are logged, repeats are not. A loop
over its deadline is started again, and the system's watchdog is fed only while none is: a dead
Telegram or a full disk is not mended by forgetting what is in memory. Nothing is judged here about
accounts.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog

from watcher.domain.alert import SECOND_US, Message, Moment
from watcher.domain.sign import Sign
from watcher.policy import troubles
from watcher.ports import Clock, DeliveryError, Store, StoreError

LOOK_S = 5.0
SLOT_GRACE_S = 60.0
TURN_MAX_S = 60.0
LAG_P99_MAX_S = 1.0
LAG_TOLD_S = 5.0
URGENT_AGE_MAX_S = 60.0
PROBE_EVERY_S = 10.0
CONTACT_MAX_S = 300.0
WARM_EVERY_S = 120.0

log = structlog.get_logger()

Notify = Callable[[str], None]

MakeSign = Callable[[Moment, Collection[str]], Awaitable[Sign]]


class Watched(Protocol):
    """A job with a pace: when its last slot ended and how long it then meant to wait."""

    slot_ended_us: int | None
    wait_s: float


class Turning(Protocol):
    """A loop that does one thing after the other: when it last began one."""

    turned_us: int | None


class Lag(Protocol):
    def p99_s(self) -> float: ...

    def take_worst_s(self) -> float: ...


class Outbound(Protocol):
    @property
    def contact_us(self) -> int | None: ...

    def urgent_since_us(self) -> int | None: ...

    def tell(self, message: Message) -> None: ...

    def warmed(self, error: DeliveryError | None) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A check that fails. `loop`: which loop to start again, where that could help."""

    check: str
    reason: str
    loop: str = ""


class Watchdog:
    """
    The watchdog loop: `run` it supervised. `faults` are the checks failing now, by name, as of
    `looked_us`.

    *slots* are run by the loop `schedule`; *turning* are loops by name; *restart* starts one again.
    *canary* returns what the self-test found wrong. *sign* makes of the failing checks the sign of
    life that is written to the disk, which proves at once that it writes.
    *lag* measures how late the event loop is, None where time waits for us. *warm* asks the channel
    for a sign of life (`TelegramChannel.warm`), None where there is none.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        store: Store,
        slots: Mapping[str, Watched],
        outbound: Outbound,
        notify: Notify,
        turning: Mapping[str, Turning],
        restart: Callable[[str], None],
        canary: Callable[[], str],
        sign: MakeSign,
        lag: Lag | None = None,
        warm: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.faults: dict[str, Fault] = {}
        self.looked_us: int | None = None
        self._clock = clock
        self._store = store
        self._slots = slots
        self._outbound = outbound
        self._notify = notify
        self._turning = turning
        self._restart = restart
        self._canary = canary
        self._sign = sign
        self._lag = lag
        self._warm = warm
        self._began_us = clock.now().steady_us
        self._probed_us: int | None = None
        self._warmed_us: int | None = None
        self._contact_us: int | None = None
        self._store_fault: Fault | None = None
        self._store_told = ""  # the key of what was last told of it
        self._stall_told = ""  # the same

    async def run(self) -> None:
        self._notify("READY=1")
        while True:
            await self._clock.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        """Check everything once."""
        now = self._clock.now()
        found = [*self._late_slots(now), *self._late_loops(now), *self._lagging(now)]
        found += [
            *self._unsung(),
            *await self._stuck(now),
            *await self._dumb(now),
            *await self._unwritable(now),
        ]
        self._tell_edges({fault.check: fault for fault in found})
        self.looked_us = now.steady_us
        late = {fault.loop for fault in found if fault.loop}
        for loop in late:
            self._restart(loop)
        if late:
            self._began_us = now.steady_us  # what was started again has its time anew
        else:
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
            since_us = max(self._began_us, slot.slot_ended_us or 0)
            late_s = (now.steady_us - since_us) / SECOND_US - slot.wait_s
            if late_s > SLOT_GRACE_S:
                reason = f"no slot for {late_s:.0f} s"
                yield Fault(check=f"slot:{name}", reason=reason, loop="schedule")

    def _late_loops(self, now: Moment) -> Iterable[Fault]:
        for name, turning in self._turning.items():
            since_us = max(self._began_us, turning.turned_us or 0)
            late_s = (now.steady_us - since_us) / SECOND_US
            if late_s > TURN_MAX_S:
                yield Fault(check=name, reason=f"no turn for {late_s:.0f} s", loop=name)

    # seen after the fact: the loop turns again, a restart would only lose time
    def _lagging(self, now: Moment) -> Iterable[Fault]:
        if self._lag is None:
            return
        worst_s, p99_s = self._lag.take_worst_s(), self._lag.p99_s()
        if p99_s > LAG_P99_MAX_S:
            yield Fault(check="lag", reason=f"one beat in a hundred is {p99_s:.1f} s late")
        if worst_s > LAG_TOLD_S:
            yield Fault(check="loop", reason=f"stood still for {worst_s:.1f} s")
            told = troubles.stood_still(worst_s, now)
            if told.key != self._stall_told:
                self._outbound.tell(told)
            self._stall_told = told.key

    def _unsung(self) -> Iterable[Fault]:
        wrong = self._canary()
        if wrong:
            yield Fault(check="canary", reason=wrong)

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
        return (Fault(check="outbox", reason=reason),)

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
        return (Fault(check="channel", reason=reason),)

    async def _unwritable(self, now: Moment) -> Iterable[Fault]:
        if _is_due(self._probed_us, PROBE_EVERY_S, now):
            self._probed_us = now.steady_us
            try:
                await self._store.probe(await self._judged(now))
            except StoreError as error:
                self._store_fault = Fault(check="store", reason=str(error))
            else:
                self._store_fault = None
            self._tell_store(now)
        return () if self._store_fault is None else (self._store_fault,)

    # a defect in judging how it all goes is no reason to stop watching
    async def _judged(self, now: Moment) -> Sign:
        try:
            return await self._sign(now, self.faults)
        except Exception:
            log.exception("sign.failed")
            return Sign(at_us=now.wall_us, wrong=("sign",))

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
