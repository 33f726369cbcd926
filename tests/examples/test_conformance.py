"""
The conformance listing tells the truth: what is right passes, what is corrupted fails, one by one.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.examples.compare import COVERED, EXAMPLES, load
from tests.examples.conformance import FINE, NO_EXAMPLES, OUT, main
from tests.examples.left_out import FIGURES_NOT_COVERED

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


def slots(value: Any, place: Any, key: Any) -> Iterator[tuple[Any, Any]]:
    """Yield where every number of an expectation stands."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from slots(inner, value, name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from slots(inner, value, number)
    elif key != "notional" and _is_number(value):
        yield place, key


def _is_number(value: Any) -> bool:
    try:
        return float(value) != 0
    except (TypeError, ValueError):
        return False


@pytest.mark.parametrize("seed", range(3))
def test_ten_corrupted_values_make_exactly_ten_fail(
    seed: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(seed)
    chosen = set(chance.sample(sorted(COVERED), 10))
    for file in EXAMPLES.glob("*.json"):
        copy = tmp_path / file.name
        shutil.copyfile(file, copy)
        copy.chmod(0o600)
        rows = json.loads(copy.read_text(encoding="utf-8"))
        for row in rows:
            if row["id"] not in chosen:
                continue
            left_out = FIGURES_NOT_COVERED.get(row["id"], {})
            expected = {n: v for n, v in row["expected"].items() if n not in left_out}
            places = [
                (row["expected"] if place is expected else place, key)
                for place, key in slots(expected, expected, "")
            ]
            place, key = chance.choice(places)
            wrong = float(place[key]) * 1.01 + 1
            place[key] = str(wrong) if isinstance(place[key], str) else wrong
        copy.write_text(json.dumps(rows), encoding="utf-8")

    code, lines = told(tmp_path, capsys)

    assert code == OUT
    assert out_of(lines) == chosen
    assert "10 OUT OF TOLERANCE" in lines[-1]


def test_without_examples_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["--examples", str(tmp_path)])

    assert code == NO_EXAMPLES
    assert "no examples" in capsys.readouterr().err
