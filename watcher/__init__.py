"""
`watcher` tells a cross-margin trader how far the account is from liquidation, early and exactly.

The house: `domain` (nouns), `margin` (arithmetic), `policy` (judgement), `ports` (what adapters
promise), the adapters (`venues`, `channels`, `store`, `logs`), `service` (the loops), `app` (the
composition root) and `sim` (the practice exchange).
"""
