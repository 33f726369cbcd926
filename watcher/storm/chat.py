"""
A road to a person that exists in the simulation only: what arrives is kept, what fails fails as the
real channels say it.

Rule: floods are counted as Telegram counts them (one a second, twenty a minute), with its own wait
to be kept. Each call has two halves, before and after its effect, so that a process can die with a
message delivered that it never knew of.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from watcher.domain.alert import MINUTE_US, SECOND_US, Text
from watcher.domain.road import Reach
from watcher.ports import Clock, DeliveryError, Key
from watcher.storm.journal import Journal
from watcher.storm.weather import Fault, Weather

PER_MINUTE = 20
PER_SECOND = 1
FLOOD_WAITS_S = (3.0, 8.0, 35.0)
FIRST_HALF_S = (0.02, 0.3)
SECOND_HALF_S = (0.01, 0.1)
TIMED_OUT_S = 5.0
LOST = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One message as it stood on a person's screen. `edited`: in the place of one before it."""

    at_us: int
    road: Reach
    text: str
    silent: bool
    receipt: str
    keys: tuple[Key, ...] = ()
    edited: bool = False


class Wire:
    """
    What outlives a process: the far side of one road. `arrived` holds all that came, oldest first.
    """

    def __init__(self, road: Reach) -> None:
        self.road = road
        self.arrived: list[Arrived] = []
        self.sent_us: deque[int] = deque(maxlen=PER_MINUTE)
        self.pinned = ""

    def flooded_s(self, at_us: int) -> float:
        """Return how long the far side wants no message now; 0: it takes one."""
        recent = [one for one in self.sent_us if one > at_us - MINUTE_US]
        if len(recent) >= PER_MINUTE:
            return (recent[0] + MINUTE_US - at_us) / SECOND_US
        burst = [one for one in recent if one > at_us - SECOND_US]
        return 1.0 if len(burst) > PER_SECOND else 0.0


class SimChat:
    """The `Channel` port of one life onto *wire*; *alive* raises when the process is dead."""

    def __init__(
        self,
        wire: Wire,
        *,
        clock: Clock,
        weather: Weather,
        journal: Journal,
        alive: Callable[[], None],
        seed: int,
        birth: int,
    ) -> None:
        self.name = wire.road.road
        self._wire = wire
        self._clock = clock
        self._weather = weather
        self._journal = journal
        self._alive = alive
        self._chance = random.Random(f"{seed}:chat:{wire.road}:{birth}")

    async def send(
        self,
        text: Text,
        *,
        silent: bool,
        keys: Sequence[Key] = (),
        picture: bytes | None = None,  # noqa: ARG002 - a picture is not read here
    ) -> str:
        lost = await self._reach(text, keys)
        receipt = str(1000 + len(self._wire.arrived))
        arrived = Arrived(
            at_us=self._at_us(),
            road=self._wire.road,
            text=text.plain,
            silent=silent,
            receipt=receipt,
            keys=tuple(keys),
        )
        if lost is None or self._chance.random() >= LOST:
            self._arrive(arrived)
        await self._back(lost)
        return receipt

    async def edit(self, receipt: str, text: Text, *, keys: Sequence[Key] = ()) -> None:
        lost = await self._reach(text, keys)
        self._arrive(
            Arrived(
                at_us=self._at_us(),
                road=self._wire.road,
                text=text.plain,
                silent=True,
                receipt=receipt,
                keys=tuple(keys),
                edited=True,
            )
        )
        await self._back(lost)

    async def pin(self, receipt: str) -> None:
        await self._back(await self._reach(Text(plain=""), ()))
        self._wire.pinned = receipt

    async def warm(self) -> None:
        """Ask for a sign of life. Raises: `DeliveryError`."""
        await self._back(await self._reach(Text(plain=""), (), counted=False))

    async def close(self) -> None: ...

    # -- the way there and back ----------------------------------------------------------------

    async def _reach(
        self, text: Text, keys: Sequence[Key], *, counted: bool = True
    ) -> Exception | None:
        """Get to the far side, or raise; return what goes wrong on the way back, if something."""
        self._alive()
        await self._clock.sleep(self._chance.uniform(*FIRST_HALF_S))
        self._alive()
        road = self.name
        if self._weather.now(Fault.CHAT_DOWN, road):
            await self._clock.sleep(TIMED_OUT_S)
            self._alive()
            raise DeliveryError("no connection: connection refused")
        if self._weather.now(Fault.CHAT_REFUSED, road):
            raise DeliveryError("forbidden: bot was blocked by the user", refused=True)
        if counted and (text.bold or keys) and self._weather.now(Fault.CHAT_MALFORMED, road):
            raise DeliveryError("refused the message: can't parse entities", permanent=True)
        self._flood(road, counted=counted)
        if self._weather.now(Fault.CHAT_AMBIGUOUS, road):
            return DeliveryError("no answer in time", ambiguous=True)
        return None

    def _flood(self, road: str, *, counted: bool) -> None:
        if self._weather.now(Fault.CHAT_FLOOD, road):
            wait_s = self._chance.choice(FLOOD_WAITS_S)
            raise DeliveryError("asks to wait", retry_after_s=wait_s)
        wait_s = self._wire.flooded_s(self._at_us()) if counted else 0.0
        if wait_s > 0:
            self._journal.note("flooded", road)
            raise DeliveryError("asks to wait", retry_after_s=wait_s)

    def _arrive(self, arrived: Arrived) -> None:
        self._wire.sent_us.append(arrived.at_us)
        self._wire.arrived.append(arrived)
        head = arrived.text.partition("\n")[0]
        self._journal.note("arrived", self.name, "edit" if arrived.edited else "new", head)

    async def _back(self, lost: Exception | None) -> None:
        wait_s = TIMED_OUT_S if lost is not None else self._chance.uniform(*SECOND_HALF_S)
        await self._clock.sleep(wait_s)
        self._alive()
        if lost is not None:
            raise lost

    # the far side has a clock of its own: the service's may be off
    def _at_us(self) -> int:
        return round(asyncio.get_running_loop().time() * SECOND_US)
