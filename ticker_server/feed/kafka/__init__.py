"""The price log of production: one Kafka topic, written by gateways and foreign producers, read by everyone."""
