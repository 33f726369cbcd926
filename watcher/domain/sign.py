"""
The sign of life a daemon leaves in its store: when, and what was wrong just then.

Rule: values only, and the standard library only: whoever reads the sign must not pay for the
program that left it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """
    What was known at *at_us* (wall time). `wrong` are codes, worst first, none while all is well;
    `unseen` accounts were neither read in time nor told to be blind, `blind` ones are told of.
    `oldest_s` is the age of the oldest reading there is, `delivered_s` how long ago the chat last
    confirmed anything; None: nothing yet.
    """

    at_us: int
    wrong: tuple[str, ...] = ()
    accounts: int = 0
    unseen: tuple[str, ...] = ()
    blind: tuple[str, ...] = ()
    oldest_s: float | None = None
    waiting: int = 0
    delivered_s: float | None = None
