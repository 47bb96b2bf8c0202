"""The server of the stock ticker: prices in through the price log, updates out over one gRPC stream per watch."""
