"""Every title a message can open with stands in the runbook, with what it means and what to do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from watcher.policy import messages as say

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
TITLE = re.compile(r"(?:\{venue\} )?[A-Z][A-Z'-]+(?:,? [A-Z][A-Z'-]*)*\??")
NO_TITLES = {
    "ESTIMATE": "stands beside a title",
    "LIQUIDATED": "stands in a line",
    "NOT SEEN NOW": "stands in a line of the digest",
}


def titles() -> Iterator[str]:
    """Yield every text of the catalogue that is a title by its look, and every trouble's."""
    for name, value in vars(say).items():
        if not name.isupper():
            continue
        among = value.values() if isinstance(value, Mapping) else [value]
        for one in among:
            if isinstance(one, str) and len(one) > 3 and TITLE.fullmatch(one.strip(" ·")):
                yield one.strip(" ·")
    for file in sorted((ROOT / "watcher").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("notes.trouble"):
                first = ast.unparse(node.args[0])
                if first.startswith("say."):
                    yield getattr(say, first.removeprefix("say.")).upper()


def explained(title: str) -> bool:
    """Tell whether *title* stands in the first column of a table that says what it means."""
    shown = title.replace("{venue}", "BYBIT").replace("{ROAD}", "CHAT")
    pattern = re.compile(rf"(?<![A-Z] )\b{re.escape(shown)}(?! [A-Z])")
    rows = (line.split(" | ")[0] for line in PAGE.splitlines() if line.startswith("| "))
    return any(pattern.search(first) for first in rows)


def test_every_title_is_explained() -> None:
    every = set(titles())
    found = every - NO_TITLES.keys()

    assert NO_TITLES.keys() <= every
    assert {"CRITICAL", "BLIND", "KEY EXPIRES", "STOOD STILL", "MONEY FROZEN", "APPROVE?"} <= found
    assert sorted(one for one in found if not explained(one)) == []


def test_a_title_nobody_wrote_about_is_found() -> None:
    assert not explained("ACCOUNT ON FIRE")
    assert not explained("ACTS")
