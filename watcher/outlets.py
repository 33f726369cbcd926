"""
The roads there are: opens a channel for each the settings name, and a deliverer over each.

Rule: part of the composition, beside `app`. A chat that moved is opened where it is now, and where
it moves to is written down, so that a restart finds it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import structlog

from watcher.channels.apprise import AppriseChannel
from watcher.channels.telegram import TelegramChannel
from watcher.domain.road import Reach
from watcher.ports import Channel, Clock, Ids, Store, StoreError
from watcher.service.deliver import Deliverer
from watcher.service.outbound import Outbound
from watcher.settings import Settings

log = structlog.get_logger()

Moved = Callable[[int, int], Awaitable[None]]


def open_chat(
    settings: Settings, chat_id: int | None = None, moved: Moved | None = None
) -> TelegramChannel:
    """Return the road to *chat_id*, without it to the chat of alerts; nothing is sent yet."""
    token = settings.telegram.bot_token
    chat_id = settings.telegram.chat_id if chat_id is None else chat_id
    assert token is not None, "the loader asks for it"
    assert chat_id is not None, "the loader asks for it"
    return TelegramChannel(
        token.get_secret_value().strip(),
        chat_id,
        endpoint=settings.telegram.endpoint,
        moved=moved,
    )


async def open_outbound(
    settings: Settings,
    chat: TelegramChannel,
    store: Store,
    clock: Clock,
    ids: Ids,
    doors: AsyncExitStack,
) -> Outbound:
    """Return a deliverer for each road over *chat* and those opened here, closed with *doors*."""
    channels: dict[Reach, Channel] = {Reach.CHAT: chat}
    second = settings.telegram.second_chat_id
    if second is not None:
        moved = await store.chats_moved()
        channels[Reach.SECOND] = open_chat(settings, moved.get(second, second), noting(store))
    if settings.fallback.url is not None:
        channels[Reach.FALLBACK] = AppriseChannel(settings.fallback.url.get_secret_value().strip())
    for channel in channels.values():
        if channel is not chat:
            doors.push_async_callback(channel.close)
    return Outbound(_deliverers(settings, channels, store, clock, ids))


def _deliverers(
    settings: Settings, channels: Mapping[Reach, Channel], store: Store, clock: Clock, ids: Ids
) -> list[Deliverer]:
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
    return made


def noting(store: Store) -> Moved:
    """Return what writes down where a chat moved to."""

    async def note(chat_id: int, new_chat_id: int) -> None:
        try:
            await store.chat_moved(chat_id, new_chat_id)
        except StoreError as error:
            log.warning("chat.forgotten", chat_id=new_chat_id, reason=str(error))

    return note
