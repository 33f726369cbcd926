"""
Updates of every type there is, from everybody but a listed person as themselves in a listed chat.

Rule: made by seed, in Telegram's own JSON, whole enough for the library to read; by construction
none is a command or a press that may be heard.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.unit.bot_people import BOT, CHAT, STRANGER, USER, text_message
from watcher.channels.telegram_gate import GROUP_BOT_ID

Body = dict[str, Any]

USERS = (USER, STRANGER, GROUP_BOT_ID, -USER, 0, CHAT, 777000)
CHATS = (CHAT, STRANGER, -1001, USER, 0, -CHAT)
TYPES = ("private", "group", "supergroup", "channel")
WORDS = (
    *("/status", "/help", "/positions x", "/kill", "/kill@watcher_bot", "/pause 2h", "/ack K7F3"),
    *("status", "", "/", " /status", "/mute all 1h", "a:token", "/start 1", "\u202e/kill"),
)
CHANNEL = {"id": -1001, "type": "channel", "title": "C"}
GROUP = {"id": CHAT, "type": "supergroup", "title": "G"}
GIFT = {"type": "regular", "star_count": 1}
ODDITIES: tuple[Body, ...] = (
    {"sender_chat": CHANNEL},
    {"sender_chat": GROUP},
    {"forward_origin": {"type": "hidden_user", "sender_user_name": "x", "date": 1}},
    {"forward_origin": {"type": "channel", "chat": CHANNEL, "message_id": 1, "date": 1}},
    {"via_bot": BOT},
    {"is_automatic_forward": True},
    {"from": {"id": USER, "is_bot": True, "first_name": "A"}},
    {"from": None},
)


class Outsiders:
    """Draws updates by *seed*; `kinds` are the types it can draw."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._made = 0
        self._makers: dict[str, Callable[[], Body]] = {
            "message": self._message,
            "edited_message": self._body,
            "channel_post": self._body,
            "edited_channel_post": self._body,
            "business_message": self._body,
            "edited_business_message": self._body,
            "guest_message": self._body,
            "callback_query": self._press,
            "inline_query": lambda: {**self._by(), "query": self._words(), "offset": ""},
            "chosen_inline_result": lambda: {**self._by(), "result_id": "1", "query": "/kill"},
            "shipping_query": self._shipping,
            "pre_checkout_query": self._checkout,
            "purchased_paid_media": lambda: {**self._by(), "paid_media_payload": "/kill"},
            "poll": self._poll,
            "poll_answer": self._poll_answer,
            "my_chat_member": self._member,
            "chat_member": self._member,
            "chat_join_request": lambda: {**self._change(), "user_chat_id": self._user()},
            "chat_boost": self._boost,
            "removed_chat_boost": self._unboost,
            "message_reaction": self._reaction,
            "message_reaction_count": self._reactions,
            "business_connection": self._business,
            "deleted_business_messages": self._deleted,
            "managed_bot": lambda: {"user": self._person(self._user()), "bot": BOT},
        }
        self.kinds = frozenset(self._makers)

    def draw(self) -> tuple[str, Body]:
        """Return a type and an update of it."""
        self._made += 1
        # the two that could be heard are half of all
        kind = self._chance.choice([*self._makers, *["message", "callback_query"] * 12])
        return kind, {"update_id": self._made, kind: self._makers[kind]()}

    # -- identities ----------------------------------------------------------------------------

    def _user(self) -> int:
        return self._chance.choice(USERS)

    def _person(self, user: int, *, is_bot: bool | None = None) -> Body:
        bot = self._chance.random() < 0.2 if is_bot is None else is_bot
        return {"id": user, "is_bot": bot, "first_name": "A", "username": "owner"}

    def _chat(self, chat: int | None = None) -> Body:
        number = self._chance.choice(CHATS) if chat is None else chat
        return {"id": number, "type": self._chance.choice(TYPES), "title": "T"}

    def _words(self) -> str:
        return self._chance.choice(WORDS)

    def _by(self) -> Body:
        return {"id": "1", "from": self._person(self._user())}

    def _change(self) -> Body:
        return {"chat": self._chat(), "from": self._person(self._user()), "date": 1}

    # -- what could be heard -------------------------------------------------------------------

    def _body(self) -> Body:
        person, chat = self._person(self._user()), self._chat()
        return text_message(**{"from": person, "chat": chat, "text": self._words()})

    def _message(self) -> Body:
        if self._chance.random() < 0.3:
            listed = {"from": self._person(USER, is_bot=False), "chat": self._chat(CHAT)}
            return text_message(**{**listed, "text": self._words(), **self._odd()})
        body = self._body()
        if (body["from"]["id"], body["chat"]["id"]) == (USER, CHAT):
            body["from"]["id"] = STRANGER
        return body

    def _odd(self) -> Body:
        return dict(self._chance.choice(ODDITIES))

    def _press(self) -> Body:
        body = self._body()
        user, chat = self._user(), body["chat"]["id"]
        if (user, chat) == (USER, CHAT):
            user = STRANGER
        data = self._chance.choice(["a:token", "a:", "", "/kill", "a:" + "x" * 62])
        query: Body = {
            "id": "1",
            "from": self._person(user),
            "chat_instance": "1",
            "data": data,
            "message": {**body, "from": BOT},
        }
        odd = self._chance.random()
        if odd < 0.1:
            query |= {"from": self._person(USER, is_bot=False), "inline_message_id": "i"}
        elif odd < 0.2:
            query |= {"from": self._person(USER, is_bot=False), "message": None}
        elif odd < 0.3:
            there = {**body, "chat": self._chat(CHAT), "from": BOT}
            query |= {"from": self._person(USER, is_bot=True), "message": there}
        return query

    # -- what never is -------------------------------------------------------------------------

    def _shipping(self) -> Body:
        names = ("country_code", "state", "city", "street_line1", "street_line2", "post_code")
        return {
            **self._by(),
            "invoice_payload": "/kill",
            "shipping_address": dict.fromkeys(names, "x"),
        }

    def _checkout(self) -> Body:
        price = {"currency": "XTR", "total_amount": 1}
        return {**self._by(), **price, "invoice_payload": "/kill"}

    def _poll(self) -> Body:
        flags = ("is_closed", "is_anonymous", "allows_multiple_answers", "allows_revoting")
        options: list[Body] = []
        return {
            **dict.fromkeys(flags, False),
            "id": "1",
            "question": self._words() or "?",
            "options": options,
            "total_voter_count": 0,
            "type": "regular",
            "members_only": False,
        }

    def _poll_answer(self) -> Body:
        return {
            "poll_id": "1",
            "user": self._person(self._user()),
            "option_ids": [0],
            "option_persistent_ids": ["a"],
        }

    def _member(self) -> Body:
        def side() -> Body:
            status = self._chance.choice(["member", "left"])
            return {"status": status, "user": self._person(self._user())}

        return {**self._change(), "old_chat_member": side(), "new_chat_member": side()}

    def _boost(self) -> Body:
        source = {"source": "premium", "user": self._person(self._user())}
        boost = {"boost_id": "1", "add_date": 1, "expiration_date": 2, "source": source}
        return {"chat": self._chat(), "boost": boost}

    def _unboost(self) -> Body:
        source = {"source": "premium", "user": self._person(self._user())}
        return {"chat": self._chat(), "boost_id": "1", "remove_date": 1, "source": source}

    def _reaction(self) -> Body:
        emoji = [{"type": "emoji", "emoji": "👍"}]
        by = {"user": self._person(self._user())}
        if self._chance.random() < 0.3:
            by = {"actor_chat": self._chat()}
        return {
            **by,
            "chat": self._chat(),
            "message_id": 1,
            "date": 1,
            "old_reaction": [],
            "new_reaction": emoji,
        }

    def _reactions(self) -> Body:
        counts = [{"type": {"type": "emoji", "emoji": "👍"}, "total_count": 1}]
        return {"chat": self._chat(), "message_id": 1, "date": 1, "reactions": counts}

    def _business(self) -> Body:
        return {
            "id": "1",
            "user": self._person(self._user()),
            "user_chat_id": self._user(),
            "date": 1,
            "is_enabled": True,
        }

    def _deleted(self) -> Body:
        return {"business_connection_id": "1", "chat": self._chat(), "message_ids": [1]}
