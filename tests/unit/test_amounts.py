"""What is no number does not get in, and what goes out is rounded the safe way."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.domain.amounts import (
    MAGNITUDE_MAX,
    AmountError,
    ceil_to_step,
    exact,
    floor_to_step,
)

STEPS = st.sampled_from([Decimal(1), Decimal("0.01"), Decimal("0.00000001"), Decimal(5)])


@pytest.mark.parametrize(
    "value",
    [None, "", "  ", "none", True, 1.5, [], {}, "1,5", "--1", "0x1F"],
)
def test_what_is_missing_or_no_number_is_refused_and_named(value: object) -> None:
    with pytest.raises(AmountError, match="wallet USDT: expected a number"):
        exact(value, "wallet USDT")


@pytest.mark.parametrize("value", ["NaN", "nan", "sNaN", "Infinity", "-inf", Decimal("NaN")])
def test_a_number_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(AmountError, match="expected a finite number"):
        exact(value, "mark")


@pytest.mark.parametrize("value", ["1e19", "-1e300", MAGNITUDE_MAX + 1])
def test_what_no_account_can_hold_is_refused(value: object) -> None:
    with pytest.raises(AmountError, match="beyond any real account"):
        exact(value, "quantity")


@pytest.mark.parametrize("value", ["0", "-0.00000001", " 12.50 ", 7, Decimal("1e18")])
def test_a_number_comes_in_to_its_last_digit(value: str | int | Decimal) -> None:
    assert exact(value, "equity") == Decimal(value)


@given(value=st.floats(min_value=0, max_value=1e9), step=STEPS)
def test_a_top_up_is_never_short_and_a_cap_never_passed(value: float, step: Decimal) -> None:
    up, down = ceil_to_step(value, step), floor_to_step(value, step)

    assert down <= Decimal(repr(value)) <= up
    assert up - down in (0, step)
    assert up % step == down % step == 0
