"""
The catalogue: every text a person reads in the chat, and nothing else. A translation is
this folder.

Rule: one constant is one text or one part of a row, with its fields in braces, as `str.format` has
them. A translation may move a field within its text, change the signs around it and say how many
digits it has; it may not drop one. What one and many are called are two texts (`..._ONE`). A text
is at most as wide as `lines.WIDTH_MAX` once it is filled. Commands (`/mute main 2h`) and the names
people give to accounts are not translated.

To add a text: a constant under its topic in the room that speaks of it, `say.NAME.format(...)`
where it is filled, and `wording.filled(say.NAME, value=Bold(...))` where a part of the row is
marked. Who speaks sees one catalogue, `from watcher.policy import messages as say`, and no rooms:
a text may move without its callers. No other module of policy, service or channels holds words;
`tests/test_tidy.py` proves it, and that no name stands in two rooms.
"""

from __future__ import annotations

from watcher.policy.messages.alerts import *  # noqa: F403 - one catalogue in three rooms
from watcher.policy.messages.money import *  # noqa: F403 - as above
from watcher.policy.messages.service import *  # noqa: F403 - as above
