"""The self-test: a made-up account that must be told of, and what happens when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.unit.policy_books import LADDERS, RULES, ladder, moment
from tests.unit.service_stand_ins import START_US, in_world
from watcher.domain.alert import SECOND_US, AlertRules, Kind, Measure, Message, Tier
from watcher.domain.road import Reach
from watcher.policy import canary, digest
from watcher.policy.canary import SelfTest
from watcher.service.canary import Canary
from watcher.service.clock import SteppedClock
from watcher.store.sqlite import SqliteStore

DEAF = replace(RULES, ladders=tuple(o for o in LADDERS if o.measure is not Measure.DISTANCE))
"""Rules by which no derivative is ever told of."""

HOUR_S = 3600.0


def test_the_made_up_account_is_told_of_by_default_lines_and_by_wide_ones() -> None:
    wide = ladder(Measure.DISTANCE, 60.0, 50.0, 40.0, 20.0)

    assert canary.trial(RULES, moment()) == ""
    assert canary.trial(replace(RULES, ladders=(wide,)), moment()) == ""


def test_quiet_hours_and_mutes_of_others_do_not_silence_it() -> None:
    rules = replace(RULES, quiet=None, reach=Reach.FALLBACK)

    assert canary.trial(rules, moment()) == ""


def test_rules_that_never_speak_fail_it() -> None:
    assert canary.trial(DEAF, moment()) != ""


class Scene:
    def __init__(
        self, clock: SteppedClock, store: SqliteStore, *rules: AlertRules, pinned: bool = True
    ) -> None:
        self.clock = clock
        self.store = store
        self.notes: list[Message] = []
        self.canary = Canary(
            rules=rules or [RULES],
            store=store,
            tell=self.notes.append,
            clock=clock,
            pinned=pinned,
        )

    async def renew_pinned(self, *, arrives: bool = True) -> None:
        now = self.clock.now()
        await self.store.say(digest.proof([], now, zone="UTC"))
        for claim in await self.store.claim(now, limit=9) if arrives else ():
            await self.store.delivered(claim.id, "1", now)


def told(notes: Sequence[Message]) -> list[tuple[str, Tier, Reach]]:
    return [(n.text.plain.splitlines()[1].strip(), n.tier, n.reach) for n in notes]


def test_it_is_passed_when_the_pinned_message_that_says_so_arrived(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        scene = Scene(clock, await SqliteStore.open(tmp_path))
        assert await scene.canary.sing() == 900
        assert scene.canary.tested == SelfTest(at_us=START_US, wrong="")
        await clock.sleep(300)
        await scene.renew_pinned()
        await clock.sleep(600)
        assert await scene.canary.sing() == 6 * HOUR_S - 900
        assert scene.canary.wrong() == ""
        assert scene.notes == []
        await scene.store.close()

    in_world(story)


def test_a_pinned_message_that_does_not_arrive_fails_it_until_one_does(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        scene = Scene(clock, await SqliteStore.open(tmp_path))
        await scene.renew_pinned()  # before the test: proves nothing of it
        await clock.sleep(1)
        await clock.sleep(await scene.canary.sing() - 300)
        await scene.renew_pinned(arrives=False)
        await clock.sleep(300)
        assert await scene.canary.sing() == 60
        assert scene.canary.wrong() != ""
        words = "The pinned message was not renewed for 15 min"
        assert told(scene.notes) == [(words, Tier.CALM, Reach.CHAT)]

        for _ in range(16):
            await clock.sleep(60)
            assert await scene.canary.sing() == 60
        assert scene.canary.wrong() != ""
        assert len(scene.notes) == 2, "told again after 15 minutes, not each minute"
        await scene.renew_pinned()
        await clock.sleep(60)
        assert await scene.canary.sing() > HOUR_S
        assert scene.canary.wrong() == "", "seed 142: the ping was withheld 15 minutes too long"
        await scene.store.close()

    in_world(story)


def test_a_store_that_does_not_answer_is_no_failure_and_asked_again_soon(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        scene = Scene(clock, await SqliteStore.open(tmp_path))
        await clock.sleep(await scene.canary.sing() - 300)
        await scene.renew_pinned()
        await clock.sleep(300)
        ledger, scene.store._ledger = scene.store._ledger, None
        assert await scene.canary.sing() == 60
        assert scene.canary.wrong() == ""
        scene.store._ledger = ledger
        await clock.sleep(60)
        assert await scene.canary.sing() == 6 * HOUR_S - 900
        assert scene.notes == []
        await scene.store.close()

    in_world(story)


def test_alerts_that_would_not_come_are_told_on_every_road_and_tested_again_soon(
    tmp_path: Path,
) -> None:
    async def story(clock: SteppedClock) -> None:
        scene = Scene(clock, await SqliteStore.open(tmp_path), RULES, DEAF)
        assert await scene.canary.sing() == 900
        assert scene.canary.wrong() != ""
        words = "A made-up account fell to liquidation and no alert came"
        assert told(scene.notes) == [(words, Tier.CRITICAL, Reach.FALLBACK)]
        await scene.store.close()

    in_world(story)


def test_a_defect_in_judging_fails_it_and_no_more(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        broken = replace(RULES, betas={"BTC": "much"})  # type: ignore[dict-item]  # a defect
        scene = Scene(clock, await SqliteStore.open(tmp_path), broken)
        assert await scene.canary.sing() == 900
        assert "A fault in watcher itself" in scene.canary.wrong()
        await scene.store.close()

    in_world(story)


def test_without_a_proof_of_life_only_the_judging_is_tested(tmp_path: Path) -> None:
    async def story(clock: SteppedClock) -> None:
        scene = Scene(clock, await SqliteStore.open(tmp_path), pinned=False)
        assert await scene.canary.sing() == 6 * HOUR_S
        assert scene.canary.wrong() == ""
        assert await scene.store.told(since_us=0) == []
        await scene.store.close()

    in_world(story)


def test_the_pinned_message_says_how_the_self_test_went() -> None:
    at_us = moment().wall_us - 60 * SECOND_US
    passed = digest.proof([], moment(), zone="UTC", tested=SelfTest(at_us=at_us, wrong=""))
    failed = digest.proof([], moment(), zone="UTC", tested=SelfTest(at_us=at_us, wrong="x"))
    before = digest.proof([], moment(), zone="UTC")

    assert passed.kind is Kind.PROOF
    assert "Self-test 14:12 UTC: passed" in passed.text.plain
    assert "Self-test 14:12 UTC: FAILED" in failed.text.plain
    assert "Self-test" not in before.text.plain
