"""What crosses the wire does so over each transport: every test in here runs twice."""

from __future__ import annotations

import pytest

from ticker_server.settings import Transport


@pytest.fixture(params=list(Transport), ids=str, autouse=True)
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Transport:
    """Serve by one transport in this test, in this process and in those that it starts; return which.

    It is told by the environment, so that no test can forget to hand it on. A file whose tests start no server
    overrides this fixture.
    """
    chosen: Transport = request.param
    monkeypatch.setenv("TICKER_TRANSPORT", chosen)
    return chosen
