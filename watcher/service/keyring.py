"""
Buttons as secrets: a token for each under a message, of which the ledger keeps the hash only.

Rule: no button leaves before its hash is written down; where it cannot be, the message leaves
without. A token is good for a day, one about money for a quarter of an hour from when the message
was made; in the chat it was shown in.
"""

from __future__ import annotations

import hashlib

from watcher.domain.alert import MINUTE_US, Message, Moment
from watcher.ports import Ids, Key, Pressable

TOKEN_LIFE_US = 1440 * MINUTE_US
MONEY_TOKEN_LIFE_US = 15 * MINUTE_US


def hashed(token: str) -> str:
    """Return what the ledger knows *token* by."""
    return hashlib.sha256(token.encode()).hexdigest()


def cut(
    message: Message, chat: str, now: Moment, ids: Ids
) -> tuple[tuple[Key, ...], tuple[Pressable, ...]]:
    """Return fresh keys for the buttons of *message*, and what to remember of them."""
    keys = tuple(Key(label=each.label, token=ids.token()) for each in message.buttons)
    remembered = tuple(
        Pressable(
            hash=hashed(key.token),
            act=button.act,
            chat=chat,
            account=message.account,
            pool=message.pool,
            incident=message.incident,
            tier=message.tier,
            expires_us=message.created_at_us + MONEY_TOKEN_LIFE_US
            if button.intent
            else now.steady_us + TOKEN_LIFE_US,
            intent=button.intent,
        )
        for key, button in zip(keys, message.buttons, strict=True)
    )
    return keys, remembered
