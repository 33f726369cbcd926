"""
Charts by a child process, so that the picture and all that draws it leave the daemon's memory.

Rule: one at a time, with a time-out and bounds on what goes in and comes out; the child bounds its
own memory and time too. It is given no secret: its environment is made here, not inherited. A chart
that fails is a line of words, never trouble for the alerts. Its seconds are real ones also in
practice.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

import watcher
from watcher.policy import messages as say

MODULE = "watcher.drawing"
TIMEOUT_S = 30.0
"""The first chart on a machine lists its fonts, which takes seconds."""
STORY_BYTES_MAX = 512 * 1024
PICTURE_BYTES_MAX = 2 * 1024 * 1024
PNG = b"\x89PNG\r\n\x1a\n"

log = structlog.get_logger()


class NotDrawn(Exception):
    """There is no picture. The text is what to answer."""


class Drawer:
    """Draws stories as PNG; *cache* is a folder the child may write its list of fonts to."""

    def __init__(self, cache: Path, *, module: str = MODULE, timeout_s: float = TIMEOUT_S) -> None:
        self._module = module
        self._timeout_s = timeout_s
        self._environment = {
            "PATH": os.defpath,
            "PYTHONPATH": str(Path(watcher.__file__).resolve().parents[1]),
            "MPLCONFIGDIR": str(cache),
            "MPLBACKEND": "Agg",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._busy = False

    async def draw(self, story: Mapping[str, Any]) -> bytes:
        """
        Return the PNG of *story*.

        Raises: `NotDrawn`.
        """
        if self._busy:
            raise NotDrawn(say.DRAWING_ALREADY)
        self._busy = True
        try:
            return await self._drawn(json.dumps(story, allow_nan=False).encode())
        finally:
            self._busy = False

    async def _drawn(self, story: bytes) -> bytes:
        if len(story) > STORY_BYTES_MAX:
            raise self._failed(f"the story has {len(story)} bytes")
        try:
            child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                self._module,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environment,
            )
        except OSError as error:
            raise self._failed(f"no process: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._timeout_s):
                picture = await _exchanged(child, story)
                code = await child.wait()
        except TimeoutError as error:
            raise self._failed(f"not done in {self._timeout_s:g} s") from error
        finally:
            if child.returncode is None:
                with suppress(ProcessLookupError):
                    child.kill()
                await child.wait()
        if code != 0 or not picture.startswith(PNG) or len(picture) > PICTURE_BYTES_MAX:
            raise self._failed(f"exit {code}, {len(picture)} bytes")
        return picture

    def _failed(self, reason: str) -> NotDrawn:
        log.warning("chart.failed", reason=reason)
        return NotDrawn(say.DRAWING_FAILED)


async def _exchanged(child: asyncio.subprocess.Process, story: bytes) -> bytes:
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(story)
        await child.stdin.drain()
    child.stdin.close()
    picture = b""
    # one byte beyond the limit is enough to know
    while len(picture) <= PICTURE_BYTES_MAX:
        piece = await child.stdout.read(65_536)
        if not piece:
            break
        picture += piece
    if len(picture) > PICTURE_BYTES_MAX:
        child.kill()
    return picture
