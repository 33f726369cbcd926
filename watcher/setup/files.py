"""
The configuration and its secrets as `watcher init` writes them: whole or not at all.

Rule: every file is written beside its place and renamed into it, so that Ctrl-C at any moment
leaves the old one or the new one. The file a person commented keeps its comments; only the keys
that are set here change. Secrets go into a folder of their own, for nobody else to read: the
configuration first, then they, so that an account is never without its name.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, InlineTable, Table

from watcher.settings import ConfigError, Need, Problem, load
from watcher.settings.keys import ENV_PREFIX, environment_name, field_of
from watcher.settings.located import not_toml
from watcher.settings.private import ROOT

SECRET_MODE = 0o600
FOLDER_MODE = 0o700
FILE_MODE = 0o644

HEAD = """\
# Written by `watcher init`: only what differs from the defaults. Every key there is, with its
# default and meaning: config/watcher.example.toml. Secrets are in the folder `secrets` beside this
# file. Change a part with `watcher init --redo PART`, or by hand; then `watcher check`.
"""

Key = tuple[str, ...]


class SetupError(Exception):
    """Setting up cannot go on. The text says what to do next."""


class Draft:
    """The configuration at *config* and the secrets beside it, with what is to change."""

    def __init__(self, config: Path) -> None:
        self.config = config
        self.secrets_folder = config.parent / "secrets"
        self._secrets: dict[str, str] = {}
        self._text = self._read()
        try:
            self._document = tomlkit.parse(self._text)
        except TOMLKitError as error:
            raise SetupError(f"{self._refused(error)}; mend it, or name another --config") from None
        # what the file is to say, whatever the editing parser makes of the way it is written
        self._plain: dict[str, Any] = self._document.unwrap()
        self._keys: list[Key] = []

    def _read(self) -> str:
        try:
            return self.config.read_text(encoding="utf-8")
        except FileNotFoundError:
            return HEAD
        except (OSError, UnicodeDecodeError) as error:
            raise SetupError(f"{self.config} cannot be read: {_reason(error)}") from None

    def _refused(self, error: TOMLKitError) -> str:
        try:
            tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as told:
            return not_toml(self.config, str(told))
        return f"{self.config}: not TOML: {error}"  # the one that only the editing parser refuses

    def put(self, key: Key, value: object, comment: str | None = None) -> None:
        """
        Set *key*; the comment beside it is its meaning, unless one is given.

        Raises: `SetupError` where something else than a table stands above it.
        """
        try:
            self._edit(key, value, comment)
            _put_plainly(self._plain, key, value)
        except (TOMLKitError, TypeError, ValueError):
            raise SetupError(self._by_hand([key])) from None
        self._keys.append(key)

    def _edit(self, key: Key, value: object, comment: str | None) -> None:
        table: Any = self._document
        in_line = False  # a table under a dotted key or in an inline table can have no header
        for part in key[:-1]:
            if part not in table:
                table[part] = (
                    tomlkit.inline_table()
                    if in_line
                    else tomlkit.table(is_super_table=len(key) > 2 and part == key[0])  # noqa: PLR2004 - [accounts] alone says nothing
                )
            in_line = in_line or _is_dotted(table, part)
            table = table[part]
            in_line = in_line or isinstance(table, InlineTable)
        fresh = key[-1] not in table
        was = None if fresh else table[key[-1]]
        if isinstance(was, Array) and isinstance(value, list) and was == value[: len(was)]:
            was.extend(value[len(was) :])  # in place: each entry may have a comment
        else:
            table[key[-1]] = value
        field = field_of(key)
        meaning = comment or (field.description if field is not None else None)
        if fresh and meaning and isinstance(table, Table | tomlkit.TOMLDocument):
            table[key[-1]].comment(meaning)

    def _by_hand(self, keys: Iterable[Key]) -> str:
        named = ", ".join(".".join(key) for key in keys)
        return (
            f"{self.config} is written so that {named} cannot be set without harm to what else "
            "stands there; nothing was written: make its dotted keys tables, such as "
            "[accounts.main], then run this again"
        )

    def put_secret(self, key: Key, text: str) -> None:
        self._secrets[environment_name(key).lower()] = text

    @property
    def text(self) -> str:
        return tomlkit.dumps(self._document)

    def write(self) -> None:
        """
        Write what changed.

        Raises: `SetupError` where a file cannot be written; those before it are whole. Where the
        text would say anything else than what was set, or be refused, nothing is.
        """
        text = self.text
        changed = text != self._text or not self.config.exists()
        if not changed and not self._secrets:
            return
        if not _says(text, self._plain):
            raise SetupError(self._by_hand(self._keys))
        self._judge(text)
        if changed:
            _written(self.config, text, self._mode())
            self._text = text
        if self._secrets:
            with _told(self.secrets_folder):
                owner = _owner(self.secrets_folder)
                self.secrets_folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
                self.secrets_folder.chmod(FOLDER_MODE)
                os.chown(self.secrets_folder, *owner)
        for name, secret in list(self._secrets.items()):
            _written(self.secrets_folder / name, f"{secret}\n", SECRET_MODE)
            del self._secrets[name]

    def _judge(self, text: str) -> None:
        """
        Have the loader read *text*, and the secrets as they will be, before either is in place.

        Asks for nothing that may be missing: a first run writes account by account.
        """
        kept = {name.upper(): secret for name, secret in self._kept().items()}
        given = {name.upper(): secret for name, secret in self._secrets.items()}
        with _told(self.config.parent):
            self.config.parent.mkdir(parents=True, exist_ok=True)
            # a folder of its own has no secrets beside it, whose modes are not judged here
            with TemporaryDirectory(dir=self.config.parent, prefix=".watcher-init-") as folder:
                draft = Path(folder) / self.config.name
                draft.write_text(text, encoding="utf-8")
                try:
                    load(draft, environ=kept | given, need=Need.NOTHING)
                except ConfigError as refused:
                    raise SetupError(self._would_be_refused(refused)) from None

    def _would_be_refused(self, refused: ConfigError) -> str:
        lines = (
            # without its place, in a draft that nobody can look at
            str(replace(problem, source=None) if isinstance(problem, Problem) else problem)
            for problem in refused.problems
        )
        return (
            f"with this {self.config} would be refused, so nothing of it was written: "
            f"{'; '.join(lines)}; give something else, or change the file by hand first"
        )

    def _kept(self) -> dict[str, str]:
        found = {}
        for file in self.secrets_folder.glob(f"{ENV_PREFIX.lower()}*"):
            with suppress(OSError, UnicodeDecodeError):
                found[file.name] = file.read_text(encoding="utf-8").strip()
        return found

    def _mode(self) -> int:
        try:
            return self.config.stat().st_mode & 0o777
        except OSError:
            return FILE_MODE


def _put_plainly(there: dict[str, Any], key: Key, value: object) -> None:
    for part in key[:-1]:
        there = there.setdefault(part, {})
    there[key[-1]] = value


def _is_dotted(table: object, part: str) -> bool:
    """Say whether *part* stands in *table* as `part.more = ...`, not under a header."""
    if isinstance(table, Table):
        table = table.value
    body = table.body if isinstance(table, Container) else []
    return any(key is not None and key.key == part and key.is_dotted() for key, _ in body)


def _says(text: str, plain: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == plain
    except tomllib.TOMLDecodeError:
        return False


def writable(config: Path) -> None:
    """
    Make sure that files can be written beside *config*, before anything is asked.

    Raises: `SetupError`.
    """
    probe = config.parent / ".watcher-init"
    with _told(config.parent):
        config.parent.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()


def _written(place: Path, text: str, mode: int) -> None:
    place = place.resolve()  # a link stays one: what it points to is written
    beside = place.parent / f".{place.name}.new"
    try:
        with _told(place):
            owner = _owner(place)
            beside.unlink(missing_ok=True)
            handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                os.fchmod(handle, mode)
                os.fchown(handle, *owner)
                out.write(text)
                out.flush()
                os.fsync(handle)
            beside.replace(place)
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def _owner(place: Path) -> tuple[int, int]:
    """Return whose *place* is to be: whoever's it was, or whose folder it is in (under sudo)."""
    if os.geteuid() != ROOT:
        return -1, -1  # as it comes
    info = (place if place.exists() else place.parent).stat()
    return info.st_uid, info.st_gid


@contextmanager
def _told(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SetupError(
            f"{place} cannot be written: {_reason(error)}; run this as the user it belongs to, or "
            "name another place with --config"
        ) from None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    if isinstance(error, OSError):
        return (error.strerror or "unreadable").lower()
    return f"not UTF-8 text at byte {error.start}"


def named(lines: str) -> Mapping[str, str]:
    """
    Return secrets given as lines `WATCHER_...=value`, as an environment file has them.

    Raises: `SetupError`.
    """
    found = {}
    for number, line in enumerate(lines.splitlines(), 1):
        text = line.strip().removeprefix("export ")
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.startswith("WATCHER_"):
            raise SetupError(f"secrets, line {number}: expected WATCHER_NAME=value")
        found[name.strip()] = value.strip().strip("'\"")
    return found
