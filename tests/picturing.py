"""
Draws docs/alert.svg and docs/status.svg: messages as a chat shows them, from the golden texts.

    python -m tests.picturing            draw them anew
    python -m tests.picturing --check    exit 1 where a picture is not of today's words

Golden texts mark bold as ⟦…⟧ and fixed width as ‹…›. The buttons are those the alert carries.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "unit" / "golden"
DOCS = ROOT / "docs"
WIDTH, LINE, PAD, BUTTON = 480, 23, 18, 38
FONT = "-apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Noto Color Emoji', sans-serif"
FIXED = "'SF Mono', Menlo, 'DejaVu Sans Mono', 'Noto Color Emoji', monospace"

PICTURES: dict[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "alert.svg": ("danger_critical.txt", (("Ack",), ("Details", "Chart"))),
    "status.svg": ("status.txt", ()),
}


def spans(line: str) -> Iterator[str]:
    """Yield the pieces of one line as SVG text spans."""
    for piece in re.findall(r"⟦[^⟧]*⟧|‹[^›]*›|[^⟦‹]+", line):
        text = escape(piece.strip("⟦⟧‹›") if piece[0] in "⟦‹" else piece)
        if piece[0] == "⟦":
            yield f'<tspan font-weight="700">{text}</tspan>'
        elif piece[0] == "‹":
            yield f'<tspan font-family="{FIXED}" font-size="14">{text}</tspan>'
        else:
            yield f"<tspan>{text}</tspan>"


def drawn(golden: str, keyboard: tuple[tuple[str, ...], ...]) -> str:
    """Return the picture of one message with its buttons."""
    lines = golden.rstrip("\n").splitlines()
    bubble = 2 * PAD + LINE * len(lines)
    height = bubble + 2 * PAD + (BUTTON + 6) * len(keyboard)
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" font-family="{FONT}" font-size="16">'
        ),
        f'<rect width="{WIDTH}" height="{height}" fill="#0e1621"/>',
        (
            f'<rect x="10" y="{PAD / 2}" width="{WIDTH - 20}" height="{bubble}" rx="14" '
            'fill="#182533"/>'
        ),
    ]
    for number, line in enumerate(lines):
        y = PAD / 2 + PAD + LINE * (number + 0.7)
        parts.append(
            f'<text x="{10 + PAD}" y="{y:.0f}" fill="#f5f5f5" xml:space="preserve">'
            f"{''.join(spans(line))}</text>"
        )
    for row, labels in enumerate(keyboard):
        y = PAD / 2 + bubble + 6 + row * (BUTTON + 6)
        wide = (WIDTH - 20 - 6 * (len(labels) - 1)) / len(labels)
        for place, label in enumerate(labels):
            x = 10 + place * (wide + 6)
            parts.append(
                f'<rect x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{BUTTON}" rx="9" '
                'fill="#2b5278"/>'
                f'<text x="{x + wide / 2:.0f}" y="{y + BUTTON / 2 + 6:.0f}" fill="#ffffff" '
                f'text-anchor="middle">{escape(label)}</text>'
            )
    return "\n".join([*parts, "</svg>", ""])


def pictures() -> Iterator[tuple[Path, str]]:
    """Yield each picture's place and what it should hold."""
    for name, (golden, keyboard) in PICTURES.items():
        yield DOCS / name, drawn((GOLDEN / golden).read_text(encoding="utf-8"), keyboard)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.picturing")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    old = [place for place, text in pictures() if not place.exists() or place.read_text() != text]
    if parser.parse_args(argv).check:
        return 1 if old else 0
    for place, text in pictures():
        place.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
