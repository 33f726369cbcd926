"""
Numbers and tables for people.

Rule: "none" means there is none or nobody knows, never nought. In a terminal lines are folded
between words and tables drawn with colour, as wide as it is and with nothing cut off; piped they
are plain whole lines, so that `grep` and `awk` can read them. Nothing is computed here.
"""

from __future__ import annotations

import math
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from watcher.domain.alert import SECOND_US
from watcher.domain.report import StageReport

if TYPE_CHECKING:
    from rich.console import Console

NONE = "none"
FINE_BELOW = 100
HANG = 2
WIDTH_MIN = 40
"""Narrower is not folded for: what stands in columns would have no room left."""

_LABEL = re.compile(r" *(\S+ {2,})?")


def money(value: float | None, unit: str = "") -> str:
    """
    Return an amount with thousands marked.

    >>> money(14760.5, "USDT")
    '14,760.50 USDT'
    """
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "inf" if value > 0 else "-inf"
    digits = 2 if abs(value) >= 1 or value == 0 else 6
    text = f"{value:,.{digits}f}".replace("-", "−")
    return f"{text} {unit}".rstrip()


def price(value: float | None) -> str:
    """
    Return a price with six significant digits, or whole above a million.

    >>> price(106842.123), price(0.000012345678)
    ('106,842', '0.0000123457')
    """
    if value is None:
        return NONE
    if value == 0:
        return "0"
    digits = max(0, 5 - math.floor(math.log10(abs(value))))
    return f"{value:,.{digits}f}"


def percent(value: float | None) -> str:
    """
    Return a percentage.

    >>> percent(5.84), percent(230.2)
    ('5.84 %', '230 %')
    """
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "inf"
    return f"{value:.2f} %" if abs(value) < FINE_BELOW else f"{value:,.0f} %"


def health(value: float | None) -> str:
    """
    Return a health.

    >>> health(1.3), health(float("inf"))
    ('1.30x', 'inf')
    """
    if value is None:
        return NONE
    if not math.isfinite(value):
        return "inf" if value > 0 else "-inf"
    return f"{value:.2f}x" if abs(value) < FINE_BELOW else f"{value:,.0f}x"


def stage(one: StageReport) -> tuple[str, str]:
    """
    Return the title of a venue's stage and where it is reached.

    >>> stage(StageReport(name="margin_call", ratio="mgnRatio", level=300.0, health=3.0,
    ...                   reached=False, distance=8.25, path="BTC down", price=91_750.0))
    ('margin call (mgnRatio 300 %)', '8.25 % (BTC down to 91,750.0)')
    """
    title = f"{one.name.replace('_', ' ')} ({one.ratio} {percent(one.level)})"
    if one.reached:
        return title, "reached"
    if one.distance is None:
        return title, NONE
    to = "" if one.price is None else f" to {price(one.price)}"
    return title, f"{percent(one.distance)} ({one.path}{to})"


def moment(at_us: int) -> str:
    """
    Return a time as people write it, in UTC.

    >>> moment(0)
    '1970-01-01 00:00:00 UTC'
    """
    return datetime.fromtimestamp(at_us / SECOND_US, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def in_terminal() -> bool:
    return sys.stdout.isatty()


def columns() -> int:
    return max(WIDTH_MIN, shutil.get_terminal_size().columns)


def folded(text: str, width: int) -> str:
    """
    Return *text* in lines of at most *width*, broken between words.

    What goes on is set in, after a label as far as what the label is of. A word that is longer than
    a line stays whole: it is an address or a command to copy.

    >>> print(folded("  tick      Enable Reading, and nothing else", 30))
      tick      Enable Reading,
                and nothing else
    """
    found = _LABEL.match(text)
    assert found is not None
    hang = found.end() if found[1] else found.end() + HANG
    lines = textwrap.wrap(
        text,
        width,
        subsequent_indent=" " * min(hang, width // 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "\n".join(lines)


def heading(text: str) -> None:
    line(text, style="bold")


def line(text: str = "", *, style: str = "") -> None:
    """Print one line."""
    if not in_terminal():
        print(text)
    elif style:
        words = folded(text, columns())
        _rich().print(words, style=style, markup=False, highlight=False, soft_wrap=True)
    else:
        print(folded(text, columns()))


def complaint(text: str) -> None:
    """Print one line on standard error."""
    print(folded(text, columns()) if sys.stderr.isatty() else text, file=sys.stderr)


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> None:
    """Print *rows*; the first *words* columns are text and stand left, the others right."""
    if not rows:
        return
    if in_terminal():
        _drawn(header, rows, words)
        return
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    for row in [header, *rows]:
        cells = [
            cell.ljust(width) if i < words else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        print(("  " + "  ".join(cells)).rstrip())


def _drawn(header: Sequence[str], rows: Sequence[Sequence[str]], words: int) -> None:
    from rich.table import Table  # noqa: PLC0415 - piped output does not pay for it
    from rich.text import Text  # noqa: PLC0415 - the same

    drawn = Table(pad_edge=True, header_style="dim")
    for i, name in enumerate(header):
        drawn.add_column(name, justify="left" if i < words else "right", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    _rich().print(drawn)


def _rich() -> Console:
    from rich.console import Console  # noqa: PLC0415 - piped output does not pay for it

    return Console(width=columns())
