"""
What a newcomer gets wrong, over HTTP against the stand-ins: one line says what to do next.

No terminal is here, so that each of these also proves that nothing waits for an answer.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.practising import Beside, practising
from watcher.cli import FINE, REFUSED, TROUBLE, check, init, practice
from watcher.sim.default import CHAT_ID

CHAT = ["--chat", str(CHAT_ID)]


@pytest.fixture(scope="module")
def beside() -> Iterator[Beside]:
    with practising() as opened:
        yield opened


@pytest.fixture(autouse=True)
def clean(beside: Beside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for account in beside.practice.world.accounts.values():
        account.flags.clear()
    beside.control("reset_faults", {})
    monkeypatch.chdir(tmp_path)


def given(monkeypatch: pytest.MonkeyPatch, secrets: dict[str, str]) -> None:
    for name, text in secrets.items():
        monkeypatch.setenv(name, text)


def set_up(beside: Beside, account: str, *more: str) -> int:
    venue = account.partition("_")[0]
    return init.main(
        ["--endpoint", beside.url, "--account", f"{account}={venue}", "--wait", "1s", *more]
    )


def the_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Return the one line on standard error."""
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def test_a_wrong_token_is_copied_again(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = beside.secrets("okx_futures")
    given(monkeypatch, {**secrets, "WATCHER_TELEGRAM__BOT_TOKEN": "7000000001:AAwrong"})

    assert set_up(beside, "okx_futures", *CHAT) == REFUSED

    assert "bot token refused; copy it again from @BotFather" in the_line(capsys)
    assert not Path("config/secrets/watcher_telegram__bot_token").exists()
    assert Path("config/secrets/watcher_accounts__okx_futures__api_key").exists(), "kept so far"


def test_a_token_that_is_none_is_copied_whole(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, {**beside.secrets("okx_futures"), "WATCHER_TELEGRAM__BOT_TOKEN": "hello"})

    assert set_up(beside, "okx_futures", *CHAT) == REFUSED

    assert "copy it whole from @BotFather" in the_line(capsys)


def test_a_chat_the_bot_was_never_started_in_is_told(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, beside.secrets("okx_futures"))

    assert set_up(beside, "okx_futures", "--chat", "424242") == TROUBLE

    told = capsys.readouterr().err
    assert "not delivered to chat 424242: Telegram refused the chat" in told
    assert "write /start to the bot in that chat, then check telegram.chat_id" in told


def test_a_blocked_bot_is_told(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, beside.secrets("okx_futures"))
    beside.control("block", {"chat_id": CHAT_ID})

    assert set_up(beside, "okx_futures", *CHAT) == TROUBLE

    told = capsys.readouterr().err
    assert "bot was blocked by the user" in told
    assert "write /start to the bot in that chat" in told


def test_a_link_nobody_presses_ends_with_what_to_do(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, beside.secrets("okx_futures"))

    assert set_up(beside, "okx_futures") == REFUSED

    line = the_line(capsys)
    assert "nobody pressed START in 1 s: open @practice_watcher_bot in Telegram" in line


def test_another_word_than_the_code_is_told_apart_from_silence(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, beside.secrets("okx_futures"))
    beside.control("say", {"user_id": CHAT_ID, "chat_id": CHAT_ID, "text": "/start"})

    assert set_up(beside, "okx_futures") == REFUSED

    assert "messages came in 1 s, but none said the code" in the_line(capsys)


def test_a_bot_another_program_uses_is_told(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, beside.secrets("okx_futures"))
    beside.control("webhook", {"url": "https://elsewhere.example"})

    assert set_up(beside, "okx_futures") == REFUSED

    assert "another program gets this bot's messages by a webhook; stop that" in the_line(capsys)


@pytest.mark.parametrize(
    ("account", "flag", "expected"),
    [
        ("binance_usdm", "elsewhere", "put 203.0.113.7 on the key's list, tick Enable Reading"),
        ("okx_futures", "elsewhere", "put 203.0.113.7 on the key's list at OKX"),
        ("bybit_main", "elsewhere", "Bybit does not say which it saw: on a VPS it is the address"),
        ("okx_futures", "demo", "of demo trading: make one while OKX is in live trading"),
    ],
)
def test_a_key_for_elsewhere_is_told_with_the_address(
    beside: Beside,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    account: str,
    flag: str,
    expected: str,
) -> None:
    given(monkeypatch, beside.secrets(account))
    beside.practice.world.accounts[account].flags[flag] = True

    assert set_up(beside, account, *CHAT) == REFUSED

    assert expected in the_line(capsys)
    assert not Path("config/watcher.toml").exists(), "a key that opens nothing is not kept"


def test_check_says_the_same_next_step_later(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, beside.secrets("okx_futures"))
    assert set_up(beside, "okx_futures", *CHAT) == FINE
    beside.practice.world.accounts["okx_futures"].flags["elsewhere"] = True

    assert check.main([]) == TROUBLE

    told = capsys.readouterr().out
    assert "NOT READ: refused: OKX error 50110 from 203.0.113.7" in told
    assert "\n  next: put 203.0.113.7 on the key's list at OKX\n" in told


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        ("binance_usdm", "tick Enable Reading"),
        ("bybit_main", "edit the key at Bybit: Read-Only"),
        ("okx_futures", "edit the key at OKX: tick Read"),
    ],
)
def test_a_key_without_the_right_to_read_is_told(
    beside: Beside,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    account: str,
    expected: str,
) -> None:
    given(monkeypatch, beside.secrets(account))
    beside.control("rights", {"account": account, "read": False})
    try:
        assert set_up(beside, account, *CHAT) == REFUSED
    finally:
        beside.control("rights", {"account": account, "read": True})

    assert expected in the_line(capsys)


@pytest.mark.parametrize(
    ("account", "code"),
    [("binance_usdm", "-2015"), ("bybit_main", "10003"), ("okx_futures", "50111")],
)
def test_a_testnet_key_is_one_the_live_venue_does_not_know(
    beside: Beside,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    account: str,
    code: str,
) -> None:
    key = f"WATCHER_ACCOUNTS__{account.upper()}__API_KEY"
    given(monkeypatch, {**beside.secrets(account), key: "T" * 64})

    assert set_up(beside, account, *CHAT) == REFUSED

    line = the_line(capsys)
    assert code in line
    assert "a key of the testnet or of demo trading does not open the live venue" in line


def test_a_key_that_may_withdraw_is_never_kept(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    given(monkeypatch, beside.secrets("bybit_main"))
    beside.control("rights", {"account": "bybit_main", "withdraw": True})
    try:
        assert set_up(beside, "bybit_main", *CHAT) == REFUSED
    finally:
        beside.control("rights", {"account": "bybit_main", "withdraw": False})

    assert "make a key without the right to withdraw" in the_line(capsys)
    assert not Path("config").joinpath("secrets").exists()


def test_a_clock_off_by_minutes_is_told_with_how_to_set_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with practising(ahead_s=180) as late:
        given(monkeypatch, late.secrets("bybit_main"))

        assert set_up(late, "bybit_main", *CHAT) == FINE
        told = capsys.readouterr().out
        assert re.search(r"clock: \+18\d\.\d s against the venue's; .*timedatectl", told)

        assert check.main([]) == FINE
        assert "timedatectl set-ntp true" in capsys.readouterr().out


@pytest.mark.parametrize("place", ["/proc/watcher/watcher.toml", "taken/watcher.toml"])
def test_a_folder_that_cannot_be_written_is_told_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str], place: str
) -> None:
    Path("taken").write_text("a file")

    assert init.main(["--config", place]) == REFUSED

    line = the_line(capsys)
    assert f"{Path(place).parent} cannot be written: " in line
    assert "run this as the user it belongs to, or name another place with --config" in line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[alerts]\nlevels = ["20%"]\n', r"alerts .*found an unknown key, expected one of"),
        ("version = 0\n", r"version .*line 1.*: found 0, expected 1, or no version at all"),
        ("version = 99\n", r"version .*line 1.*: found 99, expected 1, or no version at all"),
    ],
)
def test_a_config_of_another_version_is_told_line_by_line(
    capsys: pytest.CaptureFixture[str], text: str, expected: str
) -> None:
    old = Path("old.toml")
    old.write_text(text)

    assert init.main(["--config", str(old)]) == REFUSED

    told = capsys.readouterr().err.strip().splitlines()
    assert any(re.search(expected, line) for line in told), told
    assert told[-1] == "mend these lines first, then go on with: watcher init --config old.toml"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"{", "old.toml line 1, column 1: not TOML: invalid statement; mend it"),
        (b"\xff", "old.toml cannot be read: not UTF-8 text at byte 0"),
    ],
)
def test_a_config_that_is_none_is_told_where_as_by_every_command(
    capsys: pytest.CaptureFixture[str], text: bytes, expected: str
) -> None:
    Path("old.toml").write_bytes(text)

    assert init.main(["--config", "old.toml"]) == REFUSED

    assert expected in the_line(capsys)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nothing", "no such file or directory, expected a file of lines WATCHER_NAME=value"),
        (".", "is a directory, expected a file of lines"),
        ("bytes", "not UTF-8 text at byte 0, expected lines WATCHER_NAME=value"),
    ],
)
def test_secrets_that_are_none_are_told(
    capsys: pytest.CaptureFixture[str], name: str, expected: str
) -> None:
    Path("bytes").write_bytes(b"\xff\xfe")

    assert init.main(["--secrets", name]) == REFUSED

    assert f"--secrets {name}: {expected}" in the_line(capsys)


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert practice.main(["--port", str(port)]) == TROUBLE

    line = the_line(capsys)
    assert f"cannot listen on 127.0.0.1:{port}" in line
    assert "name another --port, or none for a free one" in line


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "no terminal to ask; give --account NAME=VENUE"),
        (["--account", "main=bybit"], "give WATCHER_ACCOUNTS__MAIN__API_KEY in the environment"),
        (["--account", "main=kraken"], "expected one of binance, bybit, okx"),
        (["--account", "Main=okx"], "accounts.Main"),
    ],
)
def test_what_nobody_is_there_to_answer_is_an_error_not_a_wait(
    capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert init.main(arguments) == REFUSED

    assert expected in the_line(capsys)
