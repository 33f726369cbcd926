"""
How a step asks: a terminal answers, or flags and the environment do.

Rule: with no terminal a question that has no answer is refused at once with the flag that answers
it; nothing ever waits for an answer that cannot come.
"""

from __future__ import annotations

from typing import Protocol

from watcher.setup.files import SetupError


class Unanswered(SetupError):
    """A question nobody is there to answer."""

    def __init__(self, question: str, how: str) -> None:
        super().__init__(f"{question}: no answer, and no terminal to ask; give {how}")


class Prompt(Protocol):
    """Questions to a person. `patient`: a wrong answer may be given again."""

    patient: bool

    def say(self, text: str = "", *, style: str = "") -> None: ...

    def ask(self, question: str, *, how: str, default: str | None = None) -> str:
        """Return the answer, *default* for an empty one. Raises: `Unanswered`, naming *how*."""

    def hidden(self, question: str, *, name: str, optional: bool = False) -> str:
        """
        Return a secret, typed unseen or found in the environment as *name*.

        *optional*: "" is an answer, and the one where nobody is there. Raises: `Unanswered`.
        """

    def agrees(self, question: str, *, default: bool) -> bool:
        """Return yes or no; *default* for an empty answer and where nobody is there."""
