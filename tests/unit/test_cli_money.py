"""`watcher ledger` and `watcher money`: beside a running daemon, through its ledger."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.money_stand_ins import intent
from tests.unit.service_stand_ins import START_US, danger, moment
from watcher.cli import ledger, money, status
from watcher.domain.alert import Kind, Message
from watcher.domain.topup import Intent, Progress
from watcher.policy import money_notes
from watcher.ports import FROZEN, KILLED, PAUSED, Flag
from watcher.store.intents import SqlitePurse
from watcher.store.sqlite import SqliteStore

HUMAN = intent("h1", progress=Progress.HUMAN, sends=1, ts_sign_ms=START_US // 1000)


def given(folder: Path, intents: Sequence[Intent] = (), flags: Sequence[Flag] = ()) -> list[str]:
    """Write a ledger and return the options that point at it."""

    async def write() -> None:
        store = await SqliteStore.open(folder)
        purse = SqlitePurse(store)
        for one in intents:
            assert await purse.propose(one, ())
        for flag in flags:
            await store.raise_flag(flag, moment())
        await store.close()

    asyncio.run(write())
    return ["--state-dir", str(folder), "--config", str(_config(folder))]


def _config(folder: Path) -> Path:
    target = folder / "watcher.toml"
    target.write_text("", encoding="utf-8")
    return target


def kept(folder: Path) -> tuple[list[Intent], dict[str, Flag], list[Message], int]:
    async def read() -> Any:
        store = await SqliteStore.open(folder)
        purse = SqlitePurse(store)
        try:
            claims = await store.claim(moment(1e9), limit=9)
            said = [claim.message for claim in claims]
            armed_us = await purse.armed_at_us()
            return list(await purse.intents()), dict(await purse.flags()), said, armed_us
        finally:
            await store.close()

    found: tuple[list[Intent], dict[str, Flag], list[Message], int] = asyncio.run(read())
    return found


def test_the_ledger_is_shown_to_the_last_digit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = intent("d1", progress=Progress.DONE, account="other", uid="9", reason="ok")
    options = given(tmp_path, [done, HUMAN])

    assert ledger.main(options) == 1, "one waits for a person"
    shown = capsys.readouterr().out
    assert "h1" in shown
    assert "100.5 USDT" in shown
    assert "move funding > unified" in shown
    assert ledger.main([*options, "--account", "other", "--json"]) == 0
    [only] = json.loads(capsys.readouterr().out)["intents"]
    assert (only["id"], only["amount"], only["state"]) == ("d1", "100.5", "done")


def test_an_empty_ledger_says_so_and_none_is_trouble(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = given(tmp_path)

    assert ledger.main(options) == 0
    assert "no top-up was ever decided here" in capsys.readouterr().out
    (tmp_path / "ledger.db").unlink()
    assert ledger.main(options) == 1
    assert "not found" in capsys.readouterr().err


def test_an_account_nobody_knows_is_no_account_without_top_ups(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A typing error must not read as: nothing was ever moved."""
    options = given(tmp_path, [HUMAN])

    assert ledger.main([*options, "--account", "mian"]) == 2
    assert "--account mian: known are main" in capsys.readouterr().err


def test_a_freeze_that_cannot_be_written_says_what_holds_money_instead(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = given(tmp_path)
    (tmp_path / "ledger.db").write_bytes(b"no database" * 999)

    assert money.main(["freeze", "--reason", "odd numbers", *options]) == 1
    said = capsys.readouterr().err
    assert "NOT frozen" in said
    assert str(tmp_path / "money.kill") in said


@pytest.mark.parametrize("verb", ["freeze", "unfreeze"])
def test_a_reason_of_nothing_is_none(tmp_path: Path, verb: str) -> None:
    options = given(tmp_path)

    with pytest.raises(SystemExit) as refused:
        money.main([verb, "--reason", " ", *options])
    assert refused.value.code == 2


def test_a_freeze_holds_and_its_reason_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = given(tmp_path)

    assert money.main(["freeze", "--reason", "odd numbers", *options]) == 0
    assert money.main(["status", *options]) == 1
    assert "money FROZEN: odd numbers" in capsys.readouterr().out
    _, flags, [said], _ = kept(tmp_path)
    assert flags[FROZEN].reason == "odd numbers"
    assert said.kind is Kind.SECURITY
    assert said.text.plain.splitlines()[0].endswith("MONEY FROZEN all accounts")


def test_a_second_freeze_keeps_why_and_is_not_told_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = given(tmp_path)

    assert money.main(["freeze", "--reason", "odd numbers", *options]) == 0
    assert money.main(["freeze", "--reason", "to be sure", *options]) == 0
    assert "it was frozen before" in capsys.readouterr().out
    _, flags, said, _ = kept(tmp_path)
    assert flags[FROZEN].reason == "odd numbers"
    assert len(said) == 1


def test_arming_again_lifts_every_flag_and_needs_a_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [Flag(name=name, user_id=7, at_us=1) for name in (KILLED, PAUSED, FROZEN)]
    options = given(tmp_path, flags=flags)

    with pytest.raises(SystemExit):
        money.main(["unfreeze", *options])
    assert money.main(["unfreeze", "--reason", "looked at it", *options]) == 0
    assert "lifted: frozen, killed, paused" in capsys.readouterr().out
    assert money.main(["status", *options]) == 0
    assert "looked at it" in capsys.readouterr().out
    _, left, [said], armed_us = kept(tmp_path)
    assert left == {}
    assert "looked at it" in said.text.plain
    assert armed_us > 0


def test_the_kill_file_is_for_a_person_to_remove(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = given(tmp_path)
    (tmp_path / "money.kill").touch()

    assert money.main(["status", *options]) == 1
    assert "KILLED by the file money.kill" in capsys.readouterr().out
    assert money.main(["unfreeze", "--reason", "x", *options]) == 1
    assert (tmp_path / "money.kill").exists()


def test_a_pause_that_is_over_holds_nothing(tmp_path: Path) -> None:
    options = given(tmp_path, flags=[Flag(name=PAUSED, user_id=7, at_us=1, until_us=2)])

    assert money.main(["status", *options]) == 0


def test_status_shows_what_holds_money_and_what_is_open(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = given(tmp_path, [HUMAN], [Flag(name=KILLED, user_id=7, at_us=1)])

    status.main(options)

    shown = capsys.readouterr().out
    assert "money KILLED by 7" in shown
    assert "top-up h1 main: 100.5 USDT, human; look at the venue" in shown


@pytest.mark.parametrize(
    ("word", "state"), [("--happened", Progress.DONE), ("--did-not", Progress.ABSENT)]
)
def test_a_person_settles_what_nobody_could_tell(
    tmp_path: Path, word: str, state: Progress
) -> None:
    options = given(tmp_path, [HUMAN])

    assert money.main(["settle", "h1", word, *options]) == 0
    assert money.main(["settle", "h1", word, *options]) == 2, "once"
    [settled], _, [said], _ = kept(tmp_path)
    assert settled.progress is state
    assert settled.evidence[-1].startswith("on the server: ")
    assert "TOP-UP SETTLED" in said.text.plain


def test_only_what_waits_for_a_person_is_settled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    unknown = replace(HUMAN, progress=Progress.UNKNOWN)
    options = given(tmp_path, [unknown])

    assert money.main(["settle", "h1", "--happened", *options]) == 2
    assert "is unknown, expected one that is human" in capsys.readouterr().err
    assert money.main(["settle", "nope", "--happened", *options]) == 2
    assert "found no top-up nope" in capsys.readouterr().err
    assert kept(tmp_path)[0] == [unknown]


def test_the_words_of_a_top_up_take_the_place_of_no_alert(tmp_path: Path) -> None:
    """A newer message of one strand replaces a waiting one: money and danger are never one."""

    async def story() -> None:
        store = await SqliteStore.open(tmp_path)
        alert = danger("alert", incident="K7F3", pool="unified")
        later = moment(700)
        topup = replace(alert, key="topup", kind=Kind.TOP_UP, created_at_us=later.steady_us)
        await store.say(alert)
        await store.say(topup)
        claims = await store.claim(later, limit=5)
        assert {claim.message.key for claim in claims} == {"alert", "topup"}
        await store.close()

    asyncio.run(story())


def test_what_is_said_of_money_reads_on_a_phone() -> None:
    said = [
        money_notes.frozen("main", "t1 is done here, the venue does not know it", moment()),
        money_notes.unwritten(HUMAN, moment()),
        money_notes.settled(HUMAN, moment()),
        money_notes.rearmed("looked at it", moment()),
    ]

    for message in said:
        assert max(map(len, message.text.plain.splitlines())) <= 64
        assert not message.silent
