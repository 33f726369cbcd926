"""A Bot API of a few lines for the tests of the Telegram road: scripted answers, recorded calls."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

TOKEN = "123456789:AAExampleTokenOfTheTestsNotARealOne01"
ME = {"id": 123456789, "is_bot": True, "first_name": "watcher", "username": "watcher_bot"}

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def ok(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def refused(status: int, description: str, **parameters: object) -> Answer:
    async def answer(_: web.Request) -> web.Response:
        body = {"ok": False, "error_code": status, "description": description}
        if parameters:
            body["parameters"] = parameters
        return web.json_response(body, status=status)

    return answer


def plain(status: int, text: str, kind: str = "text/html") -> Answer:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type=kind)

    return answer


async def reset(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hang(_: web.Request) -> web.Response:
    await asyncio.sleep(3600)
    return web.Response()


async def drip(request: web.Request) -> web.Response:
    """Begin an answer and let it come so slowly that no wait for its next byte is ever too long."""
    slow = web.StreamResponse()
    await slow.prepare(request)
    while True:
        await slow.write(b" ")
        await asyncio.sleep(0.02)


class BotApi:
    """`script` holds answers by method, each used once; `calls` what was asked, as form fields."""

    def __init__(self) -> None:
        self.script: dict[str, list[Answer]] = defaultdict(list)
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.updates: list[dict[str, Any]] = []
        self.url = ""
        self.connections: set[object] = set()
        self._sent = 0
        self._fresh = asyncio.Event()

    def said(self) -> list[dict[str, Any]]:
        return [fields for method, fields in self.calls if method == "sendMessage"]

    def asked(self, method: str) -> int:
        return sum(name == method for name, _ in self.calls)

    def push(self, update: dict[str, Any]) -> None:
        self.updates.append(update)
        self._fresh.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        method = request.match_info["method"]
        fields: dict[str, Any] = {
            name: value.file.read() if isinstance(value, web.FileField) else str(value)
            for name, value in (await request.post()).items()
        }
        for name in {"entities", "caption_entities", "reply_markup"} & fields.keys():
            fields[name] = json.loads(fields[name])
        self.calls.append((method, fields))
        self.connections.add(request.transport)
        if self.script[method]:
            return await self.script[method].pop(0)(request)
        if method == "getMe":
            return ok(ME)
        if method == "getUpdates":
            return await self._get_updates(fields)
        if method == "getWebhookInfo":
            return ok({"url": "", "has_custom_certificate": False, "pending_update_count": 0})
        if method in {"sendMessage", "sendPhoto", "editMessageText"}:
            return ok(self._message(fields))
        return ok(result=True)

    async def _get_updates(self, fields: dict[str, Any]) -> web.Response:
        offset = int(fields.get("offset", 0))
        self.updates = [u for u in self.updates if u["update_id"] >= offset]
        if not self.updates and float(fields.get("timeout", 0)) > 0:
            self._fresh.clear()
            try:
                async with asyncio.timeout(float(fields["timeout"])):
                    await self._fresh.wait()
            except TimeoutError:
                return ok([])
        return ok(self.updates)

    def _message(self, fields: dict[str, Any]) -> dict[str, Any]:
        self._sent += 1
        chat = {"id": int(fields["chat_id"]), "type": "private"}
        return {"message_id": self._sent, "date": 1, "chat": chat, "text": fields.get("text", "")}


@asynccontextmanager
async def bot_api() -> AsyncIterator[BotApi]:
    api = BotApi()
    app = web.Application()
    app.router.add_route("*", "/bot{token}/{method}", api.answer)
    async with TestServer(app) as server:
        api.url = str(server.make_url("")).rstrip("/")
        yield api
        await asyncio.sleep(0)
