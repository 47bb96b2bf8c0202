"""The transport of ready frames: gRPC over HTTP/2, written as bytes on an asyncio transport (docs/adr/0015)."""
