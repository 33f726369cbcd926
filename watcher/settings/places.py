"""
Where each key stands in a TOML text, so that a problem can say line and column.

Rule: for texts the parser has taken only; syntax is its to judge, and a text that does not read as
one is told as `ValueError`. No kept library gives positions of keys: the standard one drops them,
and the one that edits files in place knows lines of its own errors only.

A place is that of the key, or of the element in a list. Lines and columns count from 1.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_GAP = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""")
_SCALAR = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|[^\s,\[\]{}#\"'][^,\[\]{}#\n]*",
    re.DOTALL,
)


def places(text: str) -> dict[Path, tuple[int, int]]:
    """
    Return line and column of every table, key and list element of *text*.

    Elements of a list, and of an array of tables, have their number in the path.

    Raises: `ValueError` for a text that is not TOML.
    """
    scan = _Scan(text.replace("\r\n", "\n"))
    scan.run()
    return dict(scan.placed())


class _Scan:
    """One walk through a text; `at` is how far it came."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._found: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}

    def run(self) -> None:
        table: Path = ()
        while self._skip(_BLANK) < len(self._text):
            if self._takes("[["):
                table = self._header("]]")
            elif self._takes("["):
                table = self._header("]")
            else:
                self._pair(table)

    def placed(self) -> Iterator[tuple[Path, tuple[int, int]]]:
        for path, at in self._found.items():
            line_at = self._text.rfind("\n", 0, at) + 1
            yield path, (self._text.count("\n", 0, at) + 1, at - line_at + 1)

    # [[a.b]] is one more element of the list at a.b; [a.b.c] speaks of the last one
    def _header(self, end: str) -> Path:
        path: Path = ()
        keys = self._dotted()
        for number, (key, at) in enumerate(keys, 1):
            path = (*path, key)
            last = number == len(keys)
            if last and end == "]]":
                self._found.setdefault(path, at)
                self._tables[path] = self._tables.get(path, 0) + 1
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
            self._note(path, at, whole=last)
        self._expect(end)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        keys = self._dotted()
        for number, (key, at) in enumerate(keys, 1):
            path = (*path, key)
            self._note(path, at, whole=number == len(keys))
        self._expect("=")
        self._skip(_GAP)
        self._value(path)

    # a table named on the way to another is where it is first named, unless it has a header
    def _note(self, path: Path, at: int, *, whole: bool) -> None:
        if whole:
            self._found[path] = at
        else:
            self._found.setdefault(path, at)

    def _dotted(self) -> list[tuple[str, int]]:
        keys = []
        while True:
            at = self._skip(_GAP)
            written = self._match(_KEY)
            quoted = written[0] in "\"'"
            keys.append((tomllib.loads(f"key = {written}")["key"] if quoted else written, at))
            self._skip(_GAP)
            if not self._takes("."):
                return keys

    def _value(self, path: Path) -> None:
        if self._takes("["):
            self._several("]", path)
        elif self._takes("{"):
            self._several("}", path)
        else:
            self._match(_SCALAR)

    def _several(self, end: str, path: Path) -> None:
        number = 0
        while True:
            self._skip(_BLANK)
            if self._takes(end):
                return
            if end == "}":
                self._pair(path)
            else:
                element = (*path, number)
                self._note(element, self._at, whole=True)
                self._value(element)
                number += 1
            self._skip(_BLANK)
            self._takes(",")

    def _skip(self, pattern: re.Pattern[str]) -> int:
        found = pattern.match(self._text, self._at)
        assert found is not None, "it matches nothing too"
        self._at = found.end()
        return self._at

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise ValueError(f"no TOML at character {self._at}")
        self._at = found.end()
        return found[0]

    def _takes(self, word: str) -> bool:
        here = self._text.startswith(word, self._at)
        if here:
            self._at += len(word)
        return here

    def _expect(self, word: str) -> None:
        if not self._takes(word):
            raise ValueError(f"no {word} at character {self._at}")
