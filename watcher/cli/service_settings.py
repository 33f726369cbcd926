"""
The settings as a service will see them, before it is one.

Rule: the environment of whoever installs does not reach the service, except its secrets, which are
written down for it. What the daemon would refuse is refused here, with the same lines.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from watcher.cli.installing import PREFIX, Place, Refusal
from watcher.cli.options import refuse
from watcher.settings import ConfigError, Need, Settings, load
from watcher.settings.hidden import told
from watcher.settings.keys import environment_name, field_of, is_secret, path_of, secret_paths


def checked(source: Path, place: Place) -> tuple[Place, dict[str, str]] | None:
    """
    Return the place, with the state folder the settings name, and the secrets by the name of their
    file, as the service will need them; None: refused.

    Raises: `Refusal`.
    """
    file = place.at(source) if source == place.config and not place.user else source
    environ = {**_installed_secrets(source, place), **_secrets_given(os.environ)}
    state = str(place.state)
    try:
        need = Need.ACCOUNTS | Need.TELEGRAM
        settings = load(file, environ={**environ, "STATE_DIRECTORY": state}, need=need)
    except ConfigError as error:
        refuse(error)
        return None
    named = settings.state_dir
    if named != state and (not place.user or not Path(named).is_absolute()):
        raise Refusal(
            f'{file}: found state_dir = "{named}", expected none: the service keeps its state in '
            f"{state}. Take the key out; to go on with what is there, copy that folder first"
        )
    return replace(place, state=Path(named)), dict(_named(settings))


def _secrets_given(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the secrets of the environment alone: nothing else of it reaches the service."""
    found = {}
    for name, text in environ.items():
        known = field_of(path_of(name)) if name.startswith(PREFIX.upper()) else None
        if known is not None and is_secret(known):
            found[name] = text
    return found


def _installed_secrets(source: Path, place: Place) -> dict[str, str]:
    """Return the secrets the service has already, when it is its own configuration we look at."""
    if place.user or source != place.config:
        return {}
    folder = place.at(place.secrets)
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {f"{PREFIX}{file.name}".upper(): file.read_text(encoding="utf-8") for file in files}


def _named(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield every secret there is with the name of its file."""
    for path in secret_paths(settings.accounts):
        there: object = settings
        for part in path:
            there = there.get(part) if isinstance(there, dict) else getattr(there, part)
        if isinstance(there, SecretStr):
            yield environment_name(path).lower(), told(there)
