"""
What the bot said, as its chats show it: texts with their edits, buttons, pins and pictures.

Rule: nothing said is forgotten: an edit is kept beside what it replaced, each with its time, so
that a test can say what the phone showed and when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from watcher.sim.bot_words import bot_body, chat_body
from watcher.sim.world import SECOND_US


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a message became, and when."""

    at_us: int
    text: str
    entities: list[dict[str, Any]]
    buttons: Any


@dataclass(slots=True, kw_only=True)
class SentMessage:
    """What a chat was told: `text`, `entities` and `buttons` as first sent, in world time."""

    id: int
    chat_id: int
    text: str
    entities: list[dict[str, Any]]
    silent: bool
    at_us: int
    method: str = "sendMessage"
    buttons: Any = None
    picture: bytes | None = None
    pinned_at_us: int | None = None
    edits: list[Edit] = field(default_factory=list)
    extras: Mapping[str, str] = field(default_factory=dict)

    def now(self) -> Edit:
        """Return what it shows now."""
        if self.edits:
            return self.edits[-1]
        return Edit(at_us=self.at_us, text=self.text, entities=self.entities, buttons=self.buttons)

    def keys(self) -> dict[str, str]:
        """Return the data its buttons bring back now, by what they say."""
        rows = (self.now().buttons or {}).get("inline_keyboard", [])
        return {key["text"]: key.get("callback_data", "") for row in rows for key in row}

    def shown(self) -> dict[str, Any]:
        """Return it for the control endpoint."""
        now = self.now()
        return {
            "id": self.id,
            "chat_id": self.chat_id,
            "text": now.text,
            "entities": now.entities,
            "silent": self.silent,
            "at_us": self.at_us,
            "method": self.method,
            "buttons": now.buttons,
            "keys": list(self.keys()),
            "picture_bytes": None if self.picture is None else len(self.picture),
            "pinned_at_us": self.pinned_at_us,
            "first_text": self.text,
            "edits": [{"at_us": edit.at_us, "text": edit.text} for edit in self.edits],
        }

    def body(self, *, chat_id: int | None = None) -> dict[str, Any]:
        """Return it as Telegram shows it to the bot, as if in *chat_id* where given."""
        now = self.now()
        body: dict[str, Any] = {
            "message_id": self.id,
            "from": bot_body(),
            "chat": chat_body(self.chat_id if chat_id is None else chat_id),
            "date": self.at_us // SECOND_US,
        }
        if self.method == "sendMessage":
            body |= {"text": now.text, "entities": now.entities}
        else:
            body |= {"caption": now.text, "caption_entities": now.entities}
        size = len(self.picture or b"")
        if self.method == "sendPhoto":
            file = {"file_id": f"P{self.id}", "file_unique_id": f"p{self.id}"}
            body["photo"] = [{**file, "width": 90, "height": 90, "file_size": size}]
        if self.method == "sendDocument":
            body["document"] = {"file_id": "D", "file_unique_id": "d", "file_size": size}
        if self.edits:
            body["edit_date"] = now.at_us // SECOND_US
        if now.buttons:
            body["reply_markup"] = now.buttons
        return body
