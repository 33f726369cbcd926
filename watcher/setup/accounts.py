"""
The step of the accounts: what to tick, the key typed unseen, the account read with it.

Rule: a key is kept once it read its account, or when the venue is away and the person says so. One
that may withdraw is never kept.
"""

from __future__ import annotations

from itertools import chain, count

from watcher.settings import Settings
from watcher.settings.keys import account_names, environment_name
from watcher.setup import look
from watcher.setup.advice import about_clock, next_step
from watcher.setup.files import SetupError
from watcher.setup.kit import Kit, made
from watcher.setup.look import Answer
from watcher.setup.rights import GUIDES

PASSING = ("unreachable:", "maintenance:", "rate_limited:", "no answer")
"""What says nothing about the key."""


def accounts(kit: Kit) -> None:
    """Add accounts, those of the flags or as many as a person names."""
    for name, account in kit.settings().accounts.items():
        if account.api_key is None and name not in dict(kit.flags.accounts):
            _add(kit, name, account.venue)
    for name, venue in kit.flags.accounts:
        _add(kit, name, venue)
    if kit.flags.accounts:
        return
    while venue := _venue(kit):
        name = _name(kit, venue)
        if name:
            _add(kit, name, venue)


def _venue(kit: Kit) -> str:
    known = ", ".join(GUIDES)
    has_one = bool(kit.settings().accounts)
    while True:
        answer = kit.prompt.ask(
            f"Venue of {'another' if has_one else 'an'} account ({known}"
            f"{'; empty: no more' if has_one else ''})",
            how="--account NAME=VENUE",
            default="" if has_one else None,
        )
        if answer.lower() in GUIDES or (has_one and not answer):
            return answer.lower()
        if not kit.again(f"found {answer!r}, expected one of {known}"):
            return ""


def _name(kit: Kit, venue: str) -> str:
    """Return what the account is called; "" when the person gives up."""
    known = kit.settings().accounts
    free = (f"{venue}_{end}" for end in chain(["main"], count(2)))
    default = next(name for name in free if name not in known)
    while True:
        name = kit.prompt.ask("  its name in messages", how="--account NAME=VENUE", default=default)
        problem = next(iter(account_names([name])), None)
        if problem is None:
            break
        if not kit.again(str(problem)):
            return ""
    if name in known:
        told = f"  {name} is set, at {known[name].venue}: the key given now takes the place of its"
        kit.prompt.say(told, style="yellow")
    return name


def _add(kit: Kit, name: str, venue: str) -> None:
    if venue not in GUIDES:
        raise SetupError(f"--account {name}={venue}: expected one of {', '.join(GUIDES)}")
    for problem in account_names([name]):
        raise SetupError(str(problem))
    for told in GUIDES[venue].lines():
        kit.prompt.say(told)
    endpoint = kit.venue_endpoint(name)
    kit.told_practice(endpoint, f"accounts.{name}.endpoint", GUIDES[venue].title)
    if venue == "binance":
        address = kit.hands.address(endpoint)
        if address is not None:
            kit.prompt.say(f"  Binance sees this machine at {address}", style="green")
    line: str | None
    while True:
        keys = _keys(kit, name, venue)
        answer: Answer | None = None
        try:
            answer, now_us = _read(kit, name, venue, keys)
            line = _told(kit, answer, venue, now_us)
        except SetupError as error:
            line = str(error)
        if line is None or _kept_unread(kit, answer, line):
            break
        if not kit.again(line):
            return
    _write(kit, name, venue, keys)


def _keys(kit: Kit, name: str, venue: str) -> dict[str, str]:
    title = GUIDES[venue].title
    asked = {"api_key": f"{title} API key", "api_secret": f"{title} secret"}
    if venue == "okx":
        asked["password"] = f"{title} passphrase"
    return {
        field: kit.prompt.hidden(
            f"  {question} (not shown)", name=environment_name(("accounts", name, field))
        )
        for field, question in asked.items()
    }


def _read(kit: Kit, name: str, venue: str, keys: dict[str, str]) -> tuple[Answer, int]:
    table: dict[str, object] = {"venue": venue, **keys}
    endpoint = kit.venue_endpoint(name)
    if endpoint is not None:
        table["endpoint"] = endpoint
    settings: Settings = made(accounts={name: table})
    (answer,), now_us = kit.hands.look(settings)
    return answer, now_us


def _told(kit: Kit, answer: Answer, venue: str, now_us: int) -> str | None:
    """Say what the venue told of the key; return what keeps the account from being read."""
    if answer.trouble is not None:
        step = next_step(venue, answer.trouble)
        return f"{answer.name} is not read: {answer.trouble}" + (f"; {step}" if step else "")
    status = answer.status
    assert status is not None
    kit.prompt.say(f"  read: {status.mode}", style="green")
    kit.prompt.say(f"  key: {look.rights(status.rights, now_us)}")
    if status.rights.trade:
        kit.prompt.say("  it may trade, which watching does not need: untick it", style="yellow")
    if status.rights.ip_bound is False:
        kit.prompt.say(f"  not bound: {GUIDES[venue].address}", style="yellow")
    off = about_clock(status)
    if off is not None:
        seconds = status.clock_offset_ms / 1000
        kit.prompt.say(f"  clock: {seconds:+.1f} s against the venue's; {off}", style="yellow")
    return None


def _kept_unread(kit: Kit, answer: Answer | None, line: str) -> bool:
    if answer is None or not (answer.trouble or "").startswith(PASSING) or not kit.prompt.patient:
        return False
    kit.prompt.say(f"  {line}", style="red")
    return kit.prompt.agrees("  keep the key unread?", default=False)


def _write(kit: Kit, name: str, venue: str, keys: dict[str, str]) -> None:
    kit.draft.put(("accounts", name, "venue"), venue)
    if kit.flags.endpoint is not None:
        kit.draft.put(("accounts", name, "endpoint"), kit.flags.endpoint)
    for field, text in keys.items():
        kit.draft.put_secret(("accounts", name, field), text)
    kit.draft.write()
