"""The practice OKX: `tables` and `figures` compute, `rules` act, `wire*` speak."""
