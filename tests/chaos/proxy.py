"""
A faulty line: a TCP (or TLS) proxy on this machine that stands between the daemon and one end.

Rule: it speaks HTTP/1.1 only so far as to know where a message ends, and changes nothing of its
own: a line without a toxic is a line. A toxic works from the next answer on; `infect` also hangs
up what is open, as a line that breaks does.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

HEAD_MAX = 1 << 20
ENDLESS_BYTES = 40_000_000
HELD_S = 3600.0

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

Ask = Callable[[], Awaitable[tuple[bytes, bytes]]]
"""Hands the request on and returns head and body of the true answer."""


class HangUp(Exception):
    """The toxic ends the connection: with a reset, or in order when `politely`."""

    def __init__(self, *, politely: bool = False) -> None:
        super().__init__()
        self.politely = politely


Toxic = Callable[[Ask, asyncio.StreamWriter], Awaitable[None]]


# -- what a line may do ------------------------------------------------------------------------


async def honest(ask: Ask, out: asyncio.StreamWriter) -> None:
    head, body = await ask()
    out.write(head + body)


async def closing(ask: Ask, out: asyncio.StreamWriter) -> None:
    """Answer, and keep no connection."""
    await honest(ask, out)
    raise HangUp(politely=True)


async def reset(ask: Ask, out: asyncio.StreamWriter) -> None:
    raise HangUp


async def silent(ask: Ask, out: asyncio.StreamWriter) -> None:
    """Take everything, say nothing: a black hole."""
    await asyncio.sleep(HELD_S)


async def lost(ask: Ask, out: asyncio.StreamWriter) -> None:
    """Let the request through and lose the answer."""
    await ask()
    raise HangUp


async def torn(ask: Ask, out: asyncio.StreamWriter) -> None:
    """Reset the connection in the middle of the answer."""
    head, body = await ask()
    out.write(head + body[: len(body) // 2])
    await out.drain()
    await asyncio.sleep(0.05)
    raise HangUp


async def cut(ask: Ask, out: asyncio.StreamWriter) -> None:
    """Half an answer whose head says that it is whole."""
    head, body = await ask()
    half = body[: len(body) // 2]
    out.write(_LENGTH.sub(b"\r\nContent-Length: %d" % len(half), head) + half)


async def early(ask: Ask, out: asyncio.StreamWriter) -> None:
    """Half an answer, and the connection closed in order."""
    head, body = await ask()
    out.write(head + body[: len(body) // 2])
    raise HangUp(politely=True)


async def unfinished(ask: Ask, out: asyncio.StreamWriter) -> None:
    """All but the last byte, and then neither that nor an end: a slow close."""
    head, body = await ask()
    out.write((head + body)[:-1])
    await asyncio.sleep(HELD_S)


async def dripping(ask: Ask, out: asyncio.StreamWriter) -> None:
    """A tarpit: an answer byte by byte, ten in a second."""
    head, body = await ask()
    for place in range(len(head + body)):
        out.write((head + body)[place : place + 1])
        await out.drain()
        await asyncio.sleep(0.1)


async def endless(ask: Ask, out: asyncio.StreamWriter) -> None:
    """An answer that is larger than anybody should read."""
    head, body = await ask()
    out.write(_LENGTH.sub(b"\r\nContent-Length: %d" % ENDLESS_BYTES, head) + body)
    for _ in range(ENDLESS_BYTES // 1_000_000):
        out.write(b" " * 1_000_000)
        await out.drain()


async def babbling(ask: Ask, out: asyncio.StreamWriter) -> None:
    """Headers without end."""
    await ask()
    out.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(100_000):
        out.write(b"X-Header-%d: " % number + b"x" * 100 + b"\r\n")
        await out.drain()


def late(seconds: float, jitter_s: float, seed: int = 0) -> Toxic:
    """Return true answers that come *seconds* late, give or take *jitter_s*."""
    chance = random.Random(seed)

    async def toxic(ask: Ask, out: asyncio.StreamWriter) -> None:
        answer = await ask()
        await asyncio.sleep(seconds + chance.uniform(-jitter_s, jitter_s))
        out.write(b"".join(answer))

    return toxic


def instead(
    status: str, body: bytes, *, kind: str = "application/json", headers: bytes = b""
) -> Toxic:
    """Return an answer that is not the far side's: a gateway's, or a broken one's."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return bare(head.encode() + headers + b"\r\n" + body)


def bare(data: bytes) -> Toxic:
    """Return *data* as it is, be it no HTTP at all."""

    async def toxic(ask: Ask, out: asyncio.StreamWriter) -> None:
        out.write(data)
        raise HangUp(politely=True)

    return toxic


# -- the line ----------------------------------------------------------------------------------


class Proxy:
    """
    A line to 127.0.0.1:*target*. `start`, then `infect` and `heal` at will, `close` at the end.

    *tls*: what it shows of itself, where it is spoken to by https.
    """

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self.asked = 0
        self._target = target
        self._tls = tls
        self._true_tls = tls
        self._toxic: Toxic = honest
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(
            self._serve, "127.0.0.1", self.port, ssl=self._tls, limit=HEAD_MAX
        )
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        self._deafen()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def infect(self, toxic: Toxic) -> None:
        self._toxic = toxic
        self._hang_up()

    async def refuse(self) -> None:
        """Nobody listens any more; what is open is reset."""
        self._deafen()

    async def disguise(self, tls: ssl.SSLContext | None) -> None:
        """Show another certificate from now on, or none: plain text where TLS is expected."""
        self._deafen()
        self._tls = tls
        await self.start()

    async def heal(self) -> None:
        """Be a line again, on the same port."""
        self._deafen()
        self._toxic, self._tls = honest, self._true_tls
        await self.start()

    def _deafen(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        self._hang_up()

    def _hang_up(self) -> None:
        for out in list(self._open):
            out.transport.abort()

    async def _serve(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._open.add(out)
        try:
            await self._converse(near, out)
        except HangUp as ended:
            if not ended.politely:
                out.transport.abort()
        except (OSError, EOFError, asyncio.CancelledError):
            out.transport.abort()  # a side is gone, or this is the end of the line
        finally:
            with suppress(OSError):
                out.close()
            self._open.discard(out)
            self._tasks.discard(task)

    async def _converse(self, near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        while True:
            request = await _message(near)
            self.asked += 1
            far: list[asyncio.StreamWriter] = []

            async def ask(
                said: bytes = b"".join(request), opened: list[asyncio.StreamWriter] = far
            ) -> tuple[bytes, bytes]:
                reader, writer = await asyncio.open_connection(
                    "127.0.0.1", self._target, limit=HEAD_MAX
                )
                opened.append(writer)
                writer.write(said)
                return await _message(reader)

            try:
                await self._toxic(ask, out)
                await out.drain()
            finally:
                for writer in far:
                    writer.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head, b"" if length is None else await reader.readexactly(int(length[1]))
