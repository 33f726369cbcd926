"""
Where settings come from, weakest first: defaults in code, the TOML file, secret files, the
environment, flags of the command line.

Rule: everything is read before anything is refused, so that one run tells all problems. Secrets
come from the environment or from files (systemd credentials, container secrets, a folder `secrets`
beside the config), never from TOML. Nothing is started or written here.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import Flag, auto
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, TomlConfigSettingsSource

from watcher.domain.alert import Tier
from watcher.settings import private
from watcher.settings.keys import (
    ENV_PREFIX,
    account_names,
    environment_name,
    field_of,
    is_secret,
    path_of,
    secret_paths,
    unknown,
    unknown_keys,
)
from watcher.settings.located import LADDERS, located, not_text, not_toml
from watcher.settings.model import Settings
from watcher.settings.problems import NOTHING, ConfigError, Misread, Problem, nearest_of
from watcher.settings.rules import rehearsed
from watcher.settings.units import quoted

CONFIG_DEFAULT = Path("config/watcher.toml")
CONTAINER_SECRETS = Path("/run/secrets")
SECRET_SIZE_MAX = 16_384


class Need(Flag):
    """What a command cannot do without; what it does not need may be missing."""

    NOTHING = 0
    ACCOUNTS = auto()
    TELEGRAM = auto()
    STATE = auto()
    LINES = auto()
    """Lines of which every one can fire."""
    ALL = ACCOUNTS | TELEGRAM | STATE | LINES


class _Names(EnvSettingsSource):
    """Names and texts as pydantic-settings reads an environment, wherever they came from."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = {name.lower(): text for name, text in names.items()}
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return dict(self._names)

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:  # noqa: ANN401 - the library's signature
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            # plain text such as "20%,12%,6%,3%": the field's own reader judges it
            return value


def load(
    config: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    need: Need = Need.ALL,
    container_secrets: Path = CONTAINER_SECRETS,
) -> Settings:
    """
    Return the settings, or refuse them with every problem found.

    *config* None means `CONFIG_DEFAULT`, which may be absent when the environment names accounts.

    Raises: `ConfigError`.
    """
    environment = dict(os.environ if environ is None else environ)
    names = {name: text for name, text in environment.items() if name.startswith(ENV_PREFIX)}
    file = config or CONFIG_DEFAULT
    given = _toml(file, required=config is not None)
    folders = _folders(file, environment, container_secrets)
    found = list(_secret_files(folders))
    leaked = _secrets_in_toml(given, file)
    problems: list[Problem | str] = [*_foreign_names(names, found)]
    # nowhere but in the file, whatever a stronger source says of the same key
    problems += located([*leaked, *unknown_keys(given)], {}, file)
    problems += _open_to_others(found, own=folders[0])

    files = {path.name: text for path, text in found if field_of(path_of(path.name))}
    known = {name: text for name, text in names.items() if field_of(path_of(name))}
    merged: dict[str, Any] = {}
    if "STATE_DIRECTORY" in environment:
        merged["state_dir"] = environment["STATE_DIRECTORY"].split(":")[0]
    for layer in (given, _Names(files)(), _Names(known)(), dict(flags or {})):
        merged = _laid_over(merged, layer)

    sources = {path_of(path.name): str(path) for path, _ in found}
    sources |= {path_of(name): f"environment {name}" for name in known}
    if "state_dir" in (flags or {}):
        sources["state_dir",] = "--state-dir"
    problems += _strangers(merged, given)
    told = {problem.key for problem in leaked}
    missing = _missing(merged, need, file, folders)
    problems += [problem for problem in missing if problem.key not in told]
    problems += _accounts(merged)
    settings: Settings | None = None
    try:
        settings = Settings(**merged)
    except ValidationError as error:
        problems += [_problem(detail, sources) for detail in error.errors(include_url=False)]
    if settings is not None and Need.STATE in need:
        problems += _state_dir(Path(settings.state_dir))
    if problems:
        raise ConfigError(located(problems, sources, file))
    assert settings is not None
    if Need.LINES in need and (mute := rehearsed(settings)):
        raise ConfigError(located(mute, sources, file))
    return settings


def _toml(file: Path, *, required: bool) -> dict[str, Any]:
    if not _is_there(file):
        if not required:
            return {}
        expected = (
            "a file there; `watcher init` makes one, config/watcher.example.toml has all keys"
        )
        raise ConfigError([Problem(key="--config", found=f"no file {file}", expected=expected)])
    if file.is_dir():
        raise ConfigError([Problem(key="--config", found=f"the folder {file}", expected="a file")])
    try:
        return dict(TomlConfigSettingsSource(Settings, toml_file=file)())
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([not_toml(file, str(error))]) from None
    except RecursionError:
        raise ConfigError([f"{file}: not TOML: nested too deep to be a configuration"]) from None
    except UnicodeDecodeError as error:
        raise ConfigError([not_text(file, error)]) from None
    except OSError as error:
        raise ConfigError([_closed(file, error)]) from None


def _is_there(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:
        raise ConfigError([_closed(file, error)]) from None


def _closed(file: Path, error: OSError) -> Problem:
    reason = (error.strerror or "unreadable").lower()
    expected = "a file this user may read: run this as the user it belongs to, or as root"
    return Problem(key=str(file), found=reason, expected=expected)


def _folders(file: Path, environment: Mapping[str, str], container: Path) -> list[Path]:
    """Return the secret folders, weakest first."""
    folders = [file.parent / "secrets", container]
    if environment.get("CREDENTIALS_DIRECTORY"):
        folders.append(Path(environment["CREDENTIALS_DIRECTORY"]))
    return folders


def _secret_files(folders: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        try:
            entries = sorted(folder.iterdir())
        except OSError:
            continue  # most of these folders exist on few machines
        for entry in entries:
            if not entry.name.startswith(ENV_PREFIX.lower()):
                continue
            try:
                text = entry.read_bytes()[:SECRET_SIZE_MAX].decode()
            except (OSError, UnicodeDecodeError) as error:
                problem = Problem(key=str(entry), found=f"no text ({error})", expected="a secret")
                raise ConfigError([problem]) from None
            yield entry, text.rstrip("\r\n")


def _open_to_others(files: list[tuple[Path, str]], *, own: Path) -> Iterator[Problem]:
    for path, _ in files:
        field = field_of(path_of(path.name))
        if field is not None and is_secret(field):
            yield from private.of_secret(path, by_engine=path.parent != own)


def _foreign_names(names: Mapping[str, str], files: list[tuple[Path, str]]) -> Iterator[Problem]:
    for name in sorted(names):
        if field_of(path_of(name)) is None:
            yield unknown(name, path_of(name), source="environment")
    for path, _ in files:
        field = field_of(path_of(path.name))
        if field is None:
            yield unknown(str(path), path_of(path.name), source="secret file")


def _secrets_in_toml(given: dict[str, Any], file: Path) -> list[Problem]:
    """Take secrets out of *given* and return a problem for each."""
    problems = []
    accounts = given.get("accounts")
    for path in secret_paths(accounts if isinstance(accounts, dict) else {}):
        table: Any = given
        for part in path[:-1]:
            table = table.get(part) if isinstance(table, dict) else None
        if isinstance(table, dict) and path[-1] in table:
            del table[path[-1]]
            name = environment_name(path)
            expected = f"it in the environment as {name} or in a secret file {name.lower()}"
            problems.append(
                Problem(key=".".join(path), found=f"a secret in {file}", expected=expected)
            )
    return problems


def _missing(
    merged: Mapping[str, Any], need: Need, file: Path, folders: Iterable[Path]
) -> list[Problem]:
    problems = []
    accounts = merged.get("accounts")
    named = accounts if isinstance(accounts, dict) else {}
    sound = {name: entry for name, entry in named.items() if not account_names([name])}
    if Need.ACCOUNTS in need and not named:
        found = "none" if file.exists() else f"no file {file}"
        expected = (
            'at least one account, such as [accounts.main] with venue = "bybit"; `watcher init` '
            "asks for what it takes"
        )
        problems.append(Problem(key="accounts", found=found, expected=expected))
    telegram = merged.get("telegram")
    chat = telegram.get("chat_id") if isinstance(telegram, dict) else None
    if Need.TELEGRAM in need and chat is None:
        expected = "the number of the chat alerts go to"
        problems.append(Problem(key="telegram.chat_id", found=NOTHING, expected=expected))
    places = ", ".join(map(_place, folders))
    for path in secret_paths(sound):
        if not _needed(path, merged, need) or str(_at(merged, path) or "").strip():
            continue
        name = environment_name(path)
        expected = f"{name} in the environment, or a file {name.lower()} in one of {places}"
        problems.append(Problem(key=".".join(path), found=NOTHING, expected=expected))
    return problems


def _place(folder: Path) -> str:
    shut = os.access(folder, os.F_OK) and not os.access(folder, os.R_OK | os.X_OK)
    return f"{folder} (closed to this user)" if shut else str(folder)


def _needed(path: tuple[str, ...], merged: Mapping[str, Any], need: Need) -> bool:
    if path[0] == "telegram":
        return Need.TELEGRAM in need
    if path[0] in {"fallback", "heartbeat"} or Need.ACCOUNTS not in need:
        return False
    # a key for money is needed whole or not at all: half of one would fail, or another be used
    if path[-2] == "money" and not _at(merged, path[:-1]):
        return False
    return path[-1] != "password" or _at(merged, (*path[:2], "venue")) == "okx"


def _strangers(merged: dict[str, Any], given: Mapping[str, Any]) -> Iterator[Problem]:
    """Take out accounts only a secret's name speaks of: a typing error in that name."""
    accounts = merged.get("accounts")
    if not isinstance(accounts, dict):
        return
    own = given.get("accounts")
    configured = list(own) if isinstance(own, dict) else []
    for name in [name for name in accounts if name not in configured]:
        if _at(accounts, (name, "venue")) is not None:
            continue
        del accounts[name]
        near = nearest_of(name, configured)
        yield Problem(
            key=f"accounts.{name}",
            found="its name in the environment or in a secret file only",
            expected="the name of a configured account, or a venue for this one",
            nearest=f"accounts.{near}" if near else None,
        )


def _accounts(merged: Mapping[str, Any]) -> list[Problem]:
    accounts = merged.get("accounts")
    if not isinstance(accounts, dict):
        return []
    problems = account_names(accounts)
    owners: dict[str, str] = {}
    readers = [(name, "api_key") for name in accounts]
    for name, *path in (*readers, *((name, "money", "api_key") for name in accounts)):
        key = str(_at(merged, ("accounts", name, *path)) or "").strip()
        owner = owners.get(key)
        if key and owner is not None:
            expected = "a key of its own: one account, one key"
            if owner == name:
                expected = "another key, or none: without one the account's own is used"
            place = ".".join(("accounts", name, *path))
            found = f"the key of accounts.{owner}"
            problems.append(Problem(key=place, found=found, expected=expected))
        owners.setdefault(key, name)
    return problems


def _state_dir(path: Path) -> list[Problem]:
    there = path
    while not os.access(there, os.F_OK) and there != there.parent:
        there = there.parent
    if not there.is_dir():
        return [Problem(key="state_dir", found=f"{there}, a file", expected="a folder")]
    if not os.access(there, os.W_OK | os.X_OK):
        found = f"{there}, not writable for this user"
        return [Problem(key="state_dir", found=found, expected="a folder the daemon may write to")]
    return list(private.of_state(path)) if there == path else []


def _problem(detail: Any, sources: Mapping[tuple[str, ...], str]) -> Problem:  # noqa: ANN401 - pydantic's ErrorDetails
    path = tuple(part for part in detail["loc"] if isinstance(part, str))
    index = next((part for part in detail["loc"] if isinstance(part, int)), None)
    key = ".".join(path) or "config"
    if index is not None and path[-1] in LADDERS:
        key += f".{Tier(index + 1).name.lower()}"
    field = field_of(path)
    source = sources.get(path)
    misread = detail.get("ctx", {}).get("error")
    if isinstance(misread, Misread):
        return Problem(
            key=key,
            found=misread.found,
            expected=misread.expected,
            nearest=misread.nearest,
            source=source,
        )
    hidden = field is not None and is_secret(field)
    found = "a value of another kind" if hidden else quoted(detail["input"])
    if detail["type"] == "missing":
        found = NOTHING
    message = detail["msg"][:1].lower() + detail["msg"][1:]
    expected = message.removeprefix("input should be ")
    if detail["type"] == "missing":
        expected = f"this key: {field.description}" if field else "this key"
    return Problem(key=key, found=found, expected=expected, source=source)


def _laid_over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return both as one, the upper winning key by key."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            result[key] = _laid_over(under, value)
        else:
            result[key] = value
    return result


def _at(data: Mapping[str, Any], path: tuple[str, ...]) -> object:
    there: object = data
    for part in path:
        there = there.get(part) if isinstance(there, Mapping) else None
    return there
