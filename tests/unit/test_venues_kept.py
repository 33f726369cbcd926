"""What adapters keep between polls: fetched once, refreshed when due, dropped when it must be."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from watcher.domain.account import Bracket
from watcher.ports import Unreachable, VenueError, WithdrawalRight
from watcher.venues.kept import Kept


class Source:
    """A value that counts how often it was read, and can fail."""

    def __init__(self) -> None:
        self.reads = 0
        self.error: VenueError | None = None

    async def __call__(self) -> int:
        self.reads += 1
        if self.error is not None:
            raise self.error
        return self.reads


class Ticking:
    def __init__(self) -> None:
        self.now_ms = 0.0

    def __call__(self) -> float:
        return self.now_ms


def kept_and(use: Callable[[Kept, Source, Ticking], Awaitable[None]]) -> None:
    clock = Ticking()
    asyncio.run(_run(use, Kept(clock), Source(), clock))


async def _run(
    use: Callable[[Kept, Source, Ticking], Awaitable[None]],
    kept: Kept,
    source: Source,
    clock: Ticking,
) -> None:
    await use(kept, source, clock)


def test_a_doubtful_value_is_read_again_but_never_given_up() -> None:
    """A table that does not explain a figure is still better than an account nobody reads."""

    async def use(kept: Kept, source: Source, clock: Ticking) -> None:
        assert await kept.of("table", source, age_ms_max=100) == 1
        clock.now_ms = 10
        source.error = Unreachable("HTTP 503")

        assert not await kept.renew("table", age_ms_min=10)
        assert await kept.of("table", source, age_ms_max=100) == 1
        clock.now_ms = 19
        assert not await kept.renew("table", age_ms_min=10)
        assert source.reads == 2  # asked once in ten, answered or not

        source.error = None
        clock.now_ms = 20
        assert await kept.renew("table", age_ms_min=10)
        assert await kept.of("table", source, age_ms_max=100) == 3

    kept_and(use)


def test_a_doubtful_value_that_is_final_is_dropped() -> None:
    async def use(kept: Kept, source: Source, clock: Ticking) -> None:
        await kept.of("rights", source, age_ms_max=100)
        clock.now_ms = 10
        source.error = WithdrawalRight("may withdraw")

        with pytest.raises(WithdrawalRight):
            await kept.renew("rights", age_ms_min=10)
        with pytest.raises(WithdrawalRight):
            await kept.of("rights", source, age_ms_max=100)

    kept_and(use)


def test_value_is_read_once_and_again_when_due() -> None:
    async def use(kept: Kept, source: Source, clock: Ticking) -> None:
        assert await kept.of("table", source, age_ms_max=100) == 1
        await kept.refresh()
        assert await kept.of("table", source, age_ms_max=100) == 1
        clock.now_ms = 100
        await kept.refresh()
        assert await kept.of("table", source, age_ms_max=100) == 2

    kept_and(use)


def test_failed_refresh_leaves_the_value_in_use() -> None:
    async def use(kept: Kept, source: Source, clock: Ticking) -> None:
        await kept.of("table", source, age_ms_max=100)
        source.error = Unreachable("HTTP 503")
        clock.now_ms = 150

        with pytest.raises(Unreachable):
            await kept.refresh()

        assert await kept.of("table", source, age_ms_max=100) == 1
        await kept.refresh()  # not again at once
        assert source.reads == 2

    kept_and(use)


def test_value_far_past_its_age_is_not_used() -> None:
    async def use(kept: Kept, source: Source, clock: Ticking) -> None:
        await kept.of("table", source, age_ms_max=100)
        clock.now_ms = 601

        assert await kept.of("table", source, age_ms_max=100) == 2

    kept_and(use)


def test_final_error_drops_the_value_so_that_the_next_poll_says_it_too() -> None:
    async def use(kept: Kept, source: Source, clock: Ticking) -> None:
        other = Source()
        await kept.of("other", other, age_ms_max=100)
        await kept.of("rights", source, age_ms_max=100)
        other.error, source.error = Unreachable("HTTP 503"), WithdrawalRight("may withdraw")
        clock.now_ms = 100

        with pytest.raises(WithdrawalRight):
            await kept.refresh()
        with pytest.raises(WithdrawalRight):
            await kept.of("rights", source, age_ms_max=100)

    kept_and(use)


def test_value_nobody_uses_is_forgotten() -> None:
    async def use(kept: Kept, source: Source, clock: Ticking) -> None:
        await kept.of("table", source, age_ms_max=100)
        clock.now_ms = 201
        await kept.refresh()

        assert source.reads == 1
        assert await kept.of("table", source, age_ms_max=100) == 2

    kept_and(use)


def test_a_table_that_asks_for_less_is_read_again_before_it_is_used() -> None:
    minute = 60_000.0
    high, low = (
        {"BTC": (Bracket(floor=Decimal(0), rate=Decimal(rate)),)} for rate in ("0.005", "0.004")
    )

    async def use(kept: Kept, source: Source, clock: Ticking) -> None:
        async def fetch() -> object:
            return high if await source() == 1 else low

        async def seen(at_ms: float) -> object:
            clock.now_ms = at_ms
            await kept.refresh()
            return await kept.of("table", fetch, age_ms_max=60 * minute)

        assert await kept.of("table", fetch, age_ms_max=60 * minute) == high
        assert await seen(60 * minute) == high
        assert await seen(69 * minute) == high
        assert source.reads == 2
        assert await seen(70 * minute) == low
        assert await seen(100 * minute) == low
        assert source.reads == 3

    kept_and(use)
