"""
A translation is one folder: the whole of what is said, once more, with that folder replaced.

Rule: nothing here knows a text. The toy translation writes every word of the catalogue in capitals;
the tests of the golden texts then write theirs anew from it, in a copy of the tree.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from string import Formatter

import pytest

from watcher.policy import messages, wording

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Path("watcher/policy/messages")
GOLDEN = Path("tests/unit/golden")
OF_THE_CALLER = {"trouble.txt"}
"""Its words are given to it, by its test too."""
TESTS = (
    "compared",
    "doubts",
    "messages",
    "messages_answers",
    "messages_overview",
    "proposals",
    "reloading",
    "shrinking",
    "stages",
    "unhelped",
    "venue_checks",
    "words_of_commands",
)


def capitals(text: str) -> str:
    """Return *text* in capitals, its fields and the parts of its times as they were."""
    if re.search(r"%-?[A-Za-z]", text):
        return text
    parts = re.split(r"(\{[^}]*\})", text)
    return "".join(part if part.startswith("{") else part.upper() for part in parts)


class Capitals(ast.NodeTransformer):
    """Writes every text of the catalogue in capitals; the keys of its tables stay."""

    def visit_Dict(self, node: ast.Dict) -> ast.Dict:
        node.values = [self.visit(value) for value in node.values]
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return ast.Constant(capitals(node.value)) if isinstance(node.value, str) else node


def fields(text: str) -> list[tuple[str, str | None]]:
    return [(field, spec) for _, field, spec, _ in Formatter().parse(text) if field is not None]


def texts() -> dict[str, str]:
    """Every text of the catalogue by its name."""
    found: dict[str, str] = {}
    for name, value in vars(messages).items():
        if name.isupper() and isinstance(value, str):
            found[name] = value
        elif name.isupper() and isinstance(value, dict):
            found |= {f"{name}[{key}]": text for key, text in value.items()}
    return found


@pytest.fixture(scope="module")
def translated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden texts as the toy translation says them."""
    home = tmp_path_factory.mktemp("translation")
    ignored = shutil.ignore_patterns("__pycache__", "payloads", "examples", "e2e")
    shutil.copytree(ROOT / "watcher", home / "watcher", ignore=ignored)
    shutil.copytree(ROOT / "tests", home / "tests", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", home)
    for room in (home / CATALOGUE).glob("*.py"):
        room.write_text(ast.unparse(Capitals().visit(ast.parse(room.read_text("utf-8")))), "utf-8")
    subprocess.run(  # what else those tests expect is in the words of here: they may fail
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
        + [f"tests/unit/test_{name}.py" for name in TESTS],
        cwd=home,
        env={**os.environ, "UPDATE_GOLDEN": "1", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        timeout=300,
    )
    return home / GOLDEN


def test_every_text_people_read_comes_from_the_catalogue(translated: Path) -> None:
    same = []
    for path in sorted((ROOT / GOLDEN).glob("*.txt")):
        before, after = path.read_text("utf-8"), (translated / path.name).read_text("utf-8")
        assert after.casefold() == before.casefold(), path.name
        same += [path.name] if after == before and path.name not in OF_THE_CALLER else []

    assert same == []


@pytest.mark.parametrize("name", texts())
def test_a_translation_fills_every_field(name: str) -> None:
    text = texts()[name]

    assert fields(capitals(text)) == fields(text)
    assert text.strip(), "an empty text says nothing"


def test_a_field_may_be_moved_and_marked() -> None:
    row = wording.filled("{second}, then {first}!", first=wording.Bold("a"), second=2)

    assert row == ("2", ", then ", wording.Bold("a"), "!")
