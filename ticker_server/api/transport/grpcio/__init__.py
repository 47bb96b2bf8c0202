"""The transport over grpc.aio; nothing outside of this package imports `grpc`."""
