"""
Exact amounts: the boundary where text becomes a `Decimal` and where a float becomes money again.

Rule: every number from outside passes `exact` once, and every float that becomes an amount leaves
through `ceil_to_step` (top-ups) or `floor_to_step` (caps). NaN, infinities and absurd magnitudes
stop here. Missing is not nought: an empty string or None is an error, never zero.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation

MAGNITUDE_MAX = Decimal("1e18")
"""No price, quantity or balance of a real account is larger; what is larger is a broken payload."""


SHOWN_MAX = 40
"""Characters of a foreign value that an error message repeats."""


class AmountError(ValueError):
    """A text that is not a finite, sane number. The message names what it is and what was found."""


def exact(value: object, what: str) -> Decimal:
    """
    Return *value* as a finite `Decimal`.

    *what* names the field in the error. Accepts text, integers and Decimals; a float is refused
    because its exact digits are already lost.

    Raises: `AmountError` for None, empty text, text that is no number, NaN, infinities, and
    magnitudes above `MAGNITUDE_MAX`.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise AmountError(f"{what}: expected a number as text, found {shown(value)}")
    if isinstance(value, str) and not value.strip():
        raise AmountError(f"{what}: expected a number, found an empty text")
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise AmountError(f"{what}: expected a number, found {shown(value)}") from None
    if not number.is_finite():
        raise AmountError(f"{what}: expected a finite number, found {shown(value)}")
    if abs(number) > MAGNITUDE_MAX:
        raise AmountError(f"{what}: {shown(value)} is beyond any real account")
    return number


def shown(value: object) -> str:
    """Return *value* short and harmless enough for an error message."""
    text = repr(value)
    return text if len(text) <= SHOWN_MAX else text[: SHOWN_MAX - 3] + "..."


def ceil_to_step(value: float | Decimal, step: Decimal) -> Decimal:
    """
    Return the smallest multiple of *step* that is at least *value* (top-ups round up).

    >>> ceil_to_step(526.311, Decimal("0.01"))
    Decimal('526.32')
    """
    assert step > 0
    return (_decimal(value) / step).to_integral_value(ROUND_CEILING) * step


def floor_to_step(value: float | Decimal, step: Decimal) -> Decimal:
    """
    Return the largest multiple of *step* that is at most *value* (caps round down).

    >>> floor_to_step(526.319, Decimal("0.01"))
    Decimal('526.31')
    """
    assert step > 0
    return (_decimal(value) / step).to_integral_value(ROUND_FLOOR) * step


def _decimal(value: float | Decimal) -> Decimal:
    # repr gives the shortest text that reads back as the same float: no binary dust in money
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    assert number.is_finite()
    return number
