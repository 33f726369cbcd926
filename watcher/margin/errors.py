"""
What a compiler may refuse.

Rule: a snapshot the engine cannot trust is a `BookError` and nothing is computed from it; a pool
it can trust but has no formula for is `NotModelled`, and shows its venue's figures instead.
"""

from __future__ import annotations


class BookError(ValueError):
    """A snapshot that cannot be right. The text names pool, asset or symbol, field and value."""


class NotModelled(Exception):
    """A pool this engine has no formula for. The text says why, in plain words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
