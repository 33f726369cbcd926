"""
The console road: messages as plain lines on a stream, for `drill` and for trying things out.

Rule: prints, and remembers nothing. A stream that is gone (a closed pipe) takes no message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TextIO

from watcher.domain.alert import Text
from watcher.ports import DeliveryError, Key


class ConsoleChannel:
    """The `Channel` port on *stream*; what can be pressed is shown in brackets."""

    def __init__(self, stream: TextIO) -> None:
        self.name = "console"
        self._stream = stream
        self._printed = 0

    async def send(
        self,
        text: Text,
        *,
        silent: bool,
        keys: Sequence[Key] = (),
        picture: bytes | None = None,
    ) -> str:
        rows = [text.plain]
        if keys:
            rows.append(" ".join(f"[{key.label}]" for key in keys))
        if picture is not None:
            rows.append(f"(a picture of {len(picture)} bytes)")
        self._print("(silent)" if silent else "(aloud)", rows)
        self._printed += 1
        return str(self._printed)

    async def edit(self, receipt: str, text: Text, *, keys: Sequence[Key] = ()) -> None:  # noqa: ARG002 - a stream shows no buttons twice
        self._print(f"(message {receipt} now reads)", [text.plain])

    async def pin(self, receipt: str) -> None:
        self._print(f"(message {receipt} is pinned)", [])

    async def close(self) -> None:
        """The stream is its owner's."""

    def _print(self, head: str, rows: Sequence[str]) -> None:
        try:
            self._stream.write("\n".join([head, *rows, "", ""]))
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise DeliveryError("nobody reads this stream", permanent=True) from error
