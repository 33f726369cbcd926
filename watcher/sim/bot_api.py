"""
A stand-in for Telegram's Bot API, as much of it as python-telegram-bot needs.

Rule: Telegram's own JSON, errors and long polling; every message sent is kept with its time, so
that tests and the demo can say what the phone showed and when. Chats are known beforehand, as a
bot cannot write to one that never spoke to it.

Not here: files, groups' rights, formatting by parse mode (the text is kept as it came).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from watcher.sim.bot_words import (
    ApiError,
    Params,
    blocked,
    bot_body,
    chat_body,
    decoded,
    fine,
    no_such_bot,
    no_webhook,
    person_body,
    say_nothing,
    say_true,
    too_many,
)
from watcher.sim.wire import Reply
from watcher.sim.world import SECOND_US, World

TEXT_MAX = 4096
POLL_S_MAX = 50.0
UPDATES_MAX = 100
CHAT_WINDOW_US = 60 * SECOND_US


@dataclass(slots=True, kw_only=True)
class SentMessage:
    """What a chat was told. `edited_text` is the last edit; `at_us` is world time."""

    id: int
    chat_id: int
    text: str
    entities: list[dict[str, Any]]
    silent: bool
    at_us: int
    method: str = "sendMessage"
    buttons: Any = None
    edited_text: str | None = None
    extras: Mapping[str, str] = field(default_factory=dict)

    def shown(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "chat_id": self.chat_id,
            "text": self.text if self.edited_text is None else self.edited_text,
            "entities": self.entities,
            "silent": self.silent,
            "at_us": self.at_us,
            "method": self.method,
            "buttons": self.buttons,
        }


class BotApi:
    """
    One bot, its chats and what was said in them.

    *per_minute_max* is the flood limit of one chat (None: no limit). `on_message` callbacks see
    each message the moment it is delivered.
    """

    def __init__(
        self, world: World, *, token: str, chats: tuple[int, ...], per_minute_max: int | None = None
    ) -> None:
        self.world = world
        self.token = token
        self.chats = set(chats)
        self.blocked: set[int] = set()
        self.messages: list[SentMessage] = []
        self.calls: dict[str, int] = {}
        self.on_message: list[Callable[[SentMessage], None]] = []
        self.per_minute_max = per_minute_max
        self._updates: list[dict[str, Any]] = []
        self._update_id = 500_000_000
        self._message_id = 100
        self._news = asyncio.Event()
        self._poll = 0
        self._methods: dict[str, Callable[[Params], Any]] = {
            "getMe": self._get_me,
            "deleteWebhook": say_true,
            "setWebhook": say_true,
            "getWebhookInfo": no_webhook,
            "setMyCommands": say_true,
            "deleteMyCommands": say_true,
            "setMyDescription": say_true,
            "getMyCommands": say_nothing,
            "logOut": say_true,
            "close": say_true,
            "getChat": self._get_chat,
            "sendChatAction": self._chat_action,
            "answerCallbackQuery": say_true,
            "sendMessage": self._send_message,
            "sendPhoto": self._send_photo,
            "sendDocument": self._send_document,
            "editMessageText": self._edit_text,
            "editMessageReplyMarkup": self._edit_buttons,
            "deleteMessage": self._delete,
            "pinChatMessage": self._pin,
            "unpinChatMessage": self._pin,
        }

    # ── what people do ─────────────────────────────────────────────────────────────────────

    def say(self, *, user_id: int, chat_id: int, text: str) -> int:
        """Put a person's message before the bot and return its update id."""
        self._message_id += 1
        message: dict[str, Any] = {
            "message_id": self._message_id,
            "from": person_body(user_id),
            "chat": chat_body(chat_id),
            "date": self._date(),
            "text": text,
        }
        if text.startswith("/"):
            length = len(text.split(maxsplit=1)[0])
            message["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
        return self.announce({"message": message})

    def press(self, *, user_id: int, chat_id: int, message_id: int, data: str) -> int:
        """Press an inline button of a message."""
        sent = self._message(chat_id, message_id)
        query = {
            "id": str(self._update_id + 1),
            "from": person_body(user_id),
            "message": self._body(sent),
            "chat_instance": "1",
            "data": data,
        }
        return self.announce({"callback_query": query})

    def announce(self, update: dict[str, Any]) -> int:
        """Put any update before the bot, whatever it says it listens to; return its id."""
        self._update_id += 1
        self._updates.append({"update_id": self._update_id, **update})
        self._news.set()
        return self._update_id

    # ── what the bot asks ──────────────────────────────────────────────────────────────────

    async def handle(self, token: str, method: str, params: Params) -> Reply:
        """Answer one call; unknown tokens and methods in Telegram's words."""
        self.calls[method] = self.calls.get(method, 0) + 1
        try:
            if token != self.token:
                raise no_such_bot(token)
            if method == "getUpdates":
                return fine(await self._get_updates(params))
            answer = self._methods.get(method)
            if answer is None:
                raise ApiError(404, "Not Found")  # noqa: TRY301  one road for all its errors
            return fine(answer(params))
        except ApiError as no:
            return no.reply()

    async def _get_updates(self, params: Params) -> list[dict[str, Any]]:
        offset = int(params.get("offset") or 0)
        wait = min(float(params.get("timeout") or 0), POLL_S_MAX)
        limit = int(params.get("limit") or UPDATES_MAX)
        if offset > 0:
            self._updates = [one for one in self._updates if one["update_id"] >= offset]
        self._poll += 1
        mine, loop = self._poll, asyncio.get_running_loop()
        # a poll that is waiting ends when another one begins: one bot, one reader
        self._news.set()
        until = loop.time() + wait
        while not self._updates and loop.time() < until:
            self._news = asyncio.Event()
            try:
                async with asyncio.timeout_at(until):
                    await self._news.wait()
            except TimeoutError:
                break
            if mine != self._poll:
                raise ApiError(
                    409,
                    "Conflict: terminated by other getUpdates request; make sure that only one "
                    "bot instance is running",
                )
        return self._updates[:limit]

    def _get_me(self, _: Params) -> dict[str, Any]:
        return {
            **bot_body(),
            "can_join_groups": False,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
            "can_connect_to_business": False,
            "has_main_web_app": False,
        }

    def _get_chat(self, params: Params) -> dict[str, Any]:
        chat = chat_body(self._chat_id(params))
        return {
            **chat,
            "accent_color_id": 0,
            "max_reaction_count": 11,
            "accepted_gift_types": {
                "unlimited_gifts": True,
                "limited_gifts": True,
                "unique_gifts": True,
                "premium_subscription": True,
                "gifts_from_channels": True,
            },
        }

    def _chat_action(self, params: Params) -> bool:
        self._chat_id(params)
        return True

    def _send_message(self, params: Params) -> dict[str, Any]:
        text = params.get("text", "")
        if not text.strip():
            raise ApiError(400, "Bad Request: message text is empty")
        if len(text) > TEXT_MAX:
            raise ApiError(400, "Bad Request: message is too long")
        return self._deliver("sendMessage", params, text)

    def _send_photo(self, params: Params) -> dict[str, Any]:
        return self._deliver("sendPhoto", params, params.get("caption", ""))

    def _send_document(self, params: Params) -> dict[str, Any]:
        return self._deliver("sendDocument", params, params.get("caption", ""))

    def _deliver(self, method: str, params: Params, text: str) -> dict[str, Any]:
        chat_id = self._chat_id(params)
        self._flood_gate(chat_id)
        self._message_id += 1
        sent = SentMessage(
            id=self._message_id,
            chat_id=chat_id,
            text=text,
            entities=decoded(params, "entities") or decoded(params, "caption_entities") or [],
            silent=params.get("disable_notification", "").lower() == "true",
            at_us=self.world.now_us,
            method=method,
            buttons=decoded(params, "reply_markup"),
            extras={name: params[name] for name in ("parse_mode", "photo") if name in params},
        )
        self.messages.append(sent)
        for listener in self.on_message:
            listener(sent)
        return self._body(sent)

    def _flood_gate(self, chat_id: int) -> None:
        if self.per_minute_max is None:
            return
        since = self.world.now_us - CHAT_WINDOW_US
        recent = [one for one in self.messages if one.chat_id == chat_id and one.at_us > since]
        if len(recent) >= self.per_minute_max:
            wait = (recent[-self.per_minute_max].at_us - since) / SECOND_US
            raise too_many(wait)

    def _edit_text(self, params: Params) -> dict[str, Any]:
        sent = self._message(self._chat_id(params), int(params.get("message_id") or 0))
        text = params.get("text", "")
        if not text.strip():
            raise ApiError(400, "Bad Request: message text is empty")
        if text == (sent.text if sent.edited_text is None else sent.edited_text):
            raise ApiError(
                400,
                "Bad Request: message is not modified: specified new message content and reply "
                "markup are exactly the same as a current content and reply markup of the message",
            )
        sent.edited_text = text
        sent.entities = decoded(params, "entities") or []
        sent.buttons = decoded(params, "reply_markup")
        return self._body(sent)

    def _edit_buttons(self, params: Params) -> dict[str, Any]:
        sent = self._message(self._chat_id(params), int(params.get("message_id") or 0))
        sent.buttons = decoded(params, "reply_markup")
        return self._body(sent)

    def _delete(self, params: Params) -> bool:
        self._message(self._chat_id(params), int(params.get("message_id") or 0))
        return True

    def _pin(self, params: Params) -> bool:
        self._chat_id(params)
        return True

    # ── parts ──────────────────────────────────────────────────────────────────────────────

    def _chat_id(self, params: Params) -> int:
        said = params.get("chat_id", "")
        if not said:
            raise ApiError(400, "Bad Request: chat_id is empty")
        chat_id = int(said) if said.lstrip("-").isdigit() else 0
        if chat_id not in self.chats:
            raise ApiError(400, "Bad Request: chat not found")
        if chat_id in self.blocked:
            raise blocked()
        return chat_id

    def _message(self, chat_id: int, message_id: int) -> SentMessage:
        for sent in reversed(self.messages):
            if sent.id == message_id and sent.chat_id == chat_id:
                return sent
        raise ApiError(400, "Bad Request: message to edit not found")

    def _date(self) -> int:
        return self.world.now_us // SECOND_US

    def _body(self, sent: SentMessage) -> dict[str, Any]:
        body: dict[str, Any] = {
            "message_id": sent.id,
            "from": bot_body(),
            "chat": chat_body(sent.chat_id),
            "date": sent.at_us // SECOND_US,
        }
        text = sent.text if sent.edited_text is None else sent.edited_text
        if sent.method == "sendMessage":
            body |= {"text": text, "entities": sent.entities}
        else:
            body |= {"caption": text, "caption_entities": sent.entities}
        if sent.method == "sendPhoto":
            body["photo"] = [
                {"file_id": "P", "file_unique_id": "p", "width": 90, "height": 90, "file_size": 1}
            ]
        if sent.method == "sendDocument":
            body["document"] = {"file_id": "D", "file_unique_id": "d", "file_size": 1}
        if sent.edited_text is not None:
            body["edit_date"] = self._date()
        if sent.buttons:
            body["reply_markup"] = sent.buttons
        return body
