"""`watcher service` in a root of its own, with stand-ins for what the machine runs."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from watcher.cli import FINE, REFUSED, TROUBLE, main, service, unit
from watcher.settings import Need, load

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "123456:AAFakeFakeFakeFakeFakeFakeFakeFakeFake"
KEY = "k" * 32
SECRET = "s" * 64

SYSTEMCTL = """#!/bin/sh
[ "$1" = --user ] && shift
echo "systemctl $*" >>"$STAND/log"
case "$1" in
  enable) touch "$STAND/enabled" ;;
  restart|start) [ -e "$STAND/broken" ] && { echo "Job for watcher.service failed." >&2; exit 1; }
    touch "$STAND/active" ;;
  disable) rm -f "$STAND/enabled" "$STAND/active" ;;
  is-enabled) [ -e "$STAND/enabled" ] && { [ "$2" = --quiet ] || echo enabled; exit 0; }
    [ "$2" = --quiet ] || echo disabled; exit 1 ;;
  is-active) [ -e "$STAND/active" ] && { [ "$2" = --quiet ] || echo active; exit 0; }
    [ "$2" = --quiet ] || echo inactive; exit 3 ;;
esac
"""
OTHERS = {
    "useradd": '#!/bin/sh\necho "useradd $*" >>"$STAND/log"; touch "$STAND/user"\n',
    "getent": '#!/bin/sh\n[ -e "$STAND/user" ]\n',
    "loginctl": '#!/bin/sh\necho "loginctl $*" >>"$STAND/log"; [ ! -e "$STAND/nolinger" ]\n',
}


class Machine:
    """A machine with systemd, in a folder."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = folder / "root"
        self.stand = folder / "stand"
        self.given = folder / "given"
        (self.root / "run/systemd/system").mkdir(parents=True)
        self.stand.mkdir()
        path = folder / "bin"
        path.mkdir()
        for name, text in {"systemctl": SYSTEMCTL, **OTHERS}.items():
            (path / name).write_text(text)
            (path / name).chmod(0o755)
        for name in ("touch", "rm"):
            found = shutil.which(name)
            assert found is not None
            (path / name).symlink_to(found)
        monkeypatch.setenv("PATH", str(path))
        monkeypatch.setenv("STAND", str(self.stand))
        monkeypatch.setenv("HOME", str(folder / "home"))
        for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"):
            monkeypatch.delenv(name, raising=False)
        self.write()

    def write(self, more: str = "", *, chat: int = 123456789) -> None:
        secrets = self.given / "secrets"
        secrets.mkdir(parents=True, exist_ok=True)
        text = f'[telegram]\nchat_id = {chat}\n\n[accounts.main]\nvenue = "bybit"\n'
        (self.given / "watcher.toml").write_text(f"{more}{text}")
        for name, value in (
            ("telegram__bot_token", TOKEN),
            ("accounts__main__api_key", KEY),
            ("accounts__main__api_secret", SECRET),
        ):
            self.secret(name, value)

    def secret(self, name: str, value: str) -> None:
        file = self.given / "secrets" / f"watcher_{name}"
        file.write_text(f"{value}\n")
        file.chmod(0o600)

    def watcher(self, what: str, *options: str, config: bool = True) -> int:
        given = ["--config", str(self.given / "watcher.toml")] if config else []
        return main(["service", what, "--root", str(self.root), *given, *options])

    def log(self) -> list[str]:
        file = self.stand / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return [line for line in lines if not re.match(r"systemctl is-", line)]

    def at(self, path: str) -> Path:
        return self.root / path.lstrip("/")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


UNIT = "/etc/systemd/system/watcher.service"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), mode(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


# -- the service of the machine --------------------------------------------------------------------


def test_a_fresh_machine_gets_user_folders_secrets_unit_and_a_start(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.watcher("install") == FINE

    out = capsys.readouterr().out
    assert machine.log() == [
        "useradd --system --user-group --no-create-home --shell /usr/sbin/nologin watcher",
        "systemctl daemon-reload",
        "systemctl enable watcher",
        "systemctl restart watcher",
    ]
    secrets = machine.at("/etc/watcher/secrets")
    assert mode(secrets) == 0o700
    assert files(secrets) == {
        "accounts__main__api_key": (f"{KEY}\n".encode(), 0o600),
        "accounts__main__api_secret": (f"{SECRET}\n".encode(), 0o600),
        "telegram__bot_token": (f"{TOKEN}\n".encode(), 0o600),
    }
    assert mode(machine.at("/etc/watcher/watcher.toml")) == 0o644
    text = machine.at(UNIT).read_text()
    assert re.search(r"(?m)^ExecStart=/.* run --config /etc/watcher/watcher\.toml$", text)
    assert re.findall(r"(?m)^LoadCredential=(.*)$", text) == [
        "watcher_telegram__bot_token:/etc/watcher/secrets/telegram__bot_token",
        "watcher_accounts__main__api_key:/etc/watcher/secrets/accounts__main__api_key",
        "watcher_accounts__main__api_secret:/etc/watcher/secrets/accounts__main__api_secret",
    ]
    assert f"done: file {UNIT} (mode 0644)" in out
    for secret in (TOKEN, KEY, SECRET):
        assert secret not in out + text


def test_a_second_time_changes_nothing(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.watcher("install")
    before = files(machine.root)
    machine.log()
    capsys.readouterr()

    assert machine.watcher("install") == FINE

    assert files(machine.root) == before
    assert machine.log() == []
    assert "done:" not in capsys.readouterr().out


def test_it_can_be_said_again_from_what_is_installed(machine: Machine) -> None:
    machine.watcher("install")
    shutil.rmtree(machine.given)
    machine.log()

    assert machine.watcher("install", config=False) == FINE

    assert machine.log() == []


def test_a_new_account_is_handed_over_and_the_daemon_restarted(machine: Machine) -> None:
    machine.watcher("install")
    machine.log()
    config = machine.at("/etc/watcher/watcher.toml")
    config.write_text(config.read_text() + '\n[accounts.other]\nvenue = "bybit"\n')
    for name in ("api_key", "api_secret"):
        file = machine.at(f"/etc/watcher/secrets/accounts__other__{name}")
        file.write_text(f"other{name}" * 4)
        file.chmod(0o600)

    assert machine.watcher("install", config=False) == FINE

    text = machine.at(UNIT).read_text()
    assert "LoadCredential=watcher_accounts__other__api_key:" in text
    assert machine.log() == ["systemctl daemon-reload", "systemctl restart watcher"]


def test_a_new_value_of_a_secret_restarts_the_daemon_once(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    """systemd hands credentials over at a start only: the old key was used on, "it watches"."""
    machine.watcher("install")
    machine.log()
    new = "n" * 32
    machine.at("/etc/watcher/secrets/accounts__main__api_key").write_text(new)

    assert machine.watcher("install", config=False) == FINE
    assert machine.log() == ["systemctl daemon-reload", "systemctl restart watcher"]
    assert machine.watcher("install", config=False) == FINE
    assert machine.log() == []

    assert unit.is_ours(machine.at(UNIT).read_text())
    assert new not in machine.at(UNIT).read_text() + capsys.readouterr().out


def test_a_dry_run_shows_files_and_commands_and_does_nothing(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(machine.root)

    assert machine.watcher("install", "--dry-run") == FINE

    out = capsys.readouterr().out
    assert files(machine.root) == before
    assert machine.log() == []
    assert "$ useradd --system" in out
    assert "$ systemctl enable watcher" in out
    assert "LoadCredential=watcher_telegram__bot_token:" in out
    assert "# file /etc/watcher/secrets/telegram__bot_token (mode 0600)" in out
    for secret in (TOKEN, KEY, SECRET):
        assert secret not in out


def test_a_unit_a_hand_has_changed_is_shown_and_left(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.watcher("install")
    changed = machine.at(UNIT).read_text().replace("MemoryMax=400M", "MemoryMax=2G")
    machine.at(UNIT).write_text(changed)
    machine.log()
    capsys.readouterr()

    assert machine.watcher("install") == REFUSED

    error = capsys.readouterr().err
    assert machine.at(UNIT).read_text() == changed
    assert machine.log() == []
    assert "-MemoryMax=2G" in error
    assert "+MemoryMax=400M" in error
    assert "--force" in error
    assert machine.watcher("install", "--force") == FINE
    assert "MemoryMax=400M" in machine.at(UNIT).read_text()


def test_a_unit_of_an_older_version_is_renewed_without_a_word(machine: Machine) -> None:
    machine.watcher("install")
    older = unit.signed("[Service]\nExecStart=/old\n", user=False)
    machine.at(UNIT).write_text(older)

    assert machine.watcher("install") == FINE

    assert machine.at(UNIT).read_text() != older


@pytest.mark.parametrize("what", ["config", "secret"])
def test_what_the_service_has_is_not_overwritten_by_older_copies(
    machine: Machine, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    machine.watcher("install")
    before = files(machine.root)
    capsys.readouterr()
    if what == "config":
        machine.write(chat=987654321)
    else:
        machine.secret("accounts__main__api_key", "another" * 5)

    assert machine.watcher("install") == REFUSED

    error = capsys.readouterr().err
    assert files(machine.root) == before
    assert "--force" in error
    assert "another" not in error
    assert KEY not in error
    assert ("+chat_id = 987654321" in error) == (what == "config")
    assert machine.watcher("install", "--force") == FINE
    assert files(machine.root) != before


def test_a_secret_of_the_environment_is_written_down_for_the_service(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    (machine.given / "secrets" / "watcher_telegram__bot_token").unlink()
    monkeypatch.setenv("WATCHER_TELEGRAM__BOT_TOKEN", TOKEN)

    assert machine.watcher("install") == FINE

    assert machine.at("/etc/watcher/secrets/telegram__bot_token").read_text() == f"{TOKEN}\n"


def test_what_only_this_environment_says_is_not_taken_for_granted(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service will not have it, so its start would be refused."""
    config = machine.given / "watcher.toml"
    config.write_text(config.read_text().replace("chat_id = 123456789\n", ""))
    monkeypatch.setenv("WATCHER_TELEGRAM__CHAT_ID", "123456789")

    assert machine.watcher("install") == REFUSED

    assert "telegram.chat_id" in capsys.readouterr().err


def test_a_daemon_that_does_not_start_is_told_with_where_to_look(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine.stand / "broken").touch()

    assert machine.watcher("install") == TROUBLE

    error = capsys.readouterr().err
    assert "Job for watcher.service failed" in error
    assert "journalctl --unit watcher" in error


def test_uninstalling_keeps_what_is_not_the_programs_and_says_where(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.watcher("install")
    machine.log()
    kept = files(machine.at("/etc/watcher"))
    capsys.readouterr()

    assert machine.watcher("uninstall", config=False) == FINE

    out = capsys.readouterr().out
    assert machine.log() == ["systemctl disable --now watcher", "systemctl daemon-reload"]
    assert not machine.at(UNIT).exists()
    assert files(machine.at("/etc/watcher")) == kept
    assert "kept: secrets: /etc/watcher/secrets (3 files)" in out
    assert "kept: state: /var/lib/watcher" in out
    assert machine.watcher("uninstall", config=False) == FINE
    assert "nothing to remove" in capsys.readouterr().out
    assert machine.log() == []


def test_uninstalling_leaves_a_unit_a_hand_has_changed(machine: Machine) -> None:
    machine.watcher("install")
    with machine.at(UNIT).open("a") as file:
        file.write("# mine\n")

    assert machine.watcher("uninstall", config=False) == REFUSED
    assert machine.at(UNIT).exists()
    assert machine.watcher("uninstall", "--dry-run", "--force", config=False) == FINE
    assert machine.at(UNIT).exists()
    assert machine.watcher("uninstall", "--force", config=False) == FINE
    assert not machine.at(UNIT).exists()


def test_status_says_what_stands_and_runs(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert machine.watcher("status", config=False) == TROUBLE
    assert "not installed" in capsys.readouterr().out
    machine.watcher("install")
    machine.at("/etc/watcher/secrets/fallback__url").write_text("x")
    capsys.readouterr()

    assert machine.watcher("status", config=False) == FINE

    out = capsys.readouterr().out
    assert f"unit: {UNIT}, as this program wrote it" in out
    assert "enabled: enabled\nactive: active\n" in out
    assert "not handed to the service: fallback__url; `watcher service install` does it" in out
    (machine.stand / "active").unlink()
    assert machine.watcher("status", config=False) == TROUBLE


# -- a service of one's own ------------------------------------------------------------------------


def test_a_users_own_service_stays_in_the_users_folders(
    machine: Machine, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert machine.watcher("install", "--user") == FINE

    home = tmp_path / "home"
    text = machine.at(f"{home}/.config/systemd/user/watcher.service").read_text()
    assert machine.log() == [
        "systemctl daemon-reload",
        "systemctl enable watcher",
        "systemctl restart watcher",
        "loginctl enable-linger",
    ]
    assert f"--config {machine.given / 'watcher.toml'}" in text
    assert f'Environment="STATE_DIRECTORY={home}/.local/state/watcher"' in text
    assert mode(machine.at(f"{home}/.local/state/watcher")) == 0o700
    assert unit.NEEDS_ROOT.isdisjoint(re.findall(r"(?m)^(\w+)=", text))
    assert not machine.at("/etc").exists()
    capsys.readouterr()
    assert machine.watcher("uninstall", "--user", config=False) == FINE
    out = capsys.readouterr().out
    assert f"kept: configuration: {machine.given / 'watcher.toml'}, and its secrets" in out
    assert f"kept: state: {home}/.local/state/watcher" in out


def test_a_new_secret_restarts_a_users_own_service_too(machine: Machine) -> None:
    machine.watcher("install", "--user")
    machine.log()
    machine.secret("accounts__main__api_key", "n" * 32)

    assert machine.watcher("install", "--user") == FINE

    assert "systemctl restart watcher" in machine.log()


def test_a_session_that_may_not_linger_is_told_and_the_rest_is_done(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    (machine.stand / "nolinger").touch()

    assert machine.watcher("install", "--user") == FINE

    assert "NOT done: loginctl enable-linger" in capsys.readouterr().out


# -- refusals --------------------------------------------------------------------------------------


def test_without_systemd_it_says_what_else_there_is(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(machine.root / "run")

    for what in ("install", "status", "uninstall"):
        assert machine.watcher(what) == REFUSED
        assert "no systemd runs this machine" in capsys.readouterr().err


def test_a_configuration_that_the_daemon_would_refuse_is_refused_before_anything(
    machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.write("bogus = 1\n")

    assert machine.watcher("install") == REFUSED
    assert "bogus" in capsys.readouterr().err
    assert machine.watcher("install", "--config", str(machine.given / "none.toml")) == REFUSED
    assert not machine.at("/etc").exists()
    assert machine.log() == []


@pytest.mark.parametrize(
    ("named", "user", "fine"),
    [("state", False, False), ("/srv/w", False, False), ("state", True, False), ("/x", True, True)],
)
def test_a_state_folder_the_service_could_not_write_to_is_refused(
    machine: Machine, capsys: pytest.CaptureFixture[str], named: str, *, user: bool, fine: bool
) -> None:
    machine.write(f'state_dir = "{named}"\n')

    done = machine.watcher("install", *(["--user"] if user else []))

    assert (done == FINE) == fine
    if not fine:
        assert f'found state_dir = "{named}", expected none' in capsys.readouterr().err


def test_a_program_in_a_home_folder_is_not_made_a_service_of_the_machine() -> None:
    """The unit shows no home folder and no /tmp to the service."""
    assert {"/home", "/root"} <= {str(place) for place in service.UNREADABLE}
    assert all(service.hidden_in(place / "watcher") == place for place in service.UNREADABLE)
    assert service.hidden_in(Path("/opt/watcher/.venv/bin/watcher")) is None
    assert "ProtectHome=yes\n" in unit.template()
    assert "PrivateTmp=yes\n" in unit.template()


# -- the unit --------------------------------------------------------------------------------------


def test_there_is_one_unit_and_the_package_has_it() -> None:
    here = ROOT / "config" / unit.NAME

    assert here.resolve() == ROOT / "watcher" / "cli" / unit.NAME
    assert here.read_text(encoding="utf-8") == unit.template()
    assert '"cli/watcher.service"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_what_is_installed_says_all_that_the_template_says() -> None:
    """All but the program, the secrets and the head, which tells how to do it by hand."""
    text = unit.for_system("ExecStart=/x", [("watcher_a", "/a")], unit.seal_of({}))
    body = unit.template()[unit.template().index("[Unit]") :]

    def lines(of: str) -> set[str]:
        return {line for line in of.splitlines() if line and not line.startswith("#")}

    assert lines(text) ^ lines(body) == {
        "ExecStart=/x",
        "ExecStart=/opt/watcher/.venv/bin/watcher run --config /etc/watcher/watcher.toml",
        "LoadCredential=watcher_a:/a",
        "LoadCredential=watcher:/etc/watcher/secrets",
    }


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("/opt/watcher", "/opt/watcher"),
        ("/opt/my watcher", '"/opt/my watcher"'),
        ("/opt/100%/$x", "/opt/100%%/$$x"),
        ('/opt/a"b', '"/opt/a\\"b"'),
    ],
)
def test_a_path_stays_one_word_for_systemd(word: str, expected: str) -> None:
    assert unit.quoted(word) == expected


def texts() -> dict[str, Callable[[], str]]:
    start = unit.start_line([sys.executable, "-m", "watcher"], "/etc/watcher/watcher.toml")
    seal, credentials = unit.seal_of({"watcher_a": "x"}), [("watcher_a", "/etc/watcher/secrets/a")]
    return {
        "system": lambda: unit.for_system(start, credentials, seal),
        "user": lambda: unit.for_user(start, "/var/lib/state of mine", seal),
    }


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("form", ["system", "user"])
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path, form: str) -> None:
    file = tmp_path / unit.NAME
    file.write_text(texts()[form]())
    done = subprocess.run(
        ["systemd-analyze", "verify", *(["--user"] if form == "user" else []), str(file)],  # noqa: S607 - from the path
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    ours = [line for line in done.stderr.splitlines() if unit.NAME in line]
    newer = ("RestartSteps", "RestartMaxDelaySec")

    assert [line for line in ours if not any(word in line for word in newer)] == []


def test_the_secrets_as_systemd_hands_them_over_make_the_settings(
    machine: Machine, tmp_path: Path
) -> None:
    """What the unit's lines lead to, as systemd does it: one file per credential in a folder."""
    machine.watcher("install")
    folder = tmp_path / "credentials" / "secrets"
    folder.mkdir(parents=True)
    for line in re.findall(r"(?m)^LoadCredential=(.*)$", machine.at(UNIT).read_text()):
        name, _, path = line.partition(":")
        shutil.copy(machine.at(path), folder / name)
        (folder / name).chmod(0o400)

    settings = load(
        machine.at("/etc/watcher/watcher.toml"),
        environ={"CREDENTIALS_DIRECTORY": str(folder), "STATE_DIRECTORY": str(tmp_path / "s")},
        need=Need.ALL,
    )

    assert settings.accounts["main"].api_key is not None
    assert settings.accounts["main"].api_key.get_secret_value() == KEY
