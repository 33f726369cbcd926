"""Reading single fields: exact numbers, closed words, and an error that names the place."""

from __future__ import annotations

from decimal import Decimal

import pytest

from watcher.ports import Unreadable
from watcher.venues.fields import NotJson, Row, decode, row_of, rows_of


def row(**data: object) -> Row:
    return Row(data, "binance account")


def test_fractions_never_pass_through_a_float() -> None:
    data = decode('{"cum": 0.1000000000000000055511151231257827}')

    assert data == {"cum": Decimal("0.1000000000000000055511151231257827")}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "empty answer"),
        ("  \n", "empty answer"),
        ("<html><body>502</body></html>", "HTML page"),
        ('{"a": [1, 2', "broken off"),
        ("OK", "not JSON"),
        ('"ok"', "not JSON"),
        ('{"a": NaN}', "NaN"),
        ('{"a": -Infinity}', "Infinity"),
        ("[" * 100_000, "nested too deep"),
        ("[" * 21 + "]" * 21, "nested too deep"),
        ('{"a":' * 21 + "1" + "}" * 21, "nested too deep"),
        ('{"a": [' * 11 + "]}" * 11, "nested too deep"),
    ],
)
def test_a_body_that_is_no_json_says_what_it_looks_like(body: str, words: str) -> None:
    with pytest.raises(NotJson, match=words):
        decode(body)


def test_what_is_nested_no_deeper_than_an_answer_may_be_is_read() -> None:
    decode("[" * 20 + "]" * 20)
    decode('{"a":' * 20 + "1" + "}" * 20)
    decode("[" + ",".join(["[[]]"] * 1000) + "]")

    assert decode('{"said": "a [bracket {left open"}') == {"said": "a [bracket {left open"}


@pytest.mark.parametrize("value", [None, "", "NaN", "Infinity", "1e30", "abc", True, [], {}, 0.5])
def test_an_amount_is_a_finite_exact_number(value: object) -> None:
    with pytest.raises(Unreadable, match=r"binance account: markPrice is .*, expected a number"):
        row(markPrice=value).amount("markPrice")


def test_a_missing_field_is_named_with_its_place() -> None:
    with pytest.raises(Unreadable) as caught:
        row().amount("totalMaintMargin")

    assert caught.value.reason == (
        "binance account: totalMaintMargin is missing, expected a number"
    )


@pytest.mark.parametrize("value", [None, ""])
def test_empty_means_unknown_where_it_may(value: object) -> None:
    assert row(liqPrice=value).amount_or_none("liqPrice") is None
    assert row().amount_or_none("liqPrice") is None
    assert row(liqPrice="0").amount_or_none("liqPrice") == 0


def test_bounds_are_kept() -> None:
    with pytest.raises(Unreadable, match="above 0"):
        row(price="0").positive("price")
    with pytest.raises(Unreadable, match="at least 0"):
        row(free="-0.1").not_negative("free")
    with pytest.raises(Unreadable, match="between 0 and 1"):
        row(rate="1.1").fraction("rate")


@pytest.mark.parametrize("value", [1_795_305_600, "1795305600000000", "soon", None, True])
def test_a_time_in_another_unit_is_refused(value: object) -> None:
    with pytest.raises(Unreadable, match="time"):
        row(time=value).time_ms("time")


def test_times_flags_and_choices_read_both_spellings() -> None:
    values = row(time="1795305600000", hedge="true", multi=False, mode=3)

    assert values.time_ms("time") == 1_795_305_600_000
    assert values.flag("hedge") is True
    assert values.flag("multi") is False
    assert values.choice("mode", {"3": "cross"}) == "cross"


@pytest.mark.parametrize("value", [None, "", "yes", 1, 0])
def test_a_flag_is_true_or_false_and_nothing_else(value: object) -> None:
    with pytest.raises(Unreadable, match="true or false"):
        row(hedge=value).flag("hedge")


def test_an_unknown_word_is_told_with_the_known_ones() -> None:
    with pytest.raises(Unreadable, match="'MARGIN_9', expected one of 'MARGIN_1', 'MARGIN_2'"):
        row(accountType="MARGIN_9").choice("accountType", {"MARGIN_1": 1, "MARGIN_2": 2})


def test_lists_and_objects_are_not_taken_for_each_other() -> None:
    with pytest.raises(Unreadable, match="binance account: assets is missing, expected a list"):
        row().rows("assets")
    with pytest.raises(Unreadable, match="expected an object, found a list"):
        row_of([], "binance account")
    with pytest.raises(Unreadable, match="expected a list, found an object"):
        rows_of({}, "binance positionRisk")
    with pytest.raises(Unreadable, match=r"positionRisk\[1\]: expected an object, found nothing"):
        rows_of([{}, None], "binance positionRisk")


def test_a_nested_row_knows_its_place() -> None:
    nested = row(assets=[{"asset": "USDT"}]).rows("assets")[0]

    assert nested.where == "binance account.assets[0]"


def test_a_long_value_is_shown_short() -> None:
    with pytest.raises(Unreadable) as caught:
        row(price="x" * 500).amount("price")

    assert len(caught.value.reason) < 120


def test_half_a_character_is_no_text() -> None:
    """Fuzzing brought one into a pool's name, where it could be neither stored nor sent."""
    assert row(asset="币安人生").text("asset") == "币安人生"

    with pytest.raises(Unreadable, match="asset"):
        row(asset="B\ud800").text("asset")
