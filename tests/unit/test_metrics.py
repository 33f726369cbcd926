"""The page of numbers: what is on it, what never is, who may look, and what the docs make of it."""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
import pytest
import structlog
from prometheus_client.parser import text_string_to_metric_families

from tests.unit.metrics_page import (
    BUILD,
    Account,
    Says,
    Well,
    books,
    broken_books,
    free_port,
    page,
    sample,
)
from tests.unit.service_stand_ins import START_US
from watcher.channels import metrics
from watcher.channels.metrics import Page
from watcher.cli.run import PRIVATE_UMASK
from watcher.domain.alert import SECOND_US, BlindState, DangerState, MissKind, Tier
from watcher.domain.gauges import WeightGauge
from watcher.domain.road import Reach
from watcher.ports import PAUSED, Flag, Refusal, Traffic
from watcher.settings import ConfigError, Need, load

ROOT = Path(__file__).resolve().parents[2]


# -- what is on it ---------------------------------------------------------------------------------


def test_each_pool_has_its_figures_and_its_tier_by_number_and_name() -> None:
    held = {"unified": DangerState(pool="unified", tier=Tier.CRITICAL)}

    shown = page(Account(sample("unified", margin_level=230.0), dangers=held))

    where = ("bybit", "main", "unified")
    assert shown["watcher_distance_percent"] == {where: 6.5}
    assert shown["watcher_health_ratio"] == {where: 12.0}
    assert shown["watcher_margin_level_percent"] == {where: 230.0}
    assert shown["watcher_tier"] == {where: 3.0}
    states = shown["watcher_tier_state"]
    assert {key for key, value in states.items() if value} == {
        ("bybit", "critical", "main", "unified")
    }
    assert len(states) == len(Tier)


def test_what_is_not_known_is_left_out_and_never_nought() -> None:
    shown = page(Account(age_s=None), books=broken_books, lag=None)

    absent = (
        "watcher_distance_percent",
        "watcher_health_ratio",
        "watcher_tier",
        "watcher_reading_age_seconds",
        "watcher_reading_last_duration_seconds",
        "watcher_messages_waiting",
        "watcher_delivery_age_seconds",
        "watcher_road_refused",
        "watcher_money_held",
        "watcher_topups_open",
        "watcher_loop_lag_seconds",
        "watcher_loop_late_total",
        "watcher_venue_weight_used",
    )
    assert [name for name in absent if shown[name]] == []
    assert shown["watcher_account_seen"] == {("bybit", "main"): 0.0}


def test_a_figure_nobody_has_is_no_nought_beside_one_that_is_known() -> None:
    shown = page(Account(sample("unified", distance=None)))

    assert shown["watcher_distance_percent"] == {}
    assert shown["watcher_health_ratio"] == {("bybit", "main", "unified"): 12.0}


def test_a_blind_account_shows_its_age_and_tier_but_no_figure() -> None:
    """A line that goes on flat in a chart would look as if somebody still saw it."""
    held = {"unified": DangerState(pool="unified", tier=Tier.WATCH)}
    blind = BlindState(active=True, told_at_us=START_US)

    shown = page(Account(sample("unified", 300), age_s=300, dangers=held, blind=blind))

    assert shown["watcher_distance_percent"] == shown["watcher_health_ratio"] == {}
    assert shown["watcher_account_blind"] == {("bybit", "main"): 1.0}
    assert shown["watcher_account_seen"] == {("bybit", "main"): 0.0}
    assert shown["watcher_reading_age_seconds"] == {("bybit", "main"): 300.0}
    assert shown["watcher_tier"] == {("bybit", "main", "unified"): 1.0}


def test_a_pool_the_last_reading_did_not_have_shows_no_figure() -> None:
    shown = page(Account(sample("isolated:BTC", 34), sample("unified", 4)))

    assert shown["watcher_distance_percent"] == {("bybit", "main", "unified"): 6.5}


def test_a_reading_in_which_nothing_was_known_does_not_show_the_one_before() -> None:
    shown = page(Account(sample("unified", 34), age_s=4))

    assert shown["watcher_distance_percent"] == {}


def test_readings_are_timed_and_misses_counted_by_reason() -> None:
    account = Account(sample("unified"))
    for seconds in (0.05, 0.2, 0.2, 7.0, 60.0):
        account.tally.took(seconds)
    account.tally.missed(MissKind.BANNED)

    shown = page(account)

    buckets = shown["watcher_reading_duration_seconds_bucket"]
    counts = {key[0]: value for key, value in buckets.items()}
    assert counts["0.05"] == 1
    assert counts["0.25"] == 3
    assert counts["5.0"] == 3
    assert counts["10.0"] == 4
    assert counts["+Inf"] == 5
    assert shown["watcher_reading_duration_seconds_sum"] == {("bybit", "main"): 67.45}
    assert shown["watcher_reading_last_duration_seconds"] == {("bybit", "main"): 60.0}
    missed = shown["watcher_readings_missed_total"]
    assert missed["banned", "bybit", "main"] == 1
    assert len(missed) == len(MissKind)


def test_roads_money_and_weights_are_as_the_store_and_the_venues_say() -> None:
    road = Traffic(
        waiting=2,
        delivered_us=START_US - 9 * SECOND_US,
        abandoned=1,
        refusal=Refusal(reason="chat not found", since_us=1),
    )
    past = Flag(name=PAUSED, user_id=1, at_us=0, until_us=START_US - 1)
    weight = WeightGauge(venue="bybit", endpoint="", budget="ip", used=10, limit=600)

    shown = page(
        Account(),
        books=books(traffic={Reach.CHAT: road}, flags={PAUSED: past}),
        weights=lambda: [weight],
        funded=("main",),
        killed=lambda: True,
    )

    assert shown["watcher_messages_waiting"] == {("chat",): 2.0}
    assert shown["watcher_messages_abandoned"] == {("chat",): 1.0}
    assert shown["watcher_road_refused"] == {("chat",): 1.0}
    assert shown["watcher_delivery_age_seconds"] == {("chat",): 9.0}
    assert shown["watcher_delivery_failures_total"] == {("chat",): 7.0}
    held = shown["watcher_money_held"]
    assert (held["paused",], held["kill_file",]) == (0.0, 1.0), "a pause that is over holds nothing"
    assert shown["watcher_topups_open"]["main", "sending"] == 0.0
    assert shown["watcher_venue_weight_used"] == {("", "bybit", "ip"): 10.0}


def test_what_is_wrong_is_named() -> None:
    watchdog = Well()
    watchdog.faults = {"lag": 1}
    watchdog.looked_us = START_US - 90 * SECOND_US

    shown = page(Account(), watchdog=watchdog)

    assert shown["watcher_healthy"] == {(): 0.0}
    assert shown["watcher_fault"] == {("lag",): 1.0, ("watchdog",): 1.0}


def test_no_amount_is_on_the_page() -> None:
    """Distances, ages and counts: who reads along learns nothing of how much there is."""
    text = page(Account(sample("unified"))).text

    assert "1234.5" not in text
    assert "equity" not in re.sub(r"(?m)^#.*$", "", text)


# -- who may look ----------------------------------------------------------------------------------


def shown_at(
    listen: str, says: Says, story: Callable[[aiohttp.ClientSession], Awaitable[None]]
) -> None:
    async def run() -> None:
        page = Page(listen, says, build=BUILD, started_us=START_US)
        task = asyncio.create_task(page.run())
        unix = listen.removeprefix("unix:") if listen.startswith("unix:") else None
        connector = aiohttp.UnixConnector(unix) if unix else None
        base = "http://localhost" if unix else f"http://{listen}"
        async with aiohttp.ClientSession(base, connector=connector) as session:
            for _ in range(200):
                try:
                    async with session.get("/healthz"):
                        break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.02)
            await story(session)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(run())


def test_two_pages_are_shown_and_no_verb_but_reading() -> None:
    says = Says()

    async def story(session: aiohttp.ClientSession) -> None:
        async with session.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (200, "ok\n")
            assert answer.headers["Server"] == "watcher"
        async with session.get("/metrics") as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            families = list(text_string_to_metric_families(await answer.text()))
            assert {family.name for family in families} >= {"watcher_tier", "watcher_build_info"}
        for verb in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
            for path in ("/metrics", "/healthz"):
                async with session.request(verb, path) as answer:
                    assert answer.status == 405
        for path in ("/", "/metrics/", "/metrics/../secrets", "/-/reload", "/config"):
            async with session.get(path) as answer:
                assert answer.status == 404
        assert says.asked <= 3, "whoever asks often gets the same numbers again"

    shown_at(f"127.0.0.1:{free_port()}", says, story)


def test_trouble_is_a_503_with_its_codes() -> None:
    async def story(session: aiohttp.ClientSession) -> None:
        async with session.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (503, "store\nunseen\n")

    shown_at(f"127.0.0.1:{free_port()}", Says(("store", "unseen")), story)


def test_who_asks_under_another_hosts_name_is_turned_away() -> None:
    """A web page in a browser of this machine may point a name of its own at 127.0.0.1."""
    port = free_port()

    async def story(session: aiohttp.ClientSession) -> None:
        for host, status in (
            ("evil.example", 403),
            (f"evil.example:{port}", 403),
            ("127.0.0.1.evil.example", 403),
            ("", 403),
            (f"localhost:{port}", 200),
            ("[::1]", 200),
        ):
            async with session.get("/metrics", headers={"Host": host}) as answer:
                assert answer.status == status, host

    shown_at(f"127.0.0.1:{port}", Says(), story)


def test_a_socket_file_is_this_users_alone_and_goes_with_the_page(tmp_path: Path) -> None:
    path = tmp_path / "numbers"
    before = os.umask(PRIVATE_UMASK)

    async def story(session: aiohttp.ClientSession) -> None:
        async with session.get("/metrics") as answer:
            assert answer.status == 200
        mode = path.stat().st_mode
        assert stat.S_ISSOCK(mode)
        assert stat.S_IMODE(mode) & 0o077 == 0

    try:
        shown_at(f"unix:{path}", Says(), story)
    finally:
        os.umask(before)

    assert not path.exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_of_ours_is_told_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(metrics, "RETRY_S", 0.05)
    path, target = tmp_path / "precious", tmp_path / "target"
    target.write_text("precious")
    make = {"file": path.touch, "folder": path.mkdir, "link": lambda: path.symlink_to(target)}
    make[kind]()

    page = Page(f"unix:{path}", Says(), build=BUILD, started_us=START_US)

    async def run() -> None:
        task = asyncio.create_task(page.run())
        await asyncio.sleep(0.3)
        assert not task.done(), "watching does not end over it"
        task.cancel()
        await asyncio.wait([task])

    with structlog.testing.capture_logs() as logs:
        asyncio.run(run())

    assert path.exists()
    assert target.read_text() == "precious"
    told = [line for line in logs if line["event"] == "metrics.unserved"]
    assert len(told) == 1
    assert "no socket" in told[0]["reason"]
    assert "metrics.listen" in told[0]["fix"]


def test_a_file_put_in_the_place_of_the_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "numbers"

    async def story(session: aiohttp.ClientSession) -> None:
        async with session.get("/healthz"):
            path.unlink()
        path.write_text("precious")

    shown_at(f"unix:{path}", Says(), story)

    assert path.read_text() == "precious"


def test_a_port_that_is_taken_is_told_once_with_what_to_do_and_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics, "RETRY_S", 0.05)
    says = Says()
    with socket.socket() as other, structlog.testing.capture_logs() as logs:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]

        async def run() -> None:
            page = Page(f"127.0.0.1:{port}", says, build=BUILD, started_us=START_US)
            task = asyncio.create_task(page.run())
            await asyncio.sleep(0.3)
            assert not task.done(), "watching does not end over it"
            other.close()
            async with aiohttp.ClientSession() as session:
                for _ in range(200):
                    try:
                        async with session.get(f"http://127.0.0.1:{port}/healthz") as answer:
                            assert answer.status == 200
                            break
                    except aiohttp.ClientConnectionError:
                        await asyncio.sleep(0.02)
            task.cancel()
            await asyncio.wait([task])

        asyncio.run(run())

    told = [line for line in logs if line["event"] == "metrics.unserved"]
    assert len(told) == 1
    assert told[0]["reason"] == "taken by another program"
    assert f"sport = :{port}" in told[0]["fix"]
    assert [line["event"] for line in logs][-1] == "metrics.served"


@pytest.mark.parametrize(
    ("listen", "fine"),
    [
        ("127.0.0.1:9108", True),
        ("127.8.9.1:9108", True),
        ("[::1]:9108", True),
        ("localhost:9108", True),
        ("unix:/run/watcher/numbers", True),
        ("unix:numbers", False),
        ("9108", False),
        ("0.0.0.0:9108", False),
        ("[::]:9108", False),
        ("192.168.1.5:9108", False),
        ("watcher.example:9108", False),
        ("127.0.0.1", False),
        ("127.0.0.1:0", False),
        ("127.0.0.1:70000", False),
        ("http://127.0.0.1:9108", False),
        ("127.0.0.1:9108/metrics", False),
        ("", False),
    ],
)
def test_only_this_machine_may_be_shown_to(tmp_path: Path, listen: str, *, fine: bool) -> None:
    file = tmp_path / "watcher.toml"
    file.write_text(f"[metrics]\nlisten = {json.dumps(listen)}\n")

    if fine:
        assert load(file, environ={}, need=Need.NOTHING).metrics.listen == listen
    else:
        with pytest.raises(ConfigError, match="of this machine"):
            load(file, environ={}, need=Need.NOTHING)


def test_nothing_is_shown_unless_it_is_asked_for() -> None:
    example = ROOT / "config" / "watcher.example.toml"

    assert load(example, environ={}, need=Need.NOTHING).metrics.listen is None
