"""Where a problem of a configuration stands: line and column of the file, or which variable."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.settings import ConfigError, load
from watcher.settings.places import places

MINIMAL = """\
[telegram]
chat_id = 4242

[accounts.main]
venue = "bybit"
"""
SECRETS = {
    "WATCHER_TELEGRAM__BOT_TOKEN": "1:token",
    "WATCHER_ACCOUNTS__MAIN__API_KEY": "key",
    "WATCHER_ACCOUNTS__MAIN__API_SECRET": "secret",
}


def refused(
    folder: Path,
    text: str | bytes,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> str:
    file = folder / "watcher.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as caught:
        load(
            file,
            environ={**SECRETS, **(environ or {})},
            flags={"state_dir": str(folder / "state"), **(flags or {})},
            container_secrets=folder / "none",
        )
    return str(caught.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ('[poll]\ncalm = "10"\n', "poll.calm (watcher.toml line 7, column 1): found "),
        ("[poll]\n  calm = 10\n", "poll.calm (watcher.toml line 7, column 3): found "),
        ('[poll]\nclam = "9s"\n', "poll.clam (watcher.toml line 7, column 1): found an unknown"),
        ('[pol]\ncalm = "9s"\n', "pol (watcher.toml line 6, column 2): found an unknown key"),
        ('[poll]\ncalm = "2s"\n', "poll (watcher.toml line 6, column 2): found hot"),
        (
            '[tiers]\ndistance = ["20%", "12%", 6, "3%"]\n',
            "tiers.distance.critical (watcher.toml line 7, column 27): found ",
        ),
        ('[tiers]\ndistance = ["8%"]\n', "tiers.distance (watcher.toml line 7, column 1): found"),
        (
            'tiers = {health = ["3x", "2x",\n  "1.5x",\n  1.2]}\n',
            "accounts.main.tiers.health.emergency (watcher.toml line 8, column 3): found ",
        ),
        ("[betas]\nsol = 100\n", "betas.SOL (watcher.toml line 7, column 1): found 100"),
        ("[accounts.other]\n", "accounts.other.venue (watcher.toml line 6, column 11): found noth"),
        ('[accounts."my-own"]\n', "accounts.my-own (watcher.toml line 6, column 11): found the na"),
        ('api_key = "x"\n', "accounts.main.api_key (watcher.toml line 6, column 1): found a secr"),
        (
            'tiers.distance = ["9%", "12%", "6%", "3%"]\n',
            "accounts.main.tiers.distance (watcher.toml line 6, column 7): ",
        ),
        ("[poll\n", "watcher.toml line 6, column 6: not TOML: expected ']' at the end of a table"),
        ("x = [1,", "watcher.toml line 6, column 8: not TOML: "),
    ],
)
def test_what_stands_in_the_file_is_told_with_line_and_column(
    tmp_path: Path, added: str, said: str
) -> None:
    assert said in refused(tmp_path, MINIMAL + added)
    assert said in refused(tmp_path, (MINIMAL + added).replace("\n", "\r\n"))


def test_a_line_that_cannot_fire_is_told_with_its_place(tmp_path: Path) -> None:
    text = f'{MINIMAL}[tiers]\nmargin_level = ["150%", "112%", "109%", "halfway"]\n'

    said = refused(tmp_path, text)

    assert "tiers.margin_level (watcher.toml line 7, column 1): " in said
    assert "cannot fire" in said or "comes first" in said


def test_what_stands_elsewhere_is_told_with_that(tmp_path: Path) -> None:
    text = MINIMAL.replace("4242", '"@me"') + '[poll]\ncalm = "9s"\n'
    closed = tmp_path / "watcher.toml"

    said = refused(tmp_path, f'state_dir = "x"\n{text}', {"WATCHER_POLL__CALM": "10"}, {})

    assert "poll.calm (environment WATCHER_POLL__CALM): found" in said
    assert "telegram.chat_id (watcher.toml line 3, column 1): found" in said
    said = refused(tmp_path, f'state_dir = "x"\n{MINIMAL}', flags={"state_dir": str(closed)})
    assert said.startswith("state_dir (--state-dir): found watcher.toml, a file")


def test_no_place_is_made_up_for_what_the_file_must_not_hold(tmp_path: Path) -> None:
    said = refused(tmp_path, MINIMAL, {"WATCHER_ACCOUNTS__MAIN__API_KEY": ""})

    assert "line" not in said


def test_a_file_that_is_no_text_is_told_with_its_place(tmp_path: Path) -> None:
    said = refused(tmp_path, b'[telegram]\nchat_id = 5 # \xe4"\n')

    assert said == "watcher.toml line 2, column 15: not UTF-8 text at byte 25"


# -- every key of any file -------------------------------------------------------------------------

BARE = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=3)
QUOTED = st.text(string.ascii_letters + " .#=[]{}\"\\'\t\u00e4", max_size=3)
SCALARS = st.sampled_from([
    "1", "-1.5e3", "true", "nan", "0xdead_beef", "1979-05-27 07:32:00", "07:32:00",
    '"# no comment"', '"a\\"]"', "'\\'", '"]}"', "'''x\n[y]\n'''", '"""\n"a" = 1\n"""""', "''''''",
])  # fmt: skip
REMARKS = st.sampled_from(["", "", "# [no.table]\n", "\n\n", '  # "\n'])
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(BARE | QUOTED, inner, max_size=3),
    max_leaves=12,
)


@dataclass
class Writer:
    """Writes a tree as TOML in one of its ways and notes where each key went."""

    draw: st.DrawFn
    text: str = ""
    at: dict[tuple[str | int, ...], tuple[int, int]] = field(default_factory=dict)

    def put(self, text: str) -> None:
        self.text += text

    def note(self, path: tuple[str | int, ...]) -> None:
        self.at[path] = (
            self.text.count("\n") + 1,
            len(self.text) - self.text.rfind("\n"),
        )

    def key(self, key: str) -> None:
        bare = key and set(key) <= set(string.ascii_letters + string.digits + "_-")
        if bare and self.draw(st.booleans()):
            self.put(key)
        elif "'" not in key and self.draw(st.booleans()):
            self.put(f"'{key}'")
        else:
            escaped = key.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
            self.put(f'"{escaped}"')

    def value(self, path: tuple[str | int, ...], tree: object) -> None:
        if isinstance(tree, str):
            self.put(tree)
        elif isinstance(tree, list):
            self.put("[")
            for number, each in enumerate(tree):
                self.put(self.draw(st.sampled_from(["", " ", "\n", " # ]\n"])))
                self.note((*path, number))
                self.value((*path, number), each)
                self.put(", ")
            self.put("]")
        else:
            assert isinstance(tree, dict)
            self.put("{")
            for number, (key, each) in enumerate(tree.items()):
                self.put(", " if number else " ")
                self.pair((*path, key), key, each)
            self.put("}")

    def pair(self, path: tuple[str | int, ...], key: str, tree: object) -> None:
        self.note(path)
        self.key(key)
        # a.b = 1 for a = {b = 1}
        if isinstance(tree, dict) and len(tree) == 1 and self.draw(st.booleans()):
            [(inner, each)] = tree.items()
            self.put(self.draw(st.sampled_from([".", " . "])))
            self.pair((*path, inner), inner, each)
            return
        self.put(self.draw(st.sampled_from([" = ", "=", "\t=  "])))
        self.value(path, tree)

    def table(self, path: tuple[str | int, ...], tree: dict[str, Any]) -> None:
        later = [key for key in tree if self.is_headed(tree[key]) and self.draw(st.booleans())]
        for key, each in tree.items():
            if key not in later:
                self.put(self.draw(REMARKS) + self.draw(st.sampled_from(["", "  "])))
                self.pair((*path, key), key, each)
                self.put(self.draw(st.sampled_from(["\n", " # x\n"])))
        for key in later:
            several = isinstance(tree[key], list)
            for number, each in enumerate(tree[key] if several else [tree[key]]):
                inner = (*path, key, number) if several else (*path, key)
                self.header(inner, several=several, first=not number)
                self.table(inner, each)

    def is_headed(self, tree: object) -> bool:
        if isinstance(tree, list):
            return bool(tree) and all(isinstance(each, dict) for each in tree)
        return isinstance(tree, dict)

    def header(self, path: tuple[str | int, ...], *, several: bool, first: bool) -> None:
        self.put("[[" if several else "[")
        names = [part for part in path if isinstance(part, str)]
        for number, name in enumerate(names, 1):
            self.put(self.draw(st.sampled_from(["", " "])))
            if number == len(names):
                self.note(path)
                if several and first:
                    self.note(path[:-1])
            self.key(name)
            self.put("" if number == len(names) else ".")
        self.put("]]\n" if several else "]\n")


@st.composite
def written(draw: st.DrawFn) -> Writer:
    writer = Writer(draw)
    writer.table((), draw(st.dictionaries(BARE | QUOTED, TREES, max_size=4)))
    return writer


@given(writer=written())
def test_every_key_of_any_file_is_found_where_it_was_written(writer: Writer) -> None:
    assert set(writer.at) == set(paths(tomllib.loads(writer.text)))  # else the test is wrong

    assert places(writer.text) == writer.at
    assert places(writer.text.replace("\n", "\r\n")) == writer.at


def paths(tree: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    below: list[tuple[str | int, object]] = []
    if isinstance(tree, dict):
        below = list(tree.items())
    elif isinstance(tree, list):
        below = list(enumerate(tree))
    return [one for key, each in below for one in ((*path, key), *paths(each, (*path, key)))]


@given(text=st.text("[]{}=.,#\"'\\ \nab1", max_size=30))
def test_whatever_is_no_toml_ends_in_a_refusal(text: str) -> None:
    """A file may change between two looks: no text may keep us busy for ever."""
    try:
        found = places(text)
    except ValueError:
        return
    assert all(line >= 1 and column >= 1 for line, column in found.values())
