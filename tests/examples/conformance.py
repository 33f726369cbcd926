"""
`make conformance`: every published example beside our own figures, one line each.

    id  verdict  the figure furthest from its tolerance: expected, ours, relative error, tolerance

The last line counts: `N examples, M within tolerance, K not covered: ids, worst relative error`.

Rule: exit code 1 when a figure is out of its tolerance or could not be computed, 2 when there are
no examples. Nothing is left out silently: what is not covered is listed with its reason.
`python -m tests.examples.conformance --examples DIR` reads another copy of the examples.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.examples.compare import COVERED, EXAMPLES, Figure, figures, is_ours, load
from tests.examples.left_out import NOT_COVERED
from watcher.margin import BookError

FINE, OUT, NO_EXAMPLES = 0, 1, 2
OF_ANOTHER_VENUE = "{venue} is not built"
OF_NO_VENUE = "an invented account of no venue: its rules are nobody's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One example. `why_not` when it is not covered; `broke` when it could not be computed."""

    name: str
    figures: tuple[Figure, ...] = ()
    why_not: str | None = None
    broke: str | None = None

    @property
    def within(self) -> bool:
        return self.broke is None and all(one.within for one in self.figures)

    @property
    def worst(self) -> Figure:
        """The figure that fails, else the one furthest off for what its tolerance allows."""
        return max(self.figures, key=_badness)

    @property
    def error(self) -> float:
        return max((one.error or 0.0 for one in self.figures), default=0.0)


def _badness(one: Figure) -> tuple[bool, float]:
    if one.error is None or one.allowed is None:
        return not one.within, 0.0
    scale = abs(float(str(one.expected))) or 1.0
    return not one.within, one.error * scale / (one.allowed or 1e-300)


def line_of(case: Mapping[str, Any]) -> Line:
    """Return what one example comes to."""
    name = case["id"]
    if name not in COVERED:
        venue = str(case["venue"])
        why = NOT_COVERED.get(name) if is_ours(case) else OF_ANOTHER_VENUE.format(venue=venue)
        why = OF_NO_VENUE if venue.startswith("generic") else why
        # an example nobody decided about is a failure, not a gap
        return Line(name=name, why_not=why, broke=None if why else "nobody decided about it")
    try:
        return Line(name=name, figures=tuple(figures(case)))
    except (
        AssertionError,
        ArithmeticError,
        BookError,
        LookupError,
        TypeError,
        ValueError,
    ) as error:
        return Line(name=name, broke=f"{type(error).__name__}: {error}"[:90])


def shown(line: Line) -> str:
    """Return one line of the listing."""
    if line.why_not is not None:
        return f"{line.name:<14} not covered  {line.why_not}"
    if line.broke is not None:
        return f"{line.name:<14} OUT          {line.broke}"
    one = line.worst
    verdict = "within" if line.within else "OUT"
    if one.error is None:
        told = f"expected {one.expected!s:<18} ours {one.ours!s:<18}"
    else:
        wanted, ours = float(str(one.expected)), float(str(one.ours))
        share = (one.allowed or 0.0) / (abs(wanted) or 1.0)
        told = (
            f"expected {wanted:<18.12g} ours {ours:<18.12g} "
            f"relative error {one.error:.1e}  tolerance {share:.1e}"
        )
    rest = f"{len(line.figures)} figure{'s' if len(line.figures) > 1 else ''}"
    rest += "".join(f"; {each.path}: {each.note}" for each in line.figures if each.note)
    return f"{line.name:<14} {verdict:<12} {one.path:<44} {told}  ({rest})"


def summary(lines: Sequence[Line]) -> str:
    """Return the last line."""
    missing = [line.name for line in lines if line.why_not is not None]
    within = [line for line in lines if line.why_not is None and line.within]
    out = [line.name for line in lines if line.why_not is None and not line.within]
    # of a figure published as -0.0006 half a unit of its last digit is 8 %: say which one it is
    worst = max(lines, key=lambda line: line.error)
    said = f"{len(lines)} examples, {len(within)} within tolerance, "
    said += f"{len(out)} OUT OF TOLERANCE: {' '.join(out)}, " if out else ""
    said += f"{len(missing)} not covered: {' '.join(missing)}, "
    return f"{said}worst relative error {worst.error:.1e} ({worst.name})"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__.split("\n")[1])
    parser.add_argument(
        "--examples", type=Path, metavar="DIR", default=EXAMPLES, help="another copy of them"
    )
    folder = parser.parse_args(argv).examples
    lines = [line_of(case) for case in load(folder).values()]
    if not lines:
        sys.stderr.write(f"conformance: no examples in {folder}\n")
        return NO_EXAMPLES
    # the reasons of what is not covered stand together, above the last line
    for line in sorted(lines, key=lambda line: line.why_not is not None):
        sys.stdout.write(shown(line) + "\n")
    sys.stdout.write(summary(lines) + "\n")
    return OUT if any(line.why_not is None and not line.within for line in lines) else FINE


if __name__ == "__main__":
    sys.exit(main())
