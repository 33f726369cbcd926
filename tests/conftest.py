"""What holds for every test: no secret that a test hands out shows up in what it leaves behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import canary

CANARIES = pytest.StashKey[dict[str, str]]()


@pytest.fixture(autouse=True)
def no_canary_shows(request: pytest.FixtureRequest) -> Iterator[None]:
    if "tmp_path" not in request.fixturenames:
        yield
        return
    folder: Path = request.getfixturevalue("tmp_path")
    yield
    canaries = canary.canaries_in(folder)
    request.node.stash[CANARIES] = canaries
    found = canary.leaks(folder, canaries)
    assert not found, "\n".join(["a secret shows:", *found])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Judge what was printed, too, once all of it is there."""
    report = yield
    canaries = item.stash.get(CANARIES, {})
    if call.when == "teardown" and canaries and report.outcome == "passed":
        printed = "\n".join(text for _, text in report.sections).encode(errors="replace")
        found = list(canary.hits(printed, canaries))
        if found:
            report.outcome = "failed"
            report.longrepr = "\n".join(["a secret was printed:", *found])
    return report
