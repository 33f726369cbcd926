"""
What people did, on its way to the bot: the queue, long polling, a webhook in its way.

Rule: Telegram's own: one reader at a time (the later wins, the earlier gets 409), none while a
webhook is set, and an update stays until a later offset is asked for.
"""

from __future__ import annotations

import asyncio
from typing import Any

from watcher.sim.bot_words import ApiError, Params

POLL_S_MAX = 50.0
UPDATES_MAX = 100
FIRST_ID = 500_000_000


class Updates:
    """One bot's queue. `webhook` is the address somebody had updates sent to, or nothing."""

    def __init__(self) -> None:
        self.webhook = ""
        self.last_id = FIRST_ID
        self._waiting: list[dict[str, Any]] = []
        self._news = asyncio.Event()
        self._poll = 0

    def add(self, update: dict[str, Any]) -> int:
        """Put any update before the bot, whatever it says it listens to; return its id."""
        self.last_id += 1
        self._waiting.append({"update_id": self.last_id, **update})
        self._news.set()
        return self.last_id

    async def get(self, params: Params) -> list[dict[str, Any]]:
        """Answer getUpdates. Raises: `ApiError`."""
        if self.webhook:
            raise ApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook "
                "to delete the webhook first",
            )
        offset = int(params.get("offset") or 0)
        wait = min(float(params.get("timeout") or 0), POLL_S_MAX)
        limit = int(params.get("limit") or UPDATES_MAX)
        if offset > 0:
            self._waiting = [one for one in self._waiting if one["update_id"] >= offset]
        self._poll += 1
        mine, loop = self._poll, asyncio.get_running_loop()
        # a poll that is waiting ends when another one begins: one bot, one reader
        self._news.set()
        until = loop.time() + wait
        while not self._waiting and loop.time() < until:
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
        return self._waiting[:limit]

    def webhook_info(self, _: Params) -> dict[str, Any]:
        waiting = len(self._waiting)
        return {
            "url": self.webhook,
            "has_custom_certificate": False,
            "pending_update_count": waiting,
        }

    def set_webhook(self, params: Params) -> bool:
        self.webhook = params.get("url", "")
        return True

    def delete_webhook(self, _: Params) -> bool:
        self.webhook = ""
        return True
