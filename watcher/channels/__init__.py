"""Roads to a person. Each is one file; siblings do not know each other."""
