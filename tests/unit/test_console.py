"""The console road: what a person reads there."""

from __future__ import annotations

import asyncio
import io

import pytest

from watcher.channels.console import ConsoleChannel
from watcher.domain.alert import Text
from watcher.ports import DeliveryError, Key


def test_a_message_its_buttons_its_edit_and_its_pin_are_lines() -> None:
    stream = io.StringIO()
    channel = ConsoleChannel(stream)

    async def story() -> None:
        keys = [Key(label="Ack", token="secret"), Key(label="Mute 1 h", token="secret")]
        assert await channel.send(Text(plain="a\nb"), silent=False, keys=keys) == "1"
        assert await channel.send(Text(plain="c"), silent=True, picture=b"1234") == "2"
        await channel.edit("1", Text(plain="d"), keys=keys)
        await channel.pin("1")

    asyncio.run(story())

    assert stream.getvalue().split("\n\n") == [
        "(aloud)\na\nb\n[Ack] [Mute 1 h]",
        "(silent)\nc\n(a picture of 4 bytes)",
        "(message 1 now reads)\nd",
        "(message 1 is pinned)",
        "",
    ]


def test_a_stream_nobody_reads_takes_no_message() -> None:
    stream = io.StringIO()
    stream.close()

    with pytest.raises(DeliveryError) as caught:
        asyncio.run(ConsoleChannel(stream).send(Text(plain="x"), silent=False))

    assert caught.value.permanent
