"""
The container and the unit file, as far as they can be judged without an engine.

The image was not built here: no engine was at hand. What is checked is what usually breaks: sources
that do not exist, a root user, a health check that is no command of ours.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tomllib
from configparser import RawConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from watcher.cli import COMMANDS
from watcher.settings.keys import field_of, is_secret, path_of

ROOT = Path(__file__).resolve().parents[2]


def instructions() -> list[tuple[str, str]]:
    """Return the Dockerfile's instructions with continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"(?m)^\s*#.*\n", "", text))
    lines = [line.strip() for line in joined.splitlines() if line.strip()]
    return [(line.split()[0].upper(), line.split(maxsplit=1)[1]) for line in lines]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    starts = [i for i, (word, _) in enumerate(found) if word == "FROM"]
    return found[starts[-1] :]


def of(word: str, stage: list[tuple[str, str]]) -> list[str]:
    return [rest for name, rest in stage if name == word]


def test_every_copied_source_exists_and_is_let_through() -> None:
    allowed = {
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    sources = [
        source
        for rest in of("COPY", instructions())
        if not rest.startswith("--from=")
        for source in rest.split()[:-1]
    ]

    assert sources
    assert [source for source in sources if not (ROOT / source.removeprefix("./")).exists()] == []
    assert set(sources) == {f"./{name}" if f"./{name}" in sources else name for name in allowed}


def test_a_later_stage_copies_from_a_named_earlier_one() -> None:
    stages = re.findall(r"\bAS (\w+)", " ".join(of("FROM", instructions())))
    taken = re.findall(r"--from=(\w+)", " ".join(of("COPY", last_stage())))

    assert taken
    assert set(taken) <= set(stages)


def test_the_container_runs_without_root() -> None:
    (user,) = of("USER", last_stage())
    number = user.split(":")[0]

    assert number.isdigit(), "a number, so that a runtime can verify it is not root"
    assert int(number) != 0
    created = [rest for rest in of("RUN", last_stage()) if "useradd" in rest]
    assert f"--uid {number}" in created[0]


def test_only_the_state_folder_is_written() -> None:
    (volume,) = of("VOLUME", last_stage())
    environment = " ".join(of("ENV", last_stage()))

    assert json.loads(volume) == ["/var/lib/watcher"]
    assert "STATE_DIRECTORY=/var/lib/watcher" in environment
    assert "PYTHONDONTWRITEBYTECODE=1" in environment


def test_the_health_check_is_a_command_there_is() -> None:
    (check,) = of("HEALTHCHECK", last_stage())
    command = json.loads(check[check.index("CMD ") + 4 :])

    assert command[0] == "watcher"
    assert command[1] in COMMANDS
    source = (ROOT / "watcher" / "cli" / f"{command[1]}.py").read_text(encoding="utf-8")
    assert all(f'"{option}"' in source for option in command[2:] if option.startswith("--"))
    (run,) = of("CMD", last_stage())
    assert command[2:] == json.loads(run)[1:], "of the daemon that runs"
    assert "healthcheck" not in compose()["services"]["watcher"], "the image's own holds"


def test_the_entry_point_is_the_installed_script_and_runs_the_daemon() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "scripts"
    ]
    (entry,) = of("ENTRYPOINT", last_stage())
    (command,) = of("CMD", last_stage())

    assert json.loads(entry)[0] in scripts
    assert json.loads(command)[0] == "run"


def test_wheels_are_checked_against_their_hashes() -> None:
    installs = [rest for rest in of("RUN", instructions()) if "-r requirements.lock" in rest]

    assert installs
    assert all("--require-hashes" in rest for rest in installs)


def unit() -> RawConfigParser:
    parser = RawConfigParser(strict=False, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string((ROOT / "config" / "watcher.service").read_text(encoding="utf-8"))
    return parser


EXPOSURE_MAX = 2.0
HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ProtectProc": "invisible",
    "ProtectClock": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "ProtectControlGroups": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "PrivateUsers": "yes",
    "PrivateMounts": "yes",
    "DevicePolicy": "closed",
    "KeyringMode": "private",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "RemoveIPC": "yes",
    "LockPersonality": "yes",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
    "LimitCORE": "0",
    "StateDirectoryMode": "0700",
    "MemoryHigh": "300M",
    "MemoryMax": "400M",
    "Restart": "always",
    "Type": "notify",
    "NotifyAccess": "main",
    "WatchdogSec": "30",
}


def test_the_unit_is_hardened_and_runs_as_its_own_user() -> None:
    service = unit()["Service"]

    assert service["User"] not in ("", "root")
    assert {key: service[key] for key in HARDENING} == HARDENING
    # a key given twice: the parser keeps the last one
    text = (ROOT / "config" / "watcher.service").read_text(encoding="utf-8")
    filters = re.findall(r"(?m)^SystemCallFilter=(.*)$", text)
    assert filters == ["@system-service", "~@privileged @resources"]


def test_no_secret_is_given_to_the_unit_but_as_a_credential() -> None:
    """Who may list units may read their environment and command line."""
    text = (ROOT / "config" / "watcher.service").read_text(encoding="utf-8")
    said = re.findall(r"(?m)^(?:Environment|EnvironmentFile|ExecStart)=(.*)$", text)

    assert said
    assert not any(re.search(r"(?i)token|secret|key", line) for line in said)
    assert unit()["Service"]["LoadCredential"] == "watcher:/etc/watcher/secrets"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_itself_finds_the_unit_little_exposed() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "config/watcher.service"],  # noqa: S607 - from the path
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    # an older one also says which keys of the unit it does not know, and judges the rest
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot judge a unit that is not loaded")
    found = re.search(r"Overall exposure level.*: (\d+\.\d+)", done.stdout)

    assert found is not None, done.stderr
    assert float(found[1]) <= EXPOSURE_MAX


def compose() -> Any:
    text = (ROOT / "config" / "docker-compose.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def test_the_composed_container_has_no_rights_to_give_away() -> None:
    service = compose()["services"]["watcher"]

    assert service["user"] == "10001:10001"
    assert f"--uid {service['user'].split(':')[0]} " in " ".join(of("RUN", last_stage()))
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["ulimits"] == {"core": 0}
    refused = {
        "privileged",
        "cap_add",
        "network_mode",
        "pid",
        "ipc",
        "devices",
        "ports",
        "env_file",
    }
    assert refused.isdisjoint(service)
    assert "docker.sock" not in str(compose())


def test_the_composed_container_writes_only_its_state_and_a_small_tmp() -> None:
    service = compose()["services"]["watcher"]
    mounts = {mount.split(":")[1]: mount.split(":")[2:] for mount in service["volumes"]}

    assert mounts == {"/var/lib/watcher": [], "/etc/watcher/watcher.toml": ["ro"]}
    (tmp,) = service["tmpfs"]
    assert tmp.startswith("/tmp:")  # noqa: S108 - the container's
    assert {"noexec", "nosuid", "nodev"} <= set(tmp.split(":")[1].split(","))


def test_single_file_mounts_say_that_an_edit_needs_a_new_container() -> None:
    """Saved by renaming, the new file is never seen in there: `reload` said "nothing changed"."""
    advice = "docker compose -f config/docker-compose.yml up --detach --force-recreate"
    single = [mount for mount in compose()["services"]["watcher"]["volumes"] if ".toml:" in mount]

    assert single, "the advice is about these: without them it can go"
    for file in ("config/docker-compose.yml", "docs/operations.md"):
        assert advice in (ROOT / file).read_text(encoding="utf-8"), file


def test_the_composed_secrets_are_files_the_settings_know() -> None:
    whole = compose()
    given = whole["services"]["watcher"]["secrets"]

    assert given == list(whole["secrets"])
    for name, source in whole["secrets"].items():
        field = field_of(path_of(name))
        assert field is not None
        assert is_secret(field)
        assert source == {"file": f"./secrets/{name}"}
    assert "environment" not in whole["services"]["watcher"]


def test_the_units_credentials_become_names_the_settings_know() -> None:
    """systemd names each file of a loaded folder `<id>_<file>`."""
    name, _, _ = unit()["Service"]["LoadCredential"].partition(":")

    for file in ("telegram__bot_token", "accounts__main__api_key", "accounts__main__api_secret"):
        assert field_of(path_of(f"{name}_{file}")) is not None


def test_the_engine_rotates_what_it_says_and_nothing_else_writes_a_log() -> None:
    service = yaml.safe_load((ROOT / "config" / "docker-compose.yml").read_text())["services"]
    unit = (ROOT / "config" / "watcher.service").read_text(encoding="utf-8")

    assert service["watcher"]["logging"] == {
        "driver": "json-file",
        "options": {"max-size": "10m", "max-file": "5"},
    }
    # to the journal, which has limits of its own
    assert "StandardError" not in unit
    assert "StandardOutput" not in unit
