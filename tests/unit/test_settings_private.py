"""Secret files and the state folder at start: refused when others could read them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.refusals import without_places
from watcher.settings import ConfigError, Need, Settings, load
from watcher.settings.private import of_state

TEXT = '[telegram]\nchat_id = 1\n[accounts.main]\nvenue = "bybit"\n'
KEY = "WATCHER_ACCOUNTS__MAIN__API_KEY"
SECRETS = {
    "WATCHER_TELEGRAM__BOT_TOKEN": "1:token",
    KEY: "key-of-main",
    "WATCHER_ACCOUNTS__MAIN__API_SECRET": "secret-of-main",
}
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def placed(folder: Path, *, mode: int, names: dict[str, str] | None = None) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (SECRETS if names is None else names).items():
        file = folder / name.lower()
        file.write_text(f"{text}\n", encoding="utf-8")
        file.chmod(mode)


def loaded(folder: Path, environ: dict[str, str] | None = None, need: Need = Need.ALL) -> Settings:
    """Load a configuration in *folder*; an engine would put secrets into `run-secrets`."""
    file = folder / "watcher.toml"
    file.write_text(f'state_dir = "{folder / "state"}"\n' + TEXT, encoding="utf-8")
    return load(file, environ=environ or {}, need=need, container_secrets=folder / "run-secrets")


def refused(folder: Path, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        loaded(folder, environ)
    return without_places(refusal.value).splitlines()


def told_key(settings: Settings) -> str:
    key = settings.accounts["main"].api_key
    assert key is not None
    return key.get_secret_value()


# ── the three ways to hand them over ─────────────────────────────────────────────────────────


def test_secrets_come_from_the_environment(tmp_path: Path) -> None:
    assert told_key(loaded(tmp_path, dict(SECRETS))) == "key-of-main"


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_secrets_come_from_files_of_our_own(tmp_path: Path, mode: int) -> None:
    placed(tmp_path / "secrets", mode=mode)

    assert told_key(loaded(tmp_path)) == "key-of-main"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
def test_secrets_come_from_an_engine(tmp_path: Path, mode: int) -> None:
    """systemd shows the right of the one user as the group's; Kubernetes gives a group's."""
    placed(tmp_path / "credentials", mode=mode)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert told_key(loaded(tmp_path, environ)) == "key-of-main"

    placed(tmp_path / "run-secrets", mode=mode)
    assert told_key(loaded(tmp_path)) == "key-of-main"


def test_a_link_is_judged_by_what_it_points_to(tmp_path: Path) -> None:
    placed(tmp_path / "kept" / "secrets", mode=0o600)
    (tmp_path / "secrets").mkdir()
    for name in SECRETS:
        (tmp_path / "secrets" / name.lower()).symlink_to(
            tmp_path / "kept" / "secrets" / name.lower()
        )

    assert told_key(loaded(tmp_path)) == "key-of-main"

    (tmp_path / "kept" / "secrets" / KEY.lower()).chmod(0o644)
    assert len(refused(tmp_path)) == 1


# ── refused ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666, 0o777])
def test_a_secret_file_open_to_others_is_refused_with_the_command_that_closes_it(
    tmp_path: Path, mode: int
) -> None:
    placed(tmp_path / "secrets", mode=0o600)
    file = tmp_path / "secrets" / KEY.lower()
    file.chmod(mode)

    assert refused(tmp_path) == [
        (
            f"{file}: found it open to others on this machine (mode 0{mode:o}), "
            f"expected rights for its owner only: chmod 600 {file}"
        )
    ]


@pytest.mark.parametrize("mode", [0o444, 0o644, 0o604])
def test_an_engines_secret_is_not_for_everybody_either(tmp_path: Path, mode: int) -> None:
    placed(tmp_path / "run-secrets", mode=mode)

    lines = refused(tmp_path)

    assert len(lines) == len(SECRETS)
    assert all("open to others" in line for line in lines)


def test_a_file_that_holds_no_secret_may_be_read_by_all(tmp_path: Path) -> None:
    placed(tmp_path / "secrets", mode=0o600)
    placed(tmp_path / "secrets", mode=0o644, names={"WATCHER_POLL__HOT": "3s"})

    assert loaded(tmp_path).poll.hot == 3_000_000


@ROOT_ONLY
def test_a_secret_file_of_another_user_is_refused(tmp_path: Path) -> None:
    placed(tmp_path / "secrets", mode=0o600)
    file = tmp_path / "secrets" / KEY.lower()
    os.chown(file, 4711, 4711)

    (line,) = refused(tmp_path)

    assert f"{file}: found it owned by user 4711, expected user 0" in line
    assert line.endswith(f"chown 0 {file}")


def test_no_secret_is_in_a_refusal(tmp_path: Path) -> None:
    placed(tmp_path / "secrets", mode=0o644)

    assert not any(text in line for line in refused(tmp_path) for text in SECRETS.values())


@pytest.mark.parametrize("mode", [0o755, 0o750, 0o701])
def test_a_state_folder_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    state = tmp_path / "state"
    state.mkdir()
    state.chmod(mode)

    assert refused(tmp_path, dict(SECRETS)) == [
        (
            f"state_dir: found {state} open to others on this machine (mode 0{mode:o}), "
            f"expected rights for its owner only: chmod 700 {state}"
        )
    ]


@pytest.mark.parametrize("name", ["ledger.db", "history.db", "ledger.db-wal"])
def test_a_database_open_to_others_is_refused(tmp_path: Path, name: str) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / name).touch(mode=0o600)
    (state / name).chmod(0o644)

    (line,) = refused(tmp_path, dict(SECRETS))

    assert line.endswith(f"chmod 600 {state / name}")


@ROOT_ONLY
def test_a_state_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.chown(state, 4711, 4711)

    (line,) = refused(tmp_path, dict(SECRETS))

    assert "owned by user 4711" in line


def test_what_needs_no_state_does_not_look_at_it(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o755)

    assert loaded(tmp_path, dict(SECRETS), Need.ACCOUNTS).accounts


# ── what the daemon itself leaves behind ─────────────────────────────────────────────────────

PROBE = """
import os, resource, sys
from watcher.cli import run

async def instead(*_, **__):
    open(sys.argv[2], "w").close()
    print(resource.getrlimit(resource.RLIMIT_CORE))

run.run = instead
raise SystemExit(run.main(["--config", sys.argv[1]]))
"""


def test_the_daemon_writes_for_itself_only_and_leaves_no_core(tmp_path: Path) -> None:
    placed(tmp_path / "secrets", mode=0o600)
    config = tmp_path / "watcher.toml"
    config.write_text(f'state_dir = "{tmp_path / "state"}"\n' + TEXT, encoding="utf-8")
    written = tmp_path / "written"

    done = subprocess.run(
        [sys.executable, "-c", PROBE, str(config), str(written)],
        cwd=Path(__file__).resolve().parents[2],
        env={name: text for name, text in os.environ.items() if not name.startswith("WATCHER_")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        umask=0o022,
    )

    assert done.stdout.strip() == "(0, 0)", done.stderr
    assert written.stat().st_mode & 0o777 == 0o600


def test_a_folder_named_like_the_ledger_is_no_matter_of_rights(tmp_path: Path) -> None:
    """Made a file's rights, as one was told to, it is a folder still."""
    tmp_path.chmod(0o700)
    (tmp_path / "ledger.db").mkdir(mode=0o755)

    assert list(of_state(tmp_path)) == []
