"""
Telegram's words: the bodies, errors and descriptions the Bot API answers with.

Rule: texts and codes as Telegram sends them; nothing here remembers anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from watcher.sim.wire import Json, Reply

BOT_ID = 7_000_000_001

Params = Mapping[str, str]


class ApiError(Exception):
    """Telegram's error body."""

    def __init__(
        self, status: int, description: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.retry_after_s = retry_after_s

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
        return Reply(payload=body, status=self.status, headers=headers)


def blocked() -> ApiError:
    return ApiError(403, "Forbidden: bot was blocked by the user")


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


def no_webhook(_: Params) -> dict[str, Any]:
    return {"url": "", "has_custom_certificate": False, "pending_update_count": 0}


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
