"""What is true of an account in a storm: by the world's arithmetic, cheaply, and as it was then."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest

from tests.unit.storm_histories import NAME, Story, long_world, settings_of
from watcher.domain.alert import SECOND_US, Measure, Tier
from watcher.sim.default import default_world
from watcher.sim.demo.truth import crosses_within
from watcher.sim.market import JumpDiffusion, Temper
from watcher.storm.truth import Truth


def test_a_distance_is_where_the_venue_itself_would_liquidate() -> None:
    world = default_world(3)
    accounts = [one for one in world.accounts.values() if one.name != "okx_hedge"]
    truth = Truth(world, settings_of(world))
    wild = Temper(volatility=3.0, jumps_per_day=40.0)
    prices = {coin: world.prices[coin] for coin in ("BTC", "ETH", "SOL")}
    world.slice_us = 20 * SECOND_US
    world.follow(JumpDiffusion(prices, seed=9, temper=wild, step_us=world.slice_us))

    for _ in range(60):
        world.step(world.now_us + 20 * SECOND_US)
        truth.look()

    for account in accounts:
        shown = truth.at(account.name, world.now_us).distance
        # looks are left out while no line can have come near
        slack = 0.5 + 0.05 * shown
        assert not crosses_within(world, account, shown - slack), account.name
        assert crosses_within(world, account, shown + slack), account.name


def test_every_crossing_is_placed_within_a_step_of_where_it_was() -> None:
    story = Story(away=25.0)
    chance = random.Random(5)
    distance, beyond = 13.0, []
    for second in range(2, 800, 2):
        distance = min(max(distance + chance.gauss(0.0, 0.15), 4.0), 22.0)
        story.stands(distance, second)
        beyond.append((story.us(second), distance))

    spans = list(story.truth.spans(NAME, Tier.WARNING))

    for at_us, where in beyond:
        told = any(begin <= at_us < end for begin, end in spans)
        if abs(where - 12.0) > 0.06:
            assert told is (where < 12.0), (at_us, where)
    assert len(spans) > 1


def test_the_truth_of_a_moment_is_that_of_the_last_look_before() -> None:
    story = Story()
    story.stands(15.0, 100)
    story.stands(5.0, 200)
    truth = story.truth

    assert truth.at(NAME, story.us(150)).distance == pytest.approx(15.0, abs=0.05)
    assert truth.worst(NAME, story.us(150), story.us(250)) is Tier.CRITICAL
    assert truth.mildest(NAME, story.us(150), story.us(250)) is Tier.WATCH
    assert truth.held_at(NAME, story.us(210), story.us(220)) is Tier.CRITICAL


def test_what_is_done_to_an_account_is_seen_without_any_move_of_prices() -> None:
    story = Story(away=15.0)
    story.world.credit(story.account, "USDT", Decimal(10_000))
    story.truth.look()

    assert story.truth.at(NAME, story.world.now_us).distance > 20.0


def test_a_liquidated_account_holds_nothing_and_its_loss_is_known() -> None:
    story = Story()
    story.stands(-1.0, 50)
    story.world.step(story.us(60))
    story.truth.look()

    assert story.truth.at(NAME, story.us(60)).held == 0
    assert {act.account for act in story.truth.liquidations(NAME)} == {NAME}


def test_borrowed_margin_is_judged_by_its_level() -> None:
    world = default_world(0)
    truth = Truth(world, settings_of(world))
    scale = truth.scales["binance_margin"]

    assert scale.measure is Measure.MARGIN_LEVEL
    assert [line.enter for line in scale.lines] == pytest.approx([200, 150, 130, 120])
    shown = truth.at("binance_margin", world.now_us)
    [pool] = [p for p in world.pools(world.account("binance_margin")) if p.pool == "margin"]
    assert pool.margin_level is not None
    assert shown.value == pytest.approx(float(pool.margin_level))
    # assets over debt: 1.1 is the end
    assert shown.distance == pytest.approx(100 * (1 - 110 / shown.value), abs=0.5)


def test_a_still_day_costs_no_looks() -> None:
    world, _ = long_world()
    truth = Truth(world, settings_of(world))
    for _ in range(100):
        world.step(world.now_us + SECOND_US)
        truth.look()

    assert len(truth.points(NAME)) == 1
