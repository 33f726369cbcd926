"""
Canary secrets: what the practice daemons are given must show up nowhere, in no encoding.

Rule: shares nothing with `watcher.logs`, whose work it judges. The canaries of a test are the
secret files in its folder; everything else in that folder is searched (logs, databases with their
journals, what the phone was shown, what the kernel lists of the process), and what the test
printed. Found is a secret as it is, URL-encoded in part or whole or twice, in base64 of either
alphabet at any of its three places, and in hex, in either case.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import unquote_to_bytes

from watcher.sim.practice import Practice
from watcher.sim.world import World

ODD = "/+=&%~ "
"""Put into secrets that may hold anything, so that every encoding of them looks different."""

TOLD = "told.canary"
PROCESS = "process.canary"
SIZE_MAX = 100_000_000
LENGTH_MIN = 12
NO_SECRETS = frozenset({"venue", "endpoint", "chat_id"})


def armed(world: World) -> World:
    """Give every account of *world* a secret with characters that encodings change."""
    for account in world.accounts.values():
        account.secret = f"{account.secret[:20]}{ODD}{account.secret[20:]}"
    return world


def tell(practice: Practice, folder: Path) -> None:
    """Write down in *folder* what the phone and the fallback were shown."""
    shown = [
        *(f"{sent.text}\n{sent.extras}\n{sent.buttons}" for sent in practice.bot.messages),
        *(f"{edit.text}\n{edit.buttons}" for sent in practice.bot.messages for edit in sent.edits),
        *(answer.text for answer in practice.bot.answers if answer.text),
        *(repr(each) for each in practice.server.fallback.notifications),
        *(repr(each) for each in practice.server.pings.pings),
    ]
    (folder / TOLD).write_text("\n".join(shown), encoding="utf-8")


def list_process(process_id: int, folder: Path) -> None:
    """Add to a file in *folder* what everybody sees of a process, and what its user does."""
    place = Path("/proc") / str(process_id)
    if not place.exists():
        return
    with (folder / PROCESS).open("ab") as out:
        for name in ("cmdline", "environ", "comm"):
            out.write((place / name).read_bytes() + b"\n")


def canaries_in(folder: Path) -> dict[str, str]:
    """Return the secrets of the configurations in *folder*, by the name of their file."""
    found = {}
    for file in folder.rglob("secrets/watcher_*"):
        text = file.read_text(encoding="utf-8").strip()
        if len(text) >= LENGTH_MIN and file.name.rpartition("__")[2] not in NO_SECRETS:
            found[file.name] = text
    return found


def leaks(folder: Path, canaries: Mapping[str, str]) -> list[str]:
    """Return where in *folder*, secret files aside, a canary shows: file, canary, encoding."""
    if not canaries:
        return []
    return [
        f"{file.relative_to(folder)}: {hit}"
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.parent.name != "secrets" and file.stat().st_size < SIZE_MAX
        for hit in hits(file.read_bytes(), canaries)
    ]


def hits(data: bytes, canaries: Mapping[str, str]) -> Iterator[str]:
    """Yield each canary in *data* with the encoding it shows in."""
    plain = list(_unescaped(data))
    lower = [one.lower() for one in plain]
    alike = [one.translate(_URL_SAFE) for one in plain]
    for name, text in canaries.items():
        raw = text.encode()
        if any(raw in one for one in plain):
            yield f"{name} as it is or URL-encoded"
        if any(raw.hex().encode() in one for one in lower):
            yield f"{name} in hex"
        if any(form in one for one in alike for form in _base64(raw)):
            yield f"{name} in base64"


_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_JSON = re.compile(rb"\\u([0-9a-f]{4})")


def _unescaped(data: bytes) -> Iterable[bytes]:
    """Yield *data* as it is, and with its escapes undone once and twice."""
    once = unquote_to_bytes(data)
    yield data
    yield once
    yield unquote_to_bytes(data.replace(b"+", b" "))
    yield unquote_to_bytes(once)
    yield (
        _JSON.sub(lambda found: chr(int(found[1], 16)).encode(errors="replace"), data)
        .replace(b'\\"', b'"')
        .replace(b"\\\\", b"\\")
    )


def _base64(raw: bytes) -> Iterator[bytes]:
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).rstrip(b"=")
        # without the characters that the neighbours have a part in
        yield text[(before * 8 + 5) // 6 : (before + len(raw)) * 8 // 6]
