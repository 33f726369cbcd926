"""What an outside tester tripped over in `watcher margin`: each once, so that it stays mended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from watcher.cli.margin import main
from watcher.margin import evaluate
from watcher.store.files import FileError, read_snapshot


def book(**changes: Any) -> dict[str, Any]:
    position = {
        "pool": "c",
        "symbol": "BTCUSDT",
        "underlying": "BTC",
        "side": "long",
        "quantity": "1",
        "entry": "60000",
        "mark": "60000",
        "settle": "USDT",
        "brackets": [{"floor": "0", "rate": "0.005"}],
        **changes,
    }
    return {
        "schema": "watcher.snapshot/1",
        "venue": "binance",
        "account": "a",
        "mode": "m",
        "taken_at_us": 0,
        "reference": "USDT",
        "rules": {"c": {"family": "linear_pool"}},
        "assets": [{"pool": "c", "asset": "USDT", "wallet": "30000", "index": "1"}],
        "positions": [position],
    }


def test_an_order_may_be_written_as_a_position_with_a_price() -> None:
    data = book()
    data["orders"] = [{**data["positions"][0], "price": "59000"}]

    snapshot = read_snapshot(json.dumps(data))

    assert str(snapshot.orders[0].price) == "59000"
    assert snapshot.orders[0].brackets == snapshot.positions[0].brackets


def test_an_exponent_of_nine_digits_is_refused_with_its_path() -> None:
    with pytest.raises(FileError, match=r"positions\[0\]\.quantity"):
        read_snapshot(json.dumps(book(quantity="1e999999999")))


def test_a_refusal_of_the_engine_names_the_row_of_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "book.json"
    file.write_text(json.dumps(book(entry="0")), encoding="utf-8")

    assert main([str(file)]) == 2
    assert "positions[0] c BTCUSDT: entry is 0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "says",
    [
        {
            "equity": "15000",
            "maintenance_margin": "600",
            "ratio": {"name": "MM rate", "value": "1"},
        },
        {"equity": "15000"},
        {"maintenance_margin": "600"},
    ],
)
def test_the_venue_is_heard_under_any_name_of_its_ratio(says: dict[str, Any]) -> None:
    """A ratio nobody knows, or one figure alone, still is a second opinion."""
    data = book()
    ours = evaluate(read_snapshot(json.dumps(data))).pools[0]
    told = evaluate(read_snapshot(json.dumps({**data, "venue_says": {"c": says}}))).pools[0]

    assert told.disagreement is not None
    assert told.disagreement > 10
    assert told.health is not None
    assert ours.health is not None
    assert told.health < ours.health
    assert told.tier_distance is not None
    assert ours.tier_distance is not None
    assert told.tier_distance < ours.tier_distance
