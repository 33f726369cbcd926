"""
Recorded-style Binance bodies for the unit tests, fresh copies on each call.

Rule: bodies are read with the adapter's own decoder, so numbers are as exact here as from the wire.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from watcher.venues.fields import decode

FOLDER = Path(__file__).resolve().parents[1] / "payloads" / "binance"
AT_MS = 1_795_305_600_000
"""2026-11-22 00:00:00 UTC, the moment all bodies are of."""


def body(name: str) -> Any:
    """Return the JSON value of *name*; the caller may change it."""
    return decode((FOLDER / f"{name}.json").read_bytes())


def text(name: str) -> str:
    return (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def leg(rows: list[dict[str, Any]], symbol: str) -> dict[str, Any]:
    """Return the row of *symbol*."""
    return next(row for row in rows if row["symbol"] == symbol)
