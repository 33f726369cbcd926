"""The secrets under buttons: long, never the same, and repeated only in a stepped world."""

from __future__ import annotations

import re

from watcher.app import Tokens


def test_a_token_is_128_bits_in_letters_a_button_may_carry() -> None:
    ids = Tokens(None)
    made = {ids.token() for _ in range(1000)}

    assert len(made) == 1000
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in made)


def test_two_processes_share_no_token_but_two_runs_of_a_practice_world_do() -> None:
    assert Tokens(None).token() != Tokens(None).token()
    assert Tokens(7).token() == Tokens(7).token()
    assert Tokens(7).token() != Tokens(8).token()
