"""
How often the service was started of late without having been stopped or proven stable.

Rule: a file of its own beside the ledger, so that a crash the ledger causes is counted too. A start
is written down before anything runs and forgotten when it is stopped in order or has gone well for
long enough; what is left is crashes. A file that cannot be read or written counts nothing.
"""

from __future__ import annotations

from pathlib import Path

import orjson
import structlog

from watcher.domain.alert import MINUTE_US, Moment

FILE = "starts.json"
WITHIN_US = 5 * MINUTE_US
KEPT = 20

log = structlog.get_logger()


class Starts:
    """The starts noted in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / FILE

    def note(self, now: Moment) -> int:
        """Write this start down; return how many within five minutes ended in a crash."""
        before = self._read()
        self._write([*before, now.wall_us][-KEPT:])
        return sum(abs(now.wall_us - at_us) <= WITHIN_US for at_us in before)

    def forget(self) -> None:
        """Take all that was written down as no crash."""
        self._write([])

    def _read(self) -> list[int]:
        try:
            found = orjson.loads(self._file.read_bytes())
        except FileNotFoundError:
            return []
        except (OSError, orjson.JSONDecodeError) as error:
            log.warning("starts.unread", reason=type(error).__name__)
            return []
        return [one for one in found if isinstance(one, int)] if isinstance(found, list) else []

    def _write(self, starts: list[int]) -> None:
        try:
            self._file.write_bytes(orjson.dumps(starts))
        except OSError as error:
            log.warning("starts.unwritten", reason=type(error).__name__)
