"""
The console channel: messages as plain lines on a stream, for trying out without a phone.

Rule: one block per message, control characters already removed by whoever wrote the text. It never
fails permanently; a closed stream is a network error like any other.
"""

from __future__ import annotations

from typing import TextIO

from watcher.domain.alert import Text
from watcher.ports import DeliveryError


class ConsoleChannel:
    """The `Channel` port on a text stream."""

    name = "console"

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._sent = 0

    async def send(self, text: Text, *, silent: bool) -> str:
        mark = "·" if silent else "!"
        lines = "\n".join(f"{mark} {line}" for line in text.plain.splitlines())
        try:
            self._stream.write(f"{lines}\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise DeliveryError(f"console: {type(error).__name__}") from error
        self._sent += 1
        return str(self._sent)

    async def close(self) -> None:
        return None
