"""
What the bench says of itself: absent peers are named, a wrong answer is never timed.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from bench.line import Line
from bench.margin import disagreements, snapshot
from bench.peers import account, exact, main
from watcher.margin.book import lowered
from watcher.margin.state import state_of


def test_an_absent_peer_is_named_and_is_no_failure(capsys: pytest.CaptureFixture[str]) -> None:
    def never() -> list[Line]:
        raise AssertionError

    assert main({"a_peer_nobody_has": never}) == 0
    assert "a_peer_nobody_has: not installed, not compared" in capsys.readouterr().out


def test_a_solver_that_is_a_little_off_is_not_timed() -> None:
    """The halving reads the Book, the solver the cautious one: they must not differ."""
    state = state_of(snapshot(3), {})
    off = replace(state, cautious=lowered(state.book, state.book.price[:1] * 1e-3))

    assert disagreements(state) == []
    assert disagreements(off)


def test_every_position_of_the_peers_pool_has_a_price_to_compare() -> None:
    assert None not in exact(account()).values()
