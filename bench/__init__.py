"""
What the budgets are measured with: `python -m bench`, or `python -m bench margin start`.

Rule: every figure stands beside a baseline measured in the same run on the same machine, so the
ratio means something on any machine. Agreement comes before speed: a bench that finds a wrong
answer fails. Nothing here is imported by the program.
"""

from __future__ import annotations

import os

# One thread, as on the smallest machine; it counts only before numpy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
