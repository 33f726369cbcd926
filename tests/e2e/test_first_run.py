"""A newcomer in a terminal: from nothing to a guarded practice account, typing what README says."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests import first_run
from tests.practising import practising
from tests.typist import COLUMNS, Diary, until

pytestmark = [pytest.mark.process, pytest.mark.slow]


def installed(folder: Path) -> None:
    """Put a `watcher` where an installation has it, that runs this tree."""
    script = folder / ".venv" / "bin" / "watcher"
    script.parent.mkdir(parents=True)
    lines = ["#!/bin/sh", f'PYTHONPATH="{first_run.ROOT}" exec "{sys.executable}" -m watcher "$@"']
    script.write_text("\n".join([*lines, ""]), encoding="utf-8")
    script.chmod(0o755)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
def test_a_newcomer_gets_from_nothing_to_a_guarded_account(tmp_path: Path) -> None:
    installed(tmp_path)

    story = first_run.live(tmp_path, Diary())

    assert list(story.milestones) == [
        "the account is read",
        "the chat is known",
        "a test alert is delivered and answered, on both roads",
        "the account is guarded: read and judged by the daemon",
        "the fall is told on the phone",
    ]
    secrets = tmp_path / "config" / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    kept = sorted(file.name for file in secrets.iterdir())
    assert kept == [
        "watcher_accounts__bybit_main__api_key",
        "watcher_accounts__bybit_main__api_secret",
        "watcher_fallback__url",
        "watcher_heartbeat__url",
        "watcher_telegram__bot_token",
    ]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in secrets.iterdir())
    assert "proposed distance" in story.shown["proposal"]
    too_wide = [line for line in story.shown["screen"].splitlines() if len(line) > COLUMNS]
    assert too_wide == [], "cut in the middle of a word by the terminal"
    assert "…" not in story.shown["screen"].replace("alerts go to …", ""), "cut off in a table"
    kept_page = first_run.PAGE.read_text(encoding="utf-8")
    assert all(what in kept_page for what in story.milestones), "make first-run writes it anew"
    page = first_run.page(story, "Installed beforehand.")
    assert "WARNING" in page
    assert not any((secrets / name).read_text().strip() in page for name in kept)


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="no terminals here")
def test_ctrl_c_in_a_terminal_loses_nothing_and_leaves_it_as_it_was(tmp_path: Path) -> None:
    installed(tmp_path)
    story = first_run.Story(tmp_path, Diary(), {}, {})
    with practising() as beside, first_run.terminal(story, "terminal") as typed:
        secrets = list(beside.secrets("bybit_main").values())
        typed.type(f".venv/bin/watcher init --endpoint {beside.url} --account mine=bybit")
        typed.expect(r"API key \(not shown\): ")
        typed.interrupt()
        typed.expect(r"stopped; what was finished is in config/watcher.toml.*\n.*\n\$ $")
        typed.type("echo $?")  # shown as it is typed: the terminal hides nothing any more
        typed.expect(r"echo \$\?\n1\n\$ $")

        typed.type(f".venv/bin/watcher init --endpoint {beside.url} --account mine=bybit")
        for secret in secrets[:2]:
            typed.expect(r"\(not shown\): ")
            typed.type(secret, hidden=True)
        typed.expect(r"token \(not shown\): ")
        typed.type(secrets[2], hidden=True)
        typed.expect(r"waiting 3 min")
        typed.interrupt()
        # not a word of Python's, be it pressed in the very moment the waiting begins
        typed.expect(
            r"for the chat alerts go to …\n\^C\n"
            r"stopped; what was finished is in config/watcher.toml; go on with:\n"
            rf"  watcher init --endpoint {beside.url}\n\$ $"
        )

        typed.type(f".venv/bin/watcher init --endpoint {beside.url}")
        typed.expect(r"set: account mine at bybit, its key is set")
        typed.expect(r"token \(not shown\): ")
        typed.interrupt()
        typed.expect(r"\$ $")
    assert not any(secret in typed.screen for secret in secrets)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no list of processes here")
def test_nothing_outlives_the_terminal_it_was_started_in(tmp_path: Path) -> None:
    """Not even what ignores a hang-up, as the daemon does."""
    story = first_run.Story(tmp_path, Diary(), {}, {})
    with first_run.terminal(story, "terminal") as typed:
        typed.type("sh -c 'trap \"\" HUP INT; echo number $$ here; sleep 300'")
        process = int(typed.expect(r"number (\d+) here")[1])

    def ended() -> bool:
        stat = Path(f"/proc/{process}/stat")
        # what nobody has reaped is listed on, and runs no more
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z"

    until(ended, "its end", 20)
