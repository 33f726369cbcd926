"""
The published examples, figure by figure: what is expected, what we find, how far apart they may be.

Rule: every example goes one way, `figures`, whatever its file calls its inputs. An example is added
by one function among its venue's cases and one line in `tests.examples.cases`. Judged is nothing
but whether two figures lie within the tighter of the example's own tolerance and half a unit of
the last digit it prints, so that no figure can be changed by a hundredth and still pass.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from tests.examples.build import coin, dec, leg, linear, snapshot, table
from tests.examples.cases import FROM_INPUTS, FROM_NORMALISED, FROM_RAW, real_tiers
from tests.examples.left_out import COARSER, CUT_OFF
from watcher.domain.account import Bracket, BracketKind
from watcher.margin.book import totals
from watcher.margin.state import state_of
from watcher.margin.tables import bracket_steps

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
EXAMPLES = SHARED / "examples"
VENUES = ("binance", "bybit", "okx")
REL = 1e-6
COARSE = 0.005
"""A figure whose last digit is a larger part of it than twice this is said to be rounded."""

FLOATS = 1e-12
"""Doubles are no nearer; without it a figure halfway between two printed ones would be off."""

MINUTES = "2022-01-21_BTC-PERP_1m.csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """
    One figure of one example. `allowed` is absolute; None for words, which must be equal. `note`
    says why it is wider than the last digit printed, or that this digit says little.
    """

    path: str
    expected: object
    ours: object
    allowed: float | None
    note: str = ""

    @property
    def error(self) -> float | None:
        """How far ours is off, relative to the expected figure; None where that says nothing."""
        if self.allowed is None or self.expected is None or self.ours is None:
            return None
        wanted = float(str(self.expected))
        gap = abs(float(str(self.ours)) - wanted)
        return gap / abs(wanted) if wanted else gap

    @property
    def within(self) -> bool:
        if self.allowed is None or self.expected is None or self.ours is None:
            return bool(self.ours == self.expected)
        gap = abs(float(str(self.ours)) - float(str(self.expected)))
        return gap <= self.allowed


def load(folder: Path = EXAMPLES) -> dict[str, dict[str, Any]]:
    """Return every published example of *folder* by id, of all venues; none without the folder."""
    rows: list[dict[str, Any]] = []
    for name in (*(f"examples_{venue}" for venue in VENUES), "examples_others", "real_cases"):
        file = folder / f"{name}.json"
        if file.exists():
            rows += json.loads(file.read_text(encoding="utf-8"))
    return {row["id"]: row for row in rows}


def is_ours(case: Mapping[str, Any]) -> bool:
    """Return whether *case* is of a venue that is built; the replay is of one of them."""
    return case["venue"] in (*VENUES, "replay")


def tiers(case: Mapping[str, Any]) -> dict[str, Any]:
    """TIER-BIN: a real table of the venue, looked up at every point."""
    rows = case["raw"]["tiers"]
    points = [point["notional"] for point in case["expected"]["points"]]
    brackets = tuple(
        Bracket(
            floor=dec(row["info"]["notionalFloor"]),
            rate=dec(row["info"]["maintMarginRatio"]),
            deduction=dec(row["info"]["cum"]),
        )
        for row in rows
    )
    steps = bracket_steps(brackets, BracketKind.MARGINAL, "example")
    margins = real_tiers(case["raw"], points)["maintenance_margin"]
    found = []
    for notional, margin in zip(points, margins, strict=True):
        # at a floor both rows give the same margin; the published ones name the lower
        number = max(n for n, step in enumerate(steps) if step.floor < notional or n == 0)
        found.append(
            {
                "notional": notional,
                "maintenance_margin": margin,
                "mmr": steps[number].rate,
                "maint_amount": steps[number].deduction,
                "tier": number + 1,
            }
        )
    return {"points": found}


def replay(case: Mapping[str, Any]) -> dict[str, Any]:
    """RPL-003: a short through the crash of January 2022, minute by minute."""
    with (SHARED / "data" / MINUTES).open(encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    brackets = table([(0, "0.004", 0), (50_000, "0.005", 50)])
    given = case["normalised"]["positions"][0]
    cash = coin("USDT", case["normalised"]["account"]["wallet"])
    book = state_of(snapshot(linear(), [cash], [leg(given, brackets=brackets)]), {}).book

    def sums(column: str) -> tuple[list[float], list[float]]:
        marks = np.array([float(row[column]) for row in rows])
        both = totals(book, np.stack([np.ones_like(marks), marks], axis=1))
        equity, requirement = (one[:, 0].tolist() for one in both)
        return equity, requirement

    equity, requirement = sums("close")
    at_close = [r / e for r, e in zip(requirement, equity, strict=True)]
    intrabar = [r / e for e, r in zip(*sums("high"), strict=True)]
    worst = max(range(len(rows)), key=at_close.__getitem__)

    def first(ratios: Sequence[float], line: float) -> str | None:
        reached = (row for row, r in zip(rows, ratios, strict=True) if r >= line)
        return next((row["open_time_utc"] for row in reached), None)

    return {
        "rows": len(rows),
        "first_row": {
            "t": rows[0]["open_time_utc"],
            "equity": equity[0],
            "maintenance_margin": requirement[0],
            "ratio": at_close[0],
        },
        "first_ratio_close_ge_0.50": first(at_close, 0.5),
        "first_ratio_close_ge_0.80": first(at_close, 0.8),
        "first_ratio_close_ge_1.00": first(at_close, 1.0),
        "first_ratio_intrabar_ge_1.00": first(intrabar, 1.0),
        "max_ratio_close_before_liq": at_close[worst],
        "t_of_max": rows[worst]["open_time_utc"],
    }


FROM_CASE: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "TIER-BIN-05": tiers,
    "TIER-BIN-06": tiers,
    "RPL-003": replay,
}

COVERED = frozenset([*FROM_INPUTS, *FROM_NORMALISED, *FROM_RAW, *FROM_CASE])


def found_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """Return our figures of one covered example, under the names of its `expected`."""
    name = case["id"]
    if name in FROM_INPUTS:
        return FROM_INPUTS[name](case["inputs"])
    if name in FROM_NORMALISED:
        return FROM_NORMALISED[name](case["normalised"])
    if name in FROM_RAW:
        return FROM_RAW[name](case["raw"])
    return FROM_CASE[name](case)


def figures(case: Mapping[str, Any]) -> Iterator[Figure]:
    """Yield every single figure of a covered example."""
    found = found_of(case)
    for name, value in case["expected"].items():
        assert name in found, f"{case['id']} {name} is not computed"
        why = COARSER.get(case["id"], {}).get(name, "")
        for path, ours, theirs in pairs(found[name], value, name):
            yield _figure(_allowed(case, path, theirs), path, ours, theirs, why)


def _figure(told: float | None, path: str, ours: object, theirs: object, why: str) -> Figure:
    if told is None:
        return Figure(path=path, expected=theirs, ours=ours, allowed=None)
    size = abs(float(str(theirs)))
    unit = last_digit(theirs)
    printed = told if why and why != CUT_OFF else unit if why else unit / 2
    # a nought says little by any digit, and its half unit is compared to nothing
    rounded = f"rounded to {unit / 2 / size:.0%}" if size and unit / 2 > COARSE * size else ""
    allowed = min(told, printed) + FLOATS * size
    note = why or (rounded if allowed > COARSE * size else "")
    return Figure(path=path, expected=theirs, ours=ours, allowed=allowed, note=note)


def last_digit(printed: object) -> float:
    """Return one unit of the last digit of a number as it is *printed*."""
    exponent = Decimal(str(printed)).as_tuple().exponent
    assert isinstance(exponent, int), printed
    return float(Decimal(1).scaleb(exponent))


def pairs(found: object, expected: object, path: str) -> Iterator[tuple[str, object, object]]:
    """Yield every single figure of an expectation beside ours."""
    if isinstance(expected, Mapping):
        assert isinstance(found, Mapping), path
        for key, value in expected.items():
            yield from pairs(found[key], value, f"{path}.{key}")
    elif isinstance(expected, Sequence) and not isinstance(expected, str):
        assert isinstance(found, Sequence), path
        assert len(found) == len(expected), path
        for number, value in enumerate(expected):
            yield from pairs(found[number], value, f"{path}[{number}]")
    else:
        yield path, found, expected


def _allowed(case: Mapping[str, Any], path: str, expected: object) -> float | None:
    try:
        wanted = float(str(expected))
    except ValueError:
        return None
    names = path.split(".")
    last = names[-1].partition("[")[0]
    return allowed(case, last if last in case["tolerance"] else names[0].partition("[")[0], wanted)


def allowed(case: Mapping[str, Any], figure: str, expected: float) -> float:
    """Return the example's own tolerance for one figure."""
    tolerance = case["tolerance"]
    note = str(tolerance.get("note", ""))
    if "abs" in tolerance:
        # "margin_ratio to 1e-5", "BTC amounts and ratio to 1e-8": said in words, tighter
        tight = 1e-8 if "1e-8" in note and "price" not in figure else None
        tight = 1e-5 if "1e-5" in note and "ratio" in figure else tight
        return tight or max(float(tolerance["abs"]), 1e-12 * abs(expected))
    if "rounded to 4 decimals" in str(case.get("note")):
        return 5e-5
    relative = tolerance.get(figure, tolerance.get("rel", tolerance.get("all", REL)))
    return float(relative) * abs(expected)
