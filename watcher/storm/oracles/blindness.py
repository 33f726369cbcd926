"""
I2, blindness is told: an account not read for S is said to be unseen within 15 s more.

Rule: what is read counts from the venue's side, by its complete answers; S follows the true
distance at the last of them, as `policy.blind` has it. Where the roads or the process fail, the
word is due as soon as both are back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from watcher.domain.alert import SECOND_US, Tier
from watcher.policy.blind import allowed_us
from watcher.storm import sky
from watcher.storm.history import History
from watcher.storm.oracles import telling
from watcher.storm.oracles.verdict import Verdict, at
from watcher.storm.sky import CONVERGED_US
from watcher.storm.weather import LIES, Fault

LATE_US = 15 * SECOND_US
NEVER_US = 20 * SECOND_US
"""S of an account that was never read."""
_ELSE = (*LIES, Fault.MODE_SWITCH)


@dataclass(frozen=True, slots=True)
class Gap:
    """No complete answer from one moment to another; told from `due_us` on. `fair`: no excuse."""

    from_us: int
    until_us: int
    due_us: int
    fair: bool


def told_in_time(history: History) -> Verdict:
    """Judge whether every gap longer than S was told."""
    verdict = Verdict(name="I2 blindness is told")
    for name in history.accounts:
        for gap in gaps(history, name):
            late_us = gap.due_us + LATE_US
            if late_us >= gap.until_us:
                continue
            told_us = told_at_us(history, name, gap)
            verdict.check(
                told_us is not None and told_us <= late_us,
                at(history, name, gap.from_us),
                f"unseen and not told by {(late_us - gap.from_us) / SECOND_US:.0f} s after",
            )
    return verdict


def lateness_s(history: History) -> Iterator[float]:
    """Yield how much later than S each blindness was told, where roads and process were well."""
    for name in history.accounts:
        for gap in gaps(history, name):
            told_us = told_at_us(history, name, gap)
            if not gap.fair or gap.due_us >= gap.until_us:
                continue
            if told_us is None and gap.until_us <= gap.due_us + LATE_US:
                continue
            yield max(0, (told_us or history.until_us) - gap.due_us) / SECOND_US


def gaps(history: History, name: str) -> Iterator[Gap]:
    """Yield each time without a complete answer that is longer than S there."""
    for from_us, until_us in pairwise([history.from_us, *history.seen_us[name], history.until_us]):
        due_us = from_us + allowed(history, name, from_us)
        if due_us >= until_us:
            continue
        troubled = history.sky.roads
        fair = not sky.overlaps(troubled, from_us, due_us + LATE_US)
        if not fair:
            due_us = max(due_us, sky.clear_from(troubled, from_us, CONVERGED_US) + CONVERGED_US)
            if sky.overlaps(troubled, due_us, due_us + LATE_US):
                due_us = sky.clear_from(troubled, due_us, CONVERGED_US) + CONVERGED_US
        yield Gap(from_us=from_us, until_us=until_us, due_us=due_us, fair=fair)


def allowed(history: History, name: str, at_us: int) -> int:
    """Return S for an account as it truly stood when it was read."""
    if at_us == history.from_us:
        return NEVER_US
    longest, venue = history.settings.blind.after_max, history.settings.accounts[name].venue
    if history.weather.overlaps(_ELSE, at_us, at_us + 1, name, venue):
        return longest  # what it was taken for is not known here
    point, scale = history.truth.at(name, at_us), history.truth.scales[name]
    # far from every line the truth is not looked at for each move
    calm = scale.hold(point.value) is Tier.CALM
    loose = scale.step(point.value) / scale.point if calm else 0.0
    return allowed_us([point.distance + loose], longest)


def told_at_us(history: History, name: str, gap: Gap) -> int | None:
    """Return when *gap* was told: in it, or before it by a word that nothing has ended."""
    said = history.said_of(name)
    if telling.stands_blind(one for one in said if one.at_us < gap.from_us):
        return gap.from_us
    words = (one.at_us for one in said if one.tells_blind)
    return next((at_us for at_us in words if gap.from_us <= at_us < gap.until_us), None)
