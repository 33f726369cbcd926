"""
A newcomer's first run, typed: from nothing to a guarded practice account.

`python -m tests.first_run` (or `make first-run`) lives through it from a fresh clone and writes
docs/first-run.md from what happened; `tests/e2e/test_first_run.py` lives through the same story,
installed already. What is typed is what the README says under "Guarded in fifteen minutes", with
the practice exchange in place of a venue and HTTP requests in place of a phone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.typist import Diary, Terminal, until
from watcher.sim.default import CHAT_ID
from watcher.sim.heartbeat import CHECK

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "first-run.md"
FELL = {"BTC": "101000"}
CRASHED = {"BTC": "90000"}
CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("WATCHER_")}


@dataclass(frozen=True, slots=True)
class Phone:
    """The person's phone, and whoever moves prices: the practice world's own door."""

    url: str
    diary: Diary

    def did(self, what: str, name: str, body: dict[str, object]) -> None:
        self.diary.note("phone" if name in {"say", "press"} else "market", what)
        self._ask(name, json.dumps(body).encode())

    def says(self, text: str, what: str) -> None:
        self.did(what, "say", {"user_id": CHAT_ID, "chat_id": CHAT_ID, "text": text})

    def messages(self) -> list[dict[str, Any]]:
        return list(self._ask("messages?after=0"))

    def notifications(self) -> list[dict[str, Any]]:
        return list(self._ask("notifications"))

    def _ask(self, name: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(f"{self.url}/control/{name}", data=body)  # noqa: S310 - loopback
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())


@dataclass(slots=True)
class Story:
    """Where it happens and what came of it. `milestones`: what was reached, and when."""

    folder: Path
    diary: Diary
    milestones: dict[str, float]
    shown: dict[str, str]

    def reached(self, what: str) -> None:
        self.milestones[what] = time.monotonic() - self.diary.began_s


@contextlib.contextmanager
def terminal(story: Story, name: str) -> Iterator[Terminal]:
    opened = Terminal(name, story.folder, CLEAN, story.diary)
    try:
        yield opened
    finally:
        opened.close()


def live(folder: Path, diary: Diary) -> Story:
    """Live through the first run in *folder*, where `.venv/bin/watcher` is."""
    story = Story(folder, diary, {}, {})
    if diary.strokes:
        story.reached("cloned and installed")
    with terminal(story, "terminal 1") as first, terminal(story, "terminal 2") as second:
        first.type(".venv/bin/watcher practice")
        secrets, url = _read_practice(first)
        phone = Phone(url, diary)
        phone.did(
            f"BTC falls to {FELL['BTC']}: the book is near, as yours may be", "price", {**FELL}
        )
        _set_up(second, story, phone, secrets)
        _watch(second, story, phone)
        first.interrupt()
        first.expect(r"\$ $")
    return story


def _read_practice(first: Terminal) -> tuple[dict[str, str], str]:
    """Return the keys that the practice exchange shows, by name, and its address."""
    first.expect(r"\[accounts\.okx_futures\]\n.*\n.*\n")
    names = dict(re.findall(r"# export (WATCHER_\w+)=(\S+)", first.screen))
    found = re.search(r"http://127\.0\.0\.1:\d+", first.screen)
    assert found is not None
    return names, found[0]


def _set_up(second: Terminal, story: Story, phone: Phone, secrets: dict[str, str]) -> None:
    second.type(f".venv/bin/watcher init --endpoint {phone.url}")
    second.expect(r"Venue of an account .*: ")
    second.type("bybit")
    second.expect(r"its name in messages .*: ")
    second.type("")
    second.expect(r"API key \(not shown\): ")
    second.type(secrets["WATCHER_ACCOUNTS__BYBIT_MAIN__API_KEY"], hidden=True)
    second.expect(r"secret \(not shown\): ")
    second.type(secrets["WATCHER_ACCOUNTS__BYBIT_MAIN__API_SECRET"], hidden=True)
    second.expect(r"read: ")
    story.reached("the account is read")
    second.expect(r"Venue of another account .*: ")
    second.type("")
    second.expect(r"token \(not shown\): ")
    second.type(secrets["WATCHER_TELEGRAM__BOT_TOKEN"], hidden=True)
    code = second.expect(r"\?start=([A-Z0-9]+)")[1]
    second.expect(r"waiting ")
    phone.says(f"/start {code}", "opens the link and presses START")
    second.expect(rf"heard: user {CHAT_ID} in chat {CHAT_ID}")
    story.reached("the chat is known")
    second.expect(r"Apprise URL .*: ")
    second.type(f"{phone.url.replace('http:', 'json:')}/notify", hidden=True)
    second.expect(r"a second chat.*: ")
    second.type("")
    second.expect(r"ping URL .*: ")
    second.type(f"{phone.url}/ping/{CHECK}", hidden=True)
    second.expect(r"pinged once")
    proposal = second.expect(r"bybit_main: unified opens at [^[]*proposed[^[]*?%\n")[0]
    story.shown["proposal"] = " ".join(proposal.split())  # folded, as all that is long
    second.expect(r"take them for bybit_main\? \[y/N\]: ")
    second.type("y")
    second.expect(r"answer each within .*")
    _answer(phone)
    second.expect(r"chat: heard after .*, proven")
    second.expect(r"fallback: heard after .*, proven")
    story.reached("a test alert is delivered and answered, on both roads")
    ends = second.expect(r"as a service of .* now\? \[y/N\]: |watch now: ")[0]
    if ends.startswith("as a service"):
        second.type("n")
        second.expect(r"watch now: ")
    second.expect(r"\$ $")
    story.shown["screen"] = second.screen.removesuffix("$ ")


def _answer(phone: Phone) -> None:
    def keyed() -> list[dict[str, Any]]:
        return [one for one in phone.messages() if one["keys"]]

    until(lambda: bool(keyed()), "the test message in the chat")
    message = keyed()[-1]
    key = message["keys"][0]
    phone.did(
        f"presses the button {key} under the test message",
        "press",
        {"user_id": CHAT_ID, "message_id": message["id"], "key": key},
    )
    until(lambda: bool(phone.notifications()), "the test message over the fallback")
    code = re.search(r"/heard (\d{4})", phone.notifications()[-1]["text"])
    assert code is not None
    phone.says(code[0], "answers what came over the fallback")


def _watch(second: Terminal, story: Story, phone: Phone) -> None:
    second.type(".venv/bin/watcher run")
    second.expect(r"watcher\.started")
    second.expect(r"poll\.completed")
    story.reached("the account is guarded: read and judged by the daemon")
    before = len(phone.messages())
    phone.did(f"BTC falls to {CRASHED['BTC']}", "price", {**CRASHED})
    fell_s = time.monotonic()

    def alerts() -> list[str]:
        texts = [str(one["text"]) for one in phone.messages()[before:]]
        return [text for text in texts if "from liquidation" in text]

    until(lambda: bool(alerts()), "an alert after the fall")
    story.shown["alert"] = alerts()[0]
    story.shown["alert_after"] = f"{time.monotonic() - fell_s:.1f} s"
    story.reached("the fall is told on the phone")
    second.interrupt()
    second.expect(r"watcher\.stopped")
    second.expect(r"\$ $")


def installed(folder: Path, diary: Diary) -> None:
    """Clone this tree into *folder* and install it there, as a newcomer does."""
    story = Story(folder, diary, {}, {})
    with terminal(story, "terminal 1") as first:
        first.type(f"git clone {ROOT} watcher && cd watcher && make install && echo installed $?")
        first.expect(r"installed 0\n", within_s=900)


PAGE_TEXT = """\
# A first run, typed

Written by `make first-run` from a real run: a shell in a pseudo-terminal of 24 by 80, as tmux opens
one, typed into as a person does, nothing but what the README says. The practice exchange
stands in for venue, Telegram, fallback and heartbeat; the phone is the stand-in's.

{note} From the first keystroke to the
delivered alert: {whole}. A machine typed: the time to make keys and a bot is not in it.

| at | reached |
|---|---|
{reached}

## Every keystroke

| at | where | what |
|---|---|---|
{typed}

## What the screen showed

```
{screen}
```

## What the phone showed, {alert_after} after the fall

```
{alert}
```
"""


def page(story: Story, note: str) -> str:
    """Return docs/first-run.md: what was reached when, every keystroke, what was shown."""
    return PAGE_TEXT.format(
        note=note,
        whole=_at(max(story.milestones.values())),
        reached="\n".join(f"| {_at(at)} | {what} |" for what, at in story.milestones.items()),
        typed="\n".join(
            f"| {_at(one.at_s)} | {one.where} | {_typed(one.text, hidden=one.hidden)} |"
            for one in story.diary.strokes
        ),
        **{name: _plain(text.strip()) for name, text in story.shown.items()},
    )


def _at(seconds: float) -> str:
    return f"{int(seconds) // 60}:{seconds % 60:04.1f}"


def _typed(text: str, *, hidden: bool) -> str:
    if hidden:
        return "(typed unseen)"
    return f"`{_plain(text)}`" if text.startswith((".", "git", "bybit", "y")) else text or "Enter"


def _plain(text: str) -> str:
    """Return *text* without the places of this one run."""
    lines = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT", text.replace(str(ROOT), "THIS"))
    return "\n".join(line.rstrip() for line in lines.splitlines())


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Live through a first run; write its page.")
    parser.add_argument("--installed", type=Path, metavar="DIR", help="where .venv/bin/watcher is")
    arguments = parser.parse_args(argv)
    diary = Diary()
    with tempfile.TemporaryDirectory(prefix="first-run-") as name:
        folder = arguments.installed
        note = "Installed beforehand."
        if folder is None:
            installed(Path(name), diary)
            folder = Path(name) / "watcher"
            note = "From a fresh clone, with its installation."
        story = live(folder, diary)
    PAGE.write_text(page(story, note), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {_at(max(story.milestones.values()))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
