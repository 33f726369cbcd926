"""Snapshot files keep every digit and are refused with the path to the field that is wrong."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.reference.books import KINDS, random_snapshot
from watcher.domain.account import Snapshot
from watcher.margin import evaluate
from watcher.store.files import (
    FileError,
    read_snapshot,
    report_json,
    snapshot_schema,
    write_snapshot,
)

SNAPSHOT = KINDS["unified"](random.Random(0))


def test_random_snapshots_survive_a_round_trip_unchanged() -> None:
    for seed in range(100):
        _, snapshot = random_snapshot(seed)
        text = write_snapshot(snapshot)

        assert read_snapshot(text) == snapshot
        assert read_snapshot(text.encode()) == snapshot
        assert write_snapshot(read_snapshot(text)) == text


def test_every_digit_is_kept_as_written() -> None:
    data = json.loads(write_snapshot(SNAPSHOT))
    exact = "0.10000000000000000000000000000000000001"
    data["positions"][0]["entry"] = exact

    again = json.loads(write_snapshot(read_snapshot(json.dumps(data))))
    assert again["positions"][0]["entry"] == exact


def spoilt(change: Callable[[dict[str, Any]], object]) -> str:
    data = json.loads(write_snapshot(SNAPSHOT))
    change(data)
    return json.dumps(data)


def put(*path: object, value: object) -> Callable[[dict[str, Any]], object]:
    def change(data: Any) -> None:
        for part in path[:-1]:
            data = data[part]
        data[path[-1]] = value

    return change


FIRST = ("positions", 0)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (put("schema", value="watcher.snapshot/2"), "schema: expected 'watcher.snapshot/1', found"),
        (lambda d: d.pop("schema"), "schema: expected"),
        (lambda d: d.pop("rules"), "rules: missing"),
        (lambda d: d["positions"][0].pop("entry"), "positions[0].entry: missing"),
        (put(*FIRST, "entyr", value="1"), "positions[0].entyr: unknown field, did you mean entry"),
        (put(*FIRST, "entry", value=1.5), "positions[0].entry: found the number 1.5"),
        (put(*FIRST, "entry", value="abc"), "positions[0].entry: found 'abc'"),
        (put(*FIRST, "entry", value=""), "positions[0].entry: found ''"),
        (put(*FIRST, "entry", value=None), "positions[0].entry: found None"),
        (put(*FIRST, "entry", value=True), "positions[0].entry: found True"),
        (put(*FIRST, "entry", value="NaN"), "positions[0].entry: found 'NaN'"),
        (put(*FIRST, "entry", value="-Infinity"), "positions[0].entry: found '-Infinity'"),
        (put(*FIRST, "entry", value="1e30"), "positions[0].entry: 1E+30 is beyond"),
        (put(*FIRST, "side", value="buy"), "positions[0].side: found 'buy'"),
        (put(*FIRST, "brackets", 0, "rate", value="x"), "positions[0].brackets[0].rate: found"),
        (put("rules", "pool", "family", value="magic"), "rules.pool.family: found 'magic'"),
        (put("taken_at_us", value="soon"), "taken_at_us: found 'soon'"),
        (put("positions", value={}), "positions: found {}"),
    ],
)
def test_a_wrong_field_is_named_with_its_path(
    change: Callable[[dict[str, Any]], object], text: str
) -> None:
    with pytest.raises(FileError) as caught:
        read_snapshot(spoilt(change))

    assert text in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "<html>", "\x00"])
def test_what_is_no_snapshot_at_all_is_refused(text: str) -> None:
    with pytest.raises(FileError, match=r"not JSON|expected a JSON object"):
        read_snapshot(text)


def test_the_sample_in_the_docs_is_what_it_says() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs" / "snapshot.md"
    sample = docs.read_text(encoding="utf-8").split("```json")[1].split("```")[0]
    (pool,) = evaluate(read_snapshot(sample)).pools

    prices = [p.liquidation_price for p in pool.positions]
    assert prices == pytest.approx([26_316.89, 1_153.26], abs=0.01)


def test_the_docs_name_every_field() -> None:
    docs = Path(__file__).resolve().parents[2] / "docs" / "snapshot.md"
    text = docs.read_text(encoding="utf-8")
    schema = snapshot_schema()

    for part in (schema, *schema["$defs"].values()):
        for name in part.get("properties", {}):
            assert name in text, name


def test_several_faults_are_told_together() -> None:
    def both(data: dict[str, Any]) -> None:
        del data["positions"][0]["entry"]
        del data["positions"][0]["mark"]

    with pytest.raises(FileError, match=r"entry: missing; .*mark: missing"):
        read_snapshot(spoilt(both))


def test_the_schema_names_every_field_and_refuses_unknown_ones() -> None:
    schema = snapshot_schema()

    assert set(schema["properties"]) == set(Snapshot.__slots__)
    assert "schema" in schema["required"]
    assert schema["additionalProperties"] is False
    assert '"number"' not in json.dumps(schema)


def _idle(data: Any) -> None:
    data["positions"] = []
    for asset in data["assets"]:
        asset |= {"wallet": "1", "debt": None, "interest": None, "frozen": "0"}


def test_a_report_is_plain_json_with_none_as_null_and_infinities_as_text() -> None:
    for seed in range(60):
        _, snapshot = random_snapshot(seed)
        data = report_json(evaluate(snapshot))
        text = json.dumps(data, allow_nan=False)

        assert data["schema"] == "watcher.report/1"
        assert json.loads(text) == data
    idle = report_json(evaluate(read_snapshot(spoilt(_idle))))
    assert idle["pools"][0]["health"] == "inf"
    assert idle["pools"][0]["tier_distance"] is None
