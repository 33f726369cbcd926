"""
The step of the chat: the bot's token, and a code that proves whose chat it is.

Rule: numbers of people and chats are never typed where the code can prove them; given as flags they
are proven by the test message that follows.
"""

from __future__ import annotations

from functools import partial

from watcher.channels.telegram_introduction import Introduced, Unheard
from watcher.policy import wording
from watcher.ports import DeliveryError
from watcher.settings.hidden import told
from watcher.settings.keys import environment_name
from watcher.setup.files import SetupError
from watcher.setup.kit import Kit, made

TOKEN = ("telegram", "bot_token")


def telegram(kit: Kit) -> None:
    """Ask for the bot, and learn chat and user from who presses its link."""
    kit.prompt.say("Telegram: write /newbot to @BotFather; it answers with the bot's token")
    endpoint = kit.chat_endpoint()
    kit.told_practice(endpoint, "telegram.endpoint", "Telegram")
    token, bot = _bot(kit, endpoint)
    flags = kit.flags
    if flags.chat_id is not None:
        chat_id, users = flags.chat_id, list(flags.users)
        if not users and chat_id > 0:
            users = [chat_id]  # a private chat has its person's number
    else:
        who = introduced(kit, token, bot, "the chat alerts go to")
        chat_id, users = who.chat_id, [who.user_id, *flags.users]
    kit.draft.put(("telegram", "chat_id"), chat_id)
    before = kit.settings().telegram.allowed_users
    stay = [user for user in before if user not in users]
    if stay:
        kit.prompt.say(
            f"  as before, may ask, acknowledge and mute: {', '.join(map(str, stay))}; who should "
            f"not is taken out of telegram.allowed_users in {kit.draft.config}",
            style="yellow",
        )
    everyone = list(dict.fromkeys((*before, *users)))
    kit.draft.put(("telegram", "allowed_users"), everyone, "who may ask, acknowledge and mute")
    if flags.endpoint is not None:
        kit.draft.put(("telegram", "endpoint"), flags.endpoint)
    kit.draft.put_secret(TOKEN, token)
    kit.draft.write()


def second_chat(kit: Kit) -> None:
    """Learn a second chat, the same way."""
    settings = kit.settings()
    if kit.flags.second_chat_id is not None:
        chat_id = kit.flags.second_chat_id
    else:
        token = told(settings.telegram.bot_token)
        bot = kit.hands.bot(token, kit.chat_endpoint())
        chat_id = introduced(kit, token, bot, "the second chat").chat_id
    made(telegram={"chat_id": settings.telegram.chat_id, "second_chat_id": chat_id})
    kit.draft.put(("telegram", "second_chat_id"), chat_id)
    kit.draft.write()


def _bot(kit: Kit, endpoint: str | None) -> tuple[str, str]:
    while True:
        token = kit.prompt.hidden("  token (not shown)", name=environment_name(TOKEN))
        try:
            made(telegram={"bot_token": token})
            bot = kit.hands.bot(token, endpoint)
        except (SetupError, DeliveryError) as error:
            line = f"{error}; {_about_bot(error)}"
        else:
            kit.prompt.say(f"  the bot answers: @{bot}", style="green")
            return token, bot
        if not kit.again(line):
            raise SetupError("without a bot there is no chat: run `watcher init` again with one")


def _about_bot(error: SetupError | DeliveryError) -> str:
    if isinstance(error, SetupError):
        return "copy it whole from @BotFather"
    if "another program" in error.reason:
        return "stop that program (a daemon of yours counts), or make a bot of its own for this"
    if error.refused:
        return "copy it again from @BotFather (/mybots, API Token)"
    return "the network or Telegram is in the way: try again in a minute"


def introduced(kit: Kit, token: str, bot: str, what: str) -> Introduced:
    """
    Return who opens the bot's link, or says its code, in the chat that is meant.

    Raises: `SetupError`, `DeliveryError`.
    """
    within_s = kit.flags.wait_s
    while True:
        code = kit.code()
        kit.prompt.say(f"  on the phone open  https://t.me/{bot}?start={code}  and press START")
        kit.prompt.say(
            f"  or write  {code}  to @{bot}; for a group: add the bot, write there  "
            f"/start@{bot} {code}"
        )
        waiting = f"  waiting {wording.duration(within_s)} for {what} …"
        try:
            who = kit.hands.heard(
                token, kit.chat_endpoint(), code, within_s, partial(kit.prompt.say, waiting)
            )
        except Unheard as unheard:
            line = _unheard(unheard, bot, within_s)
        except DeliveryError as error:
            line = f"{error.reason}; {_about_bot(error)}"
        else:
            kit.prompt.say(
                f"  heard: user {who.user_id} in chat {who.chat_id} ({wording.name(who.title)})",
                style="green",
            )
            return who
        if not kit.again(line):
            raise SetupError("the chat is not known: run `watcher init` again, phone at hand")


def _unheard(unheard: Unheard, bot: str, within_s: float) -> str:
    waited = wording.duration(within_s)
    if unheard.others:
        return (
            f"messages came in {waited}, but none said the code: press the newest link, or write "
            "the code as it stands"
        )
    return f"nobody pressed START in {waited}: open @{bot} in Telegram, and press it there"
