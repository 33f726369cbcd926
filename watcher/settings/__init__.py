"""
TOML, secret files and environment become one frozen `Settings`, or a list of what is wrong.

Rule: refused before anything starts; every problem names key, found, expected and the nearest
valid key. `load` reads, `alert_rules` hands policy what it needs. Knows no service.
"""

from __future__ import annotations

from watcher.settings.load import CONFIG_DEFAULT, Need, load
from watcher.settings.model import Account, Settings
from watcher.settings.problems import ConfigError, Problem
from watcher.settings.rules import alert_rules, destinations, quiet_hours, reaches, top_up_rules

__all__ = [
    "CONFIG_DEFAULT",
    "Account",
    "ConfigError",
    "Need",
    "Problem",
    "Settings",
    "alert_rules",
    "destinations",
    "load",
    "quiet_hours",
    "reaches",
    "top_up_rules",
]
