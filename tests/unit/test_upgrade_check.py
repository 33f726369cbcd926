"""`watcher upgrade-check` says what the next start changes, and the copy made before is whole."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.unit.test_store_versions import STATE, write_version_1
from watcher.cli import FINE, REFUSED, TROUBLE, main, upgrade_check
from watcher.ports import StoreError
from watcher.store import schema, tables
from watcher.store.sqlite import SqliteStore

CONFIG = '[telegram]\nchat_id = 7\n[accounts.main]\nvenue = "bybit"\n'


def check(folder: Path, text: str = CONFIG) -> int:
    file = folder / "watcher.toml"
    file.write_text(text, encoding="utf-8")
    return main(["upgrade-check", "--config", str(file), "--state-dir", str(folder / "state")])


def ledger_of_version_1(folder: Path) -> Path:
    state = folder / "state"
    write_version_1(state)
    return state / "ledger.db"


def opened(state: Path) -> None:
    async def open_and_close() -> None:
        await (await SqliteStore.open(state)).close()

    asyncio.run(open_and_close())


def listing(state: Path) -> dict[str, bytes]:
    # the shared memory of SQLite is none of the data
    return {
        path.name: path.read_bytes() for path in state.iterdir() if not path.name.endswith("-shm")
    }


def test_an_older_ledger_is_told_with_its_step_and_its_copy_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ledger = ledger_of_version_1(tmp_path)
    before = listing(ledger.parent)

    assert check(tmp_path) == FINE

    told = capsys.readouterr().out
    assert "every key is known to this watcher" in told
    assert re.search(r"ledger .*ledger\.db: version 1, \d+\.\d MB, sound", told)
    assert f"brings it to version {tables.LEDGER_VERSION}: the outbox is kept per road" in told
    assert f"copied to {ledger}.v1" in told
    assert listing(ledger.parent) == before
    assert set(ledger.parent.iterdir()) == {ledger}


def test_the_next_start_keeps_the_ledger_as_it_was_and_the_copy_opens_again(tmp_path: Path) -> None:
    ledger = ledger_of_version_1(tmp_path)
    with sqlite3.connect(ledger) as was:
        rows = was.execute("SELECT * FROM outbox ORDER BY id").fetchall()
    was.close()

    opened(ledger.parent)

    kept = ledger.with_name("ledger.db.v1")
    assert kept.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(kept) as copy:
        assert copy.execute("PRAGMA user_version").fetchone() == (1,)
        assert copy.execute("SELECT * FROM outbox ORDER BY id").fetchall() == rows
    copy.close()
    for path in ledger.parent.glob("ledger.db*"):
        if path != kept:
            path.unlink()
    kept.rename(ledger)
    opened(ledger.parent)  # gone back, and on again
    assert asyncio.run(_states(ledger.parent)) == {"main": STATE}


async def _states(state: Path) -> object:
    store = await SqliteStore.open(state)
    try:
        return await store.load()
    finally:
        await store.close()


def test_a_ledger_that_cannot_be_copied_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_of_version_1(tmp_path)
    (ledger.parent / "ledger.db.v1.draft").mkdir()

    with pytest.raises(StoreError, match=r"ledger\.db"):
        opened(ledger.parent)

    with sqlite3.connect(ledger) as still:
        assert still.execute("PRAGMA user_version").fetchone() == (1,)
    still.close()
    assert not (ledger.parent / "ledger.db.v1").exists()


def test_a_ledger_of_today_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(tmp_path / "state")
    before = listing(tmp_path / "state")

    assert check(tmp_path) == FINE

    assert "the next start changes nothing" in capsys.readouterr().out
    assert listing(tmp_path / "state") == before
    assert not list((tmp_path / "state").glob("*-shm"))


def test_beside_a_running_daemon_it_writes_nothing_either(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def beside() -> None:
        store = await SqliteStore.open(tmp_path / "state")
        before = listing(tmp_path / "state")
        assert before["ledger.db-wal"]
        assert check(tmp_path) == FINE
        assert listing(tmp_path / "state") == before
        await store.close()

    asyncio.run(beside())

    told = capsys.readouterr().out
    assert "a daemon runs on" in told
    assert "the next start changes nothing" in told


def test_before_the_first_start_there_is_nothing_to_change(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path) == FINE

    assert "the first start makes one" in capsys.readouterr().out
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("kept", [False, True])
def test_a_newer_ledger_is_refused_with_the_way_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, kept: bool
) -> None:
    opened(tmp_path / "state")
    ledger = tmp_path / "state" / "ledger.db"
    newer = tables.LEDGER_VERSION + 1
    if kept:
        shutil.copy(ledger, schema.backup_of(ledger, tables.LEDGER_VERSION))
    with sqlite3.connect(ledger) as db:
        db.execute(f"PRAGMA user_version = {newer}")
    db.close()

    assert check(tmp_path) == TROUBLE

    told = capsys.readouterr().err
    assert f"ledger.db has version {newer}, this watcher reads up to {newer - 1}" in told
    assert "run the newer watcher" in told
    back = f"put back ledger.db.v{newer - 1} from before the upgrade"
    assert (back if kept else "move the file away") in told
    with pytest.raises(StoreError, match="run the newer watcher"):
        opened(tmp_path / "state")


def test_a_damaged_ledger_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opened(tmp_path / "state")
    (tmp_path / "state" / "ledger.db").write_bytes(b"no database" * 100)

    assert check(tmp_path) == TROUBLE

    assert "moved aside and a fresh one begun" in capsys.readouterr().err


def test_a_full_disk_is_told_before_the_update(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger_of_version_1(tmp_path)
    monkeypatch.setattr(upgrade_check, "ROOM_MIN", 10**15)

    assert check(tmp_path) == TROUBLE

    assert "make room before the update" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2", "version (config/watcher.toml line 1, column 1): found 2, expected 1"),
        ("0", "found 0, expected 1, or no version at all\n"),
        ('"1"', 'found "1", expected 1'),
        ("true", "found True, expected 1"),
    ],
)
def test_a_file_of_another_version_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], version: str, said: str
) -> None:
    (tmp_path / "config").mkdir()

    assert check(tmp_path / "config", f"version = {version}\n{CONFIG}") == REFUSED

    told = capsys.readouterr().err.replace(f"{tmp_path}/", "")
    assert said in told
    assert ("newer watcher" in told) is (version == "2")


def test_a_key_this_version_does_not_know_is_told_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(tmp_path, f"version = 1\nold_key = 3\n{CONFIG}") == REFUSED

    assert "watcher.toml line 2, column 1): found an unknown key" in capsys.readouterr().err
