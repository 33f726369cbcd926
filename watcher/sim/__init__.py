"""
The practice exchange: a world whose truth is known, served in the venues' own wire formats.

    world      the truth: prices, accounts, operations, time       things   its nouns
    instruments  contracts and brackets, entered as facts           rules*   the venues' arithmetic
    market     price paths                                          wire*    the venues' formats
    server     HTTP, clock, control, faults                         bot_api  Telegram's stand-in
    practice   the default world, ready config, running it alone

Rule: nothing here is shared with the engine or the adapters it exists to test; `app` and `cli`
are the only ones above that may import it.
"""
