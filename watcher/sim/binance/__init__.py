"""The practice Binance: `tables` and `figures` compute, `rules` act, `wire*` speak."""
