"""
A baseline: python-telegram-bot alone, sending texts that hold the moment each was handed over.

    python -m bench.bare_send ENDPOINT TOKEN CHAT COUNT EVERY_S
"""

from __future__ import annotations

import asyncio
import sys
import time

from telegram import Bot


async def main(endpoint: str, token: str, chat: int, count: int, every_s: float) -> None:
    async with Bot(token, base_url=f"{endpoint}/bot") as bot:
        # the daemon's connection is open too when an alert comes
        await bot.send_message(chat, "warm")
        for _ in range(count):
            await asyncio.sleep(every_s)
            await bot.send_message(chat, f"bare {time.monotonic_ns()}")
        await asyncio.Event().wait()  # until ended, like the daemon


if __name__ == "__main__":
    asyncio.run(
        main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    )
