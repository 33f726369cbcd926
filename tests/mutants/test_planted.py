"""The planted bugs do not rot, and their hunt tells what was caught from what was not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.mutants.__main__ import is_enough, main, summary
from tests.mutants.planted import PLANTED, Mutant
from tests.mutants.trial import GUARDS, ROOT, Caught, NotPlanted, planted


def names(mutants: Sequence[Mutant]) -> list[str]:
    return [one.name for one in mutants]


@pytest.mark.parametrize("mutant", PLANTED, ids=names(PLANTED))
def test_every_fault_still_has_its_line_and_is_code(mutant: Mutant) -> None:
    file = ROOT / "watcher" / mutant.file

    broken = planted(file.read_text(encoding="utf-8"), mutant)

    compile(broken, str(file), "exec")
    assert mutant.new != mutant.old


def test_there_are_enough_faults_and_each_has_a_name_of_its_own() -> None:
    assert len(PLANTED) >= 32
    assert len(set(names(PLANTED))) == len(PLANTED)


def test_every_guard_exists() -> None:
    assert [name for name in GUARDS if not Path(ROOT, name).is_file()] == []


@pytest.mark.parametrize("text", ["", "a = 1\na = 1\n"])
def test_a_line_that_is_not_there_once_is_no_place_for_a_fault(text: str) -> None:
    mutant = Mutant("two", "some.py", "a = 1", "a = 2", "one is not two")

    with pytest.raises(NotPlanted, match="two: its line stands"):
        planted(text, mutant)


def test_a_survivor_is_named_and_the_short_form_forgives_one_in_twenty() -> None:
    found = [Caught(mutant=f"m{number}", by="tests, t.py::t") for number in range(18)]
    found += [Caught(mutant="storm", by="storm, STORM:1, I1"), Caught(mutant="sly")]

    assert summary(found) == "planted 20, caught 19 (1 of them by the storm); survivors: sly"
    assert is_enough(found, long=False)
    assert not is_enough(found, long=True)
    assert not is_enough(found[1:], long=False)


@pytest.mark.deep
def test_every_fault_is_caught_in_the_long_form() -> None:
    assert main(["--long"]) == 0
