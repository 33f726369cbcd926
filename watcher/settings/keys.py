"""
Which keys the configuration has, read off the models, and where each may come from.

Rule: the models are the one list of keys. Unknown keys, environment names and secret files are
found here and told with the nearest valid one; the example file and its test use the same walk.
A path is a tuple of names; `ANY` stands for a name the user chooses (an account, a coin).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from watcher.settings.model import Settings
from watcher.settings.problems import Problem, nearest_of
from watcher.settings.units import quoted

Path = tuple[str, ...]

ANY = "*"
ENV_PREFIX = "WATCHER_"
NAME = re.compile(r"[a-z][a-z0-9_]{0,23}")


def leaves(
    model: type[BaseModel] = Settings, prefix: Path = ()
) -> Iterator[tuple[Path, FieldInfo]]:
    """Yield every key with its field, in the order of the models."""
    for name, field in fields_of(model).items():
        path = (*prefix, name)
        table, named = _table_of(field)
        if table is not None:
            yield from leaves(table, (*path, ANY) if named else path)
        elif named:
            yield (*path, ANY), field
        else:
            yield path, field


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of *model* by the names the user writes."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def field_of(path: Path) -> FieldInfo | None:
    """Return the field at *path* (with real names), or None when there is no such key."""
    return next((field for known, field in leaves() if fits(path, known)), None)


def fits(path: Path, known: Path) -> bool:
    return len(path) == len(known) and all(
        there in (ANY, here) for here, there in zip(path, known, strict=True)
    )


def is_secret(field: FieldInfo) -> bool:
    return SecretStr in (field.annotation, *get_args(field.annotation))


def secret_paths(accounts: Iterable[str]) -> Iterator[Path]:
    """Yield the paths of all secrets for the given accounts."""
    for path, field in leaves():
        if is_secret(field):
            if ANY in path:
                yield from (
                    tuple(name if part == ANY else part for part in path) for name in accounts
                )
            else:
                yield path


def environment_name(path: Path) -> str:
    """
    Return the environment variable of a key.

    >>> environment_name(("accounts", "main", "api_key"))
    'WATCHER_ACCOUNTS__MAIN__API_KEY'
    """
    return ENV_PREFIX + "__".join(path).upper()


def path_of(environment: str) -> Path:
    """Return the path an environment name or secret file name stands for, known or not."""
    return tuple(environment.lower().removeprefix(ENV_PREFIX.lower()).split("__"))


def unknown_keys(data: dict[str, Any]) -> list[Problem]:
    """Take the unknown keys out of *data* and return a problem for each."""
    return list(_unknown(data, Settings, ()))


def _unknown(data: dict[str, Any], model: type[BaseModel], prefix: Path) -> Iterator[Problem]:
    for key in list(data):
        path = (*prefix, key)
        field = fields_of(model).get(key)
        if field is None:
            del data[key]
            yield unknown(".".join(path), path)
            continue
        table, named = _table_of(field)
        if table is None:
            continue
        if not isinstance(data[key], dict):
            yield _no_table(path, data.pop(key))
        elif named:
            yield from _unknown_of_each(data[key], table, path)
        else:
            yield from _unknown(data[key], table, path)


def _unknown_of_each(
    entries: dict[str, Any], table: type[BaseModel], prefix: Path
) -> Iterator[Problem]:
    for name in list(entries):
        if isinstance(entries[name], dict):
            yield from _unknown(entries[name], table, (*prefix, name))
        else:
            yield _no_table((*prefix, name), entries.pop(name))


# taken out: a stronger source would otherwise cover the value and the mistake with it
def _no_table(path: Path, value: object) -> Problem:
    key = ".".join(path)
    return Problem(key=key, found=quoted(value), expected=f"a table, such as [{key}]")


def unknown(shown: str, path: Path, *, source: str | None = None) -> Problem:
    """Return the problem of a key that does not exist, with the nearest that does."""
    inside = [
        known for known, _ in leaves() if len(known) > len(path) and fits(path, known[: len(path)])
    ]
    if inside:
        first = (*path, *("NAME" if part == ANY else part for part in inside[0][len(path) :]))
        example = environment_name(first) if source == "environment" else ".".join(first)
        return Problem(
            key=shown,
            found="a table",
            expected=f"one of its keys, such as {example}",
            source=source,
        )
    siblings = [known for known, _ in leaves() if fits(path[:-1], known[:-1])]
    tables = sorted(
        {known[: len(path)] for known, _ in leaves() if fits(path[:-1], known[: len(path) - 1])}
    )
    near = nearest_of(path[-1], [known[-1] for known in siblings if known[-1] != ANY])
    meant: Path | None = (*path[:-1], near) if near else None
    if meant is None:
        table = nearest_of(path[-1], [known[-1] for known in tables if known[-1] != ANY])
        meant = (*path[:-1], table) if table else _elsewhere(path)
    valid = ", ".join(dict.fromkeys(known[-1] for known in tables if known[-1] != ANY))
    expected = f"one of {valid}" if valid else "a known key"
    nearest = None
    if meant is not None:
        nearest = environment_name(meant) if source == "environment" else ".".join(meant)
    return Problem(
        key=shown, found="an unknown key", expected=expected, nearest=nearest, source=source
    )


def _elsewhere(path: Path) -> Path | None:
    # the right word at the wrong place: margin_level above all tables, say
    last = {known[-1]: known for known, _ in reversed(list(leaves())) if known[-1] != ANY}
    near = nearest_of(path[-1], last)
    if near is None:
        return None
    return tuple("NAME" if part == ANY else part for part in last[near])


def account_names(accounts: Iterable[str]) -> list[Problem]:
    """Return a problem for each account whose name cannot stand in messages and variables."""
    expected = (
        "a name of up to 24 small letters, digits and single underscores, starting with a letter, "
        "such as bybit_main"
    )
    problems = []
    for name in accounts:
        if NAME.fullmatch(name) is None or "__" in name or name.endswith("_"):
            near = re.sub(r"_+", "_", re.sub(r"[^a-z0-9]", "_", name.lower())).strip("_")[:24]
            fine = NAME.fullmatch(near) is not None
            problems.append(
                Problem(
                    key=f"accounts.{name}",
                    found=f'the name "{name}"',
                    expected=expected,
                    nearest=near if fine else None,
                )
            )
    return problems


def named_by_user(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is dict


def _table_of(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    """Return the table a field holds, and whether the user names its entries."""
    annotation = field.annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel) and not named_by_user(field):
            return kind, False
    if get_origin(annotation) is dict:
        entry = get_args(annotation)[1]
        if isinstance(entry, type) and issubclass(entry, BaseModel):
            return entry, True
        return None, True
    return None, False
