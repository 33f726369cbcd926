"""
Two opinions: both figures are told, the reason is one this reading shows, the error is kept.

Rule: readings come from captures whose tables or bodies were changed, through the real adapter, so
that a wrong bracket is caught where it would be.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bench.caught import BRACKETS, WEIGHTS, changed
from watcher.cli.errors import tell_running_errors
from watcher.domain.account import Mismatch, Snapshot
from watcher.domain.alert import AccountState, Decision, Divergence
from watcher.margin import evaluate
from watcher.policy import opinions
from watcher.policy.checks import Look, Scene, contradicted, divergence
from watcher.store import history, schema
from watcher.venues.capture import read_capture, replayed

CAPTURES = Path(__file__).resolve().parents[1] / "payloads" / "captures"
TELL_MARGIN = ("binance_futures", "bybit", "bybit_isolated", "okx_futures", "okx_multi")


def read(name: str, fields: Mapping[str, str] = {}, factor: str = "1") -> Snapshot:
    capture = read_capture((CAPTURES / f"{name}.json").read_bytes())
    return asyncio.run(replayed(changed(capture, fields, Decimal(factor))))


def scene(snapshot: Snapshot) -> Scene:
    look = Look(snapshot=snapshot, report=evaluate(snapshot), readings={})
    return Scene(look=look, before=None, dangers={})


@pytest.mark.parametrize("name", TELL_MARGIN)
def test_one_poll_catches_a_bracket_wrong_by_one_percent(name: str) -> None:
    (finding, *_) = contradicted(scene(read(name, BRACKETS, "0.99")))

    assert finding.samples == 1
    assert " maintenance margin " in finding.facts[0]
    assert "\\u" not in finding.facts[0]
    assert list(contradicted(scene(read(name)))) == []


@pytest.mark.parametrize(
    "name",
    ["okx_multi", "bybit", "binance_multi", "binance_margin", "binance_pairs", "binance_pro"],
)
def test_one_poll_catches_weights_wrong_by_one_percent(name: str) -> None:
    """OKX tells what each currency counts for, the others what all together do."""
    off = read(name, WEIGHTS, "0.99").mismatches

    assert {one.figure for one in off} == {"collateral value"}
    assert read(name).mismatches == ()


def test_one_poll_catches_debt_tables_of_a_pro_account() -> None:
    """Its equity is a fifth of its collateral, so that prices of two answers leave 2.5 %."""
    (finding,) = contradicted(scene(read("binance_pro", BRACKETS, "0.95")))

    assert finding.facts[0].startswith("all debts maintenance margin ")
    assert finding.samples == 1


def apart(snapshot: Snapshot, **says: Decimal) -> Snapshot:
    """Return *snapshot* with other figures of the venue in its only pool."""
    (pool,) = snapshot.rules
    told = replace(snapshot.venue_says[pool], ratio=None, **says)
    return replace(snapshot, venue_says={pool: told})


def reason_of(snapshot: Snapshot) -> str:
    (finding,) = divergence(scene(snapshot))
    return finding.facts[-2]


def test_the_alert_names_both_figures() -> None:
    good = read("bybit")
    equity = good.venue_says["unified"].equity
    assert equity is not None

    (finding,) = divergence(scene(apart(good, equity=equity / 2)))

    ours = evaluate(good).pools[0].equity
    assert ours is not None
    (line,) = [fact for fact in finding.facts if fact.startswith("Equity ") and "by us" in fact]
    assert f"{ours:,.0f}"[:3] in line
    assert "by us" in line
    assert "by Bybit" in line
    assert any(fact.startswith("Health ") and "by Bybit" in fact for fact in finding.facts)


def test_the_reason_is_what_this_reading_shows() -> None:
    whole = read("bybit")
    assert whole.orders, "this world has resting orders"
    good = replace(whole, orders=())
    ours = evaluate(good).pools[0]
    both = {
        "equity": Decimal(str(ours.equity)),
        "maintenance_margin": Decimal(str(ours.maintenance_margin)),
    }
    poorer = apart(good, **(both | {"equity": both["equity"] / 2}))
    dearer = apart(good, **(both | {"maintenance_margin": both["maintenance_margin"] * 2}))
    first = next(iter(good.parts))
    late = {**good.parts, first: max(good.parts.values()) + 2_500_000}
    free = tuple(replace(one, fee_rate=Decimal(0)) for one in good.positions)

    assert "resting orders" in reason_of(replace(poorer, orders=whole.orders))
    assert "Equity differs" in reason_of(poorer)
    assert "Maintenance differs" in reason_of(dearer)
    assert "2.5 s apart" in reason_of(replace(poorer, parts=late))
    assert "fee to close" in reason_of(replace(poorer, positions=free))
    wrong = read("bybit", BRACKETS, "0.99")
    assert "an old table" in opinions.reason(wrong, evaluate(wrong).pools[0])


def test_a_position_that_the_list_lacks_is_told_as_that() -> None:
    good = read("bybit")
    lacking = Mismatch(
        pool="unified",
        what="all USDT positions",
        figure="maintenance margin",
        ours=Decimal(95),
        venue=Decimal(100),
    )
    told = replace(good, mismatches=(lacking,))

    (finding,) = contradicted(scene(told))

    assert finding.facts[0] == (
        "all USDT positions maintenance margin 95 in the list, 100 in the venue's total"
    )
    pool = evaluate(told).pools[0]
    assert opinions.reason(told, pool) == opinions.reason(good, pool)


def test_every_figure_both_tell_is_compared() -> None:
    snapshot = read("okx_multi")

    found = opinions.divergences(snapshot, evaluate(snapshot))

    assert {one.figure for one in found if one.family == "haircut_pool"} == {
        "equity",
        "maintenance margin",
        "ratio",
    }
    assert all(one.off < 1e-4 for one in found)
    assert {(one.venue, one.mode) for one in found} == {("okx", snapshot.mode)}


def test_what_cannot_be_compared_is_not_called_equal() -> None:
    assert opinions.off(1.0, 0.0) is None
    assert opinions.off(float("inf"), 2.0) is None
    assert opinions.off(float("inf"), float("inf")) == 0.0
    assert opinions.off(1.01, 1.0) == pytest.approx(0.01)


def test_the_running_error_is_kept_thinned_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    connection = schema.open_history(tmp_path / "history.db")
    at_us = 1_000_000 * 60_000_000
    for second in range(0, 600, 5):
        one = Divergence(
            venue="okx", mode="futures mode", family="linear_pool", figure="equity",
            off=0.02 if second == 5 else second / 1e6,
        )  # fmt: skip
        state = AccountState(account="a", last_good_at_us=at_us + second * 1_000_000)
        decision = Decision(
            account="a", state=state, messages=(), samples=(), next_poll_us=1, divergences=(one,)
        )
        history.record(connection, decision)
    connection.close()

    (kept,) = history.running_errors(tmp_path)

    assert kept.minutes == 10
    assert kept.most == 0.02
    assert 0 < kept.p95 <= 0.02
    tell_running_errors(tmp_path)
    out = capsys.readouterr().out
    assert "okx, futures mode" in out
    assert "2.0000 %" in out


def test_a_history_of_before_is_opened_and_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    connection = schema.open_history(path)
    connection.execute("DROP TABLE divergence")
    connection.close()

    assert history.running_errors(tmp_path) == []
    assert history.running_errors(tmp_path / "nowhere") == []
    schema.open_history(path).close()
    assert history.running_errors(tmp_path) == []
