"""
One measured figure beside its baseline, and how it is printed.

Rule: a target is a limit on our figure (`most`) or on its share of the baseline (`share`); a line
without either is told for information and cannot be missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NAME_WIDTH = 42
HEADER = f"{'name':<{NAME_WIDTH}}{'ours':>14}{'baseline':>14}{'ratio':>9}  {'target':<22}verdict"


class Wrong(Exception):
    """What was to be measured gave a wrong answer; its speed does not matter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure. `against` says in words what `baseline` is."""

    name: str
    unit: str
    ours: float
    baseline: float | None = None
    against: str = ""
    most: float | None = None
    share: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        return None if not self.baseline else self.ours / self.baseline

    @property
    def missed(self) -> bool:
        over = self.most is not None and not self.ours <= self.most
        ratio = self.ratio
        slow = self.share is not None and (ratio is None or not ratio <= self.share)
        return over or slow

    def shown(self) -> list[str]:
        base = "" if self.baseline is None else f"{self.baseline:.3f} {self.unit}"
        ratio = "" if self.ratio is None else f"{self.ratio:.3f}"
        figures = f"{f'{self.ours:.3f} {self.unit}':>14}{base:>14}{ratio:>9}"
        lines = [f"{self.name:<{NAME_WIDTH}}{figures}  {self._target():<22}{self._verdict()}"]
        if self.against:
            lines.append(f"    baseline: {self.against}")
        if self.note:
            lines.append(f"    {self.note}")
        return lines

    def _target(self) -> str:
        if self.most is not None:
            return f"at most {self.most:g} {self.unit}"
        if self.share is not None:
            return f"ratio at most {self.share:.3g}"
        return ""

    def _verdict(self) -> str:
        if self.most is None and self.share is None:
            return ""
        return "MISSED" if self.missed else "met"


def show(lines: Iterable[Line]) -> None:
    for line in lines:
        print(*line.shown(), sep="\n", flush=True)


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that *share* of *values* do not exceed."""
    ordered = sorted(values)
    return ordered[
        min(len(ordered) - 1, max(0, -(-round(share * 1e6) * len(ordered) // 10**6) - 1))
    ]
