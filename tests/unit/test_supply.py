"""
What the program is made of: each direct dependency wanted, pinned and hashed, and used where it
should be.

Upgrading changes the locks; a new dependency changes this file, pyproject.toml and the table in
docs/security.md, and has to be worth that.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FEW = 10
LOCKS = ["requirements.lock", "requirements-dev.lock"]

IMPORTED_AS = {
    "prometheus-client": "prometheus_client",
    "pydantic-settings": "pydantic_settings",
    "python-telegram-bot": "telegram",
}

PART_OF = {
    "certifi": "aiohttp",  # the roots the venues' certificates are held against; ccxt requires it
    "httpx": "python-telegram-bot",  # its connections, whose time-outs and errors are ours to set
    "pydantic_core": "pydantic",
    "yarl": "aiohttp",  # its type of an address
}
"""Imported by name, and come with a direct dependency whose own interface they are."""

PLACES = {
    "aiohttp": {"venues", "service", "sim", "storm", "app", "channels"},
    "apprise": {"channels"},
    "apscheduler": {"service"},
    "ccxt": set(),  # by name only, through venues/lean.py
    "certifi": {"venues"},
    "httpx": {"channels"},
    "matplotlib": {"drawing", "sim"},
    "prometheus_client": {"channels"},
    "telegram": {"channels", "storm"},
    "tomlkit": {"setup"},
    "yarl": {"venues"},
}
"""Which rooms may know a library; those not listed may be known anywhere above the pure floors."""

STARTED = {
    "aiohappyeyeballs", "aiohttp", "aiosignal", "annotated-types", "apscheduler", "attrs",
    "certifi", "cffi", "click", "cryptography", "frozenlist", "httpx", "idna", "multidict",
    "numpy", "orjson", "propcache", "pydantic", "pydantic-core", "pydantic-settings", "pygments",
    "python-dotenv", "python-telegram-bot", "rich", "structlog", "typing-extensions",
    "typing-inspection", "tzlocal", "yarl",
}  # fmt: skip
"""Every foreign package loaded with the daemon, before an account is opened."""


def project() -> dict[str, list[str]]:
    data = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"": data["dependencies"], **data["optional-dependencies"]}


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def direct() -> list[str]:
    return [name_of(one) for one in project()[""]]


def locked(name: str) -> dict[str, list[str]]:
    """Return the hashes of every pinned package of a lock."""
    text = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ")
    rows = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;]+", row[0]) for row in rows)
    return {
        name_of(row[0]): [part for part in row[1:] if part.startswith("--hash=")] for row in rows
    }


def imports() -> dict[str, set[str]]:
    """Return the foreign packages imported by name, with the rooms that do."""
    found: dict[str, set[str]] = {}
    for path in sorted((ROOT / "watcher").rglob("*.py")):
        room = path.relative_to(ROOT / "watcher").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [node.module]
            for name in names:
                top = name.partition(".")[0]
                if top not in sys.stdlib_module_names and top != "watcher":
                    found.setdefault(top, set()).add(room)
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_a_lock_is_pinned_with_a_strong_hash(lock: str) -> None:
    pinned = locked(lock)

    assert len(pinned) > len(direct())
    for name, hashes in pinned.items():
        assert hashes, name
        assert all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", one) for one in hashes), name


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_place_to_load_from(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert not re.search(
        r"(?m)^\s*(--(extra-)?index-url|--find-links|--trusted-host|-e |git\+)", text
    )
    assert "://" not in text


def test_every_direct_dependency_is_in_the_lock() -> None:
    assert [name for name in direct() if name not in locked("requirements.lock")] == []
    wanted = [name_of(one) for one in project()["dev"]]
    assert [name for name in wanted if name not in locked("requirements-dev.lock")] == []


def test_both_locks_agree() -> None:
    texts = [(ROOT / lock).read_text(encoding="utf-8") for lock in LOCKS]
    pins = [dict(re.findall(r"(?m)^([a-z0-9._-]+)==(\S+)", text)) for text in texts]

    apart = {name for name in pins[0] if pins[1].get(name, pins[0][name]) != pins[0][name]}

    assert apart == set()


def test_every_direct_dependency_says_what_it_is_for() -> None:
    """More than ten is many: each has its line in the table, and none is listed that is gone."""
    text = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    table = text.partition("## What it is made of")[2].partition("\n## ")[0]
    rows = re.findall(r"(?m)^\| `([a-z-]+)` \| (.{15,}) \|$", table)

    assert sorted(name for name, _ in rows) == sorted(direct())
    assert len(direct()) <= FEW or all(reason for _, reason in rows)


def test_what_is_imported_is_declared_and_what_is_declared_is_used() -> None:
    known = {IMPORTED_AS.get(name, name) for name in direct()} | PART_OF.keys()
    by_name_only = {"ccxt", "tzdata"}  # loaded by venues/lean.py; read by zoneinfo

    assert imports().keys() - known == set()
    assert known - imports().keys() <= by_name_only
    assert set(PART_OF.values()) <= set(direct())


def test_a_library_is_known_only_where_it_belongs() -> None:
    found = imports()
    strays = {
        f"{name} in {room}"
        for name, rooms in PLACES.items()
        for room in found.get(name, set()) - rooms
    }

    assert strays == set()


def test_the_daemon_loads_nothing_foreign_but_this() -> None:
    """A snapshot of the import graph: what is new here came with an upgrade and wants a look."""
    probe = "import sys, watcher.cli.run; print(*{n.partition('.')[0] for n in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True
    )
    owners = packages_distributions()
    found = {name_of(one) for top in done.stdout.split() for one in owners.get(top, [])}

    assert found - {"watcher", "setuptools"} - STARTED == set()
