"""
Setting up, from nothing: what `watcher init` asks, proves, proposes and writes.

Rule: each step can be redone alone and writes what it was told at once, whole or not at all; what
cannot be known is said, never guessed. Nothing here prints or reads a terminal: questions go
through `Prompt`, which the command line provides.

    rights     what to tick at a venue, and how to learn this machine's address
    advice     the next step after a refusal
    proposal   lines that do not fire at once
    files      configuration and secrets, written by renaming
    given      what was said beforehand, and the part it opens
    prompt     how a step asks
    look       every account read once
"""
