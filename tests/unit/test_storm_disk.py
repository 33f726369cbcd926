"""The simulated disk: one writer, in order, slow where the weather is, dead with its process."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from watcher.domain.alert import SECOND_US
from watcher.ports import StoreError
from watcher.store.sqlite import SqliteStore
from watcher.storm.disk import SLOW_S, Disk
from watcher.storm.loop import VirtualLoop
from watcher.storm.weather import Fault, Spell, Weather

START_US = 1_790_000_000 * SECOND_US
BUSY_S = 60


async def written(loop: VirtualLoop, disk: Disk, said: list[int], number: int) -> None:
    async with asyncio.timeout(6):
        await loop.run_in_executor(disk, said.append, number)


def busy(seconds: float, *, asked: int) -> tuple[list[int], int, float]:
    """
    Ask each second for something to be written while the disk is busy for the first minute.

    Returns what was done, how much of it nobody waited for any more, and how long the last took.
    """
    loop = VirtualLoop(START_US)
    spell = Spell(fault=Fault.DISK_BUSY, from_us=START_US, until_us=START_US + BUSY_S * SECOND_US)
    disk = Disk(Weather([spell], seed=1, now_us=lambda: loop.now_us), seed=1)
    said: list[int] = []

    async def story() -> tuple[int, float]:
        late = 0
        for number in range(asked):
            try:
                await written(loop, disk, said, number)
            except TimeoutError:
                late += 1
            await asyncio.sleep(1)
        await asyncio.sleep(seconds)
        began = loop.time()
        await written(loop, disk, said, -1)
        return late, loop.time() - began

    try:
        late, took_s = loop.run_until_complete(story())
    finally:
        loop.close()
    return said, late, took_s


def test_a_busy_disk_is_late_in_order_and_well_again_when_it_is_over() -> None:
    said, late, took_s = busy(BUSY_S, asked=30)

    assert late > 0
    assert said == [*sorted(said[:-1]), -1]
    assert took_s == 0.0


def test_what_nobody_waits_for_any_more_takes_no_time() -> None:
    """Else a minute of slowness would last for the rest of the day."""
    said, late, _ = busy(max(SLOW_S), asked=BUSY_S // 7)

    assert late > 0
    assert len(said) < BUSY_S


def test_a_dead_process_writes_nothing() -> None:
    loop = VirtualLoop(START_US)
    spell = Spell(fault=Fault.DISK_BUSY, from_us=START_US, until_us=START_US + BUSY_S * SECOND_US)
    disk = Disk(Weather([spell], seed=1, now_us=lambda: loop.now_us), seed=1)
    said: list[int] = []

    async def story() -> None:
        loop.run_in_executor(disk, said.append, 1).cancel()
        waiting = loop.run_in_executor(disk, said.append, 2)
        disk.alive = False
        await asyncio.sleep(BUSY_S)
        waiting.cancel()

    try:
        loop.run_until_complete(story())
    finally:
        loop.close()
    assert said == []


def test_a_start_that_fails_on_a_broken_disk_leaves_no_lock(tmp_path: Path) -> None:
    """The process is gone then, and the system frees what it held."""
    loop = VirtualLoop(START_US)
    spells = [
        Spell(fault=fault, from_us=START_US, until_us=START_US + BUSY_S * SECOND_US)
        for fault in (Fault.DISK_FULL, Fault.DISK_BUSY)
    ]
    weather = Weather(spells, seed=1, now_us=lambda: loop.now_us)

    async def story() -> None:
        for seed in range(8):
            with pytest.raises(StoreError):
                await SqliteStore.open(tmp_path, thread=Disk(weather, seed))
            await asyncio.sleep(1)
        await asyncio.sleep(BUSY_S)
        store = await SqliteStore.open(tmp_path, thread=Disk(weather, 9))
        store.release()

    try:
        loop.run_until_complete(story())
    finally:
        loop.close()
