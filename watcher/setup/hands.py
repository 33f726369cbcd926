"""
The world as it is: each errand opens what it needs, waits for one thing, and closes it.

Rule: a loop of its own per errand, so that Ctrl-C between two questions is nobody's business but
the terminal's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from pydantic import SecretStr

from watcher.channels.apprise import AppriseChannel
from watcher.channels.heartbeat import HttpPing
from watcher.channels.telegram_introduction import Introduced, Introduction
from watcher.settings import Account, Settings
from watcher.setup.advice import seen_at
from watcher.setup.look import Answer, ask_all

NO_KEY = SecretStr("A" * 64)
"""What no venue gave anybody: Binance refuses it by its whole answer, address and all."""


class World:
    """The `Hands` of the kit."""

    def look(self, settings: Settings) -> tuple[list[Answer], int]:
        return asyncio.run(ask_all(settings))

    def address(self, endpoint: str | None) -> str | None:
        nobody = Account(venue="binance", api_key=NO_KEY, api_secret=NO_KEY, endpoint=endpoint)
        (answer,), _ = self.look(Settings(accounts={"nobody": nobody}))
        return seen_at(answer.trouble or "")

    def bot(self, token: str, endpoint: str | None) -> str:
        async def ask() -> str:
            introduction = Introduction(token, endpoint=endpoint)
            try:
                return await introduction.name()
            finally:
                await introduction.close()

        return asyncio.run(ask())

    def heard(
        self,
        token: str,
        endpoint: str | None,
        code: str,
        within_s: float,
        begun: Callable[[], None],
    ) -> Introduced:
        async def wait() -> Introduced:
            # who is asked to wait may press Ctrl-C at once: the loop that takes it comes first
            begun()
            introduction = Introduction(token, endpoint=endpoint)
            try:
                return await introduction.heard(code, within_s=within_s)
            finally:
                await introduction.close()

        return asyncio.run(wait())

    def usable(self, url: str) -> str:
        return asyncio.run(AppriseChannel(url).warm())

    def ping(self, url: str) -> None:
        async def ping() -> None:
            far = HttpPing(url)
            try:
                await far.ok()
            finally:
                await far.close()

        asyncio.run(ping())
