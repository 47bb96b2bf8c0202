"""The unary calls of the client, one module per service; `TickerClient` is made of them."""
