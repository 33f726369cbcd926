"""
The roads there are: opens a channel for each the settings name, a deliverer over each, and the ear
that hears what people say on them.

Rule: part of the composition, beside `app`. A chat that moved is opened where it is now, and where
it moves to is written down, so that a restart finds it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import structlog
from pydantic import SecretStr

from watcher.channels.apprise import AppriseChannel
from watcher.channels.telegram import TelegramChannel
from watcher.domain.alert import Message
from watcher.domain.road import Reach
from watcher.ports import (
    Answerer,
    Channel,
    Clock,
    DeliveryError,
    Ids,
    Scheduler,
    Store,
    StoreError,
)
from watcher.service.canary import Canary
from watcher.service.commands import Commands
from watcher.service.deliver import Deliverer
from watcher.service.digest import Reporter
from watcher.service.draw import Drawer
from watcher.service.orders import Funded, Watched
from watcher.service.outbound import Outbound
from watcher.settings import ConfigError, Problem, Settings, quiet_hours, reaches
from watcher.settings.addresses import FALLBACK_EXPECTED
from watcher.settings.hidden import told

log = structlog.get_logger()

COMMANDS_AFTER_S = 0.3
CANARY_AFTER_S = 120.0
REPORTS_AFTER_S = 30.0
"""By then every account was read, or could not be."""

Moved = Callable[[int, int], Awaitable[None]]

Ear = Callable[[Answerer, Outbound], Awaitable[None]]
"""Hands what people say to whoever answers it, until cancelled."""


def open_chat(
    settings: Settings, chat_id: int | None = None, moved: Moved | None = None
) -> TelegramChannel:
    """Return the road to *chat_id*, without it to the chat of alerts; nothing is sent yet."""
    token = settings.telegram.bot_token
    chat_id = settings.telegram.chat_id if chat_id is None else chat_id
    assert token is not None, "the loader asks for it"
    assert chat_id is not None, "the loader asks for it"
    return TelegramChannel(
        told(token),
        chat_id,
        endpoint=settings.telegram.endpoint,
        moved=moved,
    )


async def open_roads(
    settings: Settings, chat: TelegramChannel, store: Store, doors: AsyncExitStack
) -> dict[Reach, Channel]:
    """
    Return every road there is: *chat* and those opened here, closed with *doors*.

    Raises: `ConfigError` for a fallback that cannot be used.
    """
    channels: dict[Reach, Channel] = {Reach.CHAT: chat}
    second = settings.telegram.second_chat_id
    if second is not None:
        moved = await store.chats_moved()
        channels[Reach.SECOND] = open_chat(settings, moved.get(second, second), noting(store))
    if settings.fallback.url is not None:
        channels[Reach.FALLBACK] = await open_fallback(settings.fallback.url)
    for channel in channels.values():
        if channel is not chat:
            doors.push_async_callback(channel.close)
    return channels


async def open_fallback(url: SecretStr) -> AppriseChannel:
    """
    Return the road to *url*; nothing is sent.

    Raises: `ConfigError` for a URL Apprise cannot use: else an alert that needs it would find out.
    """
    channel = AppriseChannel(told(url))
    try:
        await channel.warm()
    except DeliveryError as error:
        kind = channel.name.removeprefix("apprise:")
        found = f"a URL of the kind {kind}:// that Apprise cannot use"
        problem = Problem(key="fallback.url", found=found, expected=FALLBACK_EXPECTED)
        raise ConfigError([problem]) from error
    return channel


def outbound_over(
    settings: Settings, channels: Mapping[Reach, Channel], store: Store, clock: Clock, ids: Ids
) -> Outbound:
    """Return a deliverer for each road."""
    made: list[Deliverer] = []
    for road, channel in channels.items():
        made.append(
            Deliverer(
                store=store,
                channel=channel,
                clock=clock,
                ids=ids,
                road=road,
                earlier=made,
                per_minute=settings.telegram.messages_per_minute,
                zone=settings.timezone,
            )
        )
    return Outbound(made)


def noting(store: Store) -> Moved:
    """Return what writes down where a chat moved to."""

    async def note(chat_id: int, new_chat_id: int) -> None:
        try:
            await store.chat_moved(chat_id, new_chat_id)
        except StoreError as error:
            log.warning("chat.forgotten", chat_id=new_chat_id, reason=str(error))

    return note


def listening(
    settings: Settings,
    watched: Mapping[str, Watched],
    funds: Mapping[str, Funded],
    store: Store,
    outbound: Outbound,
    clock: Clock,
    ear: Ear,
) -> Callable[[], Awaitable[None]]:
    """Return the loop that hears what people say to the bot."""

    async def listen() -> None:
        # a tenth of a second of imports that the first look at the venues must not wait for
        await clock.sleep(COMMANDS_AFTER_S)
        answerer = Commands(
            watched=watched,
            funds=funds,
            speaker=outbound,
            store=store,
            drawer=Drawer(Path(settings.state_dir) / "fonts"),
            clock=clock,
            zone=settings.timezone,
        )
        try:
            await ear(answerer, outbound)
        finally:
            await answerer.close()

    return listen


async def hear(
    settings: Settings, answerer: Answerer, store: Store, outbound: Outbound, clock: Clock
) -> None:
    """Hand *answerer* what listed people say to the bot, until cancelled."""
    from watcher.channels.telegram_commands import (  # noqa: PLC0415 - see `listening`
        TelegramCommands,
    )
    from watcher.channels.telegram_gate import Gate  # noqa: PLC0415 - the same

    async def tell(message: Message) -> None:
        try:
            await store.say(message)
        except StoreError:
            outbound.tell(message)
        outbound.wake()

    telegram = settings.telegram
    assert telegram.bot_token is not None, "the loader asks for it"
    named = (telegram.chat_id, telegram.second_chat_id)
    moved = await store.chats_moved()
    operators = frozenset(telegram.allowed_users)
    # a listed person may ask in the alert chats and in their own chat with the bot
    users = operators | frozenset(telegram.viewers)
    chats = {moved.get(each, each) for each in named if each is not None}
    commands = TelegramCommands(
        told(telegram.bot_token),
        gate=Gate(users=users, chats=users | chats, operators=operators),
        answerer=answerer,
        now=clock.now,
        tell=tell,
        endpoint=telegram.endpoint,
    )
    try:
        await commands.run()
    finally:
        await commands.close()


def schedule_reports(
    settings: Settings,
    scheduler: Scheduler,
    watched: Mapping[str, Watched],
    store: Store,
    outbound: Outbound,
    clock: Clock,
    owed_from_us: int,
    *,
    pinged: bool,
) -> Canary:
    """
    Have the daily digest and, where wanted, the proof of life told by the clock, and the self-test
    made; return that.
    """
    canary = Canary(
        rules=[each.rules for each in watched.values()],
        store=store,
        tell=outbound.tell,
        clock=clock,
        pinned=settings.telegram.proof_of_life,
    )
    scheduler.every("canary", canary.sing, first_s=CANARY_AFTER_S)
    reporter = Reporter(
        watched=watched,
        store=store,
        outlet=outbound,
        clock=clock,
        roads=reaches(settings),
        at_min=settings.digest_at,
        zone=settings.timezone,
        quiet=quiet_hours(settings),
        owed_from_us=owed_from_us,
        pinged=pinged,
        canary=canary,
    )
    scheduler.every("digest", reporter.daily, first_s=REPORTS_AFTER_S)
    if settings.telegram.proof_of_life:
        scheduler.every("proof", reporter.proof, first_s=REPORTS_AFTER_S)
    return canary
