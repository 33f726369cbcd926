"""
The conformance listing tells the truth: what is right passes, what is corrupted fails, one by one.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.examples.compare import COVERED, EXAMPLES, load
from tests.examples.conformance import FINE, NO_EXAMPLES, OUT, line_of, main

CASES = {name: case for name, case in load().items() if name in COVERED}

pytestmark = pytest.mark.skipif(
    not load(), reason="the published examples are not beside this repository"
)


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    code = main(["--examples", str(folder)])
    return code, capsys.readouterr().out.splitlines()


def out_of(lines: list[str]) -> set[str]:
    return {line.split()[0] for line in lines[:-1] if line.split()[1] == "OUT"}


def test_every_example_has_a_line_and_the_last_one_counts_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, lines = told(EXAMPLES, capsys)

    cases = load()
    missing = sorted(line.split()[0] for line in lines[:-1] if "not covered" in line)
    assert code == FINE
    assert sorted(line.split()[0] for line in lines[:-1]) == sorted(cases)
    assert lines[-1].startswith(
        f"{len(cases)} examples, {len(COVERED)} within tolerance, {len(missing)} not covered: "
    )
    assert sorted(set(cases) - COVERED) == missing


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every single figure of an expectation."""
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield from places(value[key], (*path, key))
    else:
        yield path


def wrong(value: Any) -> Any:
    """Return *value* off by 1 %, as its file would write it; of nought and of words another."""
    try:
        off = Decimal(str(value)) * Decimal("1.01") or Decimal("0.01")
    except ArithmeticError:
        return f"not {value}"
    return str(off) if isinstance(value, str) else float(off)


def corrupted(case: Any, path: tuple[Any, ...]) -> Any:
    """Return a copy of *case* with one expected figure wrong."""
    copy = deepcopy(case)
    *way, last = ("expected", *path)
    holder = copy
    for key in way:
        holder = holder[key]
    holder[last] = wrong(holder[last])
    return copy


def every_figure() -> list[tuple[str, tuple[Any, ...]]]:
    return [(name, path) for name, case in CASES.items() for path in places(case["expected"])]


@pytest.mark.parametrize("name", sorted(CASES))
def test_each_figure_off_by_a_hundredth_fails_alone(name: str) -> None:
    """One at a time, every one there is; no example is judged by another's figures."""
    assert line_of(CASES[name]).within

    for path in places(CASES[name]["expected"]):
        assert not line_of(corrupted(CASES[name], path)).within, path


@pytest.mark.parametrize("seed", range(20))
def test_ten_corrupted_values_make_exactly_ten_fail(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed)
    chosen: dict[str, tuple[Any, ...]] = {}
    for name, path in chance.sample(every_figure(), len(every_figure())):
        if len(chosen) < 10:
            chosen.setdefault(name, path)
    for file in EXAMPLES.glob("*.json"):
        rows = [
            corrupted(row, chosen[row["id"]]) if row["id"] in chosen else row
            for row in json.loads(file.read_text(encoding="utf-8"))
        ]
        (tmp_path / file.name).write_text(json.dumps(rows), encoding="utf-8")

    code, lines = told(tmp_path, capsys)

    assert code == OUT
    assert out_of(lines) == set(chosen)
    assert "10 OUT OF TOLERANCE" in lines[-1]


def test_without_examples_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--examples", str(tmp_path)])

    assert code == NO_EXAMPLES
    assert "no examples" in capsys.readouterr().err
