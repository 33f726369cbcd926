"""
Somebody heard a test: the tap or the typed code is written down as proof of its road.

Rule: only a test that arrived and was not answered yet can be answered. Where no daemon takes
commands, `Hearing` is the whole `Answerer`: it knows this one word and this one button, and says of
everything else that it was not done.
"""

from __future__ import annotations

import asyncio

import structlog

from watcher.domain.alert import SECOND_US, Moment, Text
from watcher.domain.road import Act
from watcher.policy import messages as say
from watcher.policy import proving
from watcher.ports import Channel, Clock, Command, DeliveryError, Press, Proof, Store, StoreError
from watcher.service import keyring

log = structlog.get_logger()


async def heard(store: Store, code: str, now: Moment) -> str:
    """
    Write down that a person answered the test *code*, and return the words for it.

    Raises: `StoreError`.
    """
    found = await store.tested(code)
    if found is None:
        return say.NOT_A_TEST
    road, told_us = found
    reaction_s = max(0, now.steady_us - told_us) / SECOND_US
    await store.prove(road, Proof(at_us=now.wall_us, reaction_s=reaction_s, code=code))
    log.info("road.proven", road=road.road, reaction_s=round(reaction_s, 1))
    return proving.heard(road, reaction_s)


class Hearing:
    """The `Answerer` port for tests alone, over the ledger they went out from."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._working: set[asyncio.Task[None]] = set()

    def answer(self, command: Command, road: Channel) -> None:
        task = asyncio.create_task(self._answer(command, road))
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    async def press(self, press: Press, road: Channel) -> str:
        try:
            taken = await self._store.take_button(
                keyring.hashed(press.token), press, chat=road.name, now=self._clock.now()
            )
            if taken is None or taken.act is not Act.HEARD:
                return say.EXPIRED_BUTTON
            return await heard(self._store, taken.incident, self._clock.now())
        except StoreError as error:
            return str(error)

    async def close(self) -> None:
        """End what is still being answered."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _answer(self, command: Command, road: Channel) -> None:
        words = say.ONLY_TESTS
        if command.word == proving.HEARD_WORD and command.operator:
            try:
                words = await heard(self._store, command.argument.strip(), self._clock.now())
            except StoreError as error:
                words = str(error)
        try:
            await road.send(Text(plain=words), silent=True)
        except DeliveryError as error:
            log.info("reply.dropped", key=f"heard:{command.update_id}", reason=error.reason)
