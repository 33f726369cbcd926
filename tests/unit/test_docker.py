"""
The container and the unit file, as far as they can be judged without an engine.

The image was not built here: no engine was at hand. What is checked is what usually breaks: sources
that do not exist, a root user, a health check that is no command of ours.
"""

from __future__ import annotations

import json
import re
import tomllib
from configparser import RawConfigParser
from pathlib import Path

from watcher.cli import COMMANDS
from watcher.settings.keys import field_of, path_of

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
    assert all(f'"{option}"' in source for option in command[2:])


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


def test_the_unit_is_hardened_and_runs_as_its_own_user() -> None:
    service = unit()["Service"]

    assert service["User"] not in ("", "root")
    assert service["Type"] == "notify"
    expected = {
        "NoNewPrivileges": "yes",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "CapabilityBoundingSet": "",
        "UMask": "0077",
        "LimitCORE": "0",
        "StateDirectoryMode": "0700",
        "Restart": "always",
    }
    assert {key: service[key] for key in expected} == expected


def test_the_units_credentials_become_names_the_settings_know() -> None:
    """systemd names each file of a loaded folder `<id>_<file>`."""
    name, _, _ = unit()["Service"]["LoadCredential"].partition(":")

    for file in ("telegram__bot_token", "accounts__main__api_key", "accounts__main__api_secret"):
        assert field_of(path_of(f"{name}_{file}")) is not None
