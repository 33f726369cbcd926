"""What a refused configuration says, without where: test_settings_places sees to lines, columns."""

from __future__ import annotations

import re

PLACE = re.compile(r" \(\S+ line \d+, column \d+\)")


def without_places(error: Exception) -> str:
    return PLACE.sub("", str(error))
