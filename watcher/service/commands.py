"""
Commands and presses from people: who may give which, how late, and where the answer goes.

Rule: what a command may do at most is its line in `policy.verbs`; who may ask was settled at the
gate before. An answer leaves through the deliverer in the lane of replies, which has a small
share of the chat's sends, so any number of questions never delays an alert; hence few pages too. A
command that waited in an outage is not carried out late as if it were fresh, but for what only
makes money stand still. What an answer says is written in `policy`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from watcher.domain.alert import (
    SECOND_US,
    Kind,
    Lane,
    Message,
    Text,
    Tier,
)
from watcher.domain.road import Act
from watcher.policy import messages as say
from watcher.policy import wording
from watcher.policy.asked import AskedWrong
from watcher.policy.orders import MUTE_US, AckOrder, MuteOrder
from watcher.policy.verbs import SAME_AS, VERBS, Verb, help_text, not_yours, unknown_command
from watcher.ports import Channel, Clock, Command, Press, Store, StoreError, Taken
from watcher.service.answers import Answer, Answers
from watcher.service.draw import Drawer
from watcher.service.hearing import heard
from watcher.service.keyring import hashed
from watcher.service.orders import Funded, Orders, Watched

AGE_MAX_S = 60

log = structlog.get_logger()


class Speaker(Protocol):
    """Sends a reply on its own road."""

    def tell(self, message: Message, *, channel: Channel | None = None) -> None: ...


class Commands:
    """
    The `Answerer` port over the accounts in *watched*, by name. `working`: answers being made.
    """

    def __init__(
        self,
        *,
        watched: Mapping[str, Watched],
        funds: Mapping[str, Funded],
        speaker: Speaker,
        store: Store,
        drawer: Drawer,
        clock: Clock,
        zone: str,
    ) -> None:
        self._speaker = speaker
        self._store = store
        self._clock = clock
        self._answered = 0
        self.working: set[asyncio.Task[None]] = set()
        where = wording.zone(zone)
        self._orders = Orders(watched=watched, funds=funds, store=store, clock=clock, where=where)
        self._answers = Answers(
            watched=watched, store=store, drawer=drawer, clock=clock, zone=zone, orders=self._orders
        )
        answers, orders = self._answers, self._orders
        reading: dict[str, Callable[[Command], Awaitable[Sequence[Answer]]]] = {
            "status": answers.status,
            "positions": answers.positions,
            "whatif": answers.whatif,
            "chart": answers.chart,
            "alerts": answers.alerts,
            "help": _help,
        }
        ordering = {
            "ack": orders.ack,
            "mute": orders.mute,
            "unmute": orders.unmute,
            "pause": orders.pause,
            "kill": orders.kill,
            "heard": self._heard,
        }
        self._words = reading | {word: _in_words(order) for word, order in ordering.items()}
        assert set(self._words) == set(VERBS), "every command has its line in the table"

    def answer(self, command: Command, road: Channel) -> None:
        self._work(self._answer(command, road), name=command.word)

    async def press(self, press: Press, road: Channel) -> str:
        """Take *press*: a button of a message acts once, and is nobody's but an operator's."""
        now = self._clock.now()
        try:
            taken = await self._store.take_button(
                hashed(press.token), press, chat=road.name, now=now
            )
        except StoreError as error:
            log.warning("button.failed", reason=str(error))
            return say.PRESS_FAILED
        if taken is None:
            log.info("button.refused", user_id=press.user_id, channel=road.name)
            # a reader must not take it for answered by somebody
            return say.EXPIRED_BUTTON if press.operator else say.REFUSED_PRESS
        log.info("button.pressed", act=taken.act.value, user_id=press.user_id)
        return await self._pressed(taken, press, road)

    async def close(self) -> None:
        """End what is still being worked on."""
        for task in self.working:
            task.cancel()
        await asyncio.gather(*self.working, return_exceptions=True)

    async def _pressed(self, taken: Taken, press: Press, road: Channel) -> str:
        match taken.act:
            case Act.ACK:
                ack = AckOrder(incident=taken.incident, user_id=press.user_id, tier=taken.tier)
                return await self._orders.obeyed(taken.account, ack, press.update_id)
            case Act.MUTE:
                mute = MuteOrder(pool=taken.pool, for_us=MUTE_US, user_id=press.user_id)
                return await self._orders.obeyed(taken.account, mute, press.update_id)
            case Act.APPROVE | Act.DENY:
                return await self._orders.decided(taken, press)
            case Act.KILL:
                return await self._orders.kill(press)
            case Act.DETAILS | Act.CHART:
                word = "chart" if taken.act is Act.CHART else "positions"
                return self._asked(word, taken, press, road)
            case Act.HEARD:
                return await heard(self._store, taken.incident, self._clock.now())

    async def _heard(self, command: Command) -> str:
        return await heard(self._store, command.argument, self._clock.now())

    def _asked(self, word: str, taken: Taken, press: Press, road: Channel) -> str:
        command = Command(
            word=word,
            argument=taken.account,
            user_id=press.user_id,
            sent_at_us=self._clock.now().wall_us,
            operator=press.operator,
            update_id=press.update_id,
        )
        self.answer(command, road)
        return say.PICTURE_BELOW.format(what=word.capitalize(), account=wording.name(taken.account))

    def _work(self, work: Awaitable[None], *, name: str) -> None:
        async def done() -> None:
            await work

        task = asyncio.create_task(done(), name=f"answer:{name[:20]}")
        self.working.add(task)
        task.add_done_callback(self.working.discard)

    async def _answer(self, command: Command, road: Channel) -> None:
        for answer in await self._told(command):
            now = self._clock.now()
            self._answered += 1
            message = Message(
                # sends are deduplicated by key: two questions are two answers
                key=f"reply:{command.user_id}:{now.wall_us}:{self._answered}",
                account="",
                kind=Kind.REPLY,
                tier=Tier.CALM,
                lane=Lane.REPLY,
                text=answer.text,
                silent=True,
                created_at_us=now.steady_us,
                picture=answer.picture,
            )
            self._speaker.tell(message, channel=road)

    async def _told(self, command: Command) -> Sequence[Answer]:
        verb = VERBS.get(SAME_AS.get(command.word, command.word))
        if verb is None:
            return [Answer(unknown_command(command.word, operator=command.operator))]
        if verb.for_operators and not command.operator:
            return [Answer(not_yours(verb))]
        age_s = (self._clock.now().wall_us - command.sent_at_us) // SECOND_US
        if age_s > AGE_MAX_S and not verb.at_any_age:
            return [_plain(say.COMMAND_LATE.format(age_s=age_s))]
        return await self._carried_out(verb, command)

    async def _carried_out(self, verb: Verb, command: Command) -> Sequence[Answer]:
        try:
            return await self._words[verb.word](command)
        except AskedWrong as wrong:
            return [_plain(str(wrong))]
        except StoreError as error:
            log.warning("command.failed", command=verb.word, reason=str(error))
            return [_plain(say.ORDER_FAILED.format(command=verb.word))]
        except Exception:
            log.exception("command.failed", command=verb.word)
            return [_plain(say.ANSWER_FAILED)]


async def _help(command: Command) -> Sequence[Answer]:
    return [Answer(help_text(operator=command.operator))]


def _in_words(
    order: Callable[[Command], Awaitable[str]],
) -> Callable[[Command], Awaitable[Sequence[Answer]]]:
    async def told(command: Command) -> Sequence[Answer]:
        return [_plain(await order(command))]

    return told


def _plain(words: str) -> Answer:
    return Answer(Text(plain=words))
