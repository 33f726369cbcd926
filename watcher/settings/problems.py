"""
What is wrong with a configuration, in words a tired person can act on.

Rule: a problem names the key, what was found, what was expected and, where one is near, the key
or value that was probably meant. All problems of a configuration are told together, one line
each. The value of a secret never appears in one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

NOTHING = "nothing"
"""What was found where a key is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One line of a refusal. `source` names the place: a variable, or line and column of a file."""

    key: str
    found: str
    expected: str
    nearest: str | None = None
    source: str | None = None

    def __str__(self) -> str:
        where = f" ({self.source})" if self.source else ""
        meant = f"; did you mean {self.nearest}?" if self.nearest else ""
        return f"{self.key}{where}: found {self.found}, expected {self.expected}{meant}"


class ConfigError(Exception):
    """The configuration is refused. The text is one line per problem."""

    def __init__(self, problems: Sequence[Problem | str]) -> None:
        assert problems, "a refusal needs a reason"
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class Misread(ValueError):
    """A value that does not say what its key needs. Becomes a `Problem` with its key."""

    def __init__(self, found: str, expected: str, nearest: str | None = None) -> None:
        super().__init__(f"found {found}, expected {expected}")
        self.found = found
        self.expected = expected
        self.nearest = nearest


def nearest_of(word: str, known: Iterable[str]) -> str | None:
    """
    Return the known word most like *word*, or None.

    >>> nearest_of("margn_level", ["distance", "margin_level"])
    'margin_level'
    """
    matches = get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return matches[0] if matches else None
