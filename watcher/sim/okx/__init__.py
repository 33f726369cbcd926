"""The practice OKX: `tables`, `borrowing` and `figures` compute, `rules` act, `wire*` speak."""
