"""Bybit: `adapter` asks, the other modules read its answers without asking."""
