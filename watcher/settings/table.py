"""
What every table of the settings is: closed, frozen, its defaults read like a user's values.

Rule: shared by the models; knows no key.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

from watcher.settings.problems import Misread
from watcher.settings.units import duration_text, duration_us, no_truth

Whole = Annotated[int, BeforeValidator(no_truth)]


class Table(BaseModel):
    """A closed, frozen table: an unknown key is an error, a default is read like a user's value."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def span_within(least: str, most: str) -> AfterValidator:
    """Return the check that a duration lies between the two."""

    def within(span_us: int) -> int:
        if not duration_us(least) <= span_us <= duration_us(most):
            raise Misread(f'"{duration_text(span_us)}"', f'"{least}" to "{most}"')
        return span_us

    return AfterValidator(within)
