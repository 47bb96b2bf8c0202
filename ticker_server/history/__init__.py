"""The sync server: folds the Kafka price log, as gateways do, and stores what gateways start from and analysts read.

The embedded profile needs none: its log writes the state of acceptance and the bars in the same transaction as the
ticks (`ticker_server.feed.sqlite`), so there is nothing left to store. Bars are read from either database here.

Nothing is imported from here, because that would bring the clients of Kafka to those who do without.
"""
