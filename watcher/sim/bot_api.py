"""
A stand-in for Telegram's Bot API, as much of it as python-telegram-bot needs.

Rule: Telegram's own JSON, errors and long polling; every message sent is kept with its time, so
that tests and the demo can say what the phone showed and when. Chats are known beforehand, as a
bot cannot write to one that never spoke to it.

Not here: files but pictures, groups' rights, parse modes (texts are kept as they came).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from watcher.sim.bot_messages import Edit, SentMessage
from watcher.sim.bot_updates import Updates
from watcher.sim.bot_words import (
    ApiError,
    Files,
    Params,
    blocked,
    bot_body,
    buttons_in,
    caption_in,
    chat_body,
    decoded,
    fine,
    moved,
    no_such_bot,
    not_modified,
    person_body,
    say_nothing,
    say_true,
    text_in,
    too_many,
    uploaded,
)
from watcher.sim.wire import Reply
from watcher.sim.world import SECOND_US, World

CHAT_WINDOW_US = 60 * SECOND_US
PICTURES = (b"\x89PNG", b"\xff\xd8\xff")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person was shown at once after pressing a button."""

    query_id: str
    text: str
    alert: bool
    at_us: int

    def shown(self) -> dict[str, Any]:
        return asdict(self)


class BotApi:
    """
    One bot, its chats and what was said in them.

    *per_minute_max* and *per_second_max* are the flood limits of one chat, for sends and edits
    together (None: no limit). While `unreadable`, a message with spans is refused as malformed.
    `on_message` callbacks see each message the moment it is delivered.
    """

    def __init__(
        self,
        world: World,
        *,
        token: str,
        chats: tuple[int, ...],
        per_minute_max: int | None = None,
        per_second_max: int | None = None,
    ) -> None:
        self.world = world
        self.token = token
        self.chats = set(chats)
        self.blocked: set[int] = set()
        self.unreadable = False
        self.moved: dict[int, int] = {}
        self.left: list[int] = []
        self.messages: list[SentMessage] = []
        self.answers: list[Answer] = []
        self.calls: dict[str, int] = {}
        self.on_message: list[Callable[[SentMessage], None]] = []
        self.per_minute_max = per_minute_max
        self.per_second_max = per_second_max
        self.updates = Updates()
        self._times_us: dict[int, deque[int]] = {}
        self._open_queries: set[str] = set()
        self._message_id = 100
        self._methods: dict[str, Callable[[Params], Any]] = {
            "getMe": self._get_me,
            "deleteWebhook": self.updates.delete_webhook,
            "setWebhook": self.updates.set_webhook,
            "getWebhookInfo": self.updates.webhook_info,
            "setMyCommands": say_true,
            "deleteMyCommands": say_true,
            "setMyDescription": say_true,
            "getMyCommands": say_nothing,
            "logOut": say_true,
            "close": say_true,
            "getChat": self._get_chat,
            "leaveChat": self._leave,
            "sendChatAction": self._chat_action,
            "answerCallbackQuery": self._answer_press,
            "sendMessage": self._send_message,
            "editMessageText": self._edit_text,
            "editMessageCaption": self._edit_caption,
            "editMessageReplyMarkup": self._edit_buttons,
            "deleteMessage": self._delete,
            "pinChatMessage": self._pin,
            "unpinChatMessage": self._unpin,
        }
        self._uploads: dict[str, Callable[[Params, Files], Any]] = {
            "sendPhoto": self._send_photo,
            "sendDocument": self._send_document,
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
        """
        Press an inline button of a message, or say one did: any *data*, from any chat.

        Raises: `ApiError` for a message nobody sent.
        """
        query_id = str(self.updates.last_id + 1)
        self._open_queries.add(query_id)
        query = {
            "id": query_id,
            "from": person_body(user_id),
            "message": self.message(message_id).body(chat_id=chat_id),
            "chat_instance": "1",
            "data": data,
        }
        return self.announce({"callback_query": query})

    def announce(self, update: dict[str, Any]) -> int:
        """Put any update before the bot and return its id."""
        return self.updates.add(update)

    def migrate(self, chat_id: int, new_chat_id: int) -> None:
        """Make a group a supergroup: the old number refuses and names the new one."""
        self.moved[chat_id] = new_chat_id
        self.chats.add(new_chat_id)

    def message(self, message_id: int) -> SentMessage:
        """Return what was sent under that number. Raises: `ApiError`."""
        for sent in reversed(self.messages):
            if sent.id == message_id:
                return sent
        raise ApiError(400, "Bad Request: message to edit not found")

    # ── what the bot asks ──────────────────────────────────────────────────────────────────

    async def handle(
        self, token: str, method: str, params: Params, files: Files | None = None
    ) -> Reply:
        """Answer one call; unknown tokens and methods in Telegram's words."""
        self.calls[method] = self.calls.get(method, 0) + 1
        try:
            if token != self.token:
                raise no_such_bot(token)
            if method == "getUpdates":
                return fine(await self.updates.get(params))
            if method in self._uploads:
                return fine(self._uploads[method](params, files or {}))
            answer = self._methods.get(method)
            if answer is None:
                raise ApiError(404, "Not Found")  # noqa: TRY301  one road for all its errors
            return fine(answer(params))
        except ApiError as no:
            return no.reply()

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

    def _leave(self, params: Params) -> bool:
        chat_id = int(params.get("chat_id") or 0)
        if chat_id >= 0:
            raise ApiError(400, "Bad Request: chat not found")
        self.chats.discard(chat_id)
        self.left.append(chat_id)
        return True

    def _chat_action(self, params: Params) -> bool:
        self._chat_id(params)
        return True

    def _answer_press(self, params: Params) -> bool:
        query_id = params.get("callback_query_id", "")
        if query_id not in self._open_queries:
            raise ApiError(
                400,
                "Bad Request: query is too old and response timeout expired or query ID is invalid",
            )
        self._open_queries.discard(query_id)
        text, alert = params.get("text", ""), params.get("show_alert", "").lower() == "true"
        at_us = self.world.now_us
        self.answers.append(Answer(query_id=query_id, text=text, alert=alert, at_us=at_us))
        return True

    def _send_message(self, params: Params) -> dict[str, Any]:
        return self._deliver("sendMessage", params, text_in(params))

    def _send_photo(self, params: Params, files: Files) -> dict[str, Any]:
        picture = uploaded(params, files, "photo")
        if picture is None or not picture.startswith(PICTURES):
            raise ApiError(400, "Bad Request: IMAGE_PROCESS_FAILED")
        return self._deliver("sendPhoto", params, caption_in(params), picture)

    def _send_document(self, params: Params, files: Files) -> dict[str, Any]:
        file = uploaded(params, files, "document")
        return self._deliver("sendDocument", params, caption_in(params), file)

    def _deliver(
        self, method: str, params: Params, text: str, picture: bytes | None = None
    ) -> dict[str, Any]:
        chat_id = self._chat_id(params)
        buttons = buttons_in(params)
        entities = decoded(params, "entities") or decoded(params, "caption_entities") or []
        if entities and self.unreadable:
            raise ApiError(400, "Bad Request: can't parse entities: unexpected end of the text")
        self._flood_gate(chat_id)
        self._message_id += 1
        sent = SentMessage(
            id=self._message_id,
            chat_id=chat_id,
            text=text,
            entities=entities,
            silent=params.get("disable_notification", "").lower() == "true",
            at_us=self.world.now_us,
            method=method,
            buttons=buttons,
            picture=picture,
            extras={name: params[name] for name in ("parse_mode", "photo") if name in params},
        )
        self.messages.append(sent)
        for listener in self.on_message:
            listener(sent)
        return sent.body()

    def _flood_gate(self, chat_id: int) -> None:
        """Count one send or edit. Raises: `ApiError` with the wait where it is one too many."""
        now_us = self.world.now_us
        times_us = self._times_us.setdefault(chat_id, deque())
        while times_us and times_us[0] <= now_us - CHAT_WINDOW_US:
            times_us.popleft()
        for most, window_us in (
            (self.per_minute_max, CHAT_WINDOW_US),
            (self.per_second_max, SECOND_US),
        ):
            if most is None or len(times_us) < most:
                continue
            free_us = times_us[-most] + window_us
            if free_us > now_us:
                raise too_many((free_us - now_us) / SECOND_US)
        times_us.append(now_us)

    def _edit_text(self, params: Params) -> dict[str, Any]:
        sent = self._own(params)
        text = text_in(params)
        if sent.method != "sendMessage":
            raise ApiError(400, "Bad Request: there is no text in the message to edit")
        return self._edit(sent, text, decoded(params, "entities") or [], buttons_in(params))

    def _edit_caption(self, params: Params) -> dict[str, Any]:
        sent = self._own(params)
        if sent.method == "sendMessage":
            raise ApiError(400, "Bad Request: there is no caption in the message to edit")
        entities = decoded(params, "caption_entities") or []
        return self._edit(sent, caption_in(params), entities, buttons_in(params))

    def _edit_buttons(self, params: Params) -> dict[str, Any]:
        sent = self._own(params)
        now = sent.now()
        return self._edit(sent, now.text, now.entities, buttons_in(params))

    def _edit(
        self, sent: SentMessage, text: str, entities: list[dict[str, Any]], buttons: object
    ) -> dict[str, Any]:
        now = sent.now()
        if (now.text, now.entities, now.buttons or None) == (text, entities, buttons or None):
            raise not_modified()
        self._flood_gate(sent.chat_id)
        edit = Edit(at_us=self.world.now_us, text=text, entities=entities, buttons=buttons)
        sent.edits.append(edit)
        return sent.body()

    def _delete(self, params: Params) -> bool:
        self._own(params)
        return True

    def _pin(self, params: Params) -> bool:
        self._own(params, "pin").pinned_at_us = self.world.now_us
        return True

    def _unpin(self, params: Params) -> bool:
        self._own(params, "unpin").pinned_at_us = None
        return True

    # ── parts ──────────────────────────────────────────────────────────────────────────────

    def _chat_id(self, params: Params) -> int:
        said = params.get("chat_id", "")
        if not said:
            raise ApiError(400, "Bad Request: chat_id is empty")
        chat_id = int(said) if said.lstrip("-").isdigit() else 0
        if chat_id in self.moved:
            raise moved(self.moved[chat_id])
        if chat_id not in self.chats:
            raise ApiError(400, "Bad Request: chat not found")
        if chat_id in self.blocked:
            raise blocked()
        return chat_id

    def _own(self, params: Params, what: str = "edit") -> SentMessage:
        chat_id = self._chat_id(params)
        message_id = int(params.get("message_id") or 0)
        for sent in reversed(self.messages):
            if sent.id == message_id and sent.chat_id == chat_id:
                return sent
        raise ApiError(400, f"Bad Request: message to {what} not found")

    def _date(self) -> int:
        return self.world.now_us // SECOND_US
