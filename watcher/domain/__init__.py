"""Nouns: frozen values every other floor speaks in. Standard library only."""
