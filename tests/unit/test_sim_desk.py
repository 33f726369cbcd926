"""The transfer desk of the practice venues: what may be asked of it, and where the money is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.unit.money_rig import MOVES, VENUES, Rig, play
from watcher.sim.desk import KINDS

D = Decimal


def total(rig: Rig) -> Decimal:
    return sum((purse.get("USDT", D(0)) for purse in rig.account.wallets.values()), D(0))


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("kind", KINDS)
def test_money_is_neither_made_nor_lost(venue: str, kind: str) -> None:
    async def scene(rig: Rig) -> None:
        before = total(rig)
        intent = await rig.intent()
        await rig.plan(kind)

        await rig.send(intent)
        on_its_way = before - total(rig)

        assert on_its_way in (0, intent.amount)
        await rig.wait(34 * 60)
        assert total(rig) == before
        assert len(rig.done) <= 1

    play(venue, scene)


def test_a_plan_ends_after_its_count_and_counts_only_its_verb() -> None:
    async def scene(rig: Rig) -> None:
        await rig.plan("lost_reply", count=2, verb="move")
        await rig.plan("insufficient", verb="add_margin")
        answers = [await rig.send(await rig.intent(key=f"k{n}", amount="10")) for n in range(3)]

        assert [answer.answered.value for answer in answers] == ["unknown", "unknown", "success"]
        assert len(rig.done) == 3

    play("binance", scene)


def test_what_was_executed_is_shown_as_the_truth() -> None:
    async def scene(rig: Rig) -> None:
        intent = await rig.intent()
        await rig.send(intent)
        async with rig.session.get(f"{rig.practice.url}/control/state") as answer:
            state = await answer.json()

        (shown,) = state["accounts"]["okx"]["transfers"]
        assert shown["ref"] == intent.venue_ref
        assert D(shown["amount"]) == intent.amount
        assert (shown["verb"], shown["from"], shown["to"]) == ("move", "funding", "trading")
        assert shown["at_us"] == rig.world.now_us

    play("okx", scene)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"target": "okx", "kind": "vanished"}, "transfers kind: found 'vanished'"),
        ({"target": "okx", "kind": "slow", "reply": "late"}, "transfers reply: found 'late'"),
        ({"target": "nobody", "kind": "slow"}, "target: found 'nobody'"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(wish: dict[str, str], said: str) -> None:
    async def scene(rig: Rig) -> None:
        async with rig.session.post(f"{rig.practice.url}/control/transfers", json=wish) as answer:
            assert answer.status == 400
            assert said in (await answer.json())["error"]

    play("okx", scene)


def test_plans_are_forgotten_with_the_other_faults() -> None:
    async def scene(rig: Rig) -> None:
        await rig.plan("slow", count=9)
        await rig.control("reset_faults")
        await rig.send(await rig.intent())

        assert len(rig.done) == 1
        assert rig.done[0].source == MOVES["bybit"].source

    play("bybit", scene)
