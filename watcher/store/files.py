"""
Snapshot and report files: `watcher.snapshot/1` in and out, `watcher.report/1` out.

Rule: a file is checked whole before anything is computed from it. Decimals travel as text and
keep every digit; a JSON number with a point is refused, its digits are already lost. An unknown
key is an error, so that a misspelt field cannot silently take its default. What is written reads
back equal.

Only this module knows pydantic; the nouns themselves are plain dataclasses (docs/snapshot.md).
"""

from __future__ import annotations

import codecs
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import orjson
from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from watcher.domain.account import SNAPSHOT_SCHEMA, Order, Position, Snapshot
from watcher.domain.amounts import MAGNITUDE_MAX, shown
from watcher.domain.report import Report

SNAPSHOT: TypeAdapter[Snapshot] = TypeAdapter(Snapshot)

FAULTS_SHOWN_MAX = 3


class FileError(ValueError):
    """A file that cannot be used. The text names the field, what was found and expected."""


class _Twice:
    """Two values under one name of one JSON object; whose, if the object says."""

    __slots__ = ("first", "second", "whose")

    def __init__(self, whose: object, first: object, second: object) -> None:
        self.whose, self.first, self.second = whose, first, second


def check_text(text: bytes) -> None:
    """
    Raise `FileError` for what a JSON reader would pass over in silence.

    That is a name given twice in one object, of which the last would win, and a byte order mark,
    which some readers take and others refuse.
    """
    if text.startswith(codecs.BOM_UTF8):
        raise FileError(
            "begins with a byte order mark (ef bb bf), expected {: save it as UTF-8 without one"
        )
    try:
        data = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return  # its reader says what it is instead
    for path, value in _leaves(data, ""):
        if isinstance(value, _Twice):
            whose = f" for {value.whose}" if isinstance(value.whose, str) else ""
            raise FileError(
                f"{path}: given twice{whose}, {shown(value.first)} and {shown(value.second)}; "
                "expected one"
            )


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            known = dict(pairs)
            found[name] = _Twice(known.get("symbol", known.get("asset")), found[name], value)
        else:
            found[name] = value
    return found


def read_snapshot(text: str | bytes) -> Snapshot:
    """
    Return the snapshot in *text*.

    Raises: `FileError` for text that is not JSON, another schema, a missing, unknown or wrong
    field, a number that is none or is beyond any real account, and rows that contradict each other.
    """
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise FileError(f"not JSON: {error}") from None
    if not isinstance(data, dict):
        raise FileError(f"expected a JSON object, found {shown(data)}")
    if data.get("schema") != SNAPSHOT_SCHEMA:
        raise FileError(f"schema: expected {SNAPSHOT_SCHEMA!r}, found {shown(data.get('schema'))}")
    for path, value in _leaves(data, ""):
        if isinstance(value, float):
            raise FileError(
                f'{path}: found the number {value!r}, expected it as text, "{value!r}": '
                "a JSON number does not keep its digits"
            )
    try:
        snapshot = SNAPSHOT.validate_json(text)
    except ValidationError as error:
        faults = error.errors(include_url=False)[:FAULTS_SHOWN_MAX]
        raise FileError("; ".join(_plain(fault) for fault in faults)) from None
    for path, value in _leaves(snapshot, ""):
        # compared, not made absolute: that would overflow on an exponent of nine digits
        if isinstance(value, Decimal) and not -MAGNITUDE_MAX <= value <= MAGNITUDE_MAX:
            raise FileError(f"{path}: {value} is beyond any real account")
    _check_rows(snapshot)
    return snapshot


def _check_rows(snapshot: Snapshot) -> None:
    # what the engine would take one side of, or pass over: the writer of a file meant something
    marks: dict[str, tuple[str, Decimal]] = {}
    rows: list[tuple[str, Position | Order]] = [
        *((f"positions[{n}]", row) for n, row in enumerate(snapshot.positions)),
        *((f"orders[{n}]", row) for n, row in enumerate(snapshot.orders)),
    ]
    for path, row in rows:
        first, mark = marks.setdefault(row.symbol, (path, row.mark))
        if mark != row.mark:
            raise FileError(
                f"{path}.mark: {row.symbol} is at {row.mark}, expected {mark} as in {first}"
            )
    told = [("venue_says", name) for name in snapshot.venue_says]
    told += [("unmodelled", name) for name in snapshot.unmodelled]
    told += [(f"mismatches[{n}].pool", one.pool) for n, one in enumerate(snapshot.mismatches)]
    told += [(f"flags[{n}].pool", one.pool) for n, one in enumerate(snapshot.flags)]
    for field, pool in told:
        if pool not in snapshot.rules:
            raise FileError(
                f"{field}: {pool} is no pool of this file, expected {' or '.join(snapshot.rules)}"
            )


def placed(snapshot: Snapshot, refusal: str) -> str:
    """
    Return the engine's *refusal* with the path to its row in the file before it.

    The engine names pool and symbol or asset, "cross:USDT BTCUSDT: entry is 0"; the reader of a
    file looks for "positions[0]".
    """
    where = refusal.partition(":")[0] if ": " not in refusal else refusal.rpartition(": ")[0]
    rows = [("positions", n, f"{p.pool} {p.symbol}") for n, p in enumerate(snapshot.positions)]
    rows += [("assets", n, f"{a.pool} {a.asset}") for n, a in enumerate(snapshot.assets)]
    rows += [("orders", n, f"{o.pool} {o.symbol}") for n, o in enumerate(snapshot.orders)]
    rows += [("claims", n, f"{c.pool} {c.name}") for n, c in enumerate(snapshot.claims)]
    for kind, number, name in rows:
        if where.startswith(name):
            return f"{kind}[{number}] {refusal}"
    return refusal


def write_snapshot(snapshot: Snapshot) -> str:
    """Return *snapshot* as the text of a file; `read_snapshot` gives back an equal one."""
    data = SNAPSHOT.dump_python(snapshot, mode="json")
    return orjson.dumps(data, option=orjson.OPT_INDENT_2).decode()


def snapshot_schema() -> dict[str, Any]:
    """Return the JSON schema of a snapshot file."""
    schema = _exact_numbers(SNAPSHOT.json_schema())
    assert isinstance(schema, dict)
    schema["required"] = ["schema", *schema["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def report_json(report: Report) -> dict[str, Any]:
    """Return *report* as JSON values: none is null, an infinity is "inf" or "-inf"."""
    data = _json(asdict(report))
    assert isinstance(data, dict)
    return data


def _json(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_json(inner) for inner in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):
        assert not math.isnan(value)
        if math.isinf(value):
            return "inf" if value > 0 else "-inf"
    return value


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    # every plain value with the path to it, of JSON data and of our dataclasses alike
    if is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]")
    else:
        yield path, value


def _plain(fault: ErrorDetails) -> str:
    path = ""
    for part in fault["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    if fault["type"] == "missing":
        return f"{path}: missing"
    if fault["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        near = get_close_matches(str(fault["loc"][-1]), _field_names(), n=1)
        return f"{path}: unknown field" + (f", did you mean {near[0]}" if near else "")
    if fault["type"].startswith("decimal"):
        return f"{path}: found {shown(fault['input'])}, expected a number as text"
    expected = fault["msg"][:1].lower() + fault["msg"][1:]
    return f"{path}: found {shown(fault['input'])}: {expected}"


def _field_names() -> list[str]:
    schema = SNAPSHOT.json_schema()
    return [
        name for part in (schema, *schema["$defs"].values()) for name in part.get("properties", {})
    ]


def _exact_numbers(schema: object) -> object:
    # pydantic describes a Decimal as "a number or text"; this format takes text or an integer
    if isinstance(schema, dict):
        inner = {key: _exact_numbers(value) for key, value in schema.items()}
        choice = inner.get("anyOf")
        if isinstance(choice, list) and {"type": "number"} in choice:
            inner["anyOf"] = [{"type": "integer"} if c == {"type": "number"} else c for c in choice]
        return inner
    if isinstance(schema, list):
        return [_exact_numbers(value) for value in schema]
    return schema
