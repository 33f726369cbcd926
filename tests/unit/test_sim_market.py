"""Price paths of the practice world."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from watcher.sim.market import BAR_US, Bar, Constant, JumpDiffusion, Scripted, read_bars, recorded
from watcher.sim.things import WorldError
from watcher.sim.world import SECOND_US

D = Decimal
SHARED = Path(__file__).resolve().parents[2].parent / "shared"

HEAD = "open_time_ms,open_time_utc,open,high,low,close,volume"


def test_a_constant_path_has_nothing_to_come() -> None:
    path = Constant(prices={"BTC": D(1)})

    assert path.prices_at(10**12) == {"BTC": D(1)}
    assert path.next_point_after(0) is None


def test_a_scripted_path_is_straight_between_points_and_level_outside() -> None:
    path = Scripted([(0, {"BTC": D(100)}), (10, {"BTC": D(110)}), (20, {"BTC": D(90)})])

    assert [path.prices_at(at)["BTC"] for at in (-5, 5, 10, 15, 99)] == [100, 105, 110, 100, 90]
    assert [path.next_point_after(at) for at in (-1, 0, 10, 20)] == [0, 10, 20, None]


@pytest.mark.parametrize(
    "points",
    [[], [(5, {"BTC": D(1)}), (5, {"BTC": D(2)})], [(0, {"BTC": D(1)}), (5, {"ETH": D(2)})]],
)
def test_a_script_without_order_or_with_gaps_is_refused(
    points: list[tuple[int, dict[str, Decimal]]],
) -> None:
    with pytest.raises(WorldError):
        Scripted(points)


def test_a_drawn_market_follows_its_seed_whatever_is_asked_first() -> None:
    start = {"BTC": D(60_000), "ETH": D(3000)}
    one, two = JumpDiffusion(start, seed=3), JumpDiffusion(start, seed=3)

    late = one.prices_at(500 * SECOND_US)
    for second in range(501):
        two.prices_at(second * SECOND_US)

    assert two.prices_at(500 * SECOND_US) == late
    assert JumpDiffusion(start, seed=4).prices_at(500 * SECOND_US) != late


def test_another_coin_does_not_change_the_first_ones_path() -> None:
    alone = JumpDiffusion({"BTC": D(60_000)}, seed=3).prices_at(200 * SECOND_US)
    both = JumpDiffusion({"BTC": D(60_000), "ETH": D(3000)}, seed=3).prices_at(200 * SECOND_US)

    assert both["BTC"] == alone["BTC"]


def test_a_recorded_minute_shows_its_four_prices() -> None:
    bars = read_bars(f"{HEAD}\n0,x,100,110,90,95,1\n60000,x,95,99,94,98,1\n", "minutes.csv")
    path = recorded(bars, "BTC", followers={"ETH": (D(10), D(2))})

    quarters = [path.prices_at(quarter * BAR_US // 4)["BTC"] for quarter in range(8)]

    assert quarters == [100, 110, 90, 95, 95, 94, 99, 98]
    assert path.prices_at(BAR_US // 4)["ETH"] == D(12)


def test_a_falling_bar_is_high_first_and_a_rising_one_low_first() -> None:
    assert Bar(open=D(10), high=D(12), low=D(8), close=D(9)).points() == (10, 12, 8, 9)
    assert Bar(open=D(10), high=D(12), low=D(8), close=D(11)).points() == (10, 8, 12, 11)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "no column open"),
        (f"{HEAD}\n", "no minutes"),
        (f"{HEAD}\n0,x,100,110,zero,95,1\n", "line 2: low is 'zero'"),
        (f"{HEAD}\n0,x,100,110,-3,95,1\n", "line 2: low is '-3'"),
        (f"{HEAD}\n0,x,100,110\n", "line 2: low is None"),
    ],
)
def test_a_file_that_is_no_minutes_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(WorldError, match=said):
        read_bars(text, "minutes.csv")


def test_the_recorded_week_of_january_2022_is_read_whole() -> None:
    found = SHARED / "data" / "2022-01-21_BTC-PERP_1m.csv"
    if not found.exists():
        pytest.skip("the recorded minutes are not beside the repository")

    bars = read_bars(found.read_text(encoding="utf-8"), found.name)
    path = recorded(bars, "BTC")

    assert bars[0].open == D(43_052)
    assert min(bar.low for bar in bars) < D(33_500)
    assert path.next_point_after((len(bars) - 1) * BAR_US + 3 * BAR_US // 4) is None
