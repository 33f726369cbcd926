"""
Commands in: long polling through python-telegram-bot, one gate before everything.

Rule: an update is looked at by three handlers in order, and each may end it:

    group -5  gate     the person is on the list, the chat is, nobody speaks for another
    group -4  flood    at most 10 commands a minute and person
    group  0  command  handed to the `Answerer`, which sees to the reply

Who is not let in gets no answer and leaves a count, nothing else. An empty list lets nobody in.
Polling that breaks is started again with growing waits; alerts go out by another connection and
never notice. The library retries time-outs of its own for ever and says nothing, so the age of the
last answer is watched here.

Waits in this file are for a socket, not for the world: they are real seconds also in practice.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

import structlog
from telegram import CallbackQuery, Update
from telegram.error import Conflict, InvalidToken, NetworkError, TelegramError
from telegram.ext import (
    Application,
    ApplicationBuilder,
    ApplicationHandlerStop,
    BaseHandler,
    CallbackQueryHandler,
    ContextTypes,
    TypeHandler,
)
from telegram.request import HTTPXRequest

from watcher.channels.telegram import PRESSED, TelegramChannel, api_root, request_options
from watcher.domain.alert import MINUTE_US, SECOND_US, Moment
from watcher.ports import Answerer, Command, Press

GATE_GROUP = -5
FLOOD_GROUP = -4
COMMANDS_PER_MINUTE = 10
POLL_TIMEOUT_S = 10
POLL_PAUSE_S = 0.25
"""Between two long polls; bounds what a far side that answers nonsense at once can cost."""
SILENT_MAX_S = 90.0
LOOK_S = 5.0
STOP_S = 1.0
RESTART_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
TOKEN_WAIT_S = 300.0
POOL_SIZE = 4
ANSWER_LENGTH_MAX = 200
GROUP_BOT_ID = 1087968824
"""Telegram's user for group members who write anonymously."""

App = Application[Any, Any, Any, Any, Any, Any]

log = structlog.get_logger()


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

    def is_operator(self, user_id: int) -> bool:
        return user_id in self._operators

    def admits(self, update: Update) -> bool:
        """
        Return whether *update* is a message by a listed person, in a listed chat, as themselves,
        or such a person's press of a button there.

        Anything else there is (edits, channels, inline questions, member changes, forwards, words
        through another bot or on behalf of a chat) is not a command.
        """
        if update.callback_query is not None:
            return self._admits_press(update.callback_query)
        message = update.message
        if message is None or message.from_user is None:
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


class TelegramCommands:
    """
    Polls for commands. `run` is a loop for a supervisor that does not track it; `close` after it.
    """

    def __init__(
        self,
        token: str,
        *,
        gate: Gate,
        answerer: Answerer,
        now: Callable[[], Moment],
        endpoint: str | None = None,
    ) -> None:
        self.gate = gate
        self._token = token
        self._endpoint = endpoint
        self._answerer = answerer
        self._now = now
        self._roads: dict[int, TelegramChannel] = {}
        self._recent: dict[int, deque[int]] = {}
        self._trouble = asyncio.Event()
        self._error: TelegramError | None = None

    async def run(self) -> None:
        """Poll until cancelled, through every error."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                await self._session()
            except TelegramError as error:
                log.warning("commands.interrupted", reason=type(error).__name__)
                self._error = error
            if asyncio.get_running_loop().time() - began > SILENT_MAX_S:
                failures = 0
            wait_s = RESTART_WAITS_S[min(failures, len(RESTART_WAITS_S) - 1)]
            if isinstance(self._error, InvalidToken):
                wait_s = TOKEN_WAIT_S
            failures += 1
            await asyncio.sleep(wait_s)

    async def close(self) -> None:
        for road in self._roads.values():
            await road.close()

    def application(self) -> App:
        """Return an application with the gate before every handler."""
        return self._wired(*self._connections())

    def _connections(self) -> tuple[HTTPXRequest, _Watched]:
        sending = HTTPXRequest(**request_options(POOL_SIZE, self._endpoint))
        return sending, _Watched.of(self._endpoint)

    async def _session(self) -> None:
        """Poll until something breaks, then take it all down."""
        self._trouble.clear()
        self._error = None
        sending, polled = self._connections()
        try:
            async with self._wired(sending, polled) as app:
                await self._poll(app, polled)
        finally:
            # the library leaves them open when it cannot even start
            await sending.shutdown()
            await polled.shutdown()

    async def _poll(self, app: App, polled: _Watched) -> None:
        assert app.updater is not None
        await app.updater.start_polling(
            poll_interval=POLL_PAUSE_S,
            timeout=POLL_TIMEOUT_S,
            allowed_updates=[Update.MESSAGE, Update.CALLBACK_QUERY],
            bootstrap_retries=0,
            error_callback=self._polling_failed,
        )
        await app.start()
        log.info("commands.started")
        try:
            await self._watch(app, polled)
        finally:
            # the far side may hold the last long poll open for its whole length
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await app.updater.stop()
            await app.stop()

    async def _watch(self, app: App, polled: _Watched) -> None:
        assert app.updater is not None
        while app.updater.running and not polled.silent_for(SILENT_MAX_S):
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._trouble.wait()
            except TimeoutError:
                continue
            reason = type(self._error).__name__
            log.warning("commands.interrupted", reason=reason)
            return
        log.warning("commands.interrupted", reason="polling went silent")

    def _polling_failed(self, error: TelegramError) -> None:
        if isinstance(error, Conflict):
            log.error("commands.conflicted", reason="another program polls with this bot token")
        self._error = error
        self._trouble.set()

    def _wired(self, sending: HTTPXRequest, polled: HTTPXRequest) -> App:
        root = api_root(self._endpoint)
        app: App = (
            ApplicationBuilder()
            .token(self._token)
            .base_url(f"{root}/bot")
            .base_file_url(f"{root}/file/bot")
            .request(sending)
            .get_updates_request(polled)
            .job_queue(None)
            .build()
        )
        app.add_handler(TypeHandler(Update, self._pass_gate), group=GATE_GROUP)
        app.add_handler(TypeHandler(Update, self._pass_flood), group=FLOOD_GROUP)
        app.add_handler(_AnyCommand(self._hand_over), group=0)
        app.add_handler(CallbackQueryHandler(self._press), group=0)
        app.add_error_handler(_failed)
        return app

    async def _pass_gate(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        if not self.gate.admits(update):
            self.gate.refused += 1
            log.debug("command.refused", refused=self.gate.refused)
            raise ApplicationHandlerStop

    async def _pass_flood(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.effective_user is not None
        user_id = update.effective_user.id
        now_us = self._now().steady_us
        recent = self._recent.setdefault(user_id, deque(maxlen=COMMANDS_PER_MINUTE))
        if len(recent) == COMMANDS_PER_MINUTE and recent[0] > now_us - MINUTE_US:
            log.info("command.flooded", user_id=user_id)
            raise ApplicationHandlerStop
        recent.append(now_us)

    async def _hand_over(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        message = update.message
        assert message is not None
        assert message.from_user is not None
        word, _space, argument = (message.text or "").partition(" ")
        command = Command(
            word=word.removeprefix("/").partition("@")[0].lower(),
            argument=argument.strip(),
            user_id=message.from_user.id,
            sent_at_us=round(message.date.timestamp()) * SECOND_US,
            operator=self.gate.is_operator(message.from_user.id),
            update_id=update.update_id,
        )
        log.info("command.received", command=command.word[:20], user_id=command.user_id)
        self._answerer.answer(command, self._road(message.chat.id))

    async def _press(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        query = update.callback_query
        assert query is not None
        assert query.message is not None
        press = Press(
            token=(query.data or "").removeprefix(PRESSED),
            user_id=query.from_user.id,
            chat_id=query.message.chat.id,
            receipt=str(query.message.message_id),
            operator=self.gate.is_operator(query.from_user.id),
            update_id=update.update_id,
        )
        said = await self._answerer.press(press, self._road(press.chat_id))
        await query.answer(said[:ANSWER_LENGTH_MAX])

    def _road(self, chat_id: int) -> TelegramChannel:
        if chat_id not in self._roads:
            self._roads[chat_id] = TelegramChannel(self._token, chat_id, endpoint=self._endpoint)
        return self._roads[chat_id]


class _AnyCommand(BaseHandler[Update, ContextTypes.DEFAULT_TYPE, None]):
    """Every text that starts with a slash; which words there are is not known here."""

    def check_update(self, update: object) -> bool:
        if not isinstance(update, Update) or update.message is None:
            return False
        return (update.message.text or "").startswith("/")


class _Watched(HTTPXRequest):
    """The polling connection, with the time of its last answer."""

    last_answer_s: float = 0.0

    @classmethod
    def of(cls, endpoint: str | None) -> _Watched:
        read_timeout_s = POLL_TIMEOUT_S + 5.0
        return cls(**request_options(1, endpoint, read_timeout_s=read_timeout_s))

    def silent_for(self, seconds: float) -> bool:
        return asyncio.get_running_loop().time() - self.last_answer_s > seconds

    async def initialize(self) -> None:
        self.last_answer_s = asyncio.get_running_loop().time()
        await super().initialize()

    async def do_request(self, *args: Any, **options: Any) -> tuple[int, bytes]:  # noqa: ANN401 - handed on as they come
        status, body = await super().do_request(*args, **options)
        self.last_answer_s = asyncio.get_running_loop().time()
        return status, readable(body) if status == HTTPStatus.OK else body


def readable(body: bytes) -> bytes:
    """
    Return an answer to getUpdates with every update the library cannot read emptied.

    Without this one such update stops all: the library drops the whole answer, asks again at once
    and gets it again, for ever. An emptied one passes, is acknowledged, and admitted nowhere.

    Raises: `NetworkError` for an answer that holds no updates at all.
    """
    try:
        answer = json.loads(body)
        updates = answer["result"]
        kept = [
            update if _reads(update) else {"update_id": update["update_id"]} for update in updates
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise NetworkError("not a list of updates") from error
    if kept == updates:
        return body
    log.warning("update.emptied", updates=len(updates))
    return json.dumps({**answer, "result": kept}).encode()


def _reads(update: dict[str, Any]) -> bool:
    try:
        Update.de_json(update, None)
    except Exception:  # noqa: BLE001 - whatever the library trips over, others must still be read
        return False
    return True


async def _failed(_: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    log.error("command.failed", exc_info=context.error)
