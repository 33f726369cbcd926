"""The fallback road: the real Apprise over HTTP against a far side of a few lines."""

from __future__ import annotations

import asyncio
import io
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.unit.service_stand_ins import moment
from watcher.channels.apprise import AppriseChannel, _service, _strongest
from watcher.domain.alert import Text
from watcher.logs import configure
from watcher.ports import DeliveryError, Key

CANARY = "ApprisePathSecret0123456789"


class Far:
    """Takes notifications at a secret path; `answers` are used in turn, then all is fine."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.answers: list[int | str] = []
        self.url = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "hang":
            await asyncio.sleep(3600)
        if answer == "reset":
            assert request.transport is not None
            request.transport.abort()
        if answer == 200:
            self.taken.append(await request.json())
        return web.Response(
            status=answer if isinstance(answer, int) else 200, text=f"no, {CANARY}, not this way"
        )


def on_road(story: Callable[[Far, AppriseChannel], Awaitable[None]], query: str = "") -> None:
    async def run() -> None:
        far = Far()
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", far.answer)
        async with TestServer(app) as server:
            far.url = f"json://127.0.0.1:{server.port}/{CANARY}/{query}"
            channel = AppriseChannel(far.url)
            try:
                await story(far, channel)
            finally:
                await channel.close()

    asyncio.run(run())


def failure_of(answer: int | str, query: str = "") -> DeliveryError:
    met: list[DeliveryError] = []

    async def story(far: Far, channel: AppriseChannel) -> None:
        far.answers = [answer]
        with pytest.raises(DeliveryError) as caught:
            await channel.send(Text(plain="x"), silent=False)
        met.append(caught.value)

    on_road(story, query)
    return met[0]


def test_the_first_line_is_the_title_and_loudness_the_type() -> None:
    async def story(far: Far, channel: AppriseChannel) -> None:
        assert channel.name == "apprise:json"
        assert await channel.warm() == "JSON"
        assert far.taken == []

        await channel.send(
            Text(plain="🔴 CRITICAL <b>\nliquidation at 1 < 2\nnow", bold=((0, 5),)),
            silent=False,
            keys=[Key(label="Ack", token="t")],
            picture=b"png",
        )
        await channel.send(Text(plain="one line"), silent=True)

        said = [(each["title"], each["message"], each["type"]) for each in far.taken]
        assert said == [
            ("🔴 CRITICAL <b>", "liquidation at 1 < 2\nnow", "failure"),
            ("", "one line", "info"),
        ]

    on_road(story)


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        *((status, "refused") for status in (401, 403, 404, 410)),
        *((status, "permanent") for status in (400, 413, 422)),
        *((status, "passing") for status in (408, 425, 429, 500, 502, 503)),
        ("reset", "ambiguous"),
    ],
)
def test_an_answer_means_one_thing(answer: int | str, meaning: str) -> None:
    error = failure_of(answer)

    assert (error.refused, error.permanent, error.ambiguous) == (
        meaning == "refused",
        meaning == "permanent",
        meaning == "ambiguous",
    )


def test_silence_may_have_arrived_and_nobody_listening_has_not() -> None:
    assert failure_of("hang", "?rto=0.2").ambiguous

    async def overall(far: Far, _: AppriseChannel) -> None:
        far.answers = ["hang"]
        hasty = AppriseChannel(f"{far.url}?rto=1", timeout_s=0.1)
        with pytest.raises(DeliveryError) as caught:
            await hasty.send(Text(plain="x"), silent=False)
        assert caught.value.ambiguous

    on_road(overall)

    async def nobody() -> None:
        with pytest.raises(DeliveryError) as caught:
            await AppriseChannel("json://127.0.0.1:9/x").send(Text(plain="x"), silent=False)
        error = caught.value
        assert (error.ambiguous, error.permanent, error.refused) == (False, False, False)

    asyncio.run(nobody())


@pytest.mark.parametrize("url", ["", CANARY, f"nosuch://{CANARY}", f"pover://{CANARY}", "json://"])
def test_a_url_apprise_cannot_use_is_refused_without_a_part_of_it(url: str) -> None:
    channel = AppriseChannel(url)

    with pytest.raises(DeliveryError) as caught:
        asyncio.run(channel.warm())

    assert caught.value.refused
    assert CANARY.lower() not in f"{channel.name} {caught.value}".lower()


def test_what_went_out_cannot_be_changed_and_a_pin_is_nothing() -> None:
    async def story(far: Far, channel: AppriseChannel) -> None:
        await channel.pin("")
        with pytest.raises(DeliveryError) as caught:
            await channel.edit("", Text(plain="x"))
        assert caught.value.permanent
        assert far.taken == []

    on_road(story)


def priorities(url: str) -> list[object]:
    service = _service(url)
    return [next(iter(road)).priority for road in (service.quiet, service.loud)]  # type: ignore[attr-defined]


def test_a_loud_message_takes_the_strongest_priority_unless_the_url_says_one() -> None:
    pushover = f"pover://{'a' * 30}@{'b' * 30}"

    assert priorities(pushover) == [0, 2]
    assert priorities("ntfy://topic") == ["default", "max"]
    assert priorities("gotify://127.0.0.1/token") == [5, 10]
    assert priorities("ntfy://topic?priority=low") == ["low", "low"]
    plain = next(iter(_service("json://127.0.0.1").quiet))
    assert _strongest("json://127.0.0.1", plain) is plain


@pytest.mark.parametrize("answer", [200, 400, 401, 500, "reset"])
def test_no_part_of_the_url_and_no_answer_gets_into_a_log(answer: int | str) -> None:
    stream = io.StringIO()
    kept = logging.getLogger().handlers[:], logging.getLogger().level
    configure(stream=stream, level="debug", secrets=(), now=moment, colours=False)
    try:

        async def story(far: Far, channel: AppriseChannel) -> None:
            far.answers = [answer]
            try:
                await channel.send(Text(plain="x"), silent=False)
            except DeliveryError:
                logging.getLogger("probe").exception("probe")

        on_road(story)
    finally:
        logging.getLogger().handlers[:], level = kept
        logging.getLogger().setLevel(level)

    assert CANARY not in stream.getvalue()
    if answer != 200:
        assert "probe" in stream.getvalue()


def test_no_address_can_switch_off_the_look_at_certificates() -> None:
    asked = _service("jsons://127.0.0.1:1/x?verify=no")
    usual = _service("jsons://127.0.0.1:1/x")

    for service in (asked, usual):
        plugins = [*service.loud, *service.quiet]
        assert len(plugins) == 2
        assert all(plugin.verify_certificate is True for plugin in plugins)


def test_a_road_that_is_not_used_loads_nothing() -> None:
    """Fifty megabytes that only those pay who configured a fallback."""
    code = (
        "import sys\n"
        "from watcher.channels.apprise import AppriseChannel\n"
        "AppriseChannel('ntfy://topic')\n"
        "assert 'apprise' not in sys.modules and 'requests' not in sys.modules\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
