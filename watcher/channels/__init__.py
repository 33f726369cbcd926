"""
Roads to a person: Telegram, anything Apprise knows as the fallback, and the console.

Rule: each is one file behind the `Channel` port (`telegram_*` belong together), and no road knows
another. What comes in from people comes through `telegram_commands` alone.
"""
