"""
The systemd unit as text: from the one template beside this file to what stands on a machine.

Rule: nothing here touches a file but the template. What is written carries the hash of itself, so
that a hand that changed it is seen, and an older one of ours is not mistaken for one.

A unit of a user's own cannot have what needs root or a namespace of its own: those lines fall away.
What remains is what the kernel enforces for anybody.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources

NAME = "watcher.service"
MARK = re.compile(
    r'# Written by "watcher service install"; own changes: "systemctl (?:--user )?edit watcher"\.\n'
    r"# sha256 of the rest: ([0-9a-f]{64})\n"
)
NEEDS_ROOT = frozenset(
    {
        "AmbientCapabilities",
        "CapabilityBoundingSet",
        "DevicePolicy",
        "Group",
        "KeyringMode",
        "LoadCredential",
        "OOMScoreAdjust",
        "PrivateDevices",
        "PrivateMounts",
        "PrivateTmp",
        "PrivateUsers",
        "ProcSubset",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "ProtectProc",
        "ProtectSystem",
        "RemoveIPC",
        "StateDirectory",
        "StateDirectoryMode",
        "User",
    }
)
"""Settings of the template that a user's own manager refuses or cannot keep."""
SYSTEM_TARGETS = frozenset({"After", "Wants"})
"""Units that only the system has."""


def template() -> str:
    return resources.files("watcher.cli").joinpath(NAME).read_text(encoding="utf-8")


def for_system(start: str, credentials: Sequence[tuple[str, str]], seal: str) -> str:
    """
    Return the unit of the whole machine.

    *credentials* are names and files, one line each; *seal* is what `seal_of` says of all secrets.
    """
    loaded = [f"LoadCredential={name}:{file}" for name, file in credentials]
    lines = _without_head(template())
    text = "\n".join(_replaced(lines, {"ExecStart": [start], "LoadCredential": loaded}))
    return signed(f"{seal}\n{text}\n", user=False)


def for_user(start: str, state: str, seal: str) -> str:
    """Return the unit of one user, whose state is in the folder *state*; *seal* as above."""
    dropped: dict[str, list[str]] = {key: [] for key in NEEDS_ROOT | SYSTEM_TARGETS}
    lines = _replaced(
        _without_head(template()),
        {
            **dropped,
            "ExecStart": [start],
            "UMask": [f'Environment="STATE_DIRECTORY={state}"', "UMask=0077"],
            "WantedBy": ["WantedBy=default.target"],
        },
    )
    text = "\n".join(lines)
    return signed(f"{seal}\n{text}\n", user=True)


def seal_of(secrets: Mapping[str, str]) -> str:
    """
    Return a comment that differs when one of *secrets*, values by name, does.

    They are handed over at a start only: by this line a new value makes another unit, and another
    unit a restart. It may be read by all: nobody can guess the bot's token, which is among them.
    """
    return f"# sha256 of the secrets: {_hash(json.dumps(sorted(secrets.items())))}"


def start_line(program: Sequence[str], config: str) -> str:
    """Return the line that starts *program*, with what systemd would read as something else."""
    return "ExecStart=" + " ".join(quoted(word) for word in (*program, "run", "--config", config))


def quoted(word: str) -> str:
    escaped = word.replace("%", "%%").replace("$", "$$")
    if re.search(r"[\s\"'\\;]", escaped):
        inner = escaped.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{inner}"'
    return escaped


def signed(text: str, *, user: bool) -> str:
    edit = "systemctl --user edit" if user else "systemctl edit"
    return (
        f'# Written by "watcher service install"; own changes: "{edit} watcher".\n'
        f"# sha256 of the rest: {_hash(text)}\n{text}"
    )


def is_ours(text: str) -> bool:
    """Return whether *text* stands as this program, of whatever version, once wrote it."""
    found = MARK.match(text)
    return found is not None and found[1] == _hash(text[found.end() :])


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _without_head(text: str) -> list[str]:
    """Return the lines of *text* from its first section on: the head tells how to do it by hand."""
    return text[text.index("[Unit]") :].rstrip("\n").split("\n")


def _replaced(lines: Sequence[str], instead: dict[str, list[str]]) -> list[str]:
    """Return *lines* with those of some keys replaced; a comment goes with what it was about."""
    kept: list[str] = []
    comments: list[str] = []
    for line in lines:
        if line.startswith("#"):
            comments.append(line)
            continue
        key = line.partition("=")[0]
        if key in instead:
            kept += instead[key] if not instead[key] else [*_of_use(comments, key), *instead[key]]
        else:
            kept += [*comments, line]
        comments = []
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(kept))
    return text.split("\n")


def _of_use(comments: Sequence[str], key: str) -> list[str]:
    # what the template says of a folder is not true of single files
    return [] if key == "LoadCredential" else list(comments)
