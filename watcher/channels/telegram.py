"""
The Telegram road: texts out through python-telegram-bot.

Rule: plain text with explicit entities, never a parse mode: no name from outside makes markup. All
the library can throw becomes a `DeliveryError` that says whether trying again can help and whether
the message may have arrived. The token is in no reason.

    RetryAfter      wait exactly that long        BadRequest    permanent for the message; refused
    ChatMigrated    send once more to the new id                where it is about the chat (but for
                                                                an edit or a pin: that alone)
    Forbidden       refused: all messages         TimedOut      ambiguous (not when never sent)
    InvalidToken    refused: all messages         NetworkError  try again; ambiguous where the
                                                  connection broke before the answer
                                                  anything else ambiguous, not to be trusted

The order matters: BadRequest and TimedOut are kinds of NetworkError in this library. Budgets,
lanes and retries are `service.deliver`'s.
"""

from __future__ import annotations

import asyncio
import os
import re
import unicodedata
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from ipaddress import ip_address
from typing import TypedDict, TypeVar
from urllib.parse import urlsplit

import httpx
import structlog
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    MessageEntity,
)
from telegram.constants import MessageEntityType, MessageLimit
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
    TimedOut,
)
from telegram.request import HTTPXRequest

from watcher.domain.alert import Text
from watcher.ports import DeliveryError, Key

TELEGRAM_ROOT = "https://api.telegram.org"
TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 3.0
WHOLE_S = 12.0
"""The longest a call may take, however its answer drips: less than a claim is held."""
POOL_SIZE = 2
KEEP_ALIVE_S = 300.0
CUT_MARK = "…"
REASON_LENGTH_MAX = 120
KEYS_PER_ROW = 2
PRESSED = "a:"
"""What the data of a button of ours starts with; Telegram allows 64 bytes in all."""
PRESS_BYTES_MAX = 64

T = TypeVar("T")

# without it the library warns inside its own RetryAfter, and a strict process loses the wait
os.environ.setdefault("PTB_TIMEDELTA", "true")

_NO_PREVIEW = LinkPreviewOptions(is_disabled=True)
_NEVER_SENT = (httpx.ConnectTimeout, httpx.PoolTimeout)
_UNANSWERED = (httpx.ReadError, httpx.RemoteProtocolError)  # sent: Telegram may have taken it

# Telegram tells what is wrong in words only; a text it cannot take is named before the chat is
_OF_THE_TEXT = re.compile(
    r"entit|parse|utf-?8|message (text|is too long|caption)|text is empty|photo|image|button",
    re.IGNORECASE,
)
_OF_THE_CHAT = re.compile(
    r"(?i)chat|peer|user|rights|administrator|group|channel|topic|thread|member|bot\b|kicked|forbid"
)

log = structlog.get_logger()


class TelegramChannel:
    """
    The `Channel` port for one chat.

    *endpoint* is a Bot API on this machine instead of Telegram's; no other host is accepted.
    *moved* is told the old and the new number of a chat that became another one. Connections stay
    open between messages: an alert needs no handshake.
    """

    def __init__(
        self,
        token: str,
        chat_id: int,
        *,
        endpoint: str | None = None,
        timeout_s: float = TIMEOUT_S,
        whole_s: float = WHOLE_S,
        moved: Callable[[int, int], Awaitable[None]] | None = None,
    ) -> None:
        root = api_root(endpoint)
        self.name = f"telegram:{chat_id}"
        self._token = token
        self._chat_id = chat_id
        self._moved = moved
        self._whole_s = whole_s
        self._requests = (
            HTTPXRequest(**request_options(POOL_SIZE, endpoint, read_timeout_s=timeout_s)),
            HTTPXRequest(**request_options(1, endpoint)),
        )
        self._bot = Bot(
            token,
            request=self._requests[0],
            get_updates_request=self._requests[1],
            base_url=f"{root}/bot",
            base_file_url=f"{root}/file/bot",
        )

    async def send(
        self,
        text: Text,
        *,
        silent: bool,
        keys: Sequence[Key] = (),
        picture: bytes | None = None,
    ) -> str:
        if picture is None:
            return await self._asked(lambda: self._send(text, keyboard(keys), silent=silent))
        return await self._asked(lambda: self._show(picture, text, keyboard(keys), silent=silent))

    async def edit(self, receipt: str, text: Text, *, keys: Sequence[Key] = ()) -> None:
        message_id = _message_id(receipt)
        board = keyboard(keys)
        try:
            await self._asked(lambda: self._replace(message_id, text, board), of_one=True)
        except DeliveryError as error:
            if "no text in the message" in error.reason:  # it is a picture with a caption
                await self._asked(lambda: self._recaption(message_id, text, board), of_one=True)
            elif "not modified" not in error.reason:
                raise

    async def pin(self, receipt: str) -> None:
        message_id = _message_id(receipt)
        await self._asked(
            lambda: self._bot.pin_chat_message(
                self._chat_id, message_id, disable_notification=True
            ),
            of_one=True,
        )

    async def warm(self) -> str:
        """
        Ask the bot who it is: proves the token and keeps a connection open.

        Raises: `DeliveryError`.
        """
        try:
            return (await self._trusted(self._bot.get_me)).username or ""
        except TelegramError as error:
            raise delivery_error(error, self._token) from error

    async def close(self) -> None:
        for each in self._requests:
            await each.shutdown()

    async def _asked(self, ask: Callable[[], Awaitable[T]], *, of_one: bool = False) -> T:
        """Return what *ask* brings, asked once more where the chat moved; *of_one*: see there."""
        try:
            return await self._trusted(ask)
        except ChatMigrated as error:
            log.warning("chat.migrated", chat_id=self._chat_id, new_chat_id=error.new_chat_id)
            before, self._chat_id = self._chat_id, error.new_chat_id
            # presses under its messages come from there
            self.name = f"telegram:{self._chat_id}"
            if self._moved is not None:
                await self._moved(before, self._chat_id)
        except TelegramError as error:
            raise delivery_error(error, self._token, of_one=of_one) from error
        try:
            return await self._trusted(ask)
        except TelegramError as error:
            raise delivery_error(error, self._token, of_one=of_one) from error

    async def _trusted(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._whole_s):
                return await ask()
        except TelegramError:
            raise
        except TimeoutError as error:
            raise TimedOut from error
        except Exception as error:  # the library reads answers loosely and may trip over one
            raise DeliveryError(
                f"Telegram's answer could not be read ({type(error).__name__})", ambiguous=True
            ) from error

    async def _send(self, text: Text, board: InlineKeyboardMarkup | None, *, silent: bool) -> str:
        plain, entities = rendered(text)
        sent = await self._bot.send_message(
            self._chat_id,
            plain,
            entities=entities or None,
            disable_notification=silent,
            link_preview_options=_NO_PREVIEW,
            reply_markup=board,
        )
        return str(sent.message_id)

    async def _show(
        self, picture: bytes, text: Text, board: InlineKeyboardMarkup | None, *, silent: bool
    ) -> str:
        plain, entities = rendered(text, MessageLimit.CAPTION_LENGTH)
        sent = await self._bot.send_photo(
            self._chat_id,
            picture,
            caption=plain or None,
            caption_entities=entities or None,
            disable_notification=silent,
            reply_markup=board,
        )
        return str(sent.message_id)

    async def _replace(
        self, message_id: int, text: Text, board: InlineKeyboardMarkup | None
    ) -> None:
        plain, entities = rendered(text)
        await self._bot.edit_message_text(
            plain,
            self._chat_id,
            message_id,
            entities=entities or None,
            link_preview_options=_NO_PREVIEW,
            reply_markup=board,
        )

    async def _recaption(
        self, message_id: int, text: Text, board: InlineKeyboardMarkup | None
    ) -> None:
        plain, entities = rendered(text, MessageLimit.CAPTION_LENGTH)
        await self._bot.edit_message_caption(
            self._chat_id,
            message_id,
            caption=plain,
            caption_entities=entities or None,
            reply_markup=board,
        )


def keyboard(keys: Sequence[Key]) -> InlineKeyboardMarkup | None:
    """Return *keys* as Telegram's buttons; none: no keyboard, which in an edit takes it away."""
    if not keys:
        return None
    buttons = [
        InlineKeyboardButton(key.label, callback_data=f"{PRESSED}{key.token}") for key in keys
    ]
    assert all(len(str(each.callback_data).encode()) <= PRESS_BYTES_MAX for each in buttons)
    rows = range(0, len(buttons), KEYS_PER_ROW)
    return InlineKeyboardMarkup([buttons[start : start + KEYS_PER_ROW] for start in rows])


def _message_id(receipt: str) -> int:
    if not receipt.isdigit():
        raise DeliveryError("no message of this road", permanent=True)
    return int(receipt)


def rendered(
    text: Text, units_max: int = MessageLimit.MAX_TEXT_LENGTH
) -> tuple[str, list[MessageEntity]]:
    """Return *text* cut to what one message holds, its spans in UTF-16 units as Telegram counts."""
    # half a character cannot be sent at all; its place is kept so that the spans still fit
    whole = "".join("�" if unicodedata.category(c) == "Cs" else c for c in text.plain)
    plain = _cut(whole, units_max)
    entities = []
    for kind, spans in ((MessageEntityType.BOLD, text.bold), (MessageEntityType.CODE, text.fixed)):
        for start, end in spans:
            stop = min(end, len(plain))
            if start < stop:
                offset = utf16_length(plain[:start])
                length = utf16_length(plain[start:stop])
                entities.append(MessageEntity(type=kind, offset=offset, length=length))
    return plain, sorted(entities, key=lambda entity: (entity.offset, entity.length))


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def delivery_error(error: TelegramError, token: str, *, of_one: bool = False) -> DeliveryError:
    """
    Return what *error* means for the message that met it.

    *of_one*: it concerned a message that is there already, so words about rights or a chat mean
    that message alone and never condemn the road.
    """
    reason = _reason(error, token)
    match error:
        case RetryAfter():
            found = DeliveryError("Telegram asks to wait", retry_after_s=_wait_s(error))
        case ChatMigrated():
            found = DeliveryError("the chat moved twice")
        case Forbidden():
            found = DeliveryError(f"Telegram forbids it: {reason}", refused=True)
        case InvalidToken():
            found = DeliveryError("bot token refused", refused=True)
        case BadRequest() if not of_one and _condemns(reason):
            found = DeliveryError(f"Telegram refused the chat: {reason}", refused=True)
        case BadRequest():
            found = DeliveryError(f"Telegram refused the message: {reason}", permanent=True)
        case TimedOut():
            sent = not isinstance(error.__cause__, _NEVER_SENT)
            found = DeliveryError("Telegram did not answer in time", ambiguous=sent)
        case NetworkError():
            cut = isinstance(error.__cause__, _UNANSWERED)
            found = DeliveryError(f"no connection to Telegram: {reason}", ambiguous=cut)
        case _:
            found = DeliveryError(f"not an answer of Telegram: {reason}")
    return found


def _condemns(reason: str) -> bool:
    return bool(_OF_THE_CHAT.search(reason)) and not _OF_THE_TEXT.search(reason)


class RequestOptions(TypedDict):
    """What `HTTPXRequest` is made with here."""

    connection_pool_size: int
    connect_timeout: float
    read_timeout: float
    write_timeout: float
    media_write_timeout: float
    pool_timeout: float
    httpx_kwargs: dict[str, object]


def request_options(
    pool_size: int, endpoint: str | None, *, read_timeout_s: float = TIMEOUT_S
) -> RequestOptions:
    """Return the options of a small connection pool with bounded waits."""
    options: dict[str, object] = {
        "limits": httpx.Limits(
            max_connections=pool_size,
            max_keepalive_connections=pool_size,
            keepalive_expiry=KEEP_ALIVE_S,
        )
    }
    if endpoint is not None:
        options["trust_env"] = False  # a proxy of the environment must not see this machine
    return RequestOptions(
        connection_pool_size=pool_size,
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=read_timeout_s,
        write_timeout=TIMEOUT_S,
        media_write_timeout=TIMEOUT_S,  # a picture must not hold up the alert behind it
        pool_timeout=TIMEOUT_S,
        httpx_kwargs=options,
    )


def api_root(endpoint: str | None) -> str:
    """
    Return where the Bot API lives: Telegram's own, or *endpoint*.

    Raises: `ValueError` for an endpoint that is not this machine.
    """
    if endpoint is None:
        return TELEGRAM_ROOT
    host = urlsplit(endpoint).hostname or ""
    if host != "localhost" and not ip_address(host).is_loopback:
        raise ValueError(f"telegram endpoint: expected an address of this machine, found {host}")
    return endpoint.rstrip("/")


def _cut(plain: str, units_max: int) -> str:
    if utf16_length(plain) <= units_max:
        return plain
    kept = plain[: units_max - len(CUT_MARK)]
    while utf16_length(kept) > units_max - len(CUT_MARK):
        kept = kept[:-1]
    return kept + CUT_MARK


def _wait_s(error: RetryAfter) -> float:
    wait = error.retry_after
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def _reason(error: TelegramError, token: str) -> str:
    return str(error).replace(token, "<token>").replace("\n", " ")[:REASON_LENGTH_MAX]
