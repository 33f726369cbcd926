"""Lines that fit a book as it stands: proposed where one would fire, calm when taken."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watcher.domain.account import Family
from watcher.domain.alert import AlertRules, Measure, Tier
from watcher.domain.report import PoolReport, Report, Status
from watcher.policy.readings import read
from watcher.settings import Settings, alert_rules
from watcher.settings.rules import rehearsed
from watcher.setup.proposal import proposal, words


def pool(
    name: str = "unified", family: Family = Family.HAIRCUT_POOL, **figures: object
) -> PoolReport:
    blank: dict[str, object] = dict.fromkeys(PoolReport.__dataclass_fields__)
    blank |= {
        "pool": name,
        "family": family,
        "status": Status.OK,
        "reference": "USD",
        "requirement": 100.0,
        "stages": {},
        "stage_reports": (),
        "depeg": {},
        "positions": (),
        "underlyings": (),
    }
    return PoolReport(**{**blank, **figures})  # type: ignore[arg-type]


def report(*pools: PoolReport) -> Report:
    return Report(account="main", taken_at_us=0, pools=pools)


def rules(**tiers: object) -> AlertRules:
    return alert_rules(made(**tiers), "main")


def made(**tiers: object) -> Settings:
    return Settings(accounts={"main": {"venue": "bybit", "tiers": tiers}})  # type: ignore[dict-item]


def test_a_book_that_opens_in_warning_is_offered_lines_below() -> None:
    found = proposal(report(pool(tier_distance=9.5)), rules())

    assert found is not None
    assert found.tier is Tier.WARNING
    assert found.ladders == {Measure.DISTANCE: ("8%", "6%", "4%", "2.5%")}
    assert words("main", found) == (
        "main: unified opens at 9.5 %: you would start in WARNING; proposed distance 8/6/4/2.5 %"
    )


def test_a_calm_book_is_offered_nothing() -> None:
    assert proposal(report(pool(tier_distance=25.0)), rules()) is None
    assert proposal(report(), rules()) is None


def test_a_book_at_its_end_is_told_so_and_offered_nothing() -> None:
    found = proposal(report(pool(tier_distance=0.6)), rules())

    assert found is not None
    assert found.tier is Tier.EMERGENCY
    assert found.ladders == {}
    assert "no lines below it would warn in time: make the book safer first" in words("main", found)


def test_the_nearest_pool_decides_for_all() -> None:
    """A ladder of one's own counts for every pool where its measure is known."""
    far = pool("cross:USDT", Family.LINEAR_POOL, tier_distance=11.0)
    near = pool("isolated:SOLUSDT:long", Family.LINEAR_POOL, tier_distance=4.0)

    found = proposal(report(far, near), rules())

    assert found is not None
    assert found.ladders == {Measure.DISTANCE: ("3.4%", "2.6%", "1.7%", "1.1%")}


def test_borrowed_margin_is_offered_levels_above_its_end() -> None:
    one = pool(
        "margin",
        Family.DEBT_RATIO,
        margin_level=160.0,
        stages={"call": 130.0, "liquidation": 110.0},
    )

    found = proposal(report(one), rules())

    assert found is not None
    assert found.ladders == {Measure.MARGIN_LEVEL: ("150%", "140%", "130%", "122.5%")}


def firing(one: Report, wanted: AlertRules) -> list[Tier]:
    readings = [read(each, wanted) for each in one.pools]
    return [each.tier for each in readings if each is not None and each.tier > Tier.CALM]


FAMILIES = st.sampled_from(
    [Family.LINEAR_POOL, Family.HAIRCUT_POOL, Family.DEBT_RATIO, Family.REPORTED]
)


@st.composite
def books(draw: st.DrawFn) -> Report:
    pools = []
    for number in range(draw(st.integers(1, 3))):
        family = draw(FAMILIES)
        status = Status.REPORTED if family is Family.REPORTED else Status.OK
        pools.append(
            pool(
                f"pool{number}",
                family,
                status=status,
                tier_distance=draw(st.none() | st.floats(0.0, 60.0)),
                health=draw(st.floats(0.9, 20.0)),
                margin_level=draw(st.none() | st.floats(90.0, 800.0)),
                used_margin=draw(st.floats(100.0, 5000.0)),
                stages={"call": 130.0, "liquidation": 110.0} if family is Family.DEBT_RATIO else {},
            )
        )
    return report(*pools)


@settings(max_examples=300, deadline=None)
@given(book=books())
def test_no_proposed_line_fires_and_each_reads_as_the_file_does(book: Report) -> None:
    found = proposal(book, rules())

    if found is None:
        assert firing(book, rules()) == []
        return
    assert found.tier == max(firing(book, rules()))
    if found.ladders:
        taken = {measure.value: list(lines) for measure, lines in found.ladders.items()}
        assert firing(book, rules(**taken)) == []


@pytest.mark.parametrize("distance", [1.0, 1.3, 2.0, 3.3, 4.9, 7.7, 9.5, 14.0, 19.9])
def test_proposed_lines_pass_the_rehearsal(distance: float) -> None:
    found = proposal(report(pool(tier_distance=distance)), rules())

    assert found is not None
    assert found.ladders
    assert rehearsed(made(distance=found.ladders[Measure.DISTANCE])) == []
