"""A threshold says its unit, or is refused with what it could have meant."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.domain.alert import Word
from watcher.settings.problems import Misread
from watcher.settings.units import (
    distance_line,
    duration_text,
    duration_us,
    four_lines,
    health_line,
    in_order,
    margin_level_line,
)


def refusal(reader: object, value: object) -> Misread:
    with pytest.raises(Misread) as caught:
        reader(value)  # type: ignore[operator]
    return caught.value


def test_each_measure_reads_its_own_unit() -> None:
    assert distance_line("8%") == 8.0
    assert distance_line(" 8.5 %") == 8.5
    assert margin_level_line("150%") == 150.0
    assert health_line("1.30x") == 1.3
    assert margin_level_line("Call") is Word.CALL
    assert margin_level_line("halfway") is Word.HALFWAY


def test_a_percentage_under_margin_level_is_taken_for_the_distance_it_is() -> None:
    problem = refusal(margin_level_line, "5%")

    assert problem.nearest == 'distance = "5%"'
    assert '"5%"' in problem.found


def test_the_bare_number_of_the_widely_copied_page_gets_both_its_readings() -> None:
    for reader in (margin_level_line, health_line, distance_line):
        problem = refusal(reader, 1.1)

        assert problem.found == "the bare number 1.1"
        assert '"110%" (margin level)' in str(problem.nearest)
        assert '"1.10x" (health)' in str(problem.nearest)


@pytest.mark.parametrize(
    ("reader", "value", "nearest"),
    [
        (distance_line, 8, '"8%" (distance)'),
        (distance_line, "8", '"8%" (distance)'),
        (distance_line, 0.08, '"8%" (distance)'),
        (distance_line, "1.5x", 'health = "1.50x"'),
        (distance_line, "150%", 'margin_level = "150%"'),
        (margin_level_line, 300, '"300%" (margin level) or "3.00x" (health)'),
        (margin_level_line, "1.5x", 'margin_level = "150%" or health = "1.50x"'),
        (margin_level_line, "cal", '"call"'),
        (health_line, "130%", 'health = "1.30x" or margin_level = "130%"'),
        (health_line, "5%", 'distance = "5%"'),
        (duration_us, 10, '"10s" or "10m"'),
    ],
)
def test_a_refusal_names_what_was_probably_meant(
    reader: object, value: object, nearest: str
) -> None:
    assert refusal(reader, value).nearest == nearest


@pytest.mark.parametrize("reader", [distance_line, margin_level_line, health_line, duration_us])
@pytest.mark.parametrize(
    "value",
    [None, True, [], {}, "", "%", "x", "-5%", "0%", "nan%", "inf", "1e3%", "8 %%", "٣%", "5 USDT"],
)
def test_nonsense_is_refused_by_every_reader(reader: object, value: object) -> None:
    assert refusal(reader, value).expected


@given(st.one_of(st.text(max_size=12), st.floats(), st.integers(), st.none(), st.booleans()))
def test_readers_answer_or_refuse_and_do_nothing_else(value: object) -> None:
    for reader in (distance_line, margin_level_line, health_line, duration_us, four_lines):
        with suppress(Misread):
            assert reader(value) is not None


def test_a_level_at_or_under_the_debt_says_why() -> None:
    assert "long after liquidation" in refusal(margin_level_line, "95%").expected


def test_durations_become_microseconds_and_back() -> None:
    assert duration_us("10s") == 10_000_000
    assert duration_us("500ms") == 500_000
    assert duration_us("1.5m") == 90_000_000
    assert [duration_text(duration_us(text)) for text in ("10s", "3m", "250ms")] == [
        "10s",
        "3m",
        "250ms",
    ]


def test_a_ladder_has_four_lines() -> None:
    assert four_lines("20%, 12%,6%,3%") == ("20%", "12%", "6%", "3%")
    assert refusal(four_lines, ["20%", "12%", "6%"]).found == "3 lines"
    assert refusal(four_lines, "8%").found == '"8%"'
    assert refusal(four_lines, 8).found == "8"


def test_lines_go_from_mild_to_worst_with_room_between() -> None:
    in_order((20.0, 12.0, 6.0, 3.0), "{}%")
    in_order((102.0 * 1.02, 102.0, 100.0, 90.0), "{}%")

    wrong = [(6.0, 12.0, 3.0, 2.0), (20.0, 20.0, 6.0, 3.0), (20.0, 19.9, 6.0, 3.0)]
    for lines in wrong:
        with pytest.raises(Misread, match=re.escape("2 % under")):
            in_order(lines, "{}%")


def test_call_comes_before_halfway_and_once() -> None:
    in_order((200.0, 150.0, Word.CALL, Word.HALFWAY), "{}%")

    for lines in [(200.0, Word.HALFWAY, Word.CALL, 115.0), (200.0, Word.CALL, Word.CALL, 115.0)]:
        with pytest.raises(Misread, match='"call" before "halfway"'):
            in_order(lines, "{}%")
