"""Adding margin and repaying at the practice venues: no id, told by history or by what changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.unit.money_rig import ADDS, REPAYS, VENUES, Rig, isolated_bybit, play
from watcher.domain.topup import Answered, Found, Intent, Route, Verb
from watcher.ports import Unsupported
from watcher.sim.things import Debt, MarginPair
from watcher.sim.world import World

D = Decimal
REPAYING = ("binance", "bybit")
WAYS = [pytest.param(venue, ADDS[venue], id=f"{venue} add") for venue in VENUES] + [
    pytest.param(venue, REPAYS[venue], id=f"{venue} repay") for venue in REPAYING
]
each_way = pytest.mark.parametrize(("venue", "route"), WAYS)


def at(venue: str, route: Route) -> Callable[[World], None] | None:
    adds = venue == "bybit" and route.verb is Verb.ADD_MARGIN
    return isolated_bybit if adds else None


def held(rig: Rig, route: Route) -> Decimal:
    """Return the leg's margin, or what is no longer owed, by the world's truth."""
    if route.verb is Verb.REPAY:
        debt = rig.account.debts.get("USDT", Debt(principal=D(0)))
        return -(debt.principal + debt.interest)
    (leg,) = rig.account.positions.values()
    return leg.isolated_margin


@each_way
def test_it_is_done_once_for_the_exact_amount_and_found(venue: str, route: Route) -> None:
    async def scene(rig: Rig) -> None:
        assert await rig.money.balance(route) > D(700)
        before = held(rig, route)
        intent = await rig.intent(route, "120")
        assert (await rig.money.lookup(intent)).found is not Found.EXECUTED

        answer = await rig.send(intent)

        assert answer.answered is Answered.SUCCESS, answer
        assert answer.amount in (None, intent.amount)
        assert held(rig, route) - before == intent.amount
        assert [one.verb for one in rig.done] == [route.verb.value]
        assert (await rig.money.lookup(intent)).found is Found.EXECUTED

    play(venue, scene, change=at(venue, route))


@each_way
@pytest.mark.parametrize("kind", ["lost_reply", "executed_504"])
def test_done_without_an_answer_is_unknown_and_found(venue: str, route: Route, kind: str) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent(route, "120")
        await rig.plan(kind)

        assert (await rig.send(intent)).answered is Answered.UNKNOWN
        assert len(rig.done) == 1
        assert (await rig.money.lookup(intent)).found is Found.EXECUTED

    play(venue, scene, change=at(venue, route))


@each_way
def test_a_request_that_never_came_is_not_found(venue: str, route: Route) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent(route, "120")
        await rig.control("fault", target=venue, kind="reset")

        assert (await rig.send(intent)).answered is Answered.UNKNOWN
        assert (await rig.money.lookup(intent)).found is Found.NOT_FOUND
        assert rig.done == []

    play(venue, scene, change=at(venue, route))


@each_way
@pytest.mark.parametrize("kind", ["revoked", "recv_window"])
def test_a_proven_rejection_is_one(venue: str, route: Route, kind: str) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent(route, "120")
        await rig.plan(kind)

        assert (await rig.send(intent)).answered is Answered.REJECTED
        assert rig.done == []

    play(venue, scene, change=at(venue, route))


@each_way
def test_more_than_there_is_moves_nothing(venue: str, route: Route) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent(route, "99000")

        answer = await rig.send(intent)

        # Bybit's code for repaying too much is in no list
        unlisted = (venue, route.verb) == ("bybit", Verb.REPAY)
        assert answer.answered is (Answered.UNKNOWN if unlisted else Answered.REJECTED)
        assert rig.done == []

    play(venue, scene, change=at(venue, route))


def after_a_restart(intent: Intent) -> Intent:
    """Another process knows nothing of how it stood before."""
    return replace(intent, id="of another process")


@pytest.mark.parametrize(
    ("venue", "route"), [way for way in WAYS if not str(way.id).startswith("binance")]
)
def test_without_a_history_nothing_is_known_after_a_restart(venue: str, route: Route) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent(route, "120")
        await rig.send(intent)

        assert (await rig.money.lookup(after_a_restart(intent))).found is Found.UNANSWERED
        with pytest.raises(Unsupported, match="no history"):
            await rig.money.history(route, since_us=0)

    play(venue, scene, change=at(venue, route))


@pytest.mark.parametrize("route", [ADDS["binance"], REPAYS["binance"]])
def test_binance_still_knows_after_a_restart(route: Route) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent(route, "120")
        await rig.send(intent)
        (row,) = await rig.money.history(route, since_us=0)

        assert (await rig.money.lookup(after_a_restart(intent))).found is Found.EXECUTED
        assert (row.amount, row.done) == (intent.amount, True)

    play("binance", scene)


@pytest.mark.parametrize(
    ("venue", "route"), [way for way in WAYS if not str(way.id).startswith("binance")]
)
def test_a_change_by_another_amount_is_no_proof(venue: str, route: Route) -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent(route, "120")
        await rig.control("fault", target=venue, kind="reset")
        await rig.send(intent)
        other = await rig.intent(route, "77", key="a person")
        await rig.send(other)

        assert (await rig.money.lookup(intent)).found is Found.UNANSWERED

    play(venue, scene, change=at(venue, route))


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize("drift", ["0.9", "-0.9"])
def test_funding_and_interest_meanwhile_do_not_mislead(done: bool, drift: str) -> None:  # noqa: FBT001 - a case of the test
    async def scene(rig: Rig) -> None:
        intent = await rig.intent(ADDS["okx"], "120")
        if not done:
            await rig.control("fault", target="okx", kind="reset")
        await rig.send(intent)
        (leg,) = rig.account.positions.values()
        leg.isolated_margin += D(drift)
        rig.world.touch()

        expected = Found.EXECUTED if done else Found.NOT_FOUND
        assert (await rig.money.lookup(intent)).found is expected

    play("okx", scene)


@pytest.mark.parametrize("venue", VENUES)
def test_a_leg_that_is_gone_gets_nothing(venue: str) -> None:
    async def scene(rig: Rig) -> None:
        route = ADDS[venue]
        intent = await rig.intent(route, "120")
        (leg,) = rig.account.positions.values()
        rig.world.set_position(rig.account, leg.symbol, leg.side, D(0))

        answer = await rig.send(intent)

        assert answer.answered is not Answered.SUCCESS
        assert rig.done == []

    play(venue, scene, change=at(venue, ADDS[venue]))


@pytest.mark.parametrize("side", ["long", "short"])
def test_in_hedge_mode_binance_names_the_side(side: str) -> None:
    def change(world: World) -> None:
        account = world.account("binance")
        account.hedge = True
        world.set_position(account, "BTCUSDT", "short", D("0.2"), isolated_margin=D(2000))

    async def scene(rig: Rig) -> None:
        route = replace(ADDS["binance"], destination=f"isolated:BTCUSDT:{side}")
        before = {leg.side: leg.isolated_margin for leg in rig.account.positions.values()}
        intent = await rig.intent(route, "120")

        assert (await rig.send(intent)).answered is Answered.SUCCESS
        assert (await rig.money.lookup(intent)).found is Found.EXECUTED
        for leg in rig.account.positions.values():
            grown = intent.amount if leg.side == side else 0
            assert leg.isolated_margin - before[leg.side] == grown

    play("binance", scene, change=change)


def test_binance_adds_coin_to_a_leg_margined_in_coin() -> None:
    def change(world: World) -> None:
        world.set_position(
            world.account("binance"), "BTCUSD_PERP", "short", D(100), isolated_margin=D("0.05")
        )

    async def scene(rig: Rig) -> None:
        route = Route(
            verb=Verb.ADD_MARGIN,
            asset="BTC",
            source="coin:BTC",
            destination="isolated:BTCUSD_PERP:short",
        )
        assert D("0.9") < await rig.money.balance(route) <= D(1)
        intent = await rig.intent(route, "0.02")

        assert (await rig.send(intent)).answered is Answered.SUCCESS
        assert (await rig.money.lookup(intent)).found is Found.EXECUTED
        assert rig.done[0].asset == "BTC"

    play("binance", scene, change=change)


@pytest.mark.parametrize(
    ("source", "destination", "asset", "wallet"),
    [
        ("spot", "cross:USDT", "USDT", "futures"),
        ("funding", "cross:USDT", "USDT", "futures"),
        ("spot", "cross:multi", "USDT", "futures"),
        ("spot", "coin:BTC", "BTC", "coin"),
        ("spot", "margin", "USDT", "margin"),
        ("funding", "margin", "USDT", "margin"),
    ],
)
def test_binance_has_each_way_of_its_list(
    source: str, destination: str, asset: str, wallet: str
) -> None:
    async def scene(rig: Rig) -> None:
        rig.account.wallet("spot")["BTC"] = D("0.5")
        route = Route(verb=Verb.MOVE, asset=asset, source=source, destination=destination)
        intent = await rig.intent(route, "0.1")

        assert (await rig.send(intent)).answered is Answered.SUCCESS
        assert [(one.source, one.target) for one in rig.done] == [(source, wallet)]

    play("binance", scene)


def test_binance_repays_one_isolated_pair() -> None:
    def change(world: World) -> None:
        world.account("binance").pairs["BTCUSDT"] = MarginPair(
            base="BTC",
            quote="USDT",
            held={"BTC": D("0.1"), "USDT": D(900)},
            debts={"USDT": Debt(principal=D(1000), interest=D(1))},
        )

    async def scene(rig: Rig) -> None:
        route = Route(
            verb=Verb.REPAY,
            asset="USDT",
            source="isolated_margin:BTCUSDT",
            destination="isolated_margin:BTCUSDT",
        )
        assert await rig.money.balance(route) == D(900)
        intent = await rig.intent(route, "300")

        assert (await rig.send(intent)).answered is Answered.SUCCESS
        assert (await rig.money.lookup(intent)).found is Found.EXECUTED
        assert rig.account.pairs["BTCUSDT"].owed("USDT") == D(1001) - intent.amount
        assert len(await rig.money.history(route, since_us=0)) == 1
        assert await rig.money.history(REPAYS["binance"], since_us=0) == []

    play("binance", scene, change=change)


def test_bybit_is_not_asked_to_repay_while_it_charges_interest() -> None:
    async def scene(rig: Rig) -> None:
        await rig.wait(4 * 60 + 10)
        intent = await rig.intent(REPAYS["bybit"], "120")

        answer = await rig.send(intent)

        assert (answer.answered, answer.code) == (Answered.REJECTED, "unsent")
        assert rig.posts() == 0
        await rig.wait(90)
        later = await rig.intent(REPAYS["bybit"], "120", attempt=1)
        assert (await rig.send(later)).answered is Answered.SUCCESS

    play("bybit", scene)


@pytest.mark.parametrize(
    ("venue", "route"),
    [
        ("okx", Route(verb=Verb.REPAY, asset="USDT", source="unified", destination="unified")),
        ("okx", Route(verb=Verb.MOVE, asset="USDT", source="spot", destination="unified")),
        ("bybit", Route(verb=Verb.MOVE, asset="USDT", source="unified", destination="funding")),
        ("binance", Route(verb=Verb.MOVE, asset="USDT", source="margin", destination="spot")),
        ("binance", Route(verb=Verb.ADD_MARGIN, asset="USDT", source="x", destination="margin")),
    ],
)
def test_a_way_that_does_not_exist_is_never_asked_for(venue: str, route: Route) -> None:
    async def scene(rig: Rig) -> None:
        with pytest.raises(Unsupported):
            await rig.money.balance(route)
        intent = replace(await rig.intent(), route=route)

        answer = await rig.send(intent)

        assert (answer.answered, answer.code) == (Answered.REJECTED, "unsent")
        assert rig.posts() == 0

    play(venue, scene)
