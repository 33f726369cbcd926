"""
Telegram's words: what a call says, and the bodies and errors the Bot API answers with.

Rule: texts and codes as Telegram sends them; nothing here remembers anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from watcher.sim.wire import Json, Reply

BOT_ID = 7_000_000_001
TEXT_MAX = 4096
CAPTION_MAX = 1024
DATA_BYTES_MAX = 64

Params = Mapping[str, str]
Files = Mapping[str, bytes]


class ApiError(Exception):
    """Telegram's error body."""

    def __init__(
        self,
        status: int,
        description: str,
        *,
        retry_after_s: float | None = None,
        moved_to: int | None = None,
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after_s = retry_after_s
        self.moved_to = moved_to

    def reply(self) -> Reply:
        body: dict[str, Any] = {
            "ok": False,
            "error_code": self.status,
            "description": self.description,
        }
        headers = {}
        if self.retry_after_s is not None:
            wait = max(1, round(self.retry_after_s))
            body["parameters"] = {"retry_after": wait}
            headers["Retry-After"] = str(wait)
        if self.moved_to is not None:
            body["parameters"] = {"migrate_to_chat_id": self.moved_to}
        return Reply(payload=body, status=self.status, headers=headers)


def blocked() -> ApiError:
    return ApiError(403, "Forbidden: bot was blocked by the user")


def moved(new_chat_id: int) -> ApiError:
    words = "Bad Request: group chat was upgraded to a supergroup chat"
    return ApiError(400, words, moved_to=new_chat_id)


def not_modified() -> ApiError:
    return ApiError(
        400,
        "Bad Request: message is not modified: specified new message content and reply markup are "
        "exactly the same as a current content and reply markup of the message",
    )


def too_many(retry_after_s: float) -> ApiError:
    wait = max(1, round(retry_after_s))
    return ApiError(429, f"Too Many Requests: retry after {wait}", retry_after_s=wait)


def trouble(kind: str, status: int | None, retry_after_s: float) -> ApiError | None:
    """Return Telegram's own words for a fault of this kind; None when it has none."""
    if kind == "rate_limit":
        return too_many(retry_after_s)
    if kind == "revoked":
        return ApiError(401, "Unauthorized")
    if kind in {"maintenance", "ban"}:
        return ApiError(502, "Bad Gateway")
    words = {
        400: "Bad Request: chat not found",
        401: "Unauthorized",
        403: "Forbidden: bot was blocked by the user",
        404: "Not Found",
        409: "Conflict: terminated by other getUpdates request",
        500: "Internal Server Error",
        502: "Bad Gateway",
    }
    if kind == "http" and status in words:
        return ApiError(status, words[status])
    if kind == "http" and status == 429:
        return too_many(retry_after_s)
    return None


def no_such_bot(token: str) -> ApiError:
    # Telegram answers 404 to what cannot be a token at all, 401 to a foreign one
    number, _, rest = token.partition(":")
    return (
        ApiError(401, "Unauthorized") if number.isdigit() and rest else ApiError(404, "Not Found")
    )


def fine(result: Json) -> Reply:
    return Reply(payload={"ok": True, "result": result})


def say_true(_: Params) -> bool:
    return True


def say_nothing(_: Params) -> list[Any]:
    return []


def bot_body() -> dict[str, Any]:
    return {
        "id": BOT_ID,
        "is_bot": True,
        "first_name": "Practice watcher",
        "username": "practice_watcher_bot",
    }


def person_body(user_id: int) -> dict[str, Any]:
    return {
        "id": user_id,
        "is_bot": False,
        "first_name": "Trader",
        "username": f"trader{user_id}",
        "language_code": "en",
    }


def chat_body(chat_id: int) -> dict[str, Any]:
    if chat_id < 0:
        return {"id": chat_id, "title": "Practice group", "type": "group"}
    return {
        "id": chat_id,
        "first_name": "Trader",
        "username": f"trader{chat_id}",
        "type": "private",
    }


def decoded(params: Params, name: str) -> list[dict[str, Any]] | None:
    said = params.get(name)
    if not said:
        return None
    try:
        found: list[dict[str, Any]] = orjson.loads(said)
    except orjson.JSONDecodeError:
        raise ApiError(400, f"Bad Request: can't parse {name} JSON object") from None
    return found


def text_in(params: Params) -> str:
    text = params.get("text", "")
    if not text.strip():
        raise ApiError(400, "Bad Request: message text is empty")
    if _units(text) > TEXT_MAX:
        raise ApiError(400, "Bad Request: message is too long")
    return text


def caption_in(params: Params) -> str:
    caption = params.get("caption", "")
    if _units(caption) > CAPTION_MAX:
        raise ApiError(400, "Bad Request: message caption is too long")
    return caption


def _units(text: str) -> int:
    # Telegram counts UTF-16 units
    return len(text.encode("utf-16-le")) // 2


def uploaded(params: Params, files: Files, name: str) -> bytes | None:
    """Return the file of a call: sent as the field itself, or elsewhere in the form."""
    attached = params.get(name, "").removeprefix("attach://")
    return files.get(attached) or files.get(name)


def buttons_in(params: Params) -> Any:  # noqa: ANN401 - Telegram's own JSON
    buttons: Any = decoded(params, "reply_markup")
    if not isinstance(buttons, dict):
        return buttons
    for row in buttons.get("inline_keyboard", []):
        for key in row:
            if not 1 <= len(key.get("callback_data", "x").encode()) <= DATA_BYTES_MAX:
                raise ApiError(400, "Bad Request: BUTTON_DATA_INVALID")
    return buttons
