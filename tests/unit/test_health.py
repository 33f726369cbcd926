"""`watcher health` and the sign of life it reads: what is in it, and that asking costs little."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.service_stand_ins import START_US, FailingStore, moment, rules
from watcher.cli import FINE, REFUSED, TROUBLE, health, main
from watcher.domain.alert import SECOND_US, AccountState, BlindState, Kind, Sample, Tier
from watcher.domain.sign import Sign
from watcher.domain.told import Told
from watcher.policy import pulse
from watcher.ports import Backlog, Refusal, StoreError, Undelivered
from watcher.service.proof import Proof
from watcher.settings import Need, load
from watcher.settings.load import CONFIG_DEFAULT
from watcher.store.life import NoSign, sign_of
from watcher.store.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parents[2]
CPU_S_MAX = 0.3


def sign(age_s: float = 0.0, **facts: Any) -> Sign:
    at_us = time.time_ns() // 1000 - round(age_s * SECOND_US)
    return Sign(**{"at_us": at_us, "accounts": 3, "oldest_s": 4.2, "delivered_s": 12.0, **facts})


def beside(
    folder: Path, left: Sign | None, look: Callable[[], int], *, stopped: bool = False
) -> int:
    """Return what *look* finds beside a store in which *left* is the sign."""

    async def story() -> int:
        store = await SqliteStore.open(folder)
        try:
            if left is not None:
                await store.probe(left)
            if not stopped:
                return look()
        finally:
            await store.close()
        return look()

    return asyncio.run(story())


def asked(folder: Path, *options: str) -> Callable[[], int]:
    return lambda: main(["health", "--state-dir", str(folder), *options])


# -- the command -----------------------------------------------------------------------------------


def test_all_well_is_one_line_and_nought(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert beside(tmp_path, sign(), asked(tmp_path)) == FINE

    assert capsys.readouterr().out == (
        "ok: 3 of 3 accounts seen, the oldest reading 4 s old; the chat confirmed 12 s ago\n"
    )


def test_a_blindness_that_was_told_is_no_trouble_of_the_daemon(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert beside(tmp_path, sign(blind=("main",), waiting=2), asked(tmp_path)) == FINE

    out = capsys.readouterr().out
    assert out.startswith("ok: 2 of 3 accounts seen")
    assert "blind, as was told: main" in out
    assert "2 messages wait" in out


def test_what_is_wrong_is_named_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = sign(wrong=("slot:main", "refused", "unseen"), unseen=("main", "other"), blind=("main",))

    assert beside(tmp_path, left, asked(tmp_path)) == TROUBLE

    assert capsys.readouterr().out.startswith(
        "TROUBLE: an account is not polled: main; the chat takes no message; "
        "neither read in time nor told to be blind: main, other; 1 of 3 accounts seen"
    )


@pytest.mark.parametrize(
    ("age_s", "stopped", "expected"),
    [
        (300, False, r"NOT RUNNING: last sign of life 5 min ago; "),
        (-310, False, r"NOT RUNNING: last sign of life 5 min ago; "),
        (0, True, r"NOT RUNNING: last sign of life \d+ s ago; no daemon runs on "),
        (None, False, r"NOT RUNNING: ledger.db holds none yet"),
    ],
)
def test_a_daemon_that_leaves_no_sign_is_not_running(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    age_s: float | None,
    *,
    stopped: bool,
    expected: str,
) -> None:
    left = None if age_s is None else sign(age_s)

    assert beside(tmp_path, left, asked(tmp_path), stopped=stopped) == TROUBLE

    out = capsys.readouterr().out
    assert re.match(expected, out)
    assert out.count("\n") == 1


def test_json_says_the_same(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = sign(wrong=("unseen",), unseen=("main",))

    assert beside(tmp_path, left, asked(tmp_path, "--json")) == TROUBLE

    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "watcher.health/1"
    assert (found["ok"], found["running"], found["fresh"]) == (False, True, True)
    assert (found["wrong"], found["unseen"], found["accounts"]) == (["unseen"], ["main"], 3)


def test_nothing_there_and_a_broken_configuration_are_told_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "watcher.toml"
    broken.write_text("[poll\n")

    assert main(["health", "--state-dir", str(tmp_path)]) == TROUBLE
    assert "nothing was ever started there" in capsys.readouterr().out
    assert main(["health", "--config", str(broken)]) == REFUSED
    assert main(["health", "--config", str(tmp_path / "none.toml")]) == REFUSED


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_folder_of_another_user_is_told_as_that(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        with pytest.raises(NoSign, match="ask as the user of the daemon"):
            sign_of(tmp_path)
    finally:
        tmp_path.chmod(0o700)


def test_a_ledger_of_something_else_is_no_sign(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").write_bytes(b"no database at all, but long enough to be looked at")

    with pytest.raises(NoSign, match=r"ledger\.db"):
        sign_of(tmp_path)


@pytest.mark.parametrize("flag", [None, "flag"])
@pytest.mark.parametrize("named", [None, "named"])
@pytest.mark.parametrize("given", [None, "given"])
@pytest.mark.parametrize("systemd", [None, "systemd:more"])
@pytest.mark.parametrize("default", [False, True])
def test_the_folder_is_the_one_the_settings_would_find(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    flag: str | None,
    named: str | None,
    given: str | None,
    systemd: str | None,
    *,
    default: bool,
) -> None:
    """It reads the configuration without the settings, for speed: so the two are held equal."""
    assert health.CONFIG_DEFAULT == CONFIG_DEFAULT
    monkeypatch.chdir(tmp_path)
    file = CONFIG_DEFAULT if default else Path("other.toml")
    file.parent.mkdir(exist_ok=True)
    file.write_text(f'state_dir = "{given}"\n' if given else "")
    names = {"WATCHER_STATE_DIR": named, "STATE_DIRECTORY": systemd}
    environ = {name: text for name, text in names.items() if text is not None}
    config = None if default else file
    flags = {} if flag is None else {"state_dir": flag}

    found = health.folder_of(config, flag, environ)

    settings = load(config, environ=environ, flags=flags, need=Need.NOTHING)
    assert found == Path(settings.state_dir)


def test_asking_loads_no_library_and_takes_no_time() -> None:
    code = (
        "import sys; from watcher.cli import main; main(['health', '--state-dir', '/nowhere'])\n"
        "print(*sorted({n.partition('.')[0] for n in sys.modules} - sys.stdlib_module_names))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    foreign = done.stdout.splitlines()[-1].split()
    assert {"pydantic", "numpy", "ccxt", "aiohttp", "structlog", "orjson"}.isdisjoint(foreign)
    spent_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert spent_s < CPU_S_MAX


def test_every_check_of_the_watchdog_has_its_words() -> None:
    source = (ROOT / "watcher" / "service" / "watchdog.py").read_text(encoding="utf-8")
    checks = set(re.findall(r'check=f?"([a-z]+)', source)) | {"deliver", "sign"}

    assert {"slot", "outbox", "store"} <= checks
    assert checks - pulse.PASSED <= health.WORDS.keys()


# -- what the daemon leaves ------------------------------------------------------------------------


class Books(FailingStore):
    def __init__(self, *told: Told) -> None:
        self.said = told

    async def told(self, *, since_us: int) -> tuple[Told, ...]:
        return self.said

    async def backlog(self) -> Backlog:
        return Backlog(waiting=2, urgent_since_us=None)


class Account:
    def __init__(self, name: str, age_s: float, blind: BlindState | None = None) -> None:
        at_us = START_US - round(age_s * SECOND_US)
        sample = Sample(
            pool="unified",
            at_us=at_us,
            distance=80.0,
            health=None,
            margin_level=None,
            equity=None,
            tier=Tier.CALM,
        )
        self.rules = replace(rules(), account=name)
        self.state = AccountState(
            account=name,
            last_good_at_us=at_us,
            recent=(sample,),
            blind=blind or BlindState(),
        )


class Chat:
    contact_us: int | None = START_US - 7 * SECOND_US


def proof(
    *accounts: Account, store: Any = None, stuck: Callable[[], Awaitable[Undelivered]] | None = None
) -> Proof:
    async def nothing() -> Undelivered:
        return Undelivered()

    return Proof(
        watched={each.state.account: each for each in accounts},
        store=store or Books(),
        outbound=Chat(),
        stuck=stuck or nothing,
    )


def test_the_sign_says_who_is_seen_and_how_old_it_all_is() -> None:
    left = asyncio.run(proof(Account("a", 4), Account("b", 9)).sign(moment(), ()))

    assert left == Sign(
        at_us=moment().wall_us, accounts=2, oldest_s=9.0, waiting=2, delivered_s=7.0
    )


def test_an_account_unseen_is_wrong_until_its_blindness_has_reached_somebody() -> None:
    blind = BlindState(active=True, told_at_us=START_US)
    told = Told(
        account="a",
        kind=Kind.BLIND,
        tier=Tier.WARNING,
        incident="K7F3",
        silent=False,
        at_us=START_US,
        title="",
        arrived=True,
    )
    accounts = (Account("a", 600, blind), Account("b", 1))

    unheard = asyncio.run(proof(*accounts).sign(moment(), ()))
    heard = asyncio.run(proof(*accounts, store=Books(told)).sign(moment(), ()))

    assert (unheard.wrong, unheard.unseen, unheard.blind) == (("unseen",), ("a",), ("a",))
    assert (heard.wrong, heard.unseen, heard.blind) == ((), (), ("a",))


def test_what_the_watchdog_and_the_roads_say_is_in_the_sign() -> None:
    async def refused() -> Undelivered:
        return Undelivered(refusal=Refusal(reason="chat not found", since_us=1), abandoned_urgent=1)

    left = asyncio.run(proof(stuck=refused).sign(moment(), ["lag", "loop", "channel"]))

    assert left.wrong == ("channel", "lag", "refused", "abandoned")


def test_a_store_that_does_not_answer_is_no_good_news() -> None:
    async def broken() -> Undelivered:
        raise StoreError("disk full")

    left = asyncio.run(proof(Account("a", 4), stuck=broken).sign(moment(), ()))

    assert left.wrong == ("store",)
    assert left.oldest_s == 4.0
