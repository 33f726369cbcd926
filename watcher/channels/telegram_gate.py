"""
The gate before every handler of the bot: who is let in, how often, and while whom to trust nobody.

Rule: an update passes when one listed person, as themselves, says something or presses a button in
one listed chat. Everything else there is does not: edits, channels, inline questions, member
changes, polls, reactions, forwards, words through another bot or on behalf of a chat. Who is not
let in gets no answer; strangers are counted and told of once an hour. An empty list lets nobody in.
Pure judgement: nothing here sends or waits.
"""

from __future__ import annotations

from collections import deque

from telegram import CallbackQuery, ChatMember, Message, Update
from telegram.constants import ChatType

from watcher.domain.alert import MINUTE_US, Moment

COMMANDS_PER_MINUTE = 10
PRESSES_PER_MINUTE = 30
"""More than commands: in a crash a person acks one alert after the other."""
HOUR_US = 60 * MINUTE_US
TRUST_AFTER_US = 2 * MINUTE_US
LEAVE_AGAIN_US = 10 * MINUTE_US
LEFT_KEPT = 200
GROUP_BOT_ID = 1087968824
"""Telegram's user for group members who write anonymously."""

GROUPS = (ChatType.GROUP, ChatType.SUPERGROUP, ChatType.CHANNEL)


class Gate:
    """Who may give commands, who of them may change something, and how many were turned away."""

    def __init__(
        self,
        *,
        users: frozenset[int],
        chats: frozenset[int],
        operators: frozenset[int] = frozenset(),
    ) -> None:
        self.refused = 0
        self._users = users
        self._chats = chats
        self._operators = operators & users
        self._untold = 0
        self._told_us: int | None = None
        self._left_us: dict[int, int] = {}

    def is_operator(self, user_id: int) -> bool:
        return user_id in self._operators

    def admits(self, update: Update) -> bool:
        """Return whether *update* is a listed person's own word or press in a listed chat."""
        message, query = update.message, update.callback_query
        if (message is None) == (query is None):
            return False
        if message is not None:
            return self._admits_message(message)
        return query is not None and self._admits_press(query)

    def refuse(self, update: Update) -> None:
        """Count *update*; what a listed person does that is no command is no stranger's."""
        self.refused += 1
        person = update.effective_user
        if person is None or person.id not in self._users:
            self._untold += 1

    def denied_to_tell(self, now: Moment) -> int:
        """Return how many strangers to tell of now, at most once an hour, and forget them."""
        told_us = self._told_us
        if not self._untold or (told_us is not None and now.steady_us - told_us < HOUR_US):
            return 0
        count, self._untold, self._told_us = self._untold, 0, now.steady_us
        return count

    def chat_to_leave(self, update: Update, now: Moment) -> int | None:
        """
        Return the group or channel that *update* says the bot is in and should not be; the same
        one again after ten minutes at the earliest.
        """
        chat = update.effective_chat
        if chat is None or chat.id in self._chats or chat.type not in GROUPS:
            return None
        change = update.my_chat_member
        gone = change is not None and change.new_chat_member.status in (
            ChatMember.LEFT,
            ChatMember.BANNED,
        )
        last_us = self._left_us.get(chat.id)
        if gone or (last_us is not None and now.steady_us - last_us < LEAVE_AGAIN_US):
            return None
        self._left_us.pop(chat.id, None)
        self._left_us[chat.id] = now.steady_us
        if len(self._left_us) > LEFT_KEPT:
            del self._left_us[next(iter(self._left_us))]
        return chat.id

    def _admits_message(self, message: Message) -> bool:
        if message.from_user is None:
            return False
        speaks_for_another = (
            message.sender_chat is not None
            or message.forward_origin is not None
            or message.via_bot is not None
            or message.is_automatic_forward
            or message.from_user.is_bot
            or message.from_user.id == GROUP_BOT_ID
        )
        return (
            not speaks_for_another
            and message.from_user.id in self._users
            and message.chat.id in self._chats
        )

    def _admits_press(self, query: CallbackQuery) -> bool:
        # without its message (sent inline, through another chat) it is a button of nobody's
        return (
            query.message is not None
            and query.inline_message_id is None
            and not query.from_user.is_bot
            and query.from_user.id in self._users
            and query.message.chat.id in self._chats
        )


class Flood:
    """How often one person may do a thing within a minute."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._recent: dict[int, deque[int]] = {}

    def admits(self, user_id: int, now: Moment) -> bool:
        """Return whether one more is within bounds, and count it if so."""
        recent = self._recent.setdefault(user_id, deque(maxlen=self._per_minute))
        if len(recent) == self._per_minute and recent[0] > now.steady_us - MINUTE_US:
            return False
        recent.append(now.steady_us)
        return True


class Rivalry:
    """
    Whether another program shares the bot's token, by what Telegram says.

    One conflict may be our own last process on its way out; two within `TRUST_AFTER_US` are not,
    and nobody is trusted until that long after the last.
    """

    def __init__(self) -> None:
        self._met_us: int | None = None
        self._told_us: int | None = None
        self._sure = False

    def lasts(self, now: Moment) -> bool:
        return self._sure and self._recently(now)

    def met(self, now: Moment, *, certain: bool) -> bool:
        """Take a sign of it and return whether to tell, at most once an hour."""
        self._sure = certain or self._recently(now)
        self._met_us = now.steady_us
        told_us = self._told_us
        if not self._sure or (told_us is not None and now.steady_us - told_us < HOUR_US):
            return False
        self._told_us = now.steady_us
        return True

    def _recently(self, now: Moment) -> bool:
        return self._met_us is not None and now.steady_us - self._met_us < TRUST_AFTER_US
