"""
The part of the control endpoint that is about people: what they say, press, block; what they saw.

    GET  messages?after=N   what the bot said, with edits, keys, pins and pictures
    GET  answers            what was shown at once after a press
    GET  notifications      what the fallback was told
    GET  pings              the signs of life, each well or not and why
    POST say                {user_id, chat_id, text}
    POST press              {user_id, message_id, key | data, chat_id?}: by a button's words, or any
                            data; from another chat where chat_id says one
    POST block              {chat_id, on}: the person blocks the bot, or lets it speak again
    POST migrate            {chat_id, new_chat_id}: the group becomes a supergroup
    POST webhook            {url}: somebody has the bot's updates sent elsewhere; "": no longer
    POST flood              {per_minute, per_second}: Telegram's limits for a chat; null: none

Rule: JSON in, JSON out, as in `control`, which carries it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from watcher.sim.bot_api import BotApi
from watcher.sim.bot_fallback import Fallback
from watcher.sim.bot_words import ApiError
from watcher.sim.heartbeat import Pings
from watcher.sim.things import WorldError

Body = dict[str, Any]
Query = Mapping[str, list[str]]


class People:
    """What may be asked of the bot, the fallback and who is pinged: `gets` and `posts` by name."""

    def __init__(self, bot: BotApi, fallback: Fallback, pings: Pings) -> None:
        self._bot = bot
        self._fallback = fallback
        self.gets: Mapping[str, Callable[[Query], list[Body]]] = {
            "messages": self._messages,
            "answers": lambda _: [one.shown() for one in bot.answers],
            "notifications": lambda _: [one.shown() for one in fallback.notifications],
            "pings": lambda _: pings.shown(),
        }
        self.posts: Mapping[str, Callable[[Body], object]] = {
            "say": self._say,
            "press": self._press,
            "block": self._block,
            "migrate": self._migrate,
            "webhook": self._webhook,
            "flood": self._flood,
        }

    def reset(self) -> None:
        """Take back what people did to the bot; what was said stays."""
        self._bot.blocked.clear()
        self._bot.updates.webhook = ""

    def _messages(self, query: Query) -> list[Body]:
        after = int(query.get("after", ["0"])[0])
        return [one.shown() for one in self._bot.messages if one.id > after]

    def _say(self, said: Body) -> Body:
        update = self._bot.say(
            user_id=int(said["user_id"]), chat_id=int(said["chat_id"]), text=str(said["text"])
        )
        return {"update_id": update}

    def _press(self, said: Body) -> Body:
        try:
            sent = self._bot.message(int(said["message_id"]))
        except ApiError:
            raise WorldError(f"press: no message {said['message_id']} was sent") from None
        data = said.get("data")
        if data is None:
            keys = sent.keys()
            if said.get("key") not in keys:
                raise WorldError(f"press: found key {said.get('key')!r}, expected of {list(keys)}")
            data = keys[said["key"]]
        update = self._bot.press(
            user_id=int(said["user_id"]),
            chat_id=int(said.get("chat_id", sent.chat_id)),
            message_id=sent.id,
            data=str(data),
        )
        return {"update_id": update}

    def _block(self, said: Body) -> None:
        chat_id = int(said["chat_id"])
        if said.get("on", True):
            self._bot.blocked.add(chat_id)
        else:
            self._bot.blocked.discard(chat_id)

    def _migrate(self, said: Body) -> None:
        self._bot.migrate(int(said["chat_id"]), int(said["new_chat_id"]))

    def _webhook(self, said: Body) -> None:
        self._bot.updates.webhook = str(said["url"])

    def _flood(self, said: Body) -> None:
        self._bot.per_minute_max = _limit(said, "per_minute")
        self._bot.per_second_max = _limit(said, "per_second")


def _limit(said: Body, name: str) -> int | None:
    return None if said.get(name) is None else int(said[name])
