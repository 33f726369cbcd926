"""
What a demo shows: a live page in a terminal, plain lines when piped.

Rule: a view is told what happened and shows it; it decides nothing and counts nothing.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

BAR_CELLS = 20
BAR_FULL_PERCENT = 25.0
PHONE_MESSAGES = 2
TIER_STYLES = ((3.0, "bold red"), (6.0, "red"), (12.0, "dark_orange"), (20.0, "yellow"))


def clock_text(seconds: float) -> str:
    """Return seconds of the story as h:mm:ss."""
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


class View(Protocol):
    """Told by the show, in this order for each event: `phone` if a message came, `happened`."""

    def opening(self, lines: list[str]) -> None: ...

    def phone(self, t: float, account: str, text: str) -> None: ...

    def happened(self, t: float, line: str) -> None: ...

    def frame(self, t: float, rows: list[tuple[str, float | None, str]]) -> None: ...

    def closing(self, lines: list[str]) -> None: ...


class PlainView:
    """One line per happening, each message indented as it reads on the phone."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def opening(self, lines: list[str]) -> None:
        for line in lines:
            self._print(line)

    def phone(self, t: float, account: str, text: str) -> None:
        self._print(f"{clock_text(t)}  📱 {account}")
        for line in text.splitlines():
            self._print(f"         │ {line}")

    def happened(self, t: float, line: str) -> None:
        self._print(f"{clock_text(t)}  {line}")

    def frame(self, t: float, rows: list[tuple[str, float | None, str]]) -> None:
        pass

    def closing(self, lines: list[str]) -> None:
        for line in lines:
            self._print(line)


class LiveView(PlainView):
    """A page that moves: distances as bars, the phone beside them, what happened below."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._messages: deque[str] = deque(maxlen=PHONE_MESSAGES)
        self._log: deque[str] = deque(maxlen=8)
        self._rows: list[tuple[str, float | None, str]] = []
        self._t = 0.0
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def opening(self, lines: list[str]) -> None:
        super().opening(lines)
        self._live.start()

    def phone(self, t: float, account: str, text: str) -> None:
        self._messages.append(f"{clock_text(t)} {account}\n{text}\n")
        self._refresh()

    def happened(self, t: float, line: str) -> None:
        self._log.append(f"{clock_text(t)}  {line}")
        self._refresh()

    def frame(self, t: float, rows: list[tuple[str, float | None, str]]) -> None:
        self._t, self._rows = t, rows
        self._refresh()

    def closing(self, lines: list[str]) -> None:
        self._live.stop()
        super().closing(lines)

    def _refresh(self) -> None:
        page = Group(
            Columns([self._accounts(), self._phone()], expand=True),
            Panel(Text("\n".join(self._log)), title="what happened", border_style="dim"),
        )
        self._live.update(page, refresh=True)

    def _accounts(self) -> Panel:
        table = Table.grid(padding=(0, 1))
        for name, distance, words in self._rows:
            table.add_row(name, _bar(distance), Text(words))
        return Panel(table, title=f"{clock_text(self._t)}  distance to liquidation")

    def _phone(self) -> Panel:
        return Panel(Group(*map(Text, self._messages)), title="📱", width=56)


def _bar(distance: float | None) -> Text:
    if distance is None:
        return Text("░" * BAR_CELLS + "  none", style="dim")
    full = round(BAR_CELLS * min(1.0, distance / BAR_FULL_PERCENT))
    style = next((style for line, style in TIER_STYLES if distance < line), "green")
    return Text("▓" * full + "░" * (BAR_CELLS - full) + f" {distance:5.1f} %", style=style)


def view_for(console: Console) -> View:
    """Return the view that fits where the output goes."""
    return LiveView(console) if console.is_terminal else PlainView(console)
