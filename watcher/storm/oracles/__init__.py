"""
The judges of a simulation: one function for each promise, all of them in `ORACLES`.

Rule: an oracle knows the promise (reliability.md §3.2) and the facts of a run (`History`), nothing
of how the service keeps it. Each is tested on a history that breaks its promise and on one that
keeps it; one that never had anything to check in a whole run fails that run.
"""

from __future__ import annotations

from collections.abc import Callable

from watcher.storm.history import History
from watcher.storm.oracles import (
    all_clear,
    blindness,
    causes,
    danger,
    home,
    honesty,
    money,
    noise,
    opinions,
    rest,
)
from watcher.storm.oracles.verdict import Verdict

Oracle = Callable[[History], Verdict]

ORACLES: tuple[Oracle, ...] = (
    danger.told_in_time,
    danger.told_again,
    danger.liquidation_told,
    causes.nothing_else,
    blindness.told_in_time,
    home.moves_nothing,
    money.moved_once,
    money.within_caps,
    money.within_bounds,
    money.nothing_stuck,
    money.doubt_told,
    noise.bounded,
    noise.copied_little,
    home.keeps_secrets,
    home.turns_outsiders_away,
    home.does_not_fall,
    causes.notes_explained,
    rest.pings_by_work,
    rest.pings_when_well,
    home.keeps_apart,
    home.obeys_bans,
    rest.converges,
    rest.ends_as_it_is,
    all_clear.true_when_said,
    honesty.figures_true,
    honesty.figures_dated,
    honesty.stories_kept,
    honesty.acks_kept,
    opinions.divergence_told,
    opinions.worse_believed,
    opinions.agreement_true,
    home.asks_little,
    home.refuses_readers,
)


def judged(history: History) -> list[Verdict]:
    """Return the verdict of every oracle on *history*."""
    return [judge(history) for judge in ORACLES]
