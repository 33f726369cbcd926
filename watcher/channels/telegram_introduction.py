"""
Who a person and a chat are: by a code only this bot's link holds, said in the chat it is about.

Rule: a number is believed when the code came from there, and then only. Nothing is sent. Whoever
else writes meanwhile is counted and goes unheard; what was read is taken off Telegram's queue, so
that the daemon does not find it there. One bot has one reader: while another program fetches, this
one says so and stops.

Waits in this file are for a person and a socket: they are real seconds also in practice.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from telegram import Bot, Message, Update
from telegram.error import Conflict, TelegramError, TimedOut
from telegram.request import HTTPXRequest

from watcher.channels.telegram import api_root, delivery_error, request_options
from watcher.channels.telegram_polling import POLL_TIMEOUT_S, Watched
from watcher.ports import DeliveryError

PAUSE_S = 0.25
"""Between two polls; bounds what a far side that answers nonsense at once can cost."""
TROUBLED_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduced:
    """Who said the code, and where. `title` is what the chat is called."""

    user_id: int
    chat_id: int
    title: str


class Unheard(Exception):
    """Nobody said the code in time. `others`: how many messages came instead."""

    def __init__(self, others: int) -> None:
        super().__init__(others)
        self.others = others


class Introduction:
    """One bot, listening for one code. Call inside the running loop; `close` at the end."""

    def __init__(self, token: str, *, endpoint: str | None = None) -> None:
        root = api_root(endpoint)
        self._token = token
        self._requests = (HTTPXRequest(**request_options(1, endpoint)), Watched.of(endpoint))
        self._bot = Bot(
            token,
            request=self._requests[0],
            get_updates_request=self._requests[1],
            base_url=f"{root}/bot",
            base_file_url=f"{root}/file/bot",
        )

    async def name(self) -> str:
        """
        Return the bot's name, which proves the token.

        Raises: `DeliveryError`; also where another program gets this bot's messages.
        """
        try:
            name = (await self._bot.get_me()).username or ""
            hooked = (await self._bot.get_webhook_info()).url
        except TelegramError as error:
            raise delivery_error(error, self._token) from error
        if hooked:
            raise DeliveryError(
                "another program gets this bot's messages by a webhook", refused=True
            )
        return name

    async def heard(self, code: str, *, within_s: float) -> Introduced:
        """
        Return who says *code*, as a word of its own or after /start, and where.

        Raises: `Unheard` when nobody does within *within_s*; `DeliveryError`.
        """
        clock = asyncio.get_running_loop()
        end, offset, others = clock.time() + within_s, 0, 0
        trouble: DeliveryError | None = None
        while (left := end - clock.time()) > 0:
            try:
                updates, trouble = await self._updates(offset, left), None
            except DeliveryError as error:
                if error.refused:
                    raise
                updates, trouble = (), error  # passing: whoever presses then is heard later
            for update in updates:
                offset = update.update_id + 1
                found = _introduced(update.message, code)
                if found is not None:
                    await self._updates(offset, 0)
                    return found
                others += update.message is not None
            await asyncio.sleep(PAUSE_S if trouble is None else min(left, TROUBLED_S))
        raise trouble or Unheard(others)

    async def close(self) -> None:
        for each in self._requests:
            await each.shutdown()

    async def _updates(self, offset: int, left_s: float) -> tuple[Update, ...]:
        try:
            return await self._bot.get_updates(
                offset=offset,
                timeout=int(min(left_s, POLL_TIMEOUT_S)),
                allowed_updates=[Update.MESSAGE],
            )
        except TimedOut:
            return ()
        except Conflict as error:
            raise DeliveryError(
                "another program fetches this bot's messages right now", refused=True
            ) from error
        except TelegramError as error:
            raise delivery_error(error, self._token) from error


def _introduced(message: Message | None, code: str) -> Introduced | None:
    # who writes in the name of a chat, or anonymously, proves nothing about a person
    if message is None or message.from_user is None or message.sender_chat is not None:
        return None
    words = (message.text or "").split()
    started = len(words) > 1 and words[0].partition("@")[0] == "/start"
    if (words[1:] if started else words) != [code] or message.from_user.is_bot:
        return None
    chat = message.chat
    title = chat.title or chat.first_name or ""
    return Introduced(user_id=message.from_user.id, chat_id=chat.id, title=title)
