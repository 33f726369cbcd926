"""
What was said beforehand, and which part of setting up each of it belongs to.

Rule: what is given is done or refused, never dropped. It opens its part, as `--redo` would, unless
it says what is set already; what no part takes is refused with what would have it taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import SecretStr

from watcher.settings import Settings
from watcher.settings.hidden import told
from watcher.settings.keys import path_of
from watcher.setup.files import Key, SetupError
from watcher.setup.kit import Flags

OF_A_PART = frozenset({("telegram", "bot_token"), ("fallback", "url"), ("heartbeat", "url")})
"""Secrets asked for by the part that is called as their table."""
OF_AN_ACCOUNT = frozenset({"api_key", "api_secret", "password"})


def with_renewed(flags: Flags, settings: Settings, lines: Mapping[str, str]) -> Flags:
    """Return *flags* with each account that has a key and is given another by *lines*."""
    given = dict(flags.accounts)
    more: dict[str, str] = {}
    for _, path in _news(settings, lines):
        known = None if path in OF_A_PART else settings.accounts.get(path[1])
        if known is not None and known.api_key is not None and path[1] not in given:
            more[path[1]] = known.venue
    return replace(flags, accounts=(*flags.accounts, *more.items()))


def parts(settings: Settings, flags: Flags, lines: Mapping[str, str], *, patient: bool) -> set[str]:
    """
    Return the parts that *flags*, and *lines* (secrets by environment name), say something new for.

    *patient*: somebody is there to say of which venue an account is. Raises: `SetupError`.
    """
    telegram = settings.telegram
    found = {
        "accounts": bool(flags.accounts),
        "telegram": flags.chat_id not in {None, telegram.chat_id}
        or not {*flags.users} <= {*telegram.allowed_users},
        "fallback": flags.second_chat_id not in {None, telegram.second_chat_id},
        "tiers": flags.accept_tiers,
    }
    venues = {name: account.venue for name, account in settings.accounts.items()}
    venues |= dict(flags.accounts)
    for name, path in _news(settings, lines):
        if path in OF_A_PART:
            found[path[0]] = True
            continue
        venue = venues.get(path[1])
        if venue is None and not patient:
            raise SetupError(f"{name} was not used: add --account {path[1]}=VENUE")
        if path[2] == "password" and venue not in {None, "okx"}:
            raise SetupError(f"{name} was not used: {path[1]} is at {venue}, which has none")
        found["accounts"] = True
    return {part for part, is_open in found.items() if is_open}


def endpoint_is_used(settings: Settings, flags: Flags, opened: set[str]) -> bool:
    """Say whether where to ask is said for something that is asked, or is set like that."""
    known = {account.endpoint for account in settings.accounts.values()}
    asked = {"accounts", "telegram", "fallback"} & opened
    return bool(asked) or flags.endpoint in {None, settings.telegram.endpoint, *known}


# Each secret that is not the one that is set.
def _news(settings: Settings, lines: Mapping[str, str]) -> Iterator[tuple[str, Key]]:
    for name, text in lines.items():
        path = path_of(name)
        if text in {"", _known(settings, path)}:
            continue
        of_an_account = len(path) == 3 and path[0] == "accounts" and path[2] in OF_AN_ACCOUNT  # noqa: PLR2004 - table, name, key
        if path not in OF_A_PART and not of_an_account:
            raise SetupError(
                f"{name} was not used: no part of `watcher init` asks for it; take that line out"
            )
        yield name, path


def _known(settings: Settings, path: Key) -> str | None:
    there: object = settings
    for part in path:
        there = there.get(part) if isinstance(there, Mapping) else getattr(there, part, None)
    return told(there) if isinstance(there, SecretStr) else None
