"""
`watcher quick`: the textbook price at which one isolated position is liquidated, for both sides.

Rule: the formula, its arithmetic and all it leaves out are printed with the number, because the
number alone passes for more than it is. Exact in Decimals; no file, no config, no network. Exit
code 2 for input that describes no position.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from watcher.cli import FINE, REFUSED, show
from watcher.domain.account import ONE, ZERO, Side

LEFT_OUT = (
    "brackets: a larger position has a higher rate (and a deduction); this is one rate for all",
    "fees: opening, closing and liquidation fees, which some venues add to the requirement",
    "funding and interest, paid out of the margin while the position is open",
    "margin added or taken, partial closes, and the mark that differs from the price you traded at",
    "cross margin: other positions, collateral and weights move the price (`watcher margin`)",
    "coin-margined (inverse) contracts: margin and P&L in the coin itself give another price",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """One coin's worth of an isolated linear position."""

    entry: Decimal
    leverage: Decimal
    mmr: Decimal

    @property
    def margin(self) -> Decimal:
        return self.entry / self.leverage

    def liquidation(self, side: Side) -> Decimal:
        """Return the price where margin and P&L together are the maintenance margin."""
        sign = _sign(side)
        return self.entry * (1 - sign / self.leverage) / (1 - sign * self.mmr)


def main(argv: Sequence[str]) -> int:
    arguments = _parser().parse_args(argv)
    position = Position(entry=arguments.entry, leverage=arguments.leverage, mmr=arguments.mmr)
    if position.mmr >= 1 / position.leverage:
        print(
            f"quick: --mmr {_plain(100 * position.mmr)} % with --leverage "
            f"{_plain(position.leverage)}: found a maintenance rate not below the initial rate of "
            f"{_plain(100 / position.leverage)} % (1 / leverage), expected less: such a position "
            "would be liquidated as it is opened (write 0.5% for half a percent)",
            file=sys.stderr,
        )
        return REFUSED
    mine = Side(arguments.side)
    other = Side.SHORT if mine is Side.LONG else Side.LONG
    show.heading(
        f"textbook isolated liquidation price · entry {_plain(position.entry)} · "
        f"{_plain(position.leverage)}x · maintenance {_plain(100 * position.mmr)} %"
    )
    for side in (mine, other):
        show.line(f"  {side.value:5}  {_verdict(position, side)}")
    for side in (mine, other):
        print()
        for line in _arithmetic(position, side):
            show.line(line)
    print()
    show.line("left out:")
    for line in LEFT_OUT:
        show.line(f"  {line}")
    return FINE


def _verdict(position: Position, side: Side) -> str:
    price = position.liquidation(side)
    if price <= 0:
        return "none: at 1x the margin pays for the whole fall"
    away = 100 * abs(price - position.entry) / position.entry
    where = "below" if price < position.entry else "above"
    return f"{show.price(float(price))}  ({away:.2f} % {where} entry)"


def _arithmetic(position: Position, side: Side) -> list[str]:
    up = side is Side.LONG
    minus, gain = ("−", "(P − entry)") if up else ("+", "(entry − P)")
    entry, leverage, mmr = position.entry, position.leverage, position.mmr
    sign = _sign(side)
    over, under = entry * (1 - sign / leverage), 1 - sign * mmr
    price = position.liquidation(side)
    numbers = f"{_plain(entry)} × (1 {minus} 1 / {_plain(leverage)}) / (1 {minus} {_plain(mmr)})"
    lines = [
        f"{side.value}, per coin: liquidated where margin + P&L = maintenance margin",
        f"  entry / leverage + {gain} = mmr × P",
        f"  P = entry × (1 {minus} 1 / leverage) / (1 {minus} mmr)",
        f"    = {numbers} = {_plain(over)} / {_plain(under)} = {_plain(price)}",
    ]
    if price > 0:
        gained = sign * (price - entry)
        lines.append(
            f"  there: margin {_plain(position.margin)} and P&L {_plain(gained)} leave "
            f"{_plain(position.margin + gained)}; maintenance margin {_plain(mmr * price)}"
        )
    return lines


def _sign(side: Side) -> Decimal:
    return ONE if side is Side.LONG else -ONE


def _plain(value: Decimal) -> str:
    """
    Return up to ten significant digits, thousands marked.

    >>> _plain(Decimal("54271.3567839196")), _plain(Decimal("0.0050"))
    ('54,271.35678', '0.005')
    """
    text = f"{value:,.{max(0, 9 - value.adjusted())}f}" if value else "0"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "−")


def _amount(text: str, what: str) -> Decimal:
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise argparse.ArgumentTypeError(f"found {text!r}, expected {what}")
    return value


def _entry(text: str) -> Decimal:
    value = _amount(text, "a price such as 60000")
    if not ZERO < value < Decimal("1e18"):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a price above 0")
    return value


def _leverage(text: str) -> Decimal:
    value = _amount(text.removesuffix("x"), "a leverage such as 10")
    if not ONE <= value <= 1000:  # noqa: PLR2004 - beyond what any venue offers
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a leverage from 1 to 1000")
    return value


def _rate(text: str) -> Decimal:
    bare = text.strip()
    value = _amount(bare.removesuffix("%"), "a rate such as 0.5% or 0.005")
    value = value / 100 if bare.endswith("%") else value
    if not ZERO <= value < ONE:
        raise argparse.ArgumentTypeError(
            f"found {text!r}, expected a rate from 0% to below 100%, such as 0.5% or 0.005"
        )
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="watcher quick",
        description="The textbook liquidation price of one isolated linear position, both sides.",
    )
    parser.add_argument(
        "--side",
        choices=[side.value for side in Side],
        default=Side.LONG.value,
        help="the side told first",
    )
    parser.add_argument("--entry", type=_entry, required=True, metavar="PRICE")
    parser.add_argument("--leverage", type=_leverage, required=True, metavar="N")
    parser.add_argument(
        "--mmr",
        type=_rate,
        required=True,
        metavar="RATE",
        help="maintenance margin rate: 0.5%% or 0.005",
    )
    return parser
