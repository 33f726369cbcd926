"""`watcher init` asked twice, in part, and broken off: what is set stays, what is asked changes."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.practising import Beside, practising
from tests.typist import until
from watcher.cli import FINE, REFUSED, TROUBLE, init
from watcher.settings import Settings
from watcher.setup.accounts import accounts
from watcher.setup.chat import telegram
from watcher.setup.files import Draft, SetupError
from watcher.setup.hands import World
from watcher.setup.kit import Flags, Kit
from watcher.setup.roads import fallback, heartbeat
from watcher.setup.tiers import tiers
from watcher.sim.default import CHAT_ID
from watcher.sim.heartbeat import CHECK

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def beside() -> Iterator[Beside]:
    with practising() as opened:
        yield opened


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    # pytest listens at once to loggers that hand nothing on, and this one speaks of addresses
    monkeypatch.setattr(logging.getLogger("apprise"), "propagate", True)


@dataclass
class Scripted:
    """A person whose answers are known; `None` is Ctrl-C."""

    answers: list[str | None]
    patient: bool = True
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def say(self, text: str = "", *, style: str = "") -> None:
        self.said.append(text)

    def _next(self, question: str) -> str:
        self.asked.append(question)
        answer = self.answers.pop(0)
        if answer is None:
            raise KeyboardInterrupt
        return answer

    def ask(self, question: str, *, how: str, default: str | None = None) -> str:
        return self._next(question) or default or ""

    def hidden(self, question: str, *, name: str, optional: bool = False) -> str:
        return self._next(question)

    def agrees(self, question: str, *, default: bool) -> bool:
        return {"y": True, "n": False, "": default}[self._next(question)]


def kit(beside: Beside, answers: Sequence[str | None], **flags: Any) -> tuple[Kit, Scripted]:
    person = Scripted(list(answers))
    made = Kit(
        prompt=person,
        draft=Draft(Path("config/watcher.toml")),
        hands=World(),
        code=lambda: "K7F3QX29",
        flags=Flags(**{"endpoint": beside.url, "wait_s": 20.0, **flags}),
    )
    return made, person


def keys(beside: Beside, account: str) -> list[str]:
    one = beside.practice.world.accounts[account]
    return [text for text in (one.key, one.secret, one.passphrase) if text]


def complete(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in beside.secrets("okx_futures").items():
        monkeypatch.setenv(name, text)
    options = ["--endpoint", beside.url, "--account", "okx_futures=okx", "--chat", str(CHAT_ID)]
    assert init.main(options) == FINE
    for name in beside.secrets("okx_futures"):
        monkeypatch.delenv(name)
    return Path("config/watcher.toml")


def files(config: Path) -> dict[str, str]:
    return {
        str(path): path.read_text() for path in sorted(config.parent.rglob("*")) if path.is_file()
    }


def test_a_second_run_shows_what_is_set_and_changes_nothing(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = complete(beside, monkeypatch)
    before = files(config)
    capsys.readouterr()

    assert init.main([]) == FINE

    assert capsys.readouterr().out.splitlines() == [
        "set: account okx_futures at okx, its key is set",
        f"set: alerts to chat {CHAT_ID}",
        "not set: fallback; add it with: watcher init --redo fallback",
        "not set: heartbeat; add it with: watcher init --redo heartbeat",
        "nothing has to be asked; a part is changed with: watcher init --redo PART",
        "  PART is one of accounts, telegram, fallback, heartbeat, tiers, service",
        "every road is tested with: watcher send-test --all",
        "watch now: watcher run --config config/watcher.toml",
    ]
    assert files(config) == before


def test_a_part_is_redone_alone(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    config = complete(beside, monkeypatch)
    before = files(config)
    url = f"{beside.url}/ping/{CHECK}"
    monkeypatch.setenv("WATCHER_HEARTBEAT__URL", url)
    pings = len(beside.control("pings"))

    assert init.main(["--redo", "heartbeat"]) == FINE

    after = files(config)
    added = {name: text for name, text in after.items() if before.get(name) != text}
    assert added == {"config/secrets/watcher_heartbeat__url": f"{url}\n"}
    assert len(beside.control("pings")) == pings + 1


def test_a_new_key_takes_the_place_of_the_old_and_nothing_else_changes(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = complete(beside, monkeypatch)
    before = files(config)
    secret = Path("config/secrets/watcher_accounts__okx_futures__api_secret")
    secret.write_text("the-old-one-0123456789\n")
    for name, text in beside.secrets("okx_futures").items():
        monkeypatch.setenv(name, text)
    monkeypatch.setenv("WATCHER_TELEGRAM__BOT_TOKEN", "1:another")

    options = ["--endpoint", beside.url, "--account", "okx_futures=okx", "--redo", "accounts"]
    assert init.main(options) == FINE

    assert files(config) == before
    told = capsys.readouterr().out
    assert "WATCHER_TELEGRAM__BOT_TOKEN in the environment is another and wins: unset it" in told
    assert "1:another" not in told


@pytest.mark.parametrize("where", ["-", "a file"])
def test_secrets_come_from_standard_input_or_a_file(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    lines = "".join(f"{name}={text}\n" for name, text in beside.secrets("okx_futures").items())
    monkeypatch.setattr("sys.stdin", io.StringIO(lines if where == "-" else ""))
    given = Path("secrets/watcher_given.env")  # searched for secrets, unless in such a folder
    if where != "-":
        given.parent.mkdir()
        given.write_text(lines)
        where = str(given)
    options = ["--endpoint", beside.url, "--account", "okx_futures=okx", "--chat", str(CHAT_ID)]

    assert init.main([*options, "--secrets", where]) == FINE

    kept = {
        path.name.upper(): path.read_text().strip() for path in Path("config/secrets").iterdir()
    }
    assert kept == beside.secrets("okx_futures")


def test_another_account_is_added_and_the_first_is_left(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = complete(beside, monkeypatch)
    before = files(config)
    config.write_text(config.read_text() + "\n# a word of mine\n")
    for name, text in beside.secrets("bybit_main").items():
        monkeypatch.setenv(name, text)

    assert init.main(["--endpoint", beside.url, "--account", "bybit_main=bybit"]) == FINE

    after = files(config)
    assert before.items() - {(str(config), before[str(config)])} <= after.items()
    assert list(tomllib.loads(after[str(config)])["accounts"]) == ["okx_futures", "bybit_main"]
    assert "# a word of mine" in after[str(config)]


def test_a_wrong_key_is_asked_for_again_and_only_a_good_one_is_kept(beside: Beside) -> None:
    good = keys(beside, "okx_futures")
    answers = ["kraken", "y", "okx", "mine", "bad-key", *good[1:], "y", *good, ""]
    one, person = kit(beside, answers)

    accounts(one)

    assert person.answers == []
    assert any("OKX does not know this key" in line for line in person.said)
    assert Path("config/secrets/watcher_accounts__mine__api_key").read_text().strip() == good[0]
    assert one.settings().accounts["mine"].venue == "okx"


def test_a_name_that_cannot_be_is_asked_for_again(beside: Beside) -> None:
    answers = ["okx", "My Account", "y", "mine", *keys(beside, "okx_futures"), ""]
    one, person = kit(beside, answers)

    accounts(one)

    assert person.answers == []
    assert any("did you mean my_account?" in line for line in person.said)
    assert list(one.settings().accounts) == ["mine"]


def test_a_second_account_of_a_venue_does_not_take_the_firsts_name(beside: Beside) -> None:
    first, second = keys(beside, "okx_futures"), keys(beside, "okx_hedge")
    one, person = kit(beside, ["okx", "", *first, "okx", "", *second, ""])

    accounts(one)

    assert list(one.settings().accounts) == ["okx_main", "okx_2"]
    assert not any("is set" in line for line in person.said)


def test_a_key_that_takes_the_place_of_another_is_told_before_it_is_typed(beside: Beside) -> None:
    good = keys(beside, "okx_futures")
    one, _ = kit(beside, ["okx", "", *good, ""])
    accounts(one)
    one, person = kit(beside, ["okx", "okx_main", *good, ""])

    accounts(one)

    told = "  okx_main is set, at okx: the key given now takes the place of its"
    assert person.said[0] == told


def test_what_is_asked_again_is_asked_where_the_file_says(beside: Beside) -> None:
    """`--redo` without --endpoint does not show a practice key to the venue itself."""
    good = keys(beside, "okx_futures")
    one, _ = kit(beside, ["okx", "", *good, "", beside.practice.bot.token], chat_id=CHAT_ID)
    accounts(one)
    telegram(one)
    answers = ["okx", "okx_main", *good, "", beside.practice.bot.token]
    again, person = kit(beside, answers, chat_id=CHAT_ID, endpoint=None)

    accounts(again)
    telegram(again)

    assert person.answers == []
    asked = f"  asked at {beside.url}, as accounts.okx_main.endpoint in config/watcher.toml says"
    assert f"{asked}: take that line out for OKX itself" in person.said
    assert any("telegram.endpoint" in line for line in person.said)
    assert "  the bot answers: @practice_watcher_bot" in person.said


def test_ctrl_c_in_the_moment_the_waiting_begins_ends_it_in_order(
    beside: Beside, capfd: pytest.CaptureFixture[str]
) -> None:
    """The loop that takes it is there before anybody is told to wait."""

    def pressed() -> None:
        asyncio.get_running_loop()
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        World().heard(beside.practice.bot.token, beside.url, "K7F3QX29", 20.0, pressed)

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("words", "left", "expected"),
    [
        ([], ["fallback", "tiers", "test", "service"], ["init --redo fallback --redo tiers{}"]),
        ([], ["telegram", "fallback", "tiers", "test", "service"], ["init"]),
        ([], ["test", "service"], ["send-test --all", "init{}"]),
        ([], ["test"], ["send-test --all"]),
        (["--redo", "telegram"], ["telegram", "test"], ["init --redo telegram"]),
        (["--config", "a b.toml"], ["tiers"], ["init --config 'a b.toml' --redo tiers"]),
        ([], [], ["init"]),
    ],
)
def test_what_is_left_is_named_as_it_is_typed(
    words: list[str], left: list[str], expected: list[str]
) -> None:
    found = init._next(init._parser().parse_args(words), left)

    assert found == [f"watcher {one.format(' --redo service')}" for one in expected]


def test_binance_says_the_address_before_a_key_is_made(beside: Beside) -> None:
    answers = ["binance", "", *keys(beside, "binance_usdm"), ""]
    one, person = kit(beside, answers)

    accounts(one)

    assert "  Binance sees this machine at 203.0.113.7" in person.said
    assert "binance_main" in one.settings().accounts


def test_a_key_that_may_trade_or_is_not_bound_is_told(beside: Beside) -> None:
    beside.control("rights", {"account": "okx_futures", "trade": True, "ip_bound": False})
    try:
        one, person = kit(beside, ["okx", "", *keys(beside, "okx_futures"), ""])
        accounts(one)
    finally:
        beside.control("rights", {"account": "okx_futures", "trade": False, "ip_bound": True})

    assert any("it may trade" in line for line in person.said)
    assert any("not bound" in line for line in person.said)


def given_later(
    monkeypatch: pytest.MonkeyPatch, words: Sequence[str], lines: Mapping[str, str] | None = None
) -> int:
    """Run `init` on what is complete, with *words* and *lines* on its standard input."""
    text = "".join(f"{name}={secret}\n" for name, secret in (lines or {}).items())
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return init.main([*words, *(["--secrets", "-"] if lines else [])])


def test_what_is_given_to_a_complete_setup_is_done(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = complete(beside, monkeypatch)
    token = {"WATCHER_TELEGRAM__BOT_TOKEN": beside.practice.bot.token}
    beside.practice.bot.chats.update({-42, -43})
    fallback_url = f"{beside.url.replace('http', 'json')}/notify"
    ping_url = f"{beside.url}/ping/{CHECK}"

    assert given_later(monkeypatch, ["--chat", "-42", "--user", "43"], token) == FINE
    assert given_later(monkeypatch, ["--second-chat", "-43"]) == FINE
    assert given_later(monkeypatch, [], {"WATCHER_FALLBACK__URL": fallback_url}) == FINE
    assert given_later(monkeypatch, [], {"WATCHER_HEARTBEAT__URL": ping_url}) == FINE
    assert given_later(monkeypatch, ["--state-dir", "kept"]) == FINE

    written = tomllib.loads(config.read_text())
    assert written["telegram"]["chat_id"] == -42
    assert written["telegram"]["allowed_users"] == [CHAT_ID, 43]
    assert written["telegram"]["second_chat_id"] == -43
    assert written["state_dir"] == "kept"
    secrets = config.parent / "secrets"
    assert (secrets / "watcher_fallback__url").read_text().strip() == fallback_url
    assert (secrets / "watcher_heartbeat__url").read_text().strip() == ping_url
    assert "state_dir is now kept, from the daemon's next start on" in capsys.readouterr().out


def test_a_new_key_of_an_account_that_is_set_is_tried_and_kept(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = complete(beside, monkeypatch)
    before = files(config)
    secret = Path("config/secrets/watcher_accounts__okx_futures__api_secret")
    secret.write_text("the-old-one-0123456789\n")

    assert given_later(monkeypatch, [], beside.secrets("okx_futures")) == FINE

    assert files(config) == before


def test_lines_are_taken_from_a_complete_setup_too(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = complete(beside, monkeypatch)
    beside.control("price", {"BTC": "90000"})
    try:
        assert given_later(monkeypatch, ["--accept-tiers"]) == FINE
    finally:
        beside.control("price", {"BTC": "113420"})

    assert "tiers" in tomllib.loads(config.read_text())["accounts"]["okx_futures"]


def test_what_is_set_already_is_not_asked_for_again(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = complete(beside, monkeypatch)
    before = files(config)
    words = ["--chat", str(CHAT_ID), "--user", str(CHAT_ID), "--endpoint", beside.url]

    assert given_later(monkeypatch, words, beside.secrets("okx_futures")) == FINE

    assert "nothing has to be asked" in capsys.readouterr().out
    assert files(config) == before


@pytest.mark.parametrize(
    ("words", "lines", "expected"),
    [
        (["--service"], {}, "no systemd runs this machine"),
        (["--user", "42"], {}, "give WATCHER_TELEGRAM__BOT_TOKEN"),
        (["--endpoint", "http://127.0.0.1:1"], {}, "--endpoint was not used: add --redo accounts"),
        (["--state-dir", "config/watcher.toml"], {}, "a file, expected a folder"),
        ([], {"WATCHER_ACCOUNTS__NEW__API_KEY": "k" * 20}, "add --account new=VENUE"),
        ([], {"WATCHER_POLL__CALM": "9s"}, "WATCHER_POLL__CALM was not used: no part of"),
        (
            ["--redo", "heartbeat"],
            {"WATCHER_ACCOUNTS__OKX_FUTURES__MONEY__API_KEY": "k" * 20},
            "MONEY__API_KEY was not used: no part of",
        ),
        (
            ["--account", "b=bybit"],
            {"WATCHER_ACCOUNTS__B__PASSWORD": "p" * 9},
            "PASSWORD was not used: b is at bybit, which has none",
        ),
    ],
)
def test_what_is_given_and_cannot_be_done_is_refused(
    beside: Beside,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    lines: dict[str, str],
    expected: str,
) -> None:
    if "--service" in words and Path("/run/systemd/system").exists():
        pytest.skip("it would be installed")
    config = complete(beside, monkeypatch)
    before = files(config)

    assert given_later(monkeypatch, words, lines) == REFUSED

    assert expected in capsys.readouterr().err
    assert files(config) == before


@pytest.mark.parametrize("at", range(9))
def test_ctrl_c_at_any_question_keeps_the_finished_steps(beside: Beside, at: int) -> None:
    answers: list[str | None] = ["bybit", "", *keys(beside, "bybit_main"), ""]
    answers += [beside.practice.bot.token, f"{beside.url.replace('http', 'json')}/notify", "n"]
    answers += [f"{beside.url}/ping/{CHECK}"]
    one, _ = kit(beside, [*answers[:at], None], chat_id=CHAT_ID)

    def all_steps() -> None:
        for step in (accounts, telegram, fallback, heartbeat):
            step(one)

    with pytest.raises(KeyboardInterrupt):
        all_steps()

    kept = {path.name for path in Path().rglob("watcher_*")}
    assert ("watcher_accounts__bybit_main__api_key" in kept) is (at >= 4)
    assert ("watcher_telegram__bot_token" in kept) is (at >= 6)
    assert ("watcher_fallback__url" in kept) is (at >= 7)
    again, _ = kit(beside, [])
    assert isinstance(again.settings(), Settings), "what is there can be gone on from"


def test_the_second_chat_is_proven_the_same_way_and_is_another_one(
    beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete(beside, monkeypatch)
    one, _ = kit(beside, ["", "y"])
    beside.practice.bot.chats.add(-42)
    beside.control("say", {"user_id": CHAT_ID, "chat_id": -42, "text": "/start K7F3QX29"})

    fallback(one)

    assert one.settings().telegram.second_chat_id == -42
    assert init.main(["--redo", "fallback", "--second-chat", str(CHAT_ID)]) == REFUSED


def test_a_heartbeat_that_does_not_answer_is_asked_for_again(beside: Beside) -> None:
    answers = ["http://example.org/x", "y", f"{beside.url}/ping/not-there", "y", ""]
    one, person = kit(beside, answers)

    heartbeat(one)

    assert person.answers == []
    assert sum("copy the ping URL again" in line for line in person.said) == 2
    assert not Path("config/secrets").exists()


def test_a_fallback_that_apprise_does_not_know_is_asked_for_again(beside: Beside) -> None:
    one, person = kit(beside, ["nonsense://x", "y", "", "n"])

    fallback(one)

    assert any("none that Apprise can use" in line for line in person.said)


@pytest.mark.parametrize("answer", ["y", "n", ""])
def test_lines_are_the_persons_to_take_or_leave(beside: Beside, answer: str) -> None:
    one, person = kit(beside, ["bybit", "", *keys(beside, "bybit_main"), "", answer])
    accounts(one)
    beside.control("price", {"BTC": "98000"})
    try:
        answers, _ = one.hands.look(one.settings())
        tiers(one, answers)
    finally:
        beside.control("price", {"BTC": "113420"})

    assert person.answers == []
    assert any("you would start in" in line and "proposed distance" in line for line in person.said)
    own = one.settings().accounts["bybit_main"].tiers.distance
    assert (own is not None) is (answer == "y")


TOP_UP = """
[accounts.mine.top_up]
mode = "request"
asset = "USDT"
from = "funding"
to = "unified"
trigger = "10%"
target = "15%"
"""


def test_an_account_whose_table_would_be_refused_is_left_as_it_was(beside: Beside) -> None:
    """A top-up of Bybit's is none of Binance's, and `run` would refuse the file."""
    one, _ = kit(beside, keys(beside, "bybit_main"), accounts=[("mine", "bybit")])
    accounts(one)
    config = Path("config/watcher.toml")
    config.write_text(config.read_text() + TOP_UP)
    before = files(config)
    again, _ = kit(beside, keys(beside, "binance_usdm"), accounts=[("mine", "binance")])

    with pytest.raises(SetupError, match=r"nothing of it was written: accounts\.mine: found to = "):
        accounts(again)

    assert files(config) == before


@pytest.mark.parametrize("chat", [CHAT_ID, 777])
def test_another_chat_takes_nobody_the_right_to_answer(beside: Beside, chat: int) -> None:
    config = Path("config/watcher.toml")
    config.parent.mkdir()
    config.write_text(
        f"[telegram]\nchat_id = 5\nallowed_users = [{CHAT_ID}, 555, 666] # me, wife, desk\n"
    )
    one, person = kit(beside, [beside.practice.bot.token], chat_id=chat, users=())

    telegram(one)

    assert set(one.settings().telegram.allowed_users) == {CHAT_ID, 555, 666, chat}
    assert "] # me, wife, desk" in config.read_text()
    stay = "555, 666" if chat == CHAT_ID else f"{CHAT_ID}, 555, 666"
    assert any(f"acknowledge and mute: {stay}; who should not" in line for line in person.said)


def test_a_chat_that_is_the_second_is_refused_and_nothing_is_written(beside: Beside) -> None:
    config = Path("config/watcher.toml")
    config.parent.mkdir()
    config.write_text(
        "[telegram]\nchat_id = 5\nsecond_chat_id = -42\nallowed_users = [555] # wife\n"
    )
    before = files(config)
    one, _ = kit(beside, [beside.practice.bot.token], chat_id=-42)

    with pytest.raises(SetupError, match="telegram: found second_chat_id = chat_id"):
        telegram(one)

    assert files(config) == before


def test_who_presses_start_and_who_is_named_beside_may_both_answer(beside: Beside) -> None:
    one, _ = kit(beside, [beside.practice.bot.token], users=(42,))
    beside.control("say", {"user_id": CHAT_ID, "chat_id": CHAT_ID, "text": "/start K7F3QX29"})

    telegram(one)

    assert one.settings().telegram.allowed_users == (CHAT_ID, 42)


@contextmanager
def daemon(config: Path) -> Iterator[Path]:
    """Run the daemon on *config*; yield its log."""
    log = Path("daemon.log")
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "watcher", "run", "--config", str(config)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=out,
        )
    try:
        until(lambda: "poll.completed" in log.read_text(encoding="utf-8"), "a first reading")
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def test_a_running_daemon_takes_over_what_was_written(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = complete(beside, monkeypatch)
    monkeypatch.setenv("WATCHER_HEARTBEAT__URL", f"{beside.url}/ping/{CHECK}")
    assert init.main(["--redo", "heartbeat"]) == FINE
    monkeypatch.delenv("WATCHER_HEARTBEAT__URL")
    with daemon(config) as log:
        one, person = kit(beside, ["y"])
        one.draft.put(("poll", "calm"), "9s")
        one.draft.write()

        assert init._taken_over(one) == FINE
        until(lambda: "reload.completed" in log.read_text(encoding="utf-8"), "the new settings")

        capsys.readouterr()
        assert init.main(["--redo", "tiers"]) == FINE
    told = capsys.readouterr().out
    assert "the daemon takes them over with: watcher reload --config config/watcher.toml" in told
    assert "watch now" not in told
    assert person.answers == []


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="it would be installed")
def test_the_service_is_installed_when_asked_for(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    complete(beside, monkeypatch)

    assert init.main(["--redo", "service"]) == REFUSED
    assert "no systemd runs this machine" in capsys.readouterr().err


@pytest.mark.parametrize(("kept", "then"), [("y", [""]), ("n", ["n", None])])
def test_a_key_that_nobody_could_try_is_kept_when_the_person_says_so(
    beside: Beside, kept: str, then: list[str | None]
) -> None:
    beside.control("fault", {"target": "okx", "kind": "maintenance", "seconds": 60})
    one, person = kit(beside, ["okx", "", *keys(beside, "okx_futures"), kept, *then])
    try:
        with suppress(KeyboardInterrupt):
            accounts(one)
    finally:
        beside.control("reset_faults", {})

    assert any("is not read: maintenance: " in line for line in person.said)
    assert person.answers == []
    assert Path("config/secrets").exists() is (kept == "y")


def test_without_a_person_a_key_that_nobody_could_try_is_not_kept(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in beside.secrets("okx_futures").items():
        monkeypatch.setenv(name, text)
    beside.control("fault", {"target": "okx", "kind": "maintenance", "seconds": 60})
    try:
        assert init.main(["--endpoint", beside.url, "--account", "okx_futures=okx"]) == REFUSED
    finally:
        beside.control("reset_faults", {})

    assert "the venue is being worked on: try again later" in capsys.readouterr().err
    assert not Path("config/secrets").exists()


def test_broken_off_it_says_how_to_go_on(
    beside: Beside, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The terminal hangs up at the first question: nothing was asked for, nothing is lost."""

    class Gone:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return ""

    monkeypatch.setattr("sys.stdin", Gone())

    assert init.main(["--endpoint", beside.url]) == TROUBLE
    assert capsys.readouterr().out.endswith(
        f"go on with:\n  watcher init --endpoint {beside.url}\n"
    )
