"""
The connection the bot polls through: knows when the far side last answered, and reads defensively.

Rule: the library retries time-outs of its own for ever and says nothing, so the age of the last
answer is kept here. One update that does not read must not stop the others.

Waits in this file are for a socket, not for the world: they are real seconds also in practice.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import Any

import structlog
from telegram import Update
from telegram.error import NetworkError
from telegram.request import HTTPXRequest

from watcher.channels.telegram import request_options

POLL_TIMEOUT_S = 10

log = structlog.get_logger()


class Watched(HTTPXRequest):
    """The polling connection, with the time of its last answer."""

    last_answer_s: float = 0.0

    @classmethod
    def of(cls, endpoint: str | None) -> Watched:
        read_timeout_s = POLL_TIMEOUT_S + 5.0
        return cls(**request_options(1, endpoint, read_timeout_s=read_timeout_s))

    def silent_for(self, seconds: float) -> bool:
        return asyncio.get_running_loop().time() - self.last_answer_s > seconds

    async def initialize(self) -> None:
        self.last_answer_s = asyncio.get_running_loop().time()
        await super().initialize()

    async def do_request(self, *args: Any, **options: Any) -> tuple[int, bytes]:  # noqa: ANN401 - handed on as they come
        status, body = await super().do_request(*args, **options)
        self.last_answer_s = asyncio.get_running_loop().time()
        return status, readable(body) if status == HTTPStatus.OK else body


def readable(body: bytes) -> bytes:
    """
    Return an answer to getUpdates with every update the library cannot read emptied.

    Without this one such update stops all: the library drops the whole answer, asks again at once
    and gets it again, for ever. An emptied one passes, is acknowledged, and admitted nowhere.

    Raises: `NetworkError` for an answer that holds no updates at all.
    """
    try:
        answer = json.loads(body)
        updates = answer["result"]
        kept = [
            update if _reads(update) else {"update_id": update["update_id"]} for update in updates
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise NetworkError("not a list of updates") from error
    if kept == updates:
        return body
    log.warning("update.emptied", updates=len(updates))
    return json.dumps({**answer, "result": kept}).encode()


def _reads(update: dict[str, Any]) -> bool:
    try:
        Update.de_json(update, None)
    except Exception:  # noqa: BLE001 - whatever the library trips over, others must still be read
        return False
    return True
