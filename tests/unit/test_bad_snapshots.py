"""Files whose numbers cannot be right: refused with pool, name, field and value, exit code 2."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.policy_books import RULES, moment, seen
from watcher.cli import REFUSED, main
from watcher.domain.account import Bracket
from watcher.domain.alert import AccountState, MissKind
from watcher.policy import decide
from watcher.store.files import read_snapshot

Data = dict[str, Any]


def account() -> Data:
    """A unified account with one contract, two coins and a debt table."""
    return {
        "schema": "watcher.snapshot/1",
        "venue": "bybit",
        "account": "main",
        "mode": "UTA 2.0 cross",
        "taken_at_us": 1,
        "reference": "USD",
        "rules": {
            "unified": {
                "family": "haircut_pool",
                "borrow_brackets": {"USDT": [{"floor": "0", "rate": "0.04"}]},
            }
        },
        "assets": [
            {"pool": "unified", "asset": "USDT", "wallet": "-500", "index": "1"},
            {
                "pool": "unified",
                "asset": "BTC",
                "wallet": "2",
                "index": "60000",
                "weights": [{"floor": "0", "weight": "0.95"}, {"floor": "90000", "weight": "0.9"}],
            },
        ],
        "positions": [
            {
                "pool": "unified",
                "symbol": "ETHUSDT",
                "underlying": "ETH",
                "side": "long",
                "quantity": "10",
                "entry": "3000",
                "mark": "3000",
                "settle": "USDT",
                "brackets": [
                    {"floor": "0", "rate": "0.005"},
                    {"floor": "50000", "rate": "0.01"},
                    {"floor": "90000", "rate": "0.02"},
                ],
            }
        ],
    }


def refused(data: Data, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    file = folder / "account.json"
    file.write_text(json.dumps(data), encoding="utf-8")
    assert main(["margin", str(file)]) == REFUSED
    told = capsys.readouterr()
    assert not told.out
    return told.err


def brackets(*rows: tuple[str, str]) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        data["positions"][0]["brackets"] = [{"floor": f, "rate": r} for f, r in rows]

    return change


def owed(*rows: tuple[str, str]) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        table = [{"floor": f, "rate": r} for f, r in rows]
        data["rules"]["unified"]["borrow_brackets"]["USDT"] = table

    return change


def weights(*rows: tuple[str, str]) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        data["assets"][1]["weights"] = [{"floor": f, "weight": w} for f, w in rows]

    return change


def put(kind: str, place: int, field: str, value: str) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        data[kind][place][field] = value

    return change


def deducted(amount: str) -> Callable[[Data], None]:
    """The second row of the contract's table; 250 is what its rates make of it."""

    def change(data: Data) -> None:
        data["positions"][0]["brackets"][1]["deduction"] = amount

    return change


def inverse(settle: str) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        data["positions"][0] |= {"inverse": True, "settle": settle}

    return change


def levels(*, call: str, liquidation: str) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        data["rules"]["unified"] |= {"call_level": call, "liquidation_level": liquidation}

    return change


def without(kind: str, place: int, field: str) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        del data[kind][place][field]

    return change


ETH = "unified ETHUSDT: "
BTC = "unified BTC: "


def test_the_account_these_tests_spoil_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "account.json"
    file.write_text(json.dumps(account()), encoding="utf-8")
    assert main(["margin", str(file)]) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            brackets(("0", "0.01"), ("90", "0.02"), ("50", "0.03")),
            ETH + "brackets[2].floor is 50, expected more than 90",
        ),
        (
            brackets(("0", "0.01"), ("50", "0.02"), ("50", "0.03")),
            ETH + "brackets[2].floor is 50, expected more than 50",
        ),
        (brackets(("50", "0.01"), ("90", "0.02")), ETH + "brackets[0].floor is 50, expected 0"),
        (brackets(), ETH + "brackets is empty"),
        (brackets(("0", "-0.01")), ETH + "brackets[0].rate is -0.01"),
        (brackets(("0", "0.01"), ("50", "1.01")), ETH + "brackets[1].rate is 1.01"),
        (
            deducted("256"),
            ETH + "brackets[1].deduction is 256, which leaves 244 at 50000, expected at least",
        ),
        (deducted("500000"), ETH + "brackets[1].deduction is 500000"),
        (inverse("USDT"), ETH + "settle is USDT, an inverse contract on ETH settles in that coin"),
        (owed(("0", "1.5")), "unified USDT: borrow_brackets[0].rate is 1.5"),
        (owed(("10", "0.1")), "unified USDT: borrow_brackets[0].floor is 10, expected 0"),
        (weights(("10", "0.9")), BTC + "weights[0].floor is 10, expected 0"),
        (weights(("0", "-0.1")), BTC + "weights[0].weight is -0.1"),
        (weights(("0", "1.01")), BTC + "weights[0].weight is 1.01"),
        (
            weights(("0", "0.9"), ("9", "0.8"), ("4", "0.5")),
            BTC + "weights[2].floor is 4, expected more than 9",
        ),
        (without("positions", 0, "mark"), "positions[0].mark: missing"),
        (put("positions", 0, "mark", ""), "positions[0].mark: found ''"),
        (put("positions", 0, "mark", "0"), ETH + "mark is 0"),
        (put("positions", 0, "fee_rate", "2"), ETH + "fee_rate is 2"),
        (without("assets", 1, "index"), "assets[1].index: missing"),
        (put("assets", 1, "index", "0"), BTC + "index is 0"),
        (put("assets", 1, "index", "-1"), BTC + "index is -1"),
        (put("assets", 0, "ask", "0"), "unified USDT: ask is 0"),
        (put("assets", 0, "ask", "0.999"), "unified USDT: ask is 0.999, expected a factor of 1"),
        (
            levels(call="1.05", liquidation="1.1"),
            "unified: call_level is 1.05, expected at least the liquidation_level, 1.1",
        ),
        (put("assets", 1, "debt", "-3"), BTC + "debt is -3"),
        (put("assets", 1, "interest", "-3"), BTC + "interest is -3"),
        (put("positions", 0, "settle", "USDC"), "unified USDC: contracts settle in it"),
        (put("positions", 0, "pool", "cross"), "cross: has positions but no rules"),
    ],
)
def test_a_number_that_cannot_be_right_is_named(
    change: Callable[[Data], None],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = account()
    change(data)

    assert words in refused(data, tmp_path, capsys)


def order(mark: str) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        leg = data["positions"][0]
        names = ("pool", "symbol", "underlying", "side", "quantity", "settle")
        data["orders"] = [{name: leg[name] for name in names} | {"price": "2900", "mark": mark}]

    return change


def second_leg(mark: str) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        data["positions"].append(data["positions"][0] | {"side": "short", "mark": mark})

    return change


def told(field: str, value: object) -> Callable[[Data], None]:
    def change(data: Data) -> None:
        data[field] = value

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (second_leg("3001"), "positions[1].mark: ETHUSDT is at 3001, expected 3000 as in pos"),
        (order("2999"), "orders[0].mark: ETHUSDT is at 2999, expected 3000 as in positions[0]"),
        (told("venue_says", {"unifid": {"equity": "5"}}), "venue_says: unifid is no pool of this"),
        (told("unmodelled", {"cross": "why"}), "unmodelled: cross is no pool of this file"),
        (
            told(
                "mismatches",
                [
                    {
                        "pool": "cross",
                        "what": "BTC",
                        "figure": "collateral value",
                        "ours": "1",
                        "venue": "2",
                    }
                ],
            ),
            "mismatches[0].pool: cross is no pool of this file, expected unified",
        ),
    ],
)
def test_rows_that_contradict_each_other_are_named(
    change: Callable[[Data], None],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    data = account()
    change(data)

    assert words in refused(data, tmp_path, capsys)


def text_refused(text: bytes, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    file = folder / "account.json"
    file.write_bytes(text)
    assert main(["margin", str(file)]) == REFUSED
    spoken = capsys.readouterr()
    assert not spoken.out
    return spoken.err


def test_a_name_given_twice_is_refused_and_not_the_last_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = json.dumps(account())
    twice = text.replace('"mark": "3000"', '"mark": "3000", "mark": "2000"').encode()
    assert "positions[0].mark: given twice for ETHUSDT, '3000' and '2000'" in text_refused(
        twice, tmp_path, capsys
    )

    pools = text.replace('"positions": [', '"positions": [], "positions": [').encode()
    assert "positions: given twice" in text_refused(pools, tmp_path, capsys)


def test_a_byte_order_mark_is_refused_in_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for sign in ("", '"watcher.capture/1"'):
        text = b"\xef\xbb\xbf" + json.dumps(account() | {"note": sign}).encode()
        assert "begins with a byte order mark" in text_refused(text, tmp_path, capsys)


def test_a_live_account_with_such_a_number_is_missed_with_that_reason() -> None:
    now = moment(4)
    fine = read_snapshot(json.dumps({**account(), "taken_at_us": now.wall_us}))
    broken = replace(
        fine,
        positions=tuple(
            replace(leg, brackets=(Bracket(floor=Decimal(5), rate=Decimal(0)),))
            for leg in fine.positions
        ),
    )
    state = decide(AccountState(account="bybit_main"), seen(broken), RULES, now).state

    assert state.last_good is None
    assert state.blind.missed is not None
    assert state.blind.missed.kind is MissKind.UNREADABLE
    assert "unified ETHUSDT: brackets[0].floor is 5" in state.blind.missed.reason
