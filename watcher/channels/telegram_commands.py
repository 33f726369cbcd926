"""
Commands and presses in: long polling through python-telegram-bot, one gate before everything.

Rule: an update is looked at in order, and each look may end it:

    group -5  gate     one listed person, as themselves, in a listed chat; else counted, unanswered
    group -4  trust    nothing passes while another program shares the token, but /kill and /pause
    group -3  flood    at most 10 commands and 30 presses a minute and person
    group  0  handler  a command to the `Answerer`, which sees to the reply; a press to it as well,
                       and every admitted press is answered at once, whatever came of it

A group the bot does not belong to is left. Polling that breaks is started again with growing waits;
alerts go out by another connection and never notice. What a person must know of strangers and
rivals goes out through `tell`, by whichever roads the message says.

Waits in this file are for a socket, not for the world: they are real seconds also in practice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from telegram import Bot, Update
from telegram.error import Conflict, InvalidToken, TelegramError
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
from watcher.channels.telegram_gate import (
    COMMANDS_PER_MINUTE,
    PRESSES_PER_MINUTE,
    Flood,
    Gate,
    Rivalry,
)
from watcher.channels.telegram_polling import POLL_TIMEOUT_S, Watched
from watcher.domain.alert import SECOND_US, Message, Moment
from watcher.policy import guarding
from watcher.policy import messages as say
from watcher.policy.guarding import Rival
from watcher.ports import Answerer, Command, Press

GATE_GROUP = -5
TRUST_GROUP = -4
FLOOD_GROUP = -3
LISTENED_TO = [Update.MESSAGE, Update.CALLBACK_QUERY, Update.MY_CHAT_MEMBER]
SAFER = frozenset({"kill", "pause"})
"""Commands that only reduce risk: no thief of the token can forge them, so they always pass."""
POLL_PAUSE_S = 0.25
"""Between two long polls; bounds what a far side that answers nonsense at once can cost."""
SILENT_MAX_S = 90.0
LOOK_S = 5.0
STOP_S = 1.0
PRESS_S = 10.0
RESTART_WAITS_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
TOKEN_WAIT_S = 300.0
POOL_SIZE = 4
ANSWER_LENGTH_MAX = 200
LEAVING_MAX = 10

App = Application[Any, Any, Any, Any, Any, Any]

log = structlog.get_logger()


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
        tell: Callable[[Message], Awaitable[None]],
        endpoint: str | None = None,
    ) -> None:
        self.gate = gate
        self._token = token
        self._endpoint = endpoint
        self._answerer = answerer
        self._now = now
        self._tell = tell
        self._roads: dict[int, TelegramChannel] = {}
        self._commands = Flood(COMMANDS_PER_MINUTE)
        self._presses = Flood(PRESSES_PER_MINUTE)
        self._rivalry = Rivalry()
        self._leaving: set[asyncio.Task[None]] = set()
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
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                # the library swallows a cancellation that meets it on its way out
                raise asyncio.CancelledError
            if isinstance(self._error, Conflict):
                await self._rival(Rival.POLLS)
            if asyncio.get_running_loop().time() - began > SILENT_MAX_S:
                failures = 0
            wait_s = RESTART_WAITS_S[min(failures, len(RESTART_WAITS_S) - 1)]
            if isinstance(self._error, InvalidToken):
                wait_s = TOKEN_WAIT_S
            failures += 1
            await asyncio.sleep(wait_s)

    async def close(self) -> None:
        for task in self._leaving:
            task.cancel()
        for road in self._roads.values():
            await road.close()

    def application(self) -> App:
        """Return an application with the gate before every handler."""
        return self._wired(*self._connections())

    def _connections(self) -> tuple[HTTPXRequest, Watched]:
        sending = HTTPXRequest(**request_options(POOL_SIZE, self._endpoint))
        return sending, Watched.of(self._endpoint)

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

    async def _poll(self, app: App, polled: Watched) -> None:
        assert app.updater is not None
        if (await app.bot.get_webhook_info()).url:
            # nothing here ever sets one; what follows takes the messages back
            await self._rival(Rival.HOOKED)
        await app.updater.start_polling(
            poll_interval=POLL_PAUSE_S,
            timeout=POLL_TIMEOUT_S,
            allowed_updates=LISTENED_TO,
            bootstrap_retries=0,
            error_callback=self._polling_failed,
        )
        await app.start()
        log.info("commands.started")
        try:
            await self._watch(app, polled)
        finally:
            # the far side may hold the last long poll open for its whole length
            try:
                async with asyncio.timeout(STOP_S):
                    await app.updater.stop()
            except (TimeoutError, TelegramError) as error:
                # what ended the polling itself, a refused token, comes out only here
                self._error = error if isinstance(error, TelegramError) else self._error
            finally:
                await app.stop()

    async def _watch(self, app: App, polled: Watched) -> None:
        assert app.updater is not None
        while app.updater.running and not polled.silent_for(SILENT_MAX_S):
            await self._tell_denied()
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
        self._error = error
        self._trouble.set()

    async def _rival(self, how: Rival) -> None:
        log.error("commands.conflicted", reason=how.value)
        now = self._now()
        if self._rivalry.met(now, certain=how is Rival.HOOKED):
            await self._tell(guarding.rival(how, now))

    async def _tell_denied(self) -> None:
        now = self._now()
        count = self.gate.denied_to_tell(now)
        if count:
            await self._tell(guarding.denied(count, now))

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
        app.add_handler(TypeHandler(Update, self._pass_trust), group=TRUST_GROUP)
        app.add_handler(TypeHandler(Update, self._pass_flood), group=FLOOD_GROUP)
        app.add_handler(_AnyCommand(self._hand_over), group=0)
        app.add_handler(CallbackQueryHandler(self._press), group=0)
        app.add_error_handler(_failed)
        return app

    async def _pass_gate(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        if self.gate.admits(update):
            return
        self.gate.refuse(update)
        log.debug("command.refused", refused=self.gate.refused)
        if len(self._leaving) < LEAVING_MAX:
            chat_id = self.gate.chat_to_leave(update, self._now())
            if chat_id is not None:
                task = asyncio.create_task(_leave(context.bot, chat_id))
                self._leaving.add(task)
                task.add_done_callback(self._leaving.discard)
        await self._tell_denied()
        raise ApplicationHandlerStop

    async def _pass_trust(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        if not self._rivalry.lasts(self._now()) or _word_of(update) in SAFER:
            return
        log.warning("command.distrusted", update_id=update.update_id)
        await _answered(update, say.COMMANDS_OFF)
        raise ApplicationHandlerStop

    async def _pass_flood(self, update: Update, _: ContextTypes.DEFAULT_TYPE) -> None:
        assert update.effective_user is not None
        user_id = update.effective_user.id
        flood = self._commands if update.callback_query is None else self._presses
        if flood.admits(user_id, self._now()):
            return
        log.info("command.flooded", user_id=user_id)
        await _answered(update, say.TOO_FAST)
        raise ApplicationHandlerStop

    async def _hand_over(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        message = update.message
        assert message is not None
        assert message.from_user is not None
        named = _named_in(message.text or "")
        if named and named != context.bot.username.lower():
            return  # in a group each bot is sent what is for another
        command = Command(
            word=_word_of(update),
            argument=_argument_of(message.text or ""),
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
        said = say.NOT_DONE
        try:
            async with asyncio.timeout(PRESS_S):
                said = await self._answerer.press(press, self._road(press.chat_id))
        except TimeoutError:
            log.warning("button.failed", reason=f"not done in {PRESS_S:g} s")
        except Exception:
            log.exception("command.failed", command="press")
        await _answered(update, said)

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


def _word_of(update: Update) -> str:
    """Return the command in *update* without its slash and without the bot's name."""
    if update.message is None or not (update.message.text or "").startswith("/"):
        return ""
    word = (update.message.text or "").split(maxsplit=1)[0]
    return word.removeprefix("/").partition("@")[0].lower()


def _named_in(text: str) -> str:
    """Return the bot that "/status@name" is for; "": for every one that hears it."""
    return text.split(maxsplit=1)[0].partition("@")[2].lower()


def _argument_of(text: str) -> str:
    return " ".join(text.split(maxsplit=1)[1:]).strip()


async def _leave(bot: Bot, chat_id: int) -> None:
    try:
        await bot.leave_chat(chat_id)
    except TelegramError as error:
        log.debug("chat.kept", chat_id=chat_id, reason=type(error).__name__)
    else:
        log.info("chat.left", chat_id=chat_id)


async def _answered(update: Update, words: str) -> None:
    """Show *words* to whoever pressed a button; without an answer the phone waits for one."""
    if update.callback_query is None:
        return
    try:
        await update.callback_query.answer(words[:ANSWER_LENGTH_MAX])
    except TelegramError as error:
        # too old to be answered, or no connection: what it asked for is settled all the same
        log.debug("button.unanswered", reason=type(error).__name__)


async def _failed(_: object, context: ContextTypes.DEFAULT_TYPE) -> None:
    log.error("command.failed", exc_info=context.error)
