"""The command line: what is printed, where, and with which exit code."""

from __future__ import annotations

import asyncio
import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from tests.unit.service_stand_ins import danger, moment
from watcher import cli
from watcher.cli import COMMANDS, FINE, REFUSED, TROUBLE, check, main, show, streams
from watcher.cli.status import main as status
from watcher.domain.account import (
    Asset,
    Bracket,
    Family,
    Position,
    Rules,
    Side,
    Snapshot,
    VenueRatio,
    VenueSays,
)
from watcher.domain.alert import AccountState, Decision, Moment
from watcher.margin import evaluate
from watcher.ports import Refusal
from watcher.store.files import write_snapshot
from watcher.store.sqlite import SqliteStore


def snapshot(**changes: object) -> Snapshot:
    """One BTC long of 100,000 with 10,000 in collateral at 0.5 % maintenance."""
    fields: dict[str, object] = {
        "venue": "binance",
        "account": "main",
        "mode": "futures single-asset",
        "taken_at_us": 1_795_356_000_000_000,
        "reference": "USD",
        "rules": {"cross:USDT": Rules(family=Family.LINEAR_POOL)},
        "assets": (
            Asset(pool="cross:USDT", asset="USDT", wallet=Decimal(10_000), index=Decimal(1)),
        ),
        "positions": (
            Position(
                pool="cross:USDT",
                symbol="BTCUSDT",
                underlying="BTC",
                side=Side.LONG,
                quantity=Decimal(1),
                entry=Decimal(100_000),
                mark=Decimal(100_000),
                settle="USDT",
                brackets=(Bracket(floor=Decimal(0), rate=Decimal("0.005")),),
            ),
        ),
    }
    return Snapshot(**{**fields, **changes})  # type: ignore[arg-type]


def written(folder: Path, **changes: object) -> str:
    file = folder / "snapshot.json"
    file.write_text(write_snapshot(snapshot(**changes)), encoding="utf-8")
    return str(file)


def test_without_a_command_the_commands_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == REFUSED
    assert main(["--help"]) == FINE

    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in COMMANDS)


def test_every_command_has_a_module_and_a_help(capsys: pytest.CaptureFixture[str]) -> None:
    for name in COMMANDS:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])

        assert ended.value.code == 0
        told = capsys.readouterr().out
        assert f"usage: watcher {name}" in told
        assert "Rule:" not in told, "that is for who reads the code"


def test_a_misspelt_command_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["margn"]) == REFUSED

    assert "did you mean margin?" in capsys.readouterr().err


def test_margin_prints_the_numbers_of_each_pool(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["margin", written(tmp_path)]) == FINE

    printed = capsys.readouterr().out
    assert "pool cross:USDT (linear_pool, ok)" in printed
    assert "10,000.00 USDT" in printed
    assert "20.00x" in printed
    assert "9.55 %" in printed
    assert "90,452.3" in printed
    assert "\x1b" not in printed, "no colour in a pipe"


def test_margin_exits_1_when_a_pool_is_partial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(tmp_path, unmodelled={"cross:USDT": "holds options"})

    assert main(["margin", file]) == TROUBLE
    assert "partial: holds options" in capsys.readouterr().out


def test_margin_exits_1_when_the_venue_disagrees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    says = VenueSays(
        equity=Decimal(10_000),
        maintenance_margin=Decimal(700),
        ratio=VenueRatio(name="marginRatio", value=Decimal("0.07")),
    )

    assert main(["margin", written(tmp_path, venue_says={"cross:USDT": says})]) == TROUBLE
    assert "marginRatio" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("not json", "not JSON"),
        ("[]", "expected a JSON object"),
        ('{"schema": "watcher.snapshot/9"}', "watcher.snapshot/1"),
        ('{"schema": "watcher.snapshot/1"}', "venue"),
    ],
)
def test_margin_refuses_a_file_it_cannot_trust(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, words: str
) -> None:
    file = tmp_path / "broken.json"
    file.write_text(content)

    assert main(["margin", str(file)]) == REFUSED

    told = capsys.readouterr().err
    assert words in told
    assert str(file) in told


def test_margin_says_when_there_is_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["margin", "no-such-file.json"]) == REFUSED

    assert "no such file or directory, expected a snapshot file" in capsys.readouterr().err


def test_margin_takes_factors_by_coin(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["margin", written(tmp_path), "--beta", "BTC=2"]) == FINE

    printed = capsys.readouterr().out
    assert "all down / all up   4.77 % /" in printed

    with pytest.raises(SystemExit) as ended:
        main(["margin", "x", "--beta", "BTC"])
    assert ended.value.code == REFUSED


def test_a_reader_that_goes_away_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`watcher margin FILE | head -1` must not end in a trace."""

    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr("sys.stdout", Gone())
    monkeypatch.setattr("sys.stderr", io.StringIO())

    assert main(["margin", written(tmp_path)]) == FINE


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == FINE
    assert capsys.readouterr().out.startswith("watcher ")


# -- status ----------------------------------------------------------------------------------------


def remembered(folder: Path, seen_at_us: int) -> None:
    """Leave a store as a daemon would that read its one account at *seen_at_us*."""

    async def leave() -> None:
        store = await SqliteStore.open(folder)
        state = AccountState(
            account="main",
            last_good=snapshot(),
            last_good_at_us=seen_at_us,
            first_seen_at_us=seen_at_us,
        )
        decision = Decision(
            account="main", state=state, messages=(), samples=(), next_poll_us=10_000_000
        )
        await store.load()
        await store.commit(decision, Moment(steady_us=seen_at_us, wall_us=seen_at_us))
        await store.close()

    asyncio.run(leave())


def config_for(folder: Path) -> list[str]:
    file = folder / "watcher.toml"
    file.write_text(
        f'state_dir = "{folder}/state"\n[accounts.main]\nvenue = "binance"\n', encoding="utf-8"
    )
    return ["--config", str(file)]


def test_status_without_a_store_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(config_for(tmp_path)) == TROUBLE
    assert "watcher run" in capsys.readouterr().err


def test_status_of_a_dead_daemon_is_trouble(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now_us = int(tmp_path.stat().st_mtime * 1_000_000)
    remembered(tmp_path / "state", now_us)

    assert status(config_for(tmp_path)) == TROUBLE

    printed = capsys.readouterr().out
    assert "daemon: NOT RUNNING" in printed
    assert "main" in printed


def test_status_beside_a_daemon_that_reads_in_time_is_fine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now_us = int(tmp_path.stat().st_mtime * 1_000_000)
    remembered(tmp_path / "state", now_us)

    async def beside() -> int:
        store = await SqliteStore.open(tmp_path / "state")
        try:
            return await asyncio.to_thread(status, config_for(tmp_path))
        finally:
            await store.close()

    assert asyncio.run(beside()) == FINE
    assert "daemon: running" in capsys.readouterr().out


def test_a_daemon_that_reads_nothing_and_tells_nobody_is_unhealthy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now_us = int(tmp_path.stat().st_mtime * 1_000_000)
    remembered(tmp_path / "state", now_us - 600_000_000)

    async def beside() -> int:
        store = await SqliteStore.open(tmp_path / "state")
        try:
            return await asyncio.to_thread(status, [*config_for(tmp_path), "--quiet"])
        finally:
            await store.close()

    assert asyncio.run(beside()) == TROUBLE
    assert capsys.readouterr() == ("", "")


async def _refused(store: SqliteStore) -> None:
    await store.refused(Refusal(reason="bot token refused", since_us=1_790_000_000_000_000))


async def _abandoned(store: SqliteStore) -> None:
    await store.say(danger("d"))
    [claim] = await store.claim(moment(), limit=1)
    await store.abandon(claim.id, "message is too long")


async def _stuck(store: SqliteStore) -> None:
    await store.say(danger("d"))


@pytest.mark.parametrize(
    ("happens", "line"),
    [
        (_refused, "NOT DELIVERING since 21 Sep 14:13 UTC: bot token refused"),
        (_abandoned, "outbox: 1 could never be delivered, 1 of danger: message is too long"),
        (_stuck, "outbox: 1 not yet delivered, an alert among them for"),
    ],
    ids=["refused", "abandoned", "stuck"],
)
@pytest.mark.parametrize("quiet", [False, True], ids=["told", "quiet"])
def test_status_is_trouble_while_alerts_reach_nobody(
    happens: Callable[[SqliteStore], Awaitable[None]],
    line: str,
    quiet: bool,  # noqa: FBT001 - a parameter of the test
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    remembered(tmp_path / "state", int(tmp_path.stat().st_mtime * 1_000_000))

    async def beside() -> int:
        store = await SqliteStore.open(tmp_path / "state")
        try:
            await happens(store)
            flags = ["--quiet"] if quiet else []
            return await asyncio.to_thread(status, [*config_for(tmp_path), *flags])
        finally:
            await store.close()

    assert asyncio.run(beside()) == TROUBLE
    printed = capsys.readouterr().out
    assert printed == "" if quiet else line in printed


# -- figures ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("estimated", "shown"), [(True, "its estimate"), (False, "2.01 %")])
def test_check_holds_an_estimated_liquidation_price_against_nobody(
    *, estimated: bool, shown: str
) -> None:
    says = VenueSays(
        liquidation_prices={"BTCUSDT": Decimal(88_670)}, liquidation_estimated=estimated
    )
    told = snapshot(venue_says={"cross:USDT": says})

    rows = check._rows(evaluate(told).pools[0], told)

    [row] = [row for row in rows if "liquidated at" in row[1]]
    assert row[2:] == ["90,452.3", "88,670.0", shown]


def test_figures_are_told_as_people_read_them() -> None:
    assert show.money(14_760.5, "USDT") == "14,760.50 USDT"
    assert show.money(-0.5) == "−0.500000"
    assert show.money(None) == "none"
    assert show.money(float("inf")) == "inf"
    assert show.price(106_842.123) == "106,842"
    assert show.price(0) == "0"
    assert show.percent(5.84) == "5.84 %"
    assert show.health(float("-inf")) == "-inf"
    assert show.health(1.3) == "1.30x"


class Screen(io.StringIO):
    """A terminal of 60 columns, by the environment."""

    def isatty(self) -> bool:
        return True

    def shown(self) -> str:
        return re.sub(r"\x1b\[[0-9;]*m", "", self.getvalue())


def opened(monkeypatch: pytest.MonkeyPatch) -> Screen:
    shown = Screen()
    monkeypatch.setattr("sys.stdout", shown)
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("TERM", "xterm")
    return shown


def test_in_a_terminal_long_lines_are_folded_between_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = opened(monkeypatch)

    show.line("  leave     Enable Withdrawals (such a key is refused), Spot Trading")
    show.line(
        "  on the phone open  https://t.me/a_bot?start=K7F3 and press START there", style="red"
    )
    show.line()
    show.heading("short")

    assert screen.shown().splitlines() == [
        "  leave     Enable Withdrawals (such a key is refused), Spot",
        "            Trading",
        "  on the phone open  https://t.me/a_bot?start=K7F3 and press",
        "    START there",
        "",
        "short",
    ]


def test_in_a_terminal_a_table_loses_nothing_however_narrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = opened(monkeypatch)
    cells = ["unified", "liquidation (accountMMRate 100 %)", "16.26 % (all down)", "its estimate"]

    show.table(["pool", "figure", "ours", "difference"], [cells], words=2)

    shown = screen.shown()
    assert all(len(line) <= 60 for line in shown.splitlines())
    assert "…" not in shown
    for word in " ".join(cells).split():
        assert word in shown


def test_an_address_is_not_broken_even_where_it_does_not_fit() -> None:
    address = f"https://example.org/{'x' * 60}"

    assert address in show.folded(f"  open {address} now", 40)
    assert show.folded("", 40) == ""


def run_as(words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `watcher` is this tree's."""
    root = str(Path(cli.__file__).resolve().parents[2])
    line = words.replace("watcher ", f'"{sys.executable}" -m watcher ', 1)
    bare = {name: text for name, text in os.environ.items() if not name.startswith("WATCHER_")}
    return subprocess.run(
        ["/bin/sh", "-c", line],
        env={**bare, "PYTHONPATH": root, **environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


QUICK = "watcher quick --entry 60000 --leverage 10 --mmr 0.5%"


def test_what_a_locale_cannot_show_becomes_the_nearest_plain_sign() -> None:
    streams.made_safe()

    done = run_as(QUICK, PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("textbook isolated liquidation price - entry 60,000 - 10x")
    assert "−0.5 % … → 🔴".encode("ascii", "plain") == b"-0.5 % ... -> ?", "a minus stays one"


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (f"{QUICK} >&-", 0, ""),
        (f"{QUICK} <&-", 0, ""),
        ("watcher init --config {}/w.toml <&-", REFUSED, "no terminal to ask"),
        ("watcher bogus 2>&-", REFUSED, ""),
        (f"{QUICK} >/dev/full", TROUBLE, "cannot write all of this: no room left"),
    ],
)
def test_streams_that_are_closed_or_full_leave_no_trace(
    tmp_path: Path, words: str, code: int, told: str
) -> None:
    if "/dev/full" in words and not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")

    done = run_as(words.format(tmp_path))

    assert (done.returncode, told in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_what_this_user_may_not_look_at_is_told_with_whose_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A name too long stands for a folder that is closed: both are no plain "not there"."""
    closed = "x" * 300
    for words in (["status"], ["ledger"], ["money", "status"], ["upgrade-check"], ["reload"]):
        assert main([*words, "--state-dir", closed]) == TROUBLE
        told = capsys.readouterr().err
        assert f"watcher: {closed}/" in told
        assert "ask as the user of the daemon, or as root" in told
    for words in (["status"], ["check"], ["run"]):
        assert main([*words, "--config", closed]) == REFUSED
        told = capsys.readouterr().err
        assert "expected a file this user may read: run this as the user it belongs to" in told


@pytest.mark.parametrize(
    ("file", "told"),
    [
        ("nothing", "no such file or directory, expected the daemon's configuration"),
        ("folder", "is a directory, expected the daemon's configuration"),
        ("bytes", "not UTF-8 text at byte 0"),
        ("json", "not TOML: "),
    ],
)
def test_health_says_what_is_wrong_with_the_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, told: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "json").write_text("{")

    assert main(["health", "--config", str(tmp_path / file)]) == REFUSED

    line = capsys.readouterr().err
    assert told in line
    assert "Errno" not in line


@pytest.mark.parametrize("port", ["65536", "-1", "80x"])
def test_practice_says_which_ports_there_are(capsys: pytest.CaptureFixture[str], port: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["practice", f"--port={port}"])

    assert ended.value.code == REFUSED
    assert f"found '{port}', expected a port from 1 to 65535" in capsys.readouterr().err


def test_practice_says_that_its_folder_is_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "taken").touch()

    assert main(["practice", "--folder", str(tmp_path / "taken")]) == REFUSED
    assert "file exists, expected one of its own" in capsys.readouterr().err


def test_practice_leaves_a_folder_alone_that_is_not_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "watcher.toml").write_text("[telegram]\nchat_id = 5\n")

    assert main(["practice", "--folder", str(tmp_path)]) == REFUSED

    said = capsys.readouterr()
    assert "found a watcher.toml it did not write, expected a folder of its own" in said.err
    assert said.out == ""
    assert [file.name for file in tmp_path.iterdir()] == ["watcher.toml"]


def test_ctrl_c_while_libraries_load_ends_it_without_a_word(tmp_path: Path) -> None:
    """Broken off in there they leave a trace, or crash."""
    slow = tmp_path / "slow.py"
    slow.write_text("import time\nprint('loading', flush=True)\ntime.sleep(60)\n")
    code = "from watcher import cli; cli._loaded('slow')"
    root = str(Path(cli.__file__).resolve().parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([root, str(tmp_path)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "loading\n"

    child.send_signal(signal.SIGINT)

    assert child.communicate(timeout=60) == ("", "")
    assert child.returncode == -signal.SIGINT


def test_a_command_hears_ctrl_c_itself_once_it_is_loaded() -> None:
    cli._loaded("watcher.cli.version")

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("users", "viewers", "words"),
    [
        (0, 0, "nobody may ask"),
        (1, 0, "1 person may give orders"),
        (2, 1, "2 people may give orders, 1 person may only ask"),
    ],
)
def test_check_says_who_may_speak_to_it(users: int, viewers: int, words: str) -> None:
    assert check._people(users, viewers) == words


def test_a_piped_table_is_aligned_plain_text(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(["coin", "mark"], [["BTC", "100,000"], ["ETH", "4,000"]])

    assert capsys.readouterr().out == "  coin     mark\n  BTC   100,000\n  ETH     4,000\n"


def test_a_table_without_rows_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(["coin"], [])

    assert capsys.readouterr().out == ""
