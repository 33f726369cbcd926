"""
The smallest error in a bracket or weight that one poll catches, per venue and mode.

    python -m bench.caught            print the table of docs/venues.md
    python -m bench.caught --check    exit 1 where docs/venues.md says something else

Each capture of the practice exchange (tests/payloads/captures) is read once as it is and then with
every rate of one kind too low by some part: the brackets or the weights our adapter is told, while
account and positions are what the venue made of the true ones. Caught is a mismatch (one position,
one asset, or all of them where no more is told) or a disagreement of the ratios beyond what the
divergence alert allows.

Rule: an unchanged capture must be clean, or the measurement says nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from bench.line import Wrong
from watcher.domain.account import Snapshot
from watcher.margin import evaluate
from watcher.policy.checks import tolerance
from watcher.venues.capture import Answered, Capture, read_capture, replayed

ROOT = Path(__file__).resolve().parents[1]
CAPTURES = ROOT / "tests" / "payloads" / "captures"
PAGE = ROOT / "docs" / "venues.md"
BEGIN, END = "<!-- bench.caught -->", "<!-- /bench.caught -->"

Fields = Mapping[str, tuple[str, ...]]

# a table's deductions follow from its rates: one of the two alone would be refused as it is read
BRACKETS: Fields = {
    "/fapi/v1/leverageBracket": ("maintMarginRatio", "cum"),
    "/dapi/v2/leverageBracket": ("maintMarginRatio", "cum"),
    "/sapi/v1/margin/leverageBracket": ("maintenanceMarginRate", "fastNum"),
    "/v5/market/risk-limit": ("maintenanceMargin", "mmDeduction"),
    "/api/v5/public/position-tiers": ("mmr",),
}
WEIGHTS: Fields = {
    "/sapi/v1/margin/crossMarginCollateralRatio": ("discountRate",),
    "/fapi/v1/assetIndex": ("bidRate",),
    "/v5/spot-margin-trade/collateral": ("collateralRatio",),
    "/api/v5/public/discount-rate-interest-free-quota": ("discountRate",),
}
STEPS = [Decimal(n) / 10_000 for n in (1, 5, 10, 25, 50, 100, 200, 500, 1_000, 2_000, 5_000)]


def scaled(body: object, keys: tuple[str, ...], factor: Decimal) -> object:
    """Return *body* with every number under one of *keys* times *factor*, text staying text."""
    if isinstance(body, dict):
        return {
            name: _times(inner, factor) if name in keys else scaled(inner, keys, factor)
            for name, inner in body.items()
        }
    if isinstance(body, list):
        return [scaled(inner, keys, factor) for inner in body]
    return body


def _times(value: object, factor: Decimal) -> object:
    try:
        number = Decimal(str(value)) * factor
    except ArithmeticError:
        return value  # an empty rate stays empty
    return str(number) if isinstance(value, str) else number


def changed(capture: Capture, fields: Fields, factor: Decimal) -> Capture:
    def one(answer: Answered) -> Answered:
        keys = fields.get(answer.path)
        return answer if keys is None else replace(answer, body=scaled(answer.body, keys, factor))

    return replace(capture, answers=tuple(map(one, capture.answers)))


def caught(capture: Capture) -> str | None:
    """Return by what one poll of *capture* says that something is wrong, None when it does not."""
    snapshot = asyncio.run(replayed(capture))
    if snapshot.mismatches:
        one = min(snapshot.mismatches, key=lambda each: each.figure != "maintenance margin")
        whose = one.what if one.what.startswith("all ") else None
        if one.figure == "maintenance margin":
            return f"{whose or 'position'}'s margin".replace("s's", "s'")
        return f"{whose or 'asset'}'s value".replace("s's", "s'")
    return "account's ratio" if _disagrees(snapshot) else None


def _disagrees(snapshot: Snapshot) -> bool:
    limit = tolerance(snapshot)
    return any((pool.disagreement or 0.0) > limit for pool in evaluate(snapshot).pools)


def smallest(capture: Capture, fields: Fields) -> str:
    """Return in words the smallest step caught, and by what."""
    if not any(answer.path in fields for answer in capture.answers):
        return "none used"
    for step in STEPS:
        by = caught(changed(capture, fields, 1 - step))
        if by is not None:
            return f"{float(step * 100):g} % ({by})"
    return f"not up to {STEPS[-1] * 100:.0f} %"


def table(folder: Path = CAPTURES) -> str:
    """
    Return the table in Markdown.

    Raises: `Wrong` for a capture in which something is wrong as it is.
    """
    rows = ["| venue and mode (capture) | bracket rates | collateral weights |", "|---|---|---|"]
    for path in sorted(folder.glob("*.json")):
        capture = read_capture(path.read_bytes())
        if by := caught(capture):
            raise Wrong(f"{path.name}: wrong without any change ({by})")
        found = [smallest(capture, fields) for fields in (BRACKETS, WEIGHTS)]
        rows.append(f"| {capture.venue}: {capture.mode} (`{path.stem}`) | {' | '.join(found)} |")
    return "\n".join(rows)


def published(page: str) -> str:
    """Return the table between the marks of *page*."""
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench.caught", description="The smallest error caught.")
    parser.add_argument("--check", action="store_true", help="compare with docs/venues.md")
    found = table()
    if parser.parse_args(argv).check:
        same = published(PAGE.read_text(encoding="utf-8")) == found
        print("docs/venues.md agrees" if same else f"docs/venues.md differs from:\n{found}")
        return 0 if same else 1
    print(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
