"""
What differs between two settings, key by key, as a person would write it.

Rule: the values of secrets never appear, only that they changed. A table that comes or goes whole
(an account, a top-up) is one change, not one for each of its keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from watcher.policy import messages as say
from watcher.policy.reloading import Change
from watcher.settings.keys import is_secret
from watcher.settings.located import LADDERS
from watcher.settings.units import duration_text, duration_us, hours, minute_of_day, plain


def changes(before: BaseModel, after: BaseModel, prefix: str = "") -> Iterator[Change]:
    """Yield each key in which the two differ, in the order of the models."""
    for name, field in type(before).model_fields.items():
        key = f"{prefix}{field.alias or name}"
        yield from _between(key, field, getattr(before, name), getattr(after, name))


def _between(key: str, field: FieldInfo, was: object, now: object) -> Iterator[Change]:
    if was == now:
        return
    if isinstance(was, dict) and isinstance(now, dict):
        for name in dict.fromkeys((*was, *now)):
            yield from _between(f"{key}.{name}", field, was.get(name), now.get(name))
    elif isinstance(was, BaseModel) and isinstance(now, BaseModel):
        yield from changes(was, now, f"{key}.")
    elif is_secret(field):
        yield Change(key=key)
    else:
        yield Change(key=key, was=_written(key, field, was), now=_written(key, field, now))


def _written(key: str, field: FieldInfo, value: Any) -> str:  # noqa: ANN401 - of any key
    if value is None:
        return say.NOT_SET
    if isinstance(value, BaseModel):
        # of a whole table what says most: where an account is, how far a top-up may go
        whole = next(getattr(value, name) for name in ("venue", "mode") if hasattr(value, name))
        return _written(key, field, whole)
    for part in field.metadata:
        reader = getattr(part, "func", None)
        if reader in _WRITERS:
            return _WRITERS[reader](value)
    if isinstance(value, tuple):
        name = key.rpartition(".")[2]
        unit = {"health": "x"}.get(name, "%") if name in LADDERS else ""
        return ", ".join(_one(each, unit) for each in value) or say.NOT_SET
    return _one(value, "")


def _one(value: object, unit: str) -> str:
    match value:
        case Enum():
            return str(value.value)
        case bool():
            return str(value).lower()
        case float():
            return f"{plain(value)}{unit}"
        case _:
            return str(value)


def _time(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"


_WRITERS: dict[Callable[..., object], Callable[[Any], str]] = {
    duration_us: duration_text,
    minute_of_day: _time,
    hours: lambda span: f"{_time(span[0])}-{_time(span[1])}",
}
