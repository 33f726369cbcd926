"""
What happened in one simulation, as its oracles are given it: the truth, the weather, what arrived.

Rule: facts only, none of them from inside the service but what its ports brought and took. The
derived views (`said`, `sky`) are worked out once. Times are integer microseconds of the world.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from watcher.domain.alert import MINUTE_US, Tier
from watcher.domain.topup import Intent
from watcher.policy import messages as say
from watcher.settings import Settings
from watcher.storm.bank import Bank
from watcher.storm.chat import Arrived
from watcher.storm.journal import Journal
from watcher.storm.people import Deed
from watcher.storm.sky import CONVERGED_US, Sky
from watcher.storm.truth import Apart, Truth
from watcher.storm.weather import DISK_FAULTS, Fault, Weather
from watcher.storm.words import Said, heard

MUTES_US: Mapping[str, int] = {
    "10m": 10 * MINUTE_US,
    "30m": 30 * MINUTE_US,
    "2h": 120 * MINUTE_US,
    "8h": 480 * MINUTE_US,
}
MUTE_PRESSED_US = 60 * MINUTE_US
MUTE_LATE_US = 5 * MINUTE_US
"""An order can wait for a process that is not there."""
SKEW_MAX_US = 60 * MINUTE_US
"""The furthest the machine's clock is set wrong."""
UNWRITTEN_US = MINUTE_US
"""A disk that was bad so shortly before a death may have taken nothing of what was told."""


@dataclass(frozen=True, kw_only=True)
class History:
    """
    One run from `from_us` to `until_us`; from `healed_us` on the weather is fair. `lives` are the
    spans the process lived, `banks` what venues were asked to move, `intents` what the ledger says
    of it at the end, `polls` each answer of a venue as (account, when, whether complete),
    `apart` those of them in which the venue counts less than there is, `presses` what people did,
    `pings` each word to the dead man's switch as (when, well, why), `depegged` the moments at which
    some stable coin was off its dollar.
    """

    seed: int
    settings: Settings
    from_us: int
    healed_us: int
    until_us: int
    truth: Truth
    weather: Weather
    arrived: Sequence[Arrived]
    lives: Sequence[tuple[int, int]]
    polls: Sequence[tuple[str, int, bool]]
    apart: Sequence[Apart] = ()
    journal: Journal
    errors: Sequence[str] = ()
    presses: Sequence[Deed] = ()
    pings: Sequence[tuple[int, bool, str]] = ()
    depegged: Sequence[int] = ()
    banks: Mapping[str, Bank] = field(default_factory=dict)
    intents: Sequence[Intent] = ()

    @property
    def accounts(self) -> tuple[str, ...]:
        return tuple(self.settings.accounts)

    @cached_property
    def sky(self) -> Sky:
        venues = {name: one.venue for name, one in self.settings.accounts.items()}
        return Sky(self.weather, venues, self.lives, self.from_us, self.until_us)

    @cached_property
    def lost_us(self) -> list[int]:
        """When a ledger was put back, lost, or died without all that was told."""
        befell = [
            # what befalls the process as a whole waits for the next look at it
            next((died_us for _, died_us in self.lives if died_us >= one.from_us), one.from_us)
            for one in self.weather.spells
            if one.fault in (Fault.ROLLBACK, Fault.DISK_CORRUPT)
        ]
        # what was told from memory alone dies with the process
        unwritten = [
            died_us
            for _, died_us in self.lives
            if self.weather.overlaps(DISK_FAULTS, died_us - UNWRITTEN_US, died_us)
        ]
        return sorted(befell + unwritten)

    @cached_property
    def said(self) -> tuple[Said, ...]:
        """Everything that arrived about an incident, oldest first."""
        return tuple(heard(self.arrived, self.lost_us))

    def said_of(self, account: str) -> list[Said]:
        return [one for one in self.said if one.account == account]

    @cached_property
    def seen_us(self) -> dict[str, list[int]]:
        """When each account was read completely, oldest first."""
        found: dict[str, list[int]] = {name: [] for name in self.accounts}
        for name, at_us, complete in self.polls:
            if complete:
                found[name].append(at_us)
        return found

    def is_other(self, account: str, from_us: int, until_us: int) -> bool:
        """
        Tell whether *account* showed another mode than its true one at some time in between: then
        its venue's own figures rule, by another measure, and the truth says nothing of those.
        """
        venue = self.settings.accounts[account].venue
        until_us += CONVERGED_US
        switched = (Fault.MODE_SWITCH,)
        return self.weather.overlaps(switched, from_us - CONVERGED_US, until_us, account, venue)

    def is_muted(self, account: str, tier: Tier, from_us: int, until_us: int) -> bool:
        """Tell whether *tier* of *account* may have been silenced at some time in between."""
        return tier <= Tier.WARNING and any(
            name in ("", account) and begin_us <= until_us and end_us >= from_us
            for name, begin_us, end_us in self._mutes()
        )

    def _mutes(self) -> Iterator[tuple[str, int, int]]:
        late_us = MUTE_LATE_US
        if self.weather.overlaps((Fault.CLOCK_JUMP,), self.from_us, self.until_us):
            late_us += SKEW_MAX_US  # whoever is born under a wrong clock counts on from it
        for deed in self.presses:
            word, _, rest = deed.what.partition(" ")
            if deed.what == f"press {say.BUTTON_MUTE}":
                yield deed.account, deed.at_us, deed.at_us + MUTE_PRESSED_US + late_us
            elif word == "/mute":
                name, _, span = rest.partition(" ")
                if span in MUTES_US:
                    yield name, deed.at_us, deed.at_us + MUTES_US[span] + late_us
