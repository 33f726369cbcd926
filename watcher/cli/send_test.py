"""`watcher send-test`: send one test message through Telegram and say what became of it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from watcher.app import set_up_log, system_clock
from watcher.cli import FINE, REFUSED, TROUBLE
from watcher.cli.options import config_parser, settings_of
from watcher.outlets import open_chat
from watcher.policy import notes
from watcher.ports import DeliveryError
from watcher.settings import Need, Settings


def main(argv: Sequence[str]) -> int:
    parser = config_parser("send-test", "Send one test message to the configured chat.")
    settings = settings_of(parser.parse_args(argv), Need.TELEGRAM)
    if settings is None:
        return REFUSED
    return asyncio.run(_send(settings))


async def _send(settings: Settings) -> int:
    clock = system_clock()
    set_up_log(settings, clock.now, level="error")
    channel = open_chat(settings)
    chat = settings.telegram.chat_id
    try:
        bot = await channel.warm()
        print(f"the bot answers: @{bot}")
        message = notes.test_message(clock.now(), zone=settings.timezone)
        receipt = await channel.send(message.text, silent=message.silent)
    except DeliveryError as error:
        print(f"not delivered to chat {chat}: {error.reason}", file=sys.stderr)
        print(_hint(error), file=sys.stderr)
        return TROUBLE
    finally:
        await channel.close()
    print(f"delivered to chat {chat} as message {receipt}")
    return FINE


def _hint(error: DeliveryError) -> str:
    if error.retry_after_s is not None:
        return f"Telegram asks to wait {error.retry_after_s:g} s"
    if error.ambiguous:
        return "it may have arrived all the same: look at the chat"
    if error.refused:
        return "write /start to the bot in that chat, then check telegram.chat_id and the token"
    return "the network or Telegram is in the way: try again"
