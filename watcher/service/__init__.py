"""The loops: they bring facts to `decide` and carry out what it decided. They see ports only."""
