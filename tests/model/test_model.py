"""The model of the top-up protocol within small bounds, and that it can fail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.model import __main__ as model
from tests.model.cases import BAD, CASES, FULL, SAFE


def test_the_cases_of_the_reference_are_all_there() -> None:
    safe = {*(f"A{number}" for number in range(1, 5)), *(f"B{number}" for number in range(1, 6))}

    assert safe <= {case.name for case in SAFE}
    assert {f"V{number}" for number in range(1, 11)} <= {case.name for case in BAD}
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.slow
def test_every_safe_case_is_safe_and_every_broken_rule_is_found(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = model.main(["--quick"])

    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"safe {len(SAFE)}/{len(SAFE)}, known-bad found {len(BAD)}/{len(BAD)}"
    assert len(told) == len(CASES) + 1
    assert code == 0


def test_a_safe_case_that_doubles_fails_with_the_way_it_came_about(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(FULL, words="repeats", client_repeats=True)
    monkeypatch.setattr(model, "CASES", (broken,))

    code = model.main(["--quick"])

    told = capsys.readouterr().out
    assert code == 1
    assert "WRONG" in told
    assert "signs and sends again" in told
    assert told.splitlines()[-1] == "safe 0/1, known-bad found 0/0"


@pytest.mark.deep
def test_the_model_within_wide_bounds(capsys: pytest.CaptureFixture[str]) -> None:
    assert model.main(["--deep"]) == 0
