"""
Problems with the place of each: which variable, or in the file which line and column.

Rule: what stands in the file is told with its line and column, a key that is missing with those of
its table. Where nothing of it stands in the file (a secret, a default) no place is made up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from watcher.domain.alert import Tier
from watcher.settings.keys import field_of, is_secret
from watcher.settings.places import places
from watcher.settings.problems import NOTHING, Problem

LADDERS = ("distance", "margin_level", "health")

_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")


def located(
    problems: Sequence[Problem | str], sources: Mapping[tuple[str, ...], str], file: Path
) -> list[Problem | str]:
    """Return *problems*, each with its place in *sources* or in *file* where it has one."""
    if not problems:
        return []
    known = {**_places(file), **{".".join(path): place for path, place in sources.items()}}
    return [_located(problem, known) for problem in problems]


def not_toml(file: Path, error: str) -> str:
    """Return the line that says what the parser says of *file*, its place first."""
    told = _PLACE.search(error)
    if told is not None:
        place = _at(file, int(told[1]), int(told[2]))
    else:
        # the only other place the parser knows is the end
        place = _at(file, *_end(file.read_text(encoding="utf-8")))
    words = _PLACE.sub("", error).replace(" (at end of document)", ", found the end of the file")
    return f"{place}: not TOML: {words[:1].lower()}{words[1:]}"


def not_text(file: Path, error: UnicodeDecodeError) -> str:
    """Return the line that says where *file* is no text."""
    before = error.object[: error.start].decode(errors="replace")
    return f"{_at(file, *_end(before))}: not UTF-8 text at byte {error.start}"


def _end(text: str) -> tuple[int, int]:
    lines = text.replace("\r\n", "\n").split("\n")
    return len(lines), len(lines[-1]) + 1


def _at(file: Path, line: int, column: int) -> str:
    return f"{file} line {line}, column {column}"


def _places(file: Path) -> dict[str, str]:
    try:
        found = places(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}  # there is no file, or it has changed since it was read
    named: dict[str, str] = {}
    for path, place in found.items():
        *before, last = map(str, path)
        if isinstance(path[-1], int) and before[-1] in LADDERS and path[-1] < len(Tier) - 1:
            last = Tier(path[-1] + 1).name.lower()
        name = ".".join((*before, last))
        named.setdefault(name, _at(file, *place))
        # a coin is told in capitals, however it was written
        named.setdefault(".".join((*before, last.upper())), _at(file, *place))
    return named


def _located(problem: Problem | str, known: Mapping[str, str]) -> Problem | str:
    if isinstance(problem, str):
        key, colon, words = problem.partition(":")
        return f"{key} ({known[key]}){colon}{words}" if key in known else problem
    if problem.source is not None:
        return problem
    place = known.get(problem.key)
    path = tuple(problem.key.split("."))
    if place is None and problem.found == NOTHING and not _is_secret(path):
        place = known.get(".".join(path[:-1]))
    return problem if place is None else replace(problem, source=place)


def _is_secret(path: tuple[str, ...]) -> bool:
    field = field_of(path)
    return field is not None and is_secret(field)
