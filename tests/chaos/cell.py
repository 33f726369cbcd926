"""
A daemon without a network of its own: it has a loopback interface, and whoever made the cell holds
the far end of every line out of it.

Rule: started as a program this makes the lines, hands them out and becomes the daemon; a signal to
it reaches nothing else. Standard library only. Taking the interface down is a network that is gone:
no route, no refusal, nothing.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

FLAGS, SET_FLAGS = 0x8913, 0x8914
"""Linux: SIOCGIFFLAGS and SIOCSIFFLAGS."""
UP = 1
CHUNK = 1 << 16


class Cell:
    """Lines to *ports* of this machine. `open`, start the daemon by `prefix`, `join`; `close`."""

    def __init__(self, ports: Sequence[int]) -> None:
        # the path of a socket may not be longer than a hundred characters or so
        self._folder = tempfile.TemporaryDirectory(prefix="cell")
        self._door = str(Path(self._folder.name) / "door")
        self._ports = ports
        self._knocked = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._inside: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._pumps: set[asyncio.Task[None]] = set()

    @property
    def prefix(self) -> Sequence[str]:
        ports = ",".join(map(str, self._ports))
        return ("unshare", "-Urn", sys.executable, __file__, self._door, ports)

    def open(self) -> None:
        self._knocked.bind(self._door)
        self._knocked.listen(1)
        self._knocked.settimeout(0)

    async def join(self) -> None:
        """Take the lines over; from now on the daemon runs."""
        line, _ = await asyncio.get_running_loop().sock_accept(self._knocked)
        with line:
            line.settimeout(None)
            handles = socket.recv_fds(line, 1, len(self._ports))[1]
            for port, handle in zip(self._ports, handles, strict=True):
                inside = socket.socket(fileno=handle)
                self._inside.append(inside)
                relay = partial(self._relay, port)
                self._servers.append(await asyncio.start_server(relay, sock=inside.dup()))
            line.send(b"!")

    def cut(self) -> None:
        _set(self._inside[0], up=False)

    def mend(self) -> None:
        _set(self._inside[0], up=True)

    async def close(self) -> None:
        for server in self._servers:
            server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for each in (*self._inside, self._knocked):
            each.close()
        self._folder.cleanup()

    async def _relay(
        self, port: int, near: asyncio.StreamReader, out: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._pumps.add(task)
        try:
            far, back = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_pump(near, back), _pump(far, out))
        except (OSError, asyncio.CancelledError):
            out.transport.abort()
        finally:
            self._pumps.discard(task)


async def _pump(near: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
    try:
        while data := await near.read(CHUNK):
            out.write(data)
            await out.drain()
    finally:
        with suppress(OSError):
            out.close()


def _set(inside: socket.socket, *, up: bool) -> None:
    asked = fcntl.ioctl(inside, FLAGS, struct.pack("16sH14x", b"lo", 0))
    flags = struct.unpack("16sH14x", asked)
    wanted = flags[1] | UP if up else flags[1] & ~UP
    fcntl.ioctl(inside, SET_FLAGS, struct.pack("16sH14x", b"lo", wanted))


def main(door: str, ports: Sequence[int], command: Sequence[str]) -> None:
    lines = [socket.socket() for _ in ports]
    _set(lines[0], up=True)
    for line, port in zip(lines, ports, strict=True):
        line.bind(("127.0.0.1", port))
        line.listen(64)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as out:
        out.connect(door)
        socket.send_fds(out, [b"#"], [line.fileno() for line in lines])
        out.recv(1)
    for line in lines:
        line.close()
    os.execvp(command[0], list(command))  # noqa: S606 - becomes the daemon


if __name__ == "__main__":
    main(sys.argv[1], [int(each) for each in sys.argv[2].split(",")], sys.argv[3:])
