"""
Import ccxt without its hundred venues.

`import ccxt.async_support` loads every venue (103 MiB, 0.6 s); a venue needs twenty modules
(54 MiB, 0.2 s). Both package `__init__` files do nothing but import; this puts package objects of
our own in their place, whose attributes load on demand.

Rule: it depends on ccxt's layout, so any surprise falls back to the plain import, with a warning.
It never touches a ccxt that is already imported.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import types
from pathlib import Path
from typing import Any, Protocol

VERSION = "4.5.90"
"""The layout below was read in this version (pinned in pyproject); others take the plain road."""


class Log(Protocol):
    """The few log verbs used here, as structlog has them."""

    def debug(self, event: str, **fields: object) -> object: ...
    def info(self, event: str, **fields: object) -> object: ...
    def warning(self, event: str, **fields: object) -> object: ...


class _Package(types.ModuleType):
    """A package whose `__init__` was not run: its modules load when asked for."""

    def __setattr__(self, name: str, value: object) -> None:
        # The import system binds `ccxt.async_support.binance` (a module) here; everyone expects
        # the class of that name, as after ccxt's own __init__.
        if isinstance(value, types.ModuleType) and isinstance(value.__dict__.get(name), type):
            value = value.__dict__[name]
        super().__setattr__(name, value)

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        try:
            importlib.import_module(f"{self.__name__}.{name}")
        except ModuleNotFoundError:
            raise AttributeError(name) from None
        return self.__dict__[name]


def venue_class(ccxt_id: str, log: Log) -> Any:  # noqa: ANN401 - ccxt has no types
    """
    Return the async ccxt class of *ccxt_id*, importing as little as possible.

    Raises: `ImportError` when this ccxt does not have the venue.
    """
    if "ccxt" not in sys.modules:
        try:
            _install()
        except Exception as surprise:  # noqa: BLE001 - whatever it is, the plain import answers it
            _uninstall()
            log.warning("ccxt.loaded_whole", reason=f"{type(surprise).__name__}: {surprise}")
    package = importlib.import_module("ccxt.async_support")
    found = getattr(package, ccxt_id, None)
    if not isinstance(found, type):
        raise ImportError(f"this ccxt has no venue {ccxt_id!r}")  # noqa: TRY004 - what is missing is a module
    return found


def _install() -> None:
    spec = importlib.util.find_spec("ccxt")
    if spec is None or spec.origin is None:
        raise ImportError("ccxt is not installed")
    root = Path(spec.origin).parent
    top = _package("ccxt", root)
    errors = importlib.import_module("ccxt.base.errors")
    for name in errors.__all__:
        setattr(top, name, getattr(errors, name))
    base = importlib.import_module("ccxt.base.exchange")
    if base.__version__ != VERSION:
        raise ImportError(f"ccxt {base.__version__}, expected {VERSION}")
    vars(top).update(Exchange=base.Exchange, __version__=base.__version__)
    for name in ("async_support", "pro"):
        vars(top)[name] = _package(f"ccxt.{name}", root / name)


def _package(name: str, path: Path) -> _Package:
    if not path.is_dir():
        raise ImportError(f"{name} has no folder {path.name}")
    package = _Package(name)
    spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
    spec.submodule_search_locations = [str(path)]
    package.__path__ = [str(path)]
    package.__spec__ = spec
    sys.modules[name] = package
    return package


def _uninstall() -> None:
    for name in [name for name in sys.modules if name == "ccxt" or name.startswith("ccxt.")]:
        del sys.modules[name]
