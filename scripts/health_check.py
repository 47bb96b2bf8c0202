#!/usr/bin/env python3
"""Ask a server for its gRPC health: exit 0 if it is SERVING, 1 if it is not or does not answer within 2 seconds.

    python scripts/health_check.py [HOST:PORT]

For containers, where no shell and no other tool may be at hand. It speaks plain text only.
"""

from __future__ import annotations

import sys

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_SECONDS = 2


def is_serving(address: str) -> bool:
    """Tell whether the server at an address is SERVING."""
    with grpc.insecure_channel(address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            print(error.code().name, error.details(), file=sys.stderr)
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(not is_serving(sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:50051"))
