"""
The people of a storm: two operators, one who may only read, and an outsider with a leaked button.

Rule: they know only what stood on their screens, and they remember it longer than any process
lives. They are human: seconds or hours late, twice, at a message of yesterday, at the wrong button,
or asleep. What they do waits at Telegram while nobody polls, comes again where a process died
before it confirmed it, and passes the real gate; whoever it lets in acts, whoever not is noted.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import structlog
from telegram import Update

from watcher.channels.telegram_commands import PRESS_S
from watcher.channels.telegram_gate import (
    COMMANDS_PER_MINUTE,
    GROUP_BOT_ID,
    PRESSES_PER_MINUTE,
    Flood,
    Gate,
)
from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.domain.road import Reach
from watcher.policy import messages as say
from watcher.ports import Answerer, Clock, Command, Ids, Key, Press
from watcher.sim.demo import phone
from watcher.storm.chat import Arrived, SimChat, Wire
from watcher.storm.journal import Journal
from watcher.storm.weather import Fault, Weather

ALLOWED = (7001, 7002)
READERS = (7003,)
OUTSIDERS = (6660, GROUP_BOT_ID)
CHAT = -1_007_000_000_001

TURNED_AWAY = "turned away at the gate"
CUT_OFF = "the process died before it answered"

FIRST_UPDATE = 500_000_000
LOOK_S = 5.0
REACTION_US = (10 * SECOND_US, 480 * MINUTE_US)
WHIM_GAP_US = 45 * MINUTE_US
HEEDED = 0.4
HEEDED_SILENT = 0.1
OLD_BUTTON = 0.12
TWICE = 0.1
PRESSED = 0.7
"""Most people press, the others type; most who press take the first button."""
FIRST_BUTTON = 0.6
REDELIVERED = 0.05
KEPT_MAX = 40
UNCONFIRMED_MAX = 3
"""What was taken within the last poll of a life is not confirmed at Telegram, and comes again."""

SPANS = ("10m", "30m", "2h", "8h")
SLIPS = ("ack", "ack ZZZZ", "mute", "mute nobody 2h", "whatif", "whatif main", "stauts", "pause")

log = structlog.get_logger()


class Deed(NamedTuple):
    """
    What somebody did: `what` is the command or "press LABEL", `account` what it was about as far
    as the screen told, `answer` what the press was answered with ("" for a command's).
    """

    at_us: int
    who: str
    what: str
    account: str
    answer: str


class SeededIds:
    """The `Ids` port of one life."""

    def __init__(self, seed: int, birth: int) -> None:
        self._chance = random.Random(f"{seed}:ids:{birth}")

    def token(self) -> str:
        return f"{self._chance.getrandbits(128):032x}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """One update. With a `key` a press under `receipt`, else a command."""

    person: _Person
    at_us: int
    account: str
    text: str = ""
    key: Key | None = None
    receipt: str = ""
    update_id: int = 0
    unprompted: bool = False

    @property
    def what(self) -> str:
        return f"press {self.key.label}" if self.key is not None else f"/{self.text}"


@dataclass(slots=True, kw_only=True, eq=False)
class _Person:
    """One of them; `kept` are messages with buttons that were on the screen."""

    part: str
    user_id: int
    chance: random.Random
    kept: deque[Arrived] = field(default_factory=lambda: deque(maxlen=KEPT_MAX))

    @property
    def who(self) -> str:
        return f"{self.part} {self.user_id}"

    def reacts_us(self) -> int:
        """Return how long a message waits for an answer: mostly a minute, up to a night."""
        shortest, longest = REACTION_US
        part: float = (longest / shortest) ** (self.chance.random() ** 2)
        return round(shortest * part)

    def heeds(self, message: Arrived) -> bool:
        return self.chance.random() < (HEEDED_SILENT if message.silent else HEEDED)

    def answers(self, message: Arrived, now_us: int) -> list[_Said]:
        """Return what this person does about *message*, read now, or about an older one."""
        if self.kept and self.chance.random() < OLD_BUTTON:
            message = self.chance.choice(self.kept)
        at_us = now_us + self.reacts_us()
        read = phone.read(message.text)
        account = read.account if read is not None else ""
        # a chart is drawn by another process, which no simulated time can wait for
        keys = [key for key in message.keys if key.label != say.BUTTON_CHART]
        if keys and self.chance.random() < PRESSED:
            key = keys[0] if self.chance.random() < FIRST_BUTTON else self.chance.choice(keys)
            press = _Said(
                person=self, at_us=at_us, account=account, key=key, receipt=message.receipt
            )
            return [press, press] if self.chance.random() < TWICE else [press]
        text = self._typed(account, read.code if read is not None else "")
        return [_Said(person=self, at_us=at_us, account=account, text=text)]

    def whim(self, after_us: int, accounts: list[str]) -> _Said:
        """Return what this person asks next, unprompted."""
        at_us = after_us + round(self.chance.expovariate(1 / WHIM_GAP_US))
        account = self.chance.choice(accounts) if accounts else ""
        text = self._typed(account, "")
        return _Said(person=self, at_us=at_us, account=account, text=text, unprompted=True)

    def _typed(self, account: str, code: str) -> str:
        name = account or "main"
        questions = (
            "status",
            "alerts",
            "help",
            f"positions {name}",
            f"whatif {name} BTC -10%",
            f"whatif {name} all -25%, add 500 USDT",
        )
        orders = [f"mute {name} {self.chance.choice(SPANS)}", f"unmute {name}", "pause 2h"]
        orders += [f"ack {code}"] * 2 if code else []
        [among] = self.chance.choices((questions, orders, SLIPS), (6, 3, 1))
        return self.chance.choice(among)


class People:
    """
    Reads *wires* and acts; `done` has what was done, in order. One for all lives of a run.
    """

    def __init__(
        self,
        *,
        seed: int,
        wires: Mapping[Reach, Wire],
        weather: Weather,
        journal: Journal,
    ) -> None:
        self.done: list[Deed] = []
        self._seed = seed
        self._wire = wires[Reach.CHAT]
        self._weather = weather
        self._journal = journal
        parts = {"operator": ALLOWED, "reader": READERS, "outsider": OUTSIDERS}
        self._persons = [
            _Person(part=part, user_id=one, chance=random.Random(f"{seed}:person:{one}"))
            for part, ids in parts.items()
            for one in ids
        ]
        self._chance = random.Random(f"{seed}:updates")
        self._read = 0
        self._said = 0
        self._queue: list[tuple[int, int, _Said]] = []
        self._updates = FIRST_UPDATE
        self._unconfirmed: deque[_Said] = deque(maxlen=UNCONFIRMED_MAX)
        self._accounts: list[str] = []

    def ids(self, birth: int) -> Ids:
        """Return what makes the secrets of one life."""
        return SeededIds(self._seed, birth)

    async def listen(
        self,
        answerer: Answerer,
        chats: Mapping[Reach, SimChat],
        clock: Clock,
        alive: Callable[[], None],
    ) -> None:
        """Hand *answerer* what people say, until cancelled or dead."""
        door = _Door(answerer, chats[Reach.CHAT], clock)
        if not self._said:
            self._begin()
        for said in list(self._unconfirmed):
            await self._hand(said, door)
        while True:
            alive()
            self._read_on()
            wait_us = self._queue[0][0] - _now_us()
            if wait_us > 0 or self._weather.is_on(Fault.CHAT_DOWN, self._wire.road.road):
                await clock.sleep(min(LOOK_S, max(wait_us / SECOND_US, 1.0)))
                continue
            said = heapq.heappop(self._queue)[2]
            if not said.update_id:
                self._updates += 1
                said = replace(said, update_id=self._updates)
            if said.unprompted:
                self._put(said.person.whim(_now_us(), self._accounts))
            if said.person.part == "operator" and self._weather.now(Fault.ASLEEP):
                self._journal.note("slept", said.person.who)
                continue
            await self._hand(said, door)
            if self._chance.random() < REDELIVERED:
                await self._hand(said, door)

    # -- what they read and mean to do -----------------------------------------------------------

    def _begin(self) -> None:
        for person in self._persons:
            self._put(person.whim(_now_us(), self._accounts))

    def _read_on(self) -> None:
        arrived = self._wire.arrived
        while self._read < len(arrived):
            message = arrived[self._read]
            self._read += 1
            read = phone.read(message.text)
            if read is not None and read.account not in self._accounts:
                self._accounts.append(read.account)
            for person in self._persons:
                if person.heeds(message):
                    for said in person.answers(message, _now_us()):
                        self._put(said)
                if message.keys:
                    person.kept.append(message)

    def _put(self, said: _Said) -> None:
        self._said += 1
        heapq.heappush(self._queue, (said.at_us, self._said, said))

    # -- what becomes of it ----------------------------------------------------------------------

    async def _hand(self, said: _Said, door: _Door) -> None:
        if said not in self._unconfirmed:
            self._unconfirmed.append(said)
        at_us, answer = _now_us(), CUT_OFF
        try:
            answer = await door.taken(said)
        finally:
            deed = Deed(at_us, said.person.who, said.what, said.account, answer)
            self.done.append(deed)
            self._journal.note("did", deed.who, said.update_id, deed.what, answer)


class _Door:
    """The way in to one life: the gate, and how often one may pass it, as in production."""

    def __init__(self, answerer: Answerer, road: SimChat, clock: Clock) -> None:
        self._answerer = answerer
        self._road = road
        self._clock = clock
        operators, readers = frozenset(ALLOWED), frozenset(READERS)
        self._gate = Gate(
            users=operators | readers,
            chats=operators | readers | {CHAT},
            operators=operators,
        )
        self._commands = Flood(COMMANDS_PER_MINUTE)
        self._presses = Flood(PRESSES_PER_MINUTE)

    async def taken(self, said: _Said) -> str:
        """Return what *said* was answered with at once; "" for a command, whose answer follows."""
        user_id = said.person.user_id
        if not self._gate.admits(Update.de_json(_on_the_wire(said))):
            return TURNED_AWAY
        flood = self._commands if said.key is None else self._presses
        if not flood.admits(user_id, self._clock.now()):
            return say.TOO_FAST
        if said.key is not None:
            return await self._pressed(said, said.key)
        word, _, argument = said.text.partition(" ")
        command = Command(
            word=word,
            argument=argument,
            user_id=user_id,
            sent_at_us=said.at_us // SECOND_US * SECOND_US,
            operator=self._gate.is_operator(user_id),
            update_id=said.update_id,
        )
        self._answerer.answer(command, self._road)
        return ""

    async def _pressed(self, said: _Said, key: Key) -> str:
        press = Press(
            token=key.token,
            user_id=said.person.user_id,
            chat_id=CHAT,
            receipt=said.receipt,
            operator=self._gate.is_operator(said.person.user_id),
            update_id=said.update_id,
        )
        try:
            async with asyncio.timeout(PRESS_S):
                return await self._answerer.press(press, self._road)
        # as the channel does it: every press is answered, whatever came of it
        except TimeoutError:
            log.warning("button.failed", reason=f"not done in {PRESS_S:g} s")
        except Exception:
            log.exception("command.failed", command="press")
        return say.NOT_DONE


def _on_the_wire(said: _Said) -> dict[str, object]:
    """Return *said* as Telegram would hand it over."""
    user_id = said.person.user_id
    anonymous = user_id == GROUP_BOT_ID
    person = {"id": user_id, "is_bot": anonymous, "first_name": said.person.part}
    chat = {"id": CHAT, "type": "supergroup", "title": "storm"}
    date = said.at_us // SECOND_US
    if said.key is None:
        message = {"message_id": said.update_id, "date": date, "chat": chat, "from": person}
        message |= {"text": f"/{said.text}"} | ({"sender_chat": chat} if anonymous else {})
        return {"update_id": said.update_id, "message": message}
    shown = {"message_id": int(said.receipt), "date": date, "chat": chat, "text": "alert"}
    query = {"id": str(said.update_id), "from": person, "message": shown, "chat_instance": "1"}
    return {"update_id": said.update_id, "callback_query": query | {"data": said.key.token}}


def _now_us() -> int:
    return round(asyncio.get_running_loop().time() * SECOND_US)
