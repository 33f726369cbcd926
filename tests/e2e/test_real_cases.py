"""
Recorded payloads of the three venues, over HTTP through the real ccxt: what `watcher check` says.

Rule: one run of the real command reads every account; each case is held to its own tolerance,
figure by figure. What cannot be served is named below with the reason; a case in neither list
fails the last test.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.real_venues import (
    Json,
    Routes,
    binance_futures,
    binance_margin,
    brackets,
    bybit_coin,
    bybit_unified,
    futures_leg,
    isolated,
    okx_account,
    okx_position,
    served,
)

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT.parent / "shared" / "examples" / "real_cases.json"
VENUES = ("binance", "bybit", "okx")
D = Decimal

VECTOR = "a test vector of another project with invented numbers: no venue ever answered it"
LISTED: Mapping[str, str] = {
    "FT-BINANCE-03": VECTOR,
    "FT-BINANCE-06": VECTOR,
    "FT-BYBIT-18": VECTOR,
    "FT-BYBIT-21": VECTOR,
    "FT-BYBIT-24": VECTOR,
    "BIN-009": "portfolio margin Pro has endpoints of its own; the mode is not built",
    "BYB-008": "the entry-based formula before September 2025; today the venue's own price rules",
}

NOT_SHOWN = "a step of the table by hand; the command shows what comes of it"
FIGURES_LISTED: Mapping[str, Mapping[str, str]] = {
    "BIN-OFF-004": {"mmr_at_264000": NOT_SHOWN, "maint_amount_at_500000": NOT_SHOWN},
}


def cases() -> dict[str, Json]:
    if not FILE.exists():
        return {}
    rows = json.loads(FILE.read_text(encoding="utf-8"))
    return {row["id"]: row for row in rows if row["venue"] in VENUES}


@dataclass(frozen=True)
class Told:
    """What `watcher check --json` said of the accounts of one case, by the name after the id."""

    accounts: Mapping[str, Json]

    def pool(self, account: str = "") -> Json:
        told = self.accounts[account]
        assert told["trouble"] is None, told["trouble"]
        (pool,) = told["pools"]
        return dict(pool)


Make = Callable[[Json], Mapping[str, Routes]]
Read = Callable[[Told], Mapping[str, Any]]


@dataclass(frozen=True)
class Case:
    """`make` gives the accounts a case needs, `read` finds its figures in what was said."""

    venue: str
    make: Make
    read: Read
    status: str = "ok"


# ── Binance ──────────────────────────────────────────────────────────────────────────────────

FAQ_TABLES = {
    "BTCUSDT": [(0, "0.004", 0), (50_000, "0.005", 50), (250_000, "0.01", 1_300),
                (1_000_000, "0.025", 16_300), (10_000_000, "0.05", 266_300)],
    "ETHUSDT": [(0, "0.005", 0), (10_000, "0.0065", 15), (100_000, "0.01", 365),
                (500_000, "0.02", 5_365), (1_000_000, "0.05", 35_365),
                (2_000_000, "0.1", 135_365)],
}  # fmt: skip
"""The venue's tables of that time; the FAQ names the bracket each position is in."""


def faq_leg(symbol: str, given: Json, published: object) -> Json:
    margin = D(str(given["q"])) * D(str(given["m"])) * D(str(given["r"])) - D(str(given["c"]))
    return futures_leg(
        symbol,
        size=given["q"],
        entry=given["e"],
        mark=given["m"],
        margin=margin,
        liquidationPrice=str(published),
    )


def faq_account(case: Json) -> Mapping[str, Routes]:
    raw, published = case["raw"], case["expected"]["liquidation_price"]
    legs = [faq_leg(f"{c}USDT", raw[f"{c}USDT"], published[f"{c}/USDT:USDT"]) for c in COINS]
    tables = [brackets(symbol, rows) for symbol, rows in FAQ_TABLES.items()]
    return {"": binance_futures(raw["wallet_balance"], legs, tables)}


COINS = ("BTC", "ETH")


def faq_isolated(case: Json) -> Mapping[str, Routes]:
    raw = case["raw"]
    ((name, published),) = case["expected"]["liquidation_price"].items()
    symbol = name[:3] + "USDT"
    leg = isolated(faq_leg(symbol, raw, published), raw["wallet_balance"])
    return {"": binance_futures(0, [leg], [brackets(symbol, FAQ_TABLES[symbol])])}


def at_notional(case: Json) -> Mapping[str, Routes]:
    """BIN-OFF-004: BTC positions of the two sizes the FAQ speaks of."""
    rows = case["normalised"]["tiers_BTCUSDT_2021"]
    floors = [0, *(row[0] for row in rows[:-1])]
    table = brackets("BTCUSDT", [(f, row[1], row[2]) for f, row in zip(floors, rows, strict=True)])
    return {
        str(size): binance_futures(
            size,
            [
                futures_leg(
                    "BTCUSDT",
                    size=D(size) / 40_000,
                    entry=40_000,
                    mark=40_000,
                    margin=case["expected"][f"maintenance_margin_at_{size}"],
                )
            ],
            [table],
        )
        for size in (264_000, 500_000)
    }


def table_points(case: Json) -> Mapping[str, Routes]:
    """TIER-BIN-*: the recorded table as leverageBracket gives it, a position at every point."""
    symbol = case["raw"]["symbol"].split(":")[0].replace("/", "")
    rows = [tier["info"] for tier in case["raw"]["tiers"]]
    table = brackets(
        symbol, [(row["notionalFloor"], row["maintMarginRatio"], row["cum"]) for row in rows]
    )
    return {
        str(number): binance_futures(
            10_000_000,
            [
                futures_leg(
                    symbol,
                    size=point["notional"],
                    entry=1,
                    mark=1,
                    margin=point["maintenance_margin"],
                )
            ],
            [table],
        )
        for number, point in enumerate(case["expected"]["points"])
    }


def recorded_leg(case: Json) -> Mapping[str, Routes]:
    """BIN-007: the row as recorded, beside 100 USDT."""
    raw = case["raw"]
    table = brackets(raw["symbol"], [(0, "0.006", 0)])
    return {"": binance_futures(100, [raw], [table])}


def recorded_margin(case: Json) -> Mapping[str, Routes]:
    return {"": binance_margin(case["raw"], D(60_000))}


def futures_figures(told: Told) -> Mapping[str, Any]:
    pool = told.pool()
    return {
        "liquidation_price": {
            f"{row['symbol'][:-4]}/USDT:USDT": row["liquidation_price"] for row in pool["positions"]
        },
        "equity": pool["equity"],
        "maintenance_margin": pool["maintenance_margin"],
        "maintenance_margin_ratio": 1 / pool["health"],
        "initial_margin": pool["initial_margin"],
        "unrealized_pnl": sum(row["unrealised_pnl"] for row in pool["positions"]),
        "notional": sum(row["notional"] for row in pool["positions"]),
    }


def sized_figures(told: Told) -> Mapping[str, Any]:
    return {
        f"maintenance_margin_at_{size}": told.pool(size)["maintenance_margin"]
        for size in told.accounts
    }


def point_figures(told: Told) -> Mapping[str, Any]:
    return {"points": [told.pool(name)["maintenance_margin"] for name in told.accounts]}


def level(told: Told) -> Mapping[str, Any]:
    pool = told.pool()
    assert pool["venue_says"]["ratio"] == {"name": "marginLevel", "value": "11.64405625"}
    return {"margin_level": pool["margin_level"] / 100}


# ── Bybit ────────────────────────────────────────────────────────────────────────────────────


def recorded_page(case: Json) -> Mapping[str, Routes]:
    """BYB-001: the page as recorded, with its cursor; 1,000 USDT beside it."""
    page = case["raw"]["result"]
    (row,) = page["list"]
    unrealised, margin = D(row["unrealisedPnl"]), D(row["positionMM"])
    return {
        "": bybit_unified(
            {
                "totalInitialMargin": row["positionIM"],
                "accountIMRate": "0.0036",
                "totalAvailableBalance": "994.53",
            },
            bybit_coin("USDT", equity=1000 + unrealised, unrealised=unrealised, margin=margin),
            pages={"USDT": [page]},
            rates={"XRPUSDT": ("0.01", str(case["normalised"]["account"]["taker_fee"]))},
        )
    }


def recorded_usdc_leg(case: Json) -> Mapping[str, Routes]:
    """BYB-003: the row as recorded, and the names v5 has for two of its fields."""
    raw = case["raw"]
    row = raw | {
        "positionIdx": 0,
        "avgPrice": raw["entryPrice"],
        "unrealisedPnl": raw["sessionUPL"],
    }
    unrealised, margin = D(raw["sessionUPL"]), D(raw["positionMM"])
    page = {"category": "linear", "list": [row], "nextPageCursor": ""}
    return {
        "": bybit_unified(
            {
                "totalInitialMargin": raw["positionIM"],
                "accountIMRate": "0.3081",
                "totalAvailableBalance": str(100 + unrealised - D(raw["positionIM"])),
            },
            bybit_coin("USDC", equity=100 + unrealised, unrealised=unrealised, margin=margin),
            pages={"USDC": [page]},
            rates={raw["symbol"]: ("0.005", "0.001")},
        )
    }


def recorded_totals(case: Json) -> Mapping[str, Routes]:
    """BYB-012: the totals as recorded, and one position that needs the margin they speak of."""
    raw = case["raw"]
    equity, margin = D(raw["totalEquity"]), D(raw["totalMaintenanceMargin"])
    rate, fee, leverage, price = D("0.005"), D("0.0006"), 15, D(20_000)
    size = margin / (rate + fee * (1 - D(1) / leverage)) / price
    row = {
        "symbol": "BTCUSDT",
        "positionIdx": 0,
        "side": "Buy",
        "size": f"{size:f}",
        "avgPrice": f"{price}",
        "markPrice": f"{price}",
        "leverage": f"{leverage}",
        "liqPrice": "",
        "unrealisedPnl": "0",
        "positionIM": raw["totalInitialMargin"],
        "positionMM": raw["totalMaintenanceMargin"],
    }
    page = {"category": "linear", "list": [row], "nextPageCursor": ""}
    return {
        "": bybit_unified(
            raw,
            bybit_coin("USDT", equity=equity, unrealised=D(0), margin=margin),
            pages={"USDT": [page]},
            rates={"BTCUSDT": (str(rate), str(fee))},
        )
    }


def page_figures(told: Told) -> Mapping[str, Any]:
    """
    The venue's margin, recorded in 2022 on the entry value, stands beside ours by today's rule
    (on the mark), and the difference is told.
    """
    pool = told.pool()
    assert pool["maintenance_margin"] == pytest.approx(34.32 * 0.01 + 36.15 * 0.9 * 0.0006)
    assert pool["difference_percent"]["maintenance_margin"] == pytest.approx(4.803, abs=0.001)
    assert pool["positions"][0]["liquidation_price"] is None
    return {
        "maintenance_margin": float(pool["venue_says"]["maintenance_margin"]),
        "initial_margin": float(pool["venue_says"]["used_margin"]),
        "unrealized_pnl": pool["positions"][0]["unrealised_pnl"],
    }


def usdc_figures(told: Told) -> Mapping[str, Any]:
    pool = told.pool()
    return {
        "maintenance_margin": pool["maintenance_margin"],
        "initial_margin": float(pool["venue_says"]["used_margin"]),
        "unrealized_pnl": pool["positions"][0]["unrealised_pnl"],
    }


def totals_figures(told: Told) -> Mapping[str, Any]:
    pool = told.pool()
    assert pool["venue_says"]["ratio"] == {"name": "accountMMRate", "value": "0.0000"}
    return {
        "maintenance_margin_ratio": 1 / pool["health"],
        "free_margin": pool["free_margin"],
    }


# ── OKX ──────────────────────────────────────────────────────────────────────────────────────


def recorded_multi(case: Json) -> Mapping[str, Routes]:
    """OKX-003: the account's totals as recorded; all of it BTC, and the swap they speak of."""
    raw = case["raw"]
    coin = D(raw["totalEq"]) / 50_000
    detail = {
        "ccy": "BTC",
        "cashBal": f"{coin:f}",
        "eq": f"{coin:f}",
        "eqUsd": raw["totalEq"],
        "disEq": raw["adjEq"],
    }
    contracts = D(raw["notionalUsd"]) / 50_000 / D("0.01")
    held = okx_position(
        avgPx="50000",
        markPx="50000",
        idxPx="50000",
        last="50000",
        pos=f"{contracts:f}",
        upl="0",
        usdPx="1",
        imr=raw["imr"],
        mmr=raw["mmr"],
        mgnRatio=raw["mgnRatio"],
        notionalUsd=raw["notionalUsd"],
    )
    return {"": okx_account("3", raw, detail, [held])}


IDLE = ("adjEq", "imr", "mmr", "mgnRatio", "notionalUsd", "totalEq")


def recorded_idle(case: Json) -> Mapping[str, Routes]:
    """OKX-004, -005: the same answer under both account levels whose totals are empty."""
    raw = case["raw"]
    totals = {key: raw[key] for key in IDLE}
    detail = {key: one for key, one in raw.items() if key not in IDLE} | {"eq": raw["cashBal"]}
    return {
        "spot": okx_account("1", totals, detail),
        "futures": okx_account("2", totals, detail),
    }


def multi_figures(told: Told) -> Mapping[str, Any]:
    pool = told.pool()
    return {
        "margin_level": pool["health"],
        # the case counts the bare maintenance margin plus the fee against adjusted equity
        "maintenance_margin_ratio": 1 / pool["health"],
        "initial_margin": float(pool["venue_says"]["used_margin"]),
    }


def idle_figures(told: Told) -> Mapping[str, Any]:
    """Empty texts are no ratio and no margin: the level has no finite value, and is never 0."""
    spot, futures = told.pool("spot"), told.pool("futures")
    assert spot["status"] == "reported"
    assert spot["venue_ratio"] is futures["venue_ratio"] is None
    assert futures["health"] == futures["margin_level"] == "inf"
    return {
        "equity_usd": spot["equity"],
        "maintenance_margin": futures["maintenance_margin"],
        "margin_level": spot["margin_level"],
    }


# ── the run ──────────────────────────────────────────────────────────────────────────────────

COVERED: Mapping[str, Case] = {
    "BIN-OFF-001": Case("binance", faq_account, futures_figures),
    "BIN-OFF-002": Case("binance", faq_isolated, futures_figures),
    "BIN-OFF-003": Case("binance", faq_isolated, futures_figures),
    "BIN-OFF-004": Case("binance", at_notional, sized_figures),
    "BIN-007": Case("binance", recorded_leg, futures_figures),
    "BIN-011": Case("binance", recorded_margin, level),
    "TIER-BIN-05": Case("binance", table_points, point_figures),
    "TIER-BIN-06": Case("binance", table_points, point_figures),
    "BYB-001": Case("bybit", recorded_page, page_figures, status="disagrees"),
    "BYB-003": Case("bybit", recorded_usdc_leg, usdc_figures),
    "BYB-012": Case("bybit", recorded_totals, totals_figures),
    "OKX-003": Case("okx", recorded_multi, multi_figures),
    "OKX-004": Case("okx", recorded_idle, idle_figures),
    "OKX-005": Case("okx", recorded_idle, idle_figures),
}

CASES = cases()
here = pytest.mark.skipif(not CASES, reason="the recorded cases are not beside this repository")


def account_name(case: str, part: str) -> str:
    name = case.lower().replace("-", "_")
    return f"{name}_{part}" if part else name


async def checked(folder: Path) -> tuple[dict[str, Told], int]:
    """Serve the accounts of every case, run the command once, give what it said by case."""
    made = {name: case.make(CASES[name]) for name, case in COVERED.items()}
    accounts = {
        account_name(name, part): routes
        for name, parts in made.items()
        for part, routes in parts.items()
    }
    environ = {key: one for key, one in os.environ.items() if not key.startswith("WATCHER_")}
    config = folder / "watcher.toml"
    async with served(accounts) as addresses:
        lines = []
        for name, parts in made.items():
            for part in parts:
                account = account_name(name, part)
                lines += [
                    f"[accounts.{account}]",
                    f'venue = "{COVERED[name].venue}"',
                    f'endpoint = "{addresses[account]}"',
                ]
                secret = f"WATCHER_ACCOUNTS__{account.upper()}__"
                environ[f"{secret}API_KEY"] = f"key-{account}"
                environ[f"{secret}API_SECRET"] = "secret"
                if COVERED[name].venue == "okx":
                    environ[f"{secret}PASSWORD"] = "phrase"
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "watcher", "check", "--json", "--config", str(config)]
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**environ, "PYTHONPATH": str(ROOT)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(90):
            out, err = await process.communicate()
    assert out, err.decode()
    document = json.loads(out)
    assert document["schema"] == "watcher.check/1"
    told = {row["account"]: row for row in document["accounts"]}
    found = {
        name: Told({part: told[account_name(name, part)] for part in parts})
        for name, parts in made.items()
    }
    return found, process.returncode or 0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Told], int]:
    return asyncio.run(checked(tmp_path_factory.mktemp("real")))


def pairs(found: Any, expected: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield every single figure of an expectation beside ours."""
    if isinstance(expected, Mapping):
        for key, value in expected.items():
            yield from pairs(found[key], value, f"{path} {key}")
    elif isinstance(expected, Sequence) and not isinstance(expected, str):
        assert len(found) == len(expected), path
        for number, (ours, theirs) in enumerate(zip(found, expected, strict=True)):
            # a point of a table: what its margin is
            margin = theirs["maintenance_margin"] if isinstance(theirs, Mapping) else theirs
            yield f"{path} {number}", ours, margin
    else:
        yield path, found, expected


def allowed(case: Json, figure: str, expected: float) -> float:
    """Return the case's own tolerance for one figure."""
    rounding = 5e-5 if "rounded to 4 decimals" in case["note"] else 1e-12
    tolerance = case["tolerance"]
    relative = tolerance.get(figure, tolerance.get("all", 1e-6))
    return max(float(relative) * abs(expected), rounding)


@here
@pytest.mark.parametrize("name", COVERED)
def test_recorded_payloads_give_the_expected_numbers(
    name: str, run: tuple[dict[str, Told], int]
) -> None:
    case, told = CASES[name], run[0][name]
    left_out = FIGURES_LISTED.get(name, {})

    found = COVERED[name].read(told)

    assert {row["status"] for row in told.accounts.values()} == {COVERED[name].status}
    for figure, expected in case["expected"].items():
        if figure in left_out:
            continue
        assert figure in found, f"{figure} is neither shown nor left out"
        for path, ours, theirs in pairs(found[figure], expected, figure):
            if theirs is None:
                assert ours is None, path
                continue
            assert ours is not None, path
            assert abs(ours - theirs) <= allowed(case, figure, theirs), (path, ours, theirs)


@here
def test_the_exit_code_tells_of_the_one_that_differs(run: tuple[dict[str, Told], int]) -> None:
    """BYB-001 was recorded under a rule the venue has since changed."""
    assert [name for name, case in COVERED.items() if case.status != "ok"] == ["BYB-001"]
    assert run[1] == 1


@here
def test_rights_clock_and_tier_prices_are_told(run: tuple[dict[str, Told], int]) -> None:
    told = run[0]["BIN-OFF-001"].accounts[""]

    assert told["mode"] == "futures single-asset, one-way"
    assert told["rights"]["withdraw"] is False
    assert abs(told["clock_offset_ms"]) < 5_000
    assert told["wallets"]["funding"] == {"USDT": "5000"}
    steps = {step["tier"]: step for step in told["tiers"]}
    assert list(steps) == ["watch", "warning", "critical", "emergency"]
    # 7.7 % from liquidation if both coins fall: 6 % and 3 % are still ahead
    assert [step["reached"] for step in steps.values()] == [True, True, False, False]
    marks = {"BTC": 31_967.27, "ETH": 1_335.18}
    for step in (steps["critical"], steps["emergency"]):
        assert set(step["prices"]) == set(marks)
        for coin, price in step["prices"].items():
            left = marks[coin] * (1 - step["move_percent"] / 100)
            assert price == pytest.approx(left)


@here
def test_every_case_is_covered_or_listed_with_a_reason() -> None:
    assert not set(COVERED) & set(LISTED)
    assert set(COVERED) | set(LISTED) == set(CASES)
    assert all(len(reason) > 15 for reason in LISTED.values())
    for name, figures in FIGURES_LISTED.items():
        assert set(figures) < set(CASES[name]["expected"])
