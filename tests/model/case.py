"""
What a case of the model says: the venue, the world, and which rule of the protocol is broken.

Rule: a case that breaks a rule says so in a flag of its own, and its expectation is a double.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from watcher.domain.topup import Assurance


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """
    One world to explore. Times are in ticks: the venue takes a request until *window* after its
    time stamp, shows an execution *lag* later, keeps a request up to *queue* before it executes.
    `settle` is what the worker believes those three come to.
    """

    name: str
    words: str
    expected: str = "safe"

    # the venue
    assurance: Assurance = Assurance.LOOKUP
    window: int = 2
    lag: int = 1
    queue: int = 0
    checks_stamp: bool = True
    refuses: bool = False
    """The venue may refuse any request for a reason of its own: busy, too little there."""

    # the world
    lease: bool = True
    lease_ticks: int = 2
    split: bool = False
    power_loss: bool = False
    asks_person: bool = False
    attempts: int = 2
    """How many ids one decision may come to use, one after the other."""
    requests: int = 2
    """How many requests may be on their way at once."""

    # broken on purpose
    settles_early: bool = False
    believes_first_absence: bool = False
    stamps_after_commit: bool = False
    records_after_send: bool = False
    client_repeats: bool = False
    fresh_id_each_send: bool = False
    claims_without_look: bool = False
    believes_late_rejection: bool = False
    repeats_after_restart: bool = False
    counts_early_absences: bool = False
    person_answers_at_once: bool = False

    @property
    def settle(self) -> int:
        return self.window + self.lag + (0 if self.settles_early else self.queue)


def quick(case: Case) -> Case:
    """Return *case* within bounds that take seconds: for the tests of every change."""
    attempts = 1 if case.assurance is Assurance.DEDUP and case.expected == "safe" else 2
    lease = case.lease and case.assurance is not Assurance.DEDUP and not case.queue
    return replace(case, window=1, queue=min(case.queue, 1), attempts=attempts, lease=lease)


def deep(case: Case) -> Case:
    """Return *case* with one more id to come to, and one more request on its way."""
    return replace(case, attempts=3, requests=3)
