"""`watcher quick`: the textbook price, by its own equation, and what it is not."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from watcher.cli import FINE, REFUSED, main
from watcher.cli.quick import Position
from watcher.domain.account import Side


def asked(*more: str) -> int:
    return main(["quick", *more])


def test_the_price_makes_margin_and_profit_the_maintenance_margin() -> None:
    for entry, leverage, mmr in itertools.product(
        ("60000", "0.0000123"), ("2", "10", "125"), ("0", "0.004", "0.0075")
    ):
        one = Position(entry=Decimal(entry), leverage=Decimal(leverage), mmr=Decimal(mmr))
        for side, sign in ((Side.LONG, 1), (Side.SHORT, -1)):
            price = one.liquidation(side)
            left = one.margin + sign * (price - one.entry) - one.mmr * price
            assert abs(left) < one.entry * Decimal("1e-20")


def test_both_sides_are_told_with_formula_arithmetic_and_what_is_left_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = asked("--side", "short", "--entry", "60000", "--leverage", "10x", "--mmr", "0.5%")

    told = capsys.readouterr().out
    assert code == FINE
    assert told.index("short  65,671.6  (9.45 % above entry)") < told.index("long   54,271.4")
    assert "P = entry × (1 − 1 / leverage) / (1 − mmr)" in told
    assert "= 54,000 / 0.995 = 54,271.35678" in told
    assert "leave 271.3567839; maintenance margin 271.3567839" in told
    for thing in ("brackets", "fees", "funding", "cross margin"):
        assert f"\n  {thing}" in told


def test_a_long_without_leverage_has_no_price(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked("--entry", "60000", "--leverage", "1", "--mmr", "0.005") == FINE
    assert "long   none" in capsys.readouterr().out


def test_a_rate_that_liquidates_at_once_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert asked("--entry", "60000", "--leverage", "10", "--mmr", "10%") == REFUSED
    assert "--mmr 10 % with --leverage 10" in capsys.readouterr().err
    assert asked("--entry", "60000", "--leverage", "10", "--mmr", "0.5") == REFUSED
    assert "write 0.5%" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--entry", "0"),
        ("--entry", "nan"),
        ("--entry", "1e40"),
        ("--leverage", "0.5"),
        ("--leverage", "ten"),
        ("--leverage", "-5"),
        ("--mmr", "100%"),
        ("--mmr", "-1%"),
        ("--mmr", "inf"),
        ("--side", "up"),
    ],
)
def test_bad_input_is_named_and_refused(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {"--entry": "60000", "--leverage": "10", "--mmr": "0.5%"} | {option: value}
    with pytest.raises(SystemExit) as ended:
        asked(*(f"{name}={text}" for name, text in given.items()))

    said = capsys.readouterr().err
    assert ended.value.code == REFUSED
    assert option in said
    assert repr(value) in said
