"""`watcher explain`: sums that are the engine's, crossings that hold, sources that are written."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from tests.reference.books import KINDS, random_snapshot
from tests.reference.oracle import balance
from watcher.cli import FINE, REFUSED, TROUBLE, main
from watcher.domain.account import (
    Asset,
    Bracket,
    BracketKind,
    Family,
    Position,
    Rules,
    Side,
    Snapshot,
    VenueRatio,
    VenueSays,
)
from watcher.domain.report import Status
from watcher.margin import evaluate
from watcher.margin.crossing import is_proved, prove
from watcher.margin.sources import SOURCES, source_of, table
from watcher.margin.written import written
from watcher.store.files import write_snapshot

ROOT = Path(__file__).resolve().parents[2]
BOOKS = 500
PROVED = 60


def test_the_written_sums_are_the_engines_on_books_of_every_family() -> None:
    seen: Counter[str] = Counter()
    for seed in range(BOOKS):
        kind, snapshot = random_snapshot(seed)
        for pool in evaluate(snapshot).pools:
            if pool.status is not Status.OK:
                continue
            seen[kind] += 1
            account = written(snapshot, pool.pool)
            limit = 1e-9 * float(account.gross)
            assert float(account.equity) == pytest.approx(pool.equity, rel=0, abs=limit), seed
            assert float(account.requirement) == pytest.approx(
                pool.requirement, rel=0, abs=limit
            ), seed
    assert set(seen) == set(KINDS)


def exact(value: float) -> Decimal:
    return Decimal(repr(value))


def test_every_crossing_holds_in_exact_decimals_and_safe_bands_are_safe() -> None:
    crossings = bands = 0
    for seed in range(PROVED):
        _, snapshot = random_snapshot(seed)
        for pool in evaluate(snapshot).pools:
            if pool.status is not Status.OK:
                continue
            proof = prove(snapshot, pool.pool, {})
            if pool.tier_distance is not None:
                assert proof.crossings[0].move == pytest.approx(pool.tier_distance / 100)
            for found in proof.crossings:
                crossings += 1
                assert is_proved(found) or not found.move, (seed, found.path.name)
                if found.path.mover is None:
                    continue
                lost = found.move
                for again, gone in found.safe:
                    bands += 1
                    end = gone or (0.999999 if found.path.down else 10.0)
                    within, before = (again + end) / 2, (lost + again) / 2
                    for move, safe in ((within, True), (before, False)):
                        at = {found.path.mover: 1 + (-1 if found.path.down else 1) * exact(move)}
                        left = balance(snapshot, pool.pool, at).headroom
                        assert (left > 0) is safe, (seed, found.path.name, move)
                    lost = end
    assert crossings > PROVED
    assert bands


def test_the_sources_stand_in_the_docs_word_for_word() -> None:
    docs = (ROOT / "docs" / "venues.md").read_text(encoding="utf-8")

    assert table() in docs
    assert len({(one.venue, one.rule) for one in SOURCES}) == len(SOURCES)
    for venue in ("binance", "bybit", "okx"):
        for rule in ("equity", "profit", "collateral", "maintenance", "borrow"):
            assert source_of(venue, rule) is not None, (venue, rule)


def leg(symbol: str, side: Side, quantity: str, mark: str, **more: object) -> Position:
    fields: dict[str, object] = {
        "pool": "cross:USDT",
        "symbol": symbol,
        "underlying": symbol.removesuffix("USDT"),
        "side": side,
        "quantity": Decimal(quantity),
        "entry": Decimal(mark),
        "mark": Decimal(mark),
        "settle": "USDT",
        "brackets": (
            Bracket(floor=Decimal(0), rate=Decimal("0.004")),
            Bracket(floor=Decimal(50_000), rate=Decimal("0.005"), deduction=Decimal(50)),
        ),
    }
    return Position(**{**fields, **more})  # type: ignore[arg-type]


def account(*legs: Position, wallet: str = "10000", **more: object) -> Snapshot:
    return Snapshot(
        venue="binance",
        account="main",
        mode="futures single-asset",
        taken_at_us=0,
        reference="USD",
        rules={"cross:USDT": Rules(family=Family.LINEAR_POOL)},
        assets=(Asset(pool="cross:USDT", asset="USDT", wallet=Decimal(wallet), index=Decimal(1)),),
        positions=legs,
        **more,  # type: ignore[arg-type]
    )


def explained(snapshot: Snapshot, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    file = folder / "account.json"
    file.write_text(write_snapshot(snapshot), encoding="utf-8")
    assert main(["explain", str(file)]) == FINE
    return capsys.readouterr().out


def test_bracket_rate_deduction_share_and_source_are_written_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = explained(account(leg("BTCUSDT", Side.LONG, "1", "100000")), tmp_path, capsys)

    assert "row 2 of 2 (above 50,000): 100,000 × 0.005 − 50" in told
    assert "= 450 (100 %)" in told
    assert "headroom 9,550, health 10,000 / 450 = 22.2222" in told
    assert "BTC down: 9.597990 % (the distance tiers use)" in told
    assert "substituted: the engine's" in told
    assert "Notional-and-Leverage-Brackets" in told
    assert "read 2026-11-22" in told


def test_a_pool_that_is_safe_again_beyond_says_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A jump just above the mark breaks the pool; higher up the long has earned enough."""
    jumpy = (
        Bracket(floor=Decimal(0), rate=Decimal("0.01")),
        Bracket(floor=Decimal(101_000), rate=Decimal("0.10")),
    )
    long = leg(
        "BTCUSDT",
        Side.LONG,
        "1",
        "100000",
        brackets=jumpy,
        bracket_kind=BracketKind.FLAT,
    )
    told = explained(account(long, wallet="6000"), tmp_path, capsys)

    assert "BTC up: 1.000000 %" in told
    assert "a table jumps there: headroom falls by 9,090" in told
    # 6,000 + (P − 100,000) = 0.1 P
    assert "safe again beyond 4.4444 % (BTC 104,444.4444)" in told


def test_the_venues_worse_opinion_is_taken_off_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    says = VenueSays(
        equity=Decimal(10_000),
        maintenance_margin=Decimal(600),
        ratio=VenueRatio(name="marginRatio", value=Decimal("0.06")),
    )
    doubted = account(leg("BTCUSDT", Side.LONG, "1", "100000"), venue_says={"cross:USDT": says})
    assert "2,500 is taken off equity" in explained(doubted, tmp_path, capsys)


def test_what_is_not_computed_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "account.json"
    unknown = account(
        leg("BTCUSDT", Side.LONG, "1", "100000"), unmodelled={"cross:USDT": "an option"}
    )
    file.write_text(write_snapshot(unknown), encoding="utf-8")

    assert main(["explain", str(file)]) == TROUBLE
    assert "not computed: an option" in capsys.readouterr().out


def test_a_file_that_cannot_be_right_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = leg("BTCUSDT", Side.LONG, "1", "100000")
    broken = account(replace(one, brackets=(Bracket(floor=Decimal(5), rate=Decimal(0)),)))
    file = tmp_path / "account.json"
    file.write_text(write_snapshot(broken), encoding="utf-8")

    assert main(["explain", str(file)]) == REFUSED
    assert "brackets[0].floor is 5" in capsys.readouterr().err
    assert main(["explain", "no-such-file"]) == REFUSED
    with pytest.raises(SystemExit) as ended:
        main(["explain"])
    assert ended.value.code == REFUSED
