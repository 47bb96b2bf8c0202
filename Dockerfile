# The server in a container: not root, nothing written outside /data, so that it runs with a read-only root.
# compose.yaml runs it with Kafka and PostgreSQL; alone it is embedded:
#
#   docker build -t stock-ticker .
#   docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges \
#       -p 127.0.0.1:50051:50051 -v ticker-data:/data stock-ticker

FROM python:3.13-slim AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/ticker \
    UV_PYTHON_DOWNLOADS=never
WORKDIR /build
# What changes seldom comes first: the packages of the lock are a layer of their own.
COPY pyproject.toml uv.lock README.md LICENSE ./
RUN uv sync --frozen --no-dev --extra server --no-install-project
COPY protos protos
COPY ticker_client ticker_client
COPY ticker_server ticker_server
RUN uv sync --frozen --no-dev --extra server --no-editable
# The volume starts as a copy of this folder, its owner included.
RUN mkdir /data

FROM python:3.13-slim
COPY --from=build /opt/ticker /opt/ticker
COPY --from=build --chown=65532:65532 /data /data
COPY scripts/health_check.py scripts/publish_market.py /opt/
ENV PATH=/opt/ticker/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TICKER_HOST=0.0.0.0 \
    TICKER_DATA_DIR=/data \
    TICKER_LOG_FORMAT=json
USER 65532:65532
VOLUME /data
EXPOSE 50051
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 \
    CMD ["/opt/ticker/bin/python", "/opt/health_check.py"]
ENTRYPOINT ["ticker-server"]
# Loopback would reach nobody here, and a container has no certificate of its own. So this says it openly: plain text
# inside the container's network. Publish the port on loopback or a private network only, or give TLS and leave the flag
# out:  docker run ... -v ./tls:/tls:ro stock-ticker serve --tls-cert /tls/cert.pem --tls-key /tls/key.pem
# (with TLS, replace the health check: it speaks plain text).
CMD ["serve", "--allow-insecure"]
