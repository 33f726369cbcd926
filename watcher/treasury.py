"""
The money loops there are: opens a client and a loop for each account that may be topped up.

Rule: part of the composition, beside `app`. A key of its own for money is used where there is one.
The kill file is looked for at every use, so that touching it is enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from watcher.domain.alert import SECOND_US, Message
from watcher.policy import messages as say
from watcher.ports import Clock, Money, StoreError, VenueError
from watcher.service.books import Charge
from watcher.service.fund import Fund
from watcher.service.outbound import Outbound
from watcher.service.switches import Switches
from watcher.settings import ConfigError, Settings, alert_rules, top_up_rules
from watcher.settings.hidden import told
from watcher.settings.model import Account
from watcher.settings.top_up import Money as Keys
from watcher.store.intents import SqlitePurse
from watcher.store.sqlite import SqliteStore
from watcher.venues import open_money
from watcher.venues.ccxt_venue import Credentials, Shared

KILL_FILE = "money.kill"

log = structlog.get_logger()


def open_moneys(
    settings: Settings, shared: Shared, clock: Clock, doors: AsyncExitStack
) -> dict[str, Money]:
    """
    Return a client for each account with top-ups, closed with *doors*.

    Raises: `ConfigError` for a key that cannot be used.
    """
    moneys = {}
    for name in settings.accounts:
        if top_up_rules(settings, name) is not None:
            moneys[name] = _open_money(settings, name, shared, clock)
            doors.push_async_callback(moneys[name].close)
    return moneys


def funds_over(
    settings: Settings,
    moneys: Mapping[str, Money],
    store: SqliteStore,
    outbound: Outbound,
    clock: Clock,
) -> dict[str, Fund]:
    """Return a money loop for each account that has a client in *moneys*."""
    kill_file = Path(settings.state_dir) / KILL_FILE
    purse = SqlitePurse(store)

    async def queue(message: Message) -> None:
        try:
            await store.say(message)
        except StoreError:
            outbound.tell(message)
        outbound.wake()

    switches = Switches(
        queue=queue,
        killed=kill_file.exists,
        doubt=say.FROZEN_LEDGER if store.replaced else "",
    )
    funds = {}
    for name, money in moneys.items():
        rules = top_up_rules(settings, name)
        assert rules is not None, "only an account with top-ups has a client"
        charge = Charge(
            account=name,
            venue=settings.accounts[name].venue,
            rules=rules,
            alerts=alert_rules(settings, name),
            money=money,
        )
        funds[name] = Fund(
            charge,
            purse=purse,
            clock=clock,
            queue=queue,
            tell=outbound.tell,
            wake=outbound.wake,
            switches=switches,
        )
    return funds


def _open_money(settings: Settings, name: str, shared: Shared, clock: Clock) -> Money:
    account = settings.accounts[name]
    own = account.money if account.money.api_key is not None else account
    try:
        return open_money(
            account.venue,
            name,
            credentials(own),
            endpoint=account.endpoint,
            clock=clock.now,
            timeout_s=settings.poll.timeout / SECOND_US,
            log=log.bind(account=name),
            shared=shared,
        )
    except (VenueError, ValueError) as error:
        raise ConfigError([f"accounts.{name}.money.api_secret: {error}"]) from error


def credentials(keys: Account | Keys) -> Credentials:
    """Return the key that stands in *keys*, an account's own or that for its money."""
    return Credentials(
        api_key=told(keys.api_key),
        api_secret=told(keys.api_secret),
        password=told(keys.password) if keys.password else None,
    )
