"""
What the loops need from the dead man's switch: somebody outside who notices when pings stop.

Rule: a ping says nothing but "well" or "not well, because"; it carries no account and no figure.
"""

from __future__ import annotations

from typing import Protocol


class PingError(Exception):
    """The far side did not take a ping. The text is plain words and holds no part of its URL."""


class Ping(Protocol):
    """The far side of the heartbeat. Each call ends within seconds, whatever happens there."""

    async def ok(self) -> None:
        """Say that all is well. Raises: `PingError`."""

    async def fail(self, reason: str) -> None:
        """Say that it is not, and why in a few words. Raises: `PingError`."""
