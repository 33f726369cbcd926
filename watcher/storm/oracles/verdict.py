"""
What an oracle finds: how often it looked, and what was not as promised.

Rule: an oracle that had nothing to look at says so by its count, and proves nothing. A violation
names the account, the second of the run and what was expected.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from watcher.domain.alert import SECOND_US
from watcher.storm.history import History


@dataclass(slots=True, kw_only=True)
class Verdict:
    """The findings of one oracle on one run."""

    name: str
    checks: int = 0
    violations: list[str] = field(default_factory=list)

    def check(self, good: bool, at: str, what: str) -> None:  # noqa: FBT001 - reads as an assertion
        """Count one check; unless *good*, keep where and *what* was wrong."""
        self.checks += 1
        if not good:
            self.violations.append(f"{self.name} {at}: {what}")


def at(history: History, account: str, at_us: int) -> str:
    """Return where in the run something is, for the words of a violation."""
    return f"{account} at {(at_us - history.from_us) / SECOND_US:.1f} s"
