"""
Every reader of a venue's answers, against answers that are not as they were.

The captures go through ccxt and the adapters whole, with one value of one answer lost, broken or
replaced: out comes a reading or a `VenueError`, nothing else, and what came out can be judged and
told without harm. What is missing never makes an account look better. Short by default, hours long
under `make deep`; what was found once stands in `FOUND`.
"""

from __future__ import annotations

import functools
import math
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.properties.test_hostile_texts import PRESSABLE
from tests.spoiling import CHANGES, LOSSES, Place, Spoil, polled, sites
from tests.unit.policy_books import LADDERS
from watcher.channels.telegram import rendered
from watcher.domain.account import Snapshot
from watcher.domain.alert import AccountState, AlertRules, Decision, Moment, Seen
from watcher.domain.report import PoolReport, Status
from watcher.domain.status import VenueStatus
from watcher.margin import BookError, evaluate
from watcher.policy.decide import decide
from watcher.ports import VenueError
from watcher.venues.capture import Capture, read_capture

FOLDER = Path(__file__).resolve().parents[1] / "payloads" / "captures"
KINDS = sorted(path.stem for path in FOLDER.glob("*.json"))
SHORT, LONG = 25, 1_500
GONE = ("dropped", "null", "empty text")
STRIDE = 3
"""Of the fields of the account's own answers, this one of so many is lost in the short form."""
SLACK = 1e-9
CODE = re.compile(r"#[0-9A-Z]{4}·\d+")

TOLERATED = {
    ("binance_coin", "/dapi/v1/account", "assets"): "a coin wallet with no position in it",
    ("binance_pairs", "/sapi/v1/margin/isolated/account", "assets"): (
        "one pair of several not listed: the totals are in BTC, at prices of their own"
    ),
    ("binance_pairs", "/sapi/v1/margin/isolatedMarginTier", ""): (
        "the last tier not listed looks like a shorter table"
    ),
    ("bybit", "/v5/spot-margin-trade/position-tiers", "list"): "such a coin cannot be borrowed",
    ("okx_margin", "/api/v5/account/balance", "details"): "a currency nothing hangs on",
    ("okx_margin", "/api/v5/account/positions", "data"): (
        "an isolated spot-margin position that the balance says nothing of"
    ),
    ("bybit", "/v5/order/realtime", "list"): "an order that does not rest any more",
}
"""Where a row taken out of a list leaves a whole answer of a better account, and why."""

FOUND: dict[str, list[tuple[str, Place, str]]] = {
    # a resting order without a price was taken for one at the market's
    "bybit": [("/v5/order/realtime", ("result", "list", 0, "price"), by) for by in GONE],
    # a margin in use that was not told became none in use
    "okx_spot": [("/api/v5/account/balance", ("data", 0, "imr"), by) for by in GONE],
}
"""What once came through: path, place and spoil; tried every time, wherever it has such a place."""


@functools.cache
def capture_of(kind: str) -> Capture:
    return read_capture((FOLDER / f"{kind}.json").read_text(encoding="utf-8"))


@functools.cache
def sites_of(kind: str) -> list[tuple[int, Place]]:
    return sites(capture_of(kind))


@functools.cache
def sound(kind: str) -> dict[str, PoolReport]:
    """Return the pools of the capture as it is."""
    return {pool.pool: pool for pool in evaluate(polled(capture_of(kind))[1]).pools}


def decided(status: VenueStatus, snapshot: Snapshot) -> Decision:
    at = snapshot.taken_at_us
    return decide(
        AccountState(account=snapshot.account),
        Seen(snapshot=snapshot, missed=None, status=status),
        AlertRules(account=snapshot.account, venue=snapshot.venue, ladders=LADDERS),
        Moment(steady_us=at, wall_us=at),
    )


def judge(kind: str, spoil: Spoil) -> None:
    """Read, judge and tell the spoilt capture; fail on what must never happen."""
    try:
        status, snapshot = polled(capture_of(kind), spoil)
    except VenueError:
        return
    for message in decided(status, snapshot).messages:
        assert_harmless(rendered(message.text)[0])
    try:
        pools = {pool.pool: pool for pool in evaluate(snapshot).pools}
    except BookError:
        return  # seen as an answer that cannot be read
    for pool in pools.values():
        assert_numbers(pool)
    if spoil.by in LOSSES and not is_tolerated(kind, spoil):
        fresh = [pool for name, pool in pools.items() if name not in sound(kind)]
        for name, was in sound(kind).items():
            # a leg whose side is not told any more is shown under another name, uncomputed
            now = pools.get(name) or next(iter(fresh), None)
            assert_no_better(was, now)


def is_tolerated(kind: str, spoil: Spoil) -> bool:
    """Tell whether a list lost rows that another account just does not have."""
    body, lost = capture_of(kind).answers[spoil.answer].body, spoil.place
    if spoil.by == "dropped" and lost and isinstance(lost[-1], int):
        lost = lost[:-1]
    elif spoil.by != "empty list" or not isinstance(_at(body, lost), list):
        return False
    within = next((str(part) for part in reversed(lost) if isinstance(part, str)), "")
    return (kind, capture_of(kind).answers[spoil.answer].path, within) in TOLERATED


def _at(body: object, place: Place) -> object:
    for part in place:
        assert isinstance(body, dict | list)
        body = body[part]  # type: ignore[index,call-overload]
    return body


def assert_harmless(plain: str) -> None:
    # the incident's own code is a tag, and ours
    assert not PRESSABLE.search(CODE.sub("", plain)), plain
    assert all(
        unicodedata.category(letter)[0] != "C"
        and unicodedata.bidirectional(letter) not in {"R", "AL", "AN"}
        for letter in plain.replace("\n", "")
    ), ascii(plain)


def assert_numbers(pool: PoolReport) -> None:
    for figure in (pool.equity, pool.health, pool.margin_level, pool.tier_distance):
        assert figure is None or not math.isnan(figure), pool


def assert_no_better(was: PoolReport, now: PoolReport | None) -> None:
    assert now is not None, f"{was.pool} is gone"
    if now.status is not was.status:
        assert now.status is not Status.OK, f"{was.pool} became certain"
        return
    assert_no_higher(was.health, now.health, f"health of {was.pool}")
    assert_no_higher(was.margin_level, now.margin_level, f"margin level of {was.pool}")
    if was.tier_distance is not None:
        assert now.tier_distance is not None, f"no distance of {was.pool} any more"
        assert_no_higher(was.tier_distance, now.tier_distance, f"distance of {was.pool}")


def assert_no_higher(was: float | None, now: float | None, what: str) -> None:
    if was is not None and now is not None:
        assert now <= was + SLACK * max(1.0, abs(was)), f"{what}: {was} became {now}"


@st.composite
def spoils(draw: st.DrawFn, kind: str) -> Spoil:
    answer, place = draw(st.sampled_from(sites_of(kind)))
    by = draw(st.sampled_from([*LOSSES, *CHANGES]))
    return Spoil(answer=answer, place=place, by=by)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_found_once_stays_mended(kind: str) -> None:
    for path, place, by in FOUND.get(kind, []):
        for number, one in enumerate(capture_of(kind).answers):
            if one.path == path and (number, place) in sites_of(kind):
                judge(kind, Spoil(answer=number, place=place, by=by))


@functools.cache
def fields_of(kind: str) -> list[tuple[int, Place]]:
    """Return one place of each field there is in the answers about the account itself."""
    seen: dict[tuple[str, Place], tuple[int, Place]] = {}
    for number, place in sites_of(kind):
        one = capture_of(kind).answers[number]
        alike = tuple("#" if isinstance(part, int) else part for part in place)
        if one.signed and place:
            seen.setdefault((one.path, alike), (number, place))
    return list(seen.values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "stride", [STRIDE, pytest.param(1, marks=pytest.mark.deep)], ids=["short", "deep"]
)
def test_no_field_of_an_account_can_be_missing_to_its_advantage(kind: str, stride: int) -> None:
    for number, (answer, place) in enumerate(fields_of(kind)):
        if number % stride == 0:
            for by in GONE[: 1 if stride > 1 else None]:
                judge(kind, Spoil(answer=answer, place=place, by=by))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "count", [SHORT, pytest.param(LONG, marks=pytest.mark.deep)], ids=["short", "deep"]
)
def test_a_spoilt_answer_is_refused_or_does_no_harm(kind: str, count: int) -> None:
    phases = (Phase.explicit, Phase.generate, Phase.shrink)

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        derandomize=count == SHORT,  # the same in every run of the checks; chance is for deep
        phases=phases,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(spoil=spoils(kind))
    def spoiling(spoil: Spoil) -> None:
        judge(kind, spoil)

    spoiling()


def test_every_kind_of_account_has_answers_to_spoil() -> None:
    assert len(KINDS) >= 12
    assert min(len(sites_of(kind)) for kind in KINDS) > 100
    assert {kind for kind, _, _ in TOLERATED} | set(FOUND) <= set(KINDS)
