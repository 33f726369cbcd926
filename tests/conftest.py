"""
What holds for every test: no secret that a test hands out shows up in what it leaves behind, and
what is drawn is drawn alike on every machine, however long it takes; the long forms draw anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests import canary

CANARIES = pytest.StashKey[dict[str, str]]()


settings.register_profile("alike", deadline=None, derandomize=True)
settings.register_profile("anew", deadline=None, print_blob=True)


def pytest_configure(config: pytest.Config) -> None:
    """A check before a change is kept must not depend on luck, nor on how busy the machine is."""
    settings.load_profile("anew" if config.getoption("markexpr") == "deep" else "alike")


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
