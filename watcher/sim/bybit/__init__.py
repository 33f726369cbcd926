"""The practice Bybit: `tables` and `figures` compute, `rules` act, `wire*` speak."""
