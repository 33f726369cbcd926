"""
Request weight: what may be sent to one venue from this address, and what may not.

Rule: nobody waits here. A call that does not fit is refused at once with the time from which it
would, and the poll that wanted it is simply missed; a queue in front of a venue only makes old
answers. Calls that serve a snapshot may use nearly all of a window, calm ones (history,
brackets, wallets) leave `CALM_SHARE` free, so that housekeeping never blinds an account.

Every `now_ms` is our own steady time: setting the clock frees no budget and moves no end of a ban.
The venue's own count, read from its headers, wins whenever it is higher: other programs behind
the same address are counted too. After "too many requests" what we may use ourselves is halved for
ten minutes; what others use only has to leave room.
"""

from __future__ import annotations

from dataclasses import dataclass

from watcher.ports import RateLimited, VenueError

URGENT_SHARE = 0.95
CALM_SHARE = 0.70
HALVED_FOR_MS = 600_000
SHUT_MS_MAX = 3 * 86_400_000
"""The longest ban a venue documents; one told to last longer is a broken answer."""
SLOWED_MS_MAX = 600_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """*weight* per *window_ms*, in windows that start at multiples of it as the venue's do."""

    weight: int
    window_ms: int


class Budget:
    """One allowance of one venue as seen from this address."""

    def __init__(self, name: str, limit: Limit) -> None:
        self.name = name
        self.limit = limit
        self._window = -1
        self._used = 0
        self._own = 0
        self._halved_until_ms = 0.0

    def take(self, weight: int, now_ms: float, *, calm: bool = False) -> None:
        """
        Count *weight* against the current window.

        Raises: `RateLimited` when it does not fit, until the start of the next window.
        """
        self._turn(now_ms)
        share = CALM_SHARE if calm else URGENT_SHARE
        whole, own = int(self.limit.weight * share), int(self.allowance(now_ms) * share)
        if self._used + weight > whole or self._own + weight > own:
            left_ms = (self._window + 1) * self.limit.window_ms - now_ms
            spent = (self._used, whole) if self._used + weight > whole else (self._own, own)
            raise RateLimited(
                f"own request budget is spent ({self.name}: {spent[0]} of {spent[1]})",
                wait_s=left_ms / 1000,
            )
        self._used += weight
        self._own += weight

    def heard(self, used: int, now_ms: float) -> None:
        """Correct the count by what the venue says was used from this address."""
        self._turn(now_ms)
        self._used = max(self._used, used)

    def halve(self, now_ms: float) -> None:
        self._halved_until_ms = now_ms + HALVED_FOR_MS

    def allowance(self, now_ms: float) -> int:
        """Return what may be used by ourselves in one window."""
        return self.limit.weight // 2 if now_ms < self._halved_until_ms else self.limit.weight

    def used(self, now_ms: float) -> int:
        self._turn(now_ms)
        return self._used

    def _turn(self, now_ms: float) -> None:
        window = int(now_ms // self.limit.window_ms)
        if window != self._window:
            self._window = window
            self._used = self._own = 0


class Shutter:
    """
    Whether a venue told this address to stay away. While shut, nothing at all is sent: asking
    during a ban prolongs it.
    """

    def __init__(self) -> None:
        self._until_ms = 0.0
        self._error: VenueError | None = None

    def shut(self, error: VenueError, now_ms: float) -> None:
        longest_ms = SLOWED_MS_MAX if isinstance(error, RateLimited) else SHUT_MS_MAX
        until_ms = now_ms + min((error.wait_s or 0.0) * 1000, longest_ms)
        if until_ms > max(self._until_ms, now_ms):
            self._until_ms = until_ms
            self._error = error

    def check(self, now_ms: float) -> None:
        """Raises: the error that shut it, while that holds, with what is left of its wait."""
        if self._error is None:
            return
        if now_ms < self._until_ms:
            raise again(self._error, (self._until_ms - now_ms) / 1000)
        self._error = None


def again(error: VenueError, wait_s: float | None) -> VenueError:
    """Return a copy of *error* to raise: one object raised twice would collect tracebacks."""
    return type(error)(error.reason, wait_s=wait_s)
