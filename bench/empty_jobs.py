"""A baseline: APScheduler firing three jobs that do nothing, each ten seconds, until ended."""

from __future__ import annotations

import asyncio
from datetime import UTC

from apscheduler.schedulers.asyncio import AsyncIOScheduler

JOBS = 3
EVERY_S = 10


async def nothing() -> None:
    await asyncio.sleep(0)


async def main() -> None:
    scheduler = AsyncIOScheduler(timezone=UTC)
    for _ in range(JOBS):
        scheduler.add_job(nothing, "interval", seconds=EVERY_S)
    scheduler.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
