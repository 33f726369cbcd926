"""
I4, bounded noise: no more than a person can read, and the same thing not again and again.

Rule: counted at the far side, road by road; an edit makes no sound. A send may take seconds on its
way, so that a minute of sends can arrive in a little less than one. A process begun within the
minute does not know of the answers before it, nor of anything a lost ledger knew.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from watcher.domain.alert import MINUTE_US, SECOND_US
from watcher.domain.road import Reach
from watcher.storm.chat import Arrived
from watcher.storm.history import History
from watcher.storm.oracles.verdict import Verdict

PER_MINUTE = 12
ON_THE_WAY_US = 6 * SECOND_US
COPIES_MAX = 3
_CODE = re.compile(r"#\w+")


def bounded(history: History) -> Verdict:
    """Judge whether no minute of any road held more than twelve messages."""
    verdict = Verdict(name="I4 bounded noise")
    for road in Reach:
        times = [one.at_us for one in _sent(history.arrived, road)]
        if not times:
            continue
        # each full minute has to have its own excuse
        too_many, count, from_us = max(
            (count - PER_MINUTE - _forgotten(history, road, from_us), count, from_us)
            if count > PER_MINUTE
            else (0, count, from_us)
            for count, from_us in _minutes(times, MINUTE_US - ON_THE_WAY_US)
        )
        verdict.check(
            too_many <= 0,
            f"{road.road} at {(from_us - history.from_us) / SECOND_US:.1f} s",
            f"{count} messages in a minute",
        )
    return verdict


def _forgotten(history: History, road: Reach, from_us: int) -> int:
    until_us = from_us + MINUTE_US
    begun_us = max((us for us, _ in history.lives if from_us < us < until_us), default=from_us)
    # answers are not kept; with its ledger a process forgets all it sent
    lost = any(from_us < at_us < until_us for at_us in history.lost_us)
    return sum(
        from_us <= one.at_us < begun_us and (lost or not _CODE.search(one.text))
        for one in _sent(history.arrived, road)
    )


def copied_little(history: History) -> Verdict:
    """Judge whether nothing came more than three times on one road."""
    verdict = Verdict(name="I4 few copies")
    for (road, _, head), count in copies(history).items():
        verdict.check(count <= COPIES_MAX, road.road, f"{count} times: {head}")
    return verdict


def worst_minute(history: History) -> int:
    """Return the most messages any road held in a minute."""
    roads = ([one.at_us for one in _sent(history.arrived, road)] for road in Reach)
    return max((count for times in roads for count, _ in _minutes(times, MINUTE_US)), default=0)


def copies(history: History) -> Counter[tuple[Reach, int, str]]:
    """Count what came on one road from one ledger under one incident and number."""
    found: Counter[tuple[Reach, int, str]] = Counter()
    for one in history.said:
        if one.seq and not one.edited and not one.listed:
            head = f"{one.word} #{one.code}·{one.seq} {one.account}"
            found[one.road, one.ledger, head] += 1
    return found


def duplicates(history: History) -> int:
    """Return how many messages came again."""
    return sum(count - 1 for count in copies(history).values())


def _sent(arrived: Iterable[Arrived], road: Reach) -> list[Arrived]:
    return [one for one in arrived if one.road is road and not one.edited]


def _minutes(times: list[int], span_us: int) -> Iterator[tuple[int, int]]:
    """Yield, as each of *times* ends it, how many a window holds and when the first of them was."""
    window: deque[int] = deque()
    for at_us in times:
        window.append(at_us)
        while window[0] <= at_us - span_us:
            window.popleft()
        yield len(window), window[0]
