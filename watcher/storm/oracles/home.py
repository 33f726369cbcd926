"""
I5, I6, I7, I9, I15, I16: what the service must not do whatever happens, and to whom.

Rule: secrets are looked for in everything that left the process, in the forms the redactor knows.
Who may not order anything is known by what the gate answered him.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import pairwise

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.logs import Redactor
from watcher.policy import messages as say
from watcher.settings.hidden import secrets_of
from watcher.storm import sky
from watcher.storm.history import History
from watcher.storm.oracles.verdict import Verdict, at
from watcher.storm.people import CUT_OFF, TURNED_AWAY
from watcher.storm.weather import Fault

ASKED_PER_MINUTE = 40
APART_US = 22 * SECOND_US
"""A calm poll (10 s), one that takes its whole time-out, and a slow answer."""
READERS_ANSWERS = frozenset(
    (say.REFUSED_PRESS, say.EXPIRED_BUTTON, say.PRESS_FAILED, say.NOT_DONE, say.TOO_FAST, CUT_OFF)
)
PLANTED = "planted"
"""What a defect that the weather brought about calls itself."""
ORDERS = (say.BUTTON_ACK, say.BUTTON_MUTE)


def keeps_secrets(history: History) -> Verdict:
    """Judge whether no secret left in any form."""
    verdict = Verdict(name="I5 no secret leaves")
    redact = Redactor(secrets_of(history.settings))
    for text in _emitted(history):
        verdict.check(redact(text) == text, "a text", "holds a secret")
    return verdict


def turns_outsiders_away(history: History) -> Verdict:
    """Judge whether nobody from outside the list got more than a closed door."""
    verdict = Verdict(name="I6 outsiders get nothing")
    for deed in history.presses:
        if deed.who.startswith("outsider"):
            good = deed.answer in (TURNED_AWAY, CUT_OFF)
            verdict.check(good, deed.who, f"{deed.what} was answered {deed.answer!r}")
    return verdict


def refuses_readers(history: History) -> Verdict:
    """Judge whether who may only read could order nothing."""
    verdict = Verdict(name="I16 readers order nothing")
    for deed in history.presses:
        if deed.who.startswith("reader") and deed.what.removeprefix("press ") in ORDERS:
            good = deed.answer in READERS_ANSWERS
            verdict.check(good, deed.who, f"{deed.what} was answered {deed.answer!r}")
    return verdict


def does_not_fall(history: History) -> Verdict:
    """Judge whether no answer, however bad, led to a fault of our own."""
    verdict = Verdict(name="I7 nothing falls over")
    verdict.checks = len(history.polls)
    own = [error for error in history.errors if PLANTED not in error]
    verdict.violations = [f"{verdict.name}: {error}" for error in own]
    return verdict


def obeys_bans(history: History) -> Verdict:
    """Judge whether no venue was asked while it had said not to."""
    verdict = Verdict(name="F4 a ban is obeyed")
    asked = history.journal.counts["asked.banned"]
    verdict.checks = history.weather.fired[Fault.BAN]
    if asked:
        verdict.violations.append(f"{verdict.name}: {asked} requests during a ban")
    return verdict


def keeps_apart(history: History) -> Verdict:
    """Judge whether what befalls one account slows the reading of no other."""
    verdict = Verdict(name="I9 accounts are apart")
    for name in history.accounts:
        others = sky.merged(
            one for other in history.accounts if other != name for one in history.sky.sight[other]
        )
        for before, after in pairwise(history.seen_us[name]):
            if not sky.overlaps(others, before, after):
                continue
            if sky.overlaps(history.sky.sight[name], before, min(after, before + APART_US)):
                continue
            verdict.check(
                after - before <= APART_US,
                at(history, name, before),
                f"not read for {(after - before) / SECOND_US:.1f} s beside another's trouble",
            )
    return verdict


def asks_little(history: History) -> Verdict:
    """Judge whether no account was asked more often in a minute than any pace allows."""
    verdict = Verdict(name="I15 asks in measure")
    for name in history.accounts:
        window: deque[int] = deque()
        for one, at_us, _ in history.polls:
            if one != name:
                continue
            window.append(at_us)
            while window[0] <= at_us - MINUTE_US:
                window.popleft()
            what = f"asked {len(window)} times in a minute"
            verdict.check(len(window) <= ASKED_PER_MINUTE, at(history, name, at_us), what)
    return verdict


def moves_nothing(history: History) -> Verdict:
    """Judge whether no money moved where the configuration lets none move."""
    verdict = Verdict(name="I3 no money unasked")
    for name in history.accounts:
        if history.settings.accounts[name].top_up is None:
            moved = history.truth.transfers(name)
            verdict.check(moved == 0, name, f"{moved} transfers")
    return verdict


def _emitted(history: History) -> Iterator[str]:
    yield from (one.text for one in history.arrived)
    yield from (reason for _, _, reason in history.pings)
    yield from (deed.answer for deed in history.presses)
    yield from history.errors
    yield from history.journal.last()
