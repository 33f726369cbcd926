"""
The steps of what stands behind the chat: another road to a person, and who notices our death.

Rule: offered, never required. An address is tried before it is kept: a fallback by loading its
service (what proves it is the test that a person answers), a heartbeat by one ping.
"""

from __future__ import annotations

from watcher.ports import DeliveryError, PingError
from watcher.settings.keys import environment_name
from watcher.setup.chat import second_chat
from watcher.setup.files import SetupError
from watcher.setup.kit import Kit, made

FALLBACK = ("fallback", "url")
HEARTBEAT = ("heartbeat", "url")


def fallback(kit: Kit) -> None:
    """Offer a road beside Telegram, and a second chat on it."""
    kit.prompt.say(
        "Fallback, when Telegram fails or nobody answers: ntfy, Pushover, mail, SMS and a hundred "
        "others by an Apprise URL, such as ntfys://my-own-secret-topic"
    )
    while url := kit.prompt.hidden(
        "  Apprise URL (not shown; empty: none)", name=environment_name(FALLBACK), optional=True
    ):
        try:
            title = kit.hands.usable(url)
        except DeliveryError as error:
            if kit.again(error.reason):
                continue
            break
        kit.prompt.say(f"  {title}: tested with the others at the end", style="green")
        kit.draft.put_secret(FALLBACK, url)
        kit.draft.write()
        break
    flagged = kit.flags.second_chat_id is not None
    if flagged or kit.prompt.agrees("  a second chat, told after three minutes?", default=False):
        second_chat(kit)


def heartbeat(kit: Kit) -> None:
    """Offer somebody outside who notices when pings stop."""
    kit.prompt.say(
        "Heartbeat: nobody here can say that this machine died. Make a check at healthchecks.io "
        "(period 1 min, grace 3 min), or anywhere that speaks as it does"
    )
    while url := kit.prompt.hidden(
        "  its ping URL (not shown; empty: none)", name=environment_name(HEARTBEAT), optional=True
    ):
        try:
            made(heartbeat={"url": url})
            kit.hands.ping(url)
        except (SetupError, PingError) as error:
            if kit.again(f"{error}; copy the ping URL again, whole"):
                continue
            return
        kit.prompt.say("  pinged once: it took it", style="green")
        kit.draft.put_secret(HEARTBEAT, url)
        kit.draft.write()
        return
