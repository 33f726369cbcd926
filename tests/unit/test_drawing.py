"""Charts: the child process draws, is bounded, and can do the daemon no harm."""

from __future__ import annotations

import asyncio
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from watcher.policy.charting import WORDS
from watcher.service import draw
from watcher.service.draw import PNG, Drawer, NotDrawn

START_S = 1_790_000_000.0
STORY: dict[str, Any] = {
    "title": "bybit_main",
    "measure": "distance to liquidation, %",
    "end": 0.0,
    "zone": "Europe/Berlin",
    "from": START_S,
    "to": START_S + 3600,
    "points": [
        [START_S + 60, 15.0, False],
        [START_S + 600, None, False],
        [START_S + 1200, 11.0, True],
        [START_S + 3500, 5.5, False],
    ],
    "lines": [["watch", 20.0], ["warning", 12.0], ["critical", 6.0], ["emergency", 3.0]],
    "gaps": [[START_S + 600, START_S + 1200]],
    "events": [[START_S + 3500, "critical"]],
    "coin": "BTC",
    "prices": [[START_S + 60, 113_000.0], [START_S + 900, None], [START_S + 3500, 104_000.0]],
    "limits": [98_000.0],
    "words": WORDS,
}


def drawn(drawer: Drawer, story: dict[str, Any] = STORY) -> bytes:
    return asyncio.run(drawer.draw(story))


def size_of(picture: bytes) -> tuple[int, int]:
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


@pytest.mark.parametrize("prices", [STORY["prices"], []])
def test_a_story_becomes_a_picture_for_a_phone(prices: list[Any], tmp_path: Path) -> None:
    picture = drawn(Drawer(tmp_path), {**STORY, "prices": prices})

    assert picture.startswith(PNG)
    assert size_of(picture) == (864, 972)


def test_a_flat_book_without_lines_or_limits_is_drawn_too(tmp_path: Path) -> None:
    bare = {"lines": [], "limits": [], "events": [], "gaps": [], "coin": ""}
    points = [[START_S + 60, 0.0, False]]

    assert drawn(Drawer(tmp_path), {**STORY, **bare, "points": points}).startswith(PNG)


def test_a_picture_is_drawn_where_the_service_may_not_change_its_rank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unit's filter answers EPERM to what `os.nice` asks for."""
    module = child(
        tmp_path,
        "import os, runpy\n"
        "def refused(_): raise PermissionError\n"
        "os.nice = refused\n"
        "runpy.run_module('watcher.drawing', run_name='__main__')\n",
    )
    monkeypatch.chdir(tmp_path)

    assert drawn(Drawer(tmp_path, module=module)).startswith(PNG)


def child(folder: Path, body: str) -> str:
    """Write a stand-in for the drawing process and return its module's name."""
    (folder / "child_stand_in.py").write_text(body, encoding="utf-8")
    return "child_stand_in"


@pytest.mark.parametrize(
    "body",
    [
        "import time; time.sleep(60)",
        "import sys; sys.exit(1)",
        "import sys; sys.stdout.write('no picture')",
        "import sys\nwhile True: sys.stdout.buffer.write(b'\\x89PNG\\r\\n\\x1a\\n' * 65536)",
        "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)",
    ],
)
def test_a_child_that_misbehaves_is_ended_and_told_in_words(
    body: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawer = Drawer(tmp_path, module=child(tmp_path, body), timeout_s=1.0)
    monkeypatch.chdir(tmp_path)

    with pytest.raises(NotDrawn, match="could not be drawn"):
        drawn(drawer)


def test_a_story_too_large_is_not_handed_over(tmp_path: Path) -> None:
    with pytest.raises(NotDrawn):
        drawn(Drawer(tmp_path), {"title": "x" * (draw.STORY_BYTES_MAX + 1)})


def test_one_chart_is_drawn_at_a_time(tmp_path: Path) -> None:
    async def play() -> None:
        drawer = Drawer(tmp_path)
        first = asyncio.create_task(drawer.draw(STORY))
        await asyncio.sleep(0)

        with pytest.raises(NotDrawn, match="Another chart"):
            await drawer.draw(STORY)
        assert (await first).startswith(PNG)
        assert (await drawer.draw(STORY)).startswith(PNG)

    asyncio.run(play())


def test_the_child_is_given_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (
        "import os, sys\n"
        "found = [name for name in os.environ if name.startswith('WATCHER_')]\n"
        "sys.stdout.buffer.write(b'' if found else b'\\x89PNG\\r\\n\\x1a\\n')"
    )
    monkeypatch.setenv("WATCHER_ACCOUNTS__MAIN__API_SECRET", "very secret")
    drawer = Drawer(tmp_path, module=child(tmp_path, body))
    monkeypatch.chdir(tmp_path)

    assert drawn(drawer) == PNG


def test_the_daemon_never_loads_what_draws() -> None:
    code = (
        "import sys, watcher.app, watcher.assembly, watcher.outlets, watcher.service.commands\n"
        "print([name for name in sys.modules if 'matplotlib' in name or 'drawing' in name])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert found.stdout.strip() == "[]"
