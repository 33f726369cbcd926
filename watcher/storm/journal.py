"""
What happened in a simulation, in order: a hash over all of it and the last events in full.

Rule: only facts that depend on the seed alone are noted, so that two runs of a seed have the same
hash; a run that fails shows what came last.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Callable

from watcher.domain.alert import SECOND_US

KEPT = 200


class Journal:
    """`note` events; `counts` has how many there were of each kind."""

    def __init__(self, now_us: Callable[[], int], from_us: int) -> None:
        self._now_us = now_us
        self._from_us = from_us
        self._hash = hashlib.sha256()
        self._last: deque[str] = deque(maxlen=KEPT)
        self.counts: Counter[str] = Counter()

    def note(self, what: str, *facts: object) -> None:
        """Write down that *what* happened now."""
        at_us = self._now_us() - self._from_us
        line = f"{at_us} {what} {' '.join(map(str, facts))}"
        self._hash.update(line.encode())
        self._last.append(line)
        self.counts[what] += 1

    @property
    def trace(self) -> str:
        """Return the hash over everything noted so far."""
        return self._hash.hexdigest()[:16]

    def last(self) -> list[str]:
        """Return the last events, oldest first, with the time since the beginning in seconds."""
        found = []
        for line in self._last:
            at_us, _, rest = line.partition(" ")
            found.append(f"{int(at_us) / SECOND_US:12.3f} {rest}")
        return found
