from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from ticker_server.logs import LogFormat, LogLevel
from ticker_server.settings import Deployment, Settings, SettingsError, Transport


def refusal(**flags: Any) -> str:
    """Return the message with which settings are refused."""
    with pytest.raises(SettingsError) as caught:
        Settings.load(**flags)
    return str(caught.value)


def test_defaults() -> None:
    """Without flags and variables the server listens on loopback, port 50051, and keeps its data beside it."""
    settings = Settings.load()

    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 50051, Path("ticker-data"))
    assert settings.transport is Transport.GRPCIO
    assert settings.reflection
    assert not settings.allow_insecure
    assert settings.drain_seconds == 10
    assert settings.stream_age == 1800
    assert (settings.log_format, settings.log_level) == (LogFormat.CONSOLE, LogLevel.INFO)
    assert settings.max_subscriptions_per_user == 100
    assert settings.max_stocks_per_watch == 1000
    assert settings.max_pending_ticks == 10_000


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting is read from its environment variable."""
    values = {
        "HOST": "::1",
        "PORT": "0",
        "TRANSPORT": "frames",
        "DATA_DIR": "/var/lib/ticker",
        "ALLOW_INSECURE": "true",
        "REFLECTION": "false",
        "DRAIN_SECONDS": "2.5",
        "STREAM_AGE": "90m",
        "LOG_FORMAT": "json",
        "LOG_LEVEL": "error",
        "MAX_SUBSCRIPTIONS_PER_USER": "1",
        "MAX_STOCKS_PER_WATCH": "2",
        "MAX_PENDING_TICKS": "3",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"TICKER_{name}", value)

    settings = Settings.load()

    assert settings.model_dump() == {
        **Deployment.load().model_dump(),
        "host": "::1",
        "port": 0,
        "transport": Transport.FRAMES,
        "tls_cert": None,
        "tls_key": None,
        "tls_client_ca": None,
        "allow_insecure": True,
        "reflection": False,
        "drain_seconds": 2.5,
        "stream_age": 5400.0,
        "max_subscriptions_per_user": 1,
        "max_stocks_per_watch": 2,
        "max_pending_ticks": 3,
    }
    assert settings.data_dir == Path("/var/lib/ticker")
    assert (settings.log_format, settings.log_level) == (LogFormat.JSON, LogLevel.ERROR)


def test_flags_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flag that was given wins over the variable, and one that was not leaves it."""
    monkeypatch.setenv("TICKER_PORT", "1")
    monkeypatch.setenv("TICKER_DATA_DIR", "there")

    settings = Settings.load(port=2, data_dir=None)

    assert settings.port == 2
    assert settings.data_dir == Path("there")


def test_flag_wins_over_a_bad_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that a flag overrides is not even judged."""
    monkeypatch.setenv("TICKER_PORT", "abc")

    assert Settings.load(port=2).port == 2


def test_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable counts as not set."""
    monkeypatch.setenv("TICKER_PORT", "")
    monkeypatch.setenv("TICKER_KAFKA_BOOTSTRAP_SERVERS", "")

    assert Settings.load().port == 50051


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("port", "abc", "a number from 0 to 65535"),
        ("port", "65536", "a number from 0 to 65535"),
        ("port", "-1", "a number from 0 to 65535"),
        ("transport", "grpc", "grpcio or frames"),
        ("allow_insecure", "maybe", "true or false"),
        ("reflection", "maybe", "true or false"),
        ("drain_seconds", "5s", "a number of seconds from 0 to 3600"),
        ("drain_seconds", "-1", "a number of seconds from 0 to 3600"),
        ("drain_seconds", "nan", "a number of seconds from 0 to 3600"),
        ("drain_seconds", "inf", "a number of seconds from 0 to 3600"),
        ("stream_age", "500ms", "a duration from 1s to 24h, or 0s"),
        ("stream_age", "25h", "a duration from 1s to 24h, or 0s"),
        ("stream_age", "30", "a duration from 1s to 24h, or 0s"),
        ("stream_age", "nan", "a duration from 1s to 24h, or 0s"),
        ("log_format", "xml", "console or json"),
        ("log_level", "loud", "debug, info, warning or error"),
        ("max_subscriptions_per_user", "0", "a whole number from 1 on"),
        ("max_stocks_per_watch", "1.5", "a whole number from 1 on"),
        ("max_pending_ticks", "", "a whole number from 1 on"),
    ],
)
def test_bad_value_names_its_source(monkeypatch: pytest.MonkeyPatch, name: str, value: str, rule: str) -> None:
    """A value that cannot be used is told with the flag or variable it came from, its rule, and what was given."""
    flag, variable = f"--{name.replace('_', '-')}", f"TICKER_{name.upper()}"
    assert refusal(**{name: value}) == f'{flag} should be {rule}, not "{value}"'

    monkeypatch.setenv(variable, value or "x")
    assert refusal() == f'{variable} should be {rule}, not "{value or "x"}"'


def test_every_judged_field_has_a_rule() -> None:
    """Each field that is not a text or a path says what it should be."""
    without = {name for name, field in Settings.model_fields.items() if not field.description}

    texts = {"host", "kafka_sasl_username"}
    assert without == texts | {"data_dir", "kafka_ca_file", "tls_cert", "tls_key", "tls_client_ca"}


def test_unknown_setting_is_refused() -> None:
    """A setting that does not exist is a mistake of the caller, not silently dropped."""
    assert refusal(prot=1) == "--prot is no setting"


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TICKER_WORKERS", "2"),
        ("TICKER_AUTH", "jwt"),
        ("TICKER_METRICS_PORT", "9100"),
    ],
)
def test_what_is_not_served_yet_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """A variable that asks for what this version does not serve is refused rather than ignored; no value is shown."""
    monkeypatch.setenv(variable, value)

    assert refusal() == f"{variable} asks for what this version does not serve yet; unset it"


@pytest.mark.parametrize(
    ("variable", "value"),
    [("TICKER_WORKERS", "1"), ("TICKER_AUTH", "none"), ("TICKER_METRICS_PORT", "0")],
)
def test_what_asks_for_nothing_is_allowed(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    """A variable of a part that is not served yet may have the value that is the case anyway."""
    monkeypatch.setenv(variable, value)

    Settings.load()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "[::1]", "localhost"])
def test_loopback_needs_no_tls(host: str) -> None:
    """On loopback the server may listen without TLS; the brackets of an IPv6 address are dropped."""
    assert Settings.load(host=host).host == host.strip("[]")


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "192.0.2.1", "example.org", "", "localhost.example.org", "128.0.0.1"]
)
def test_other_hosts_need_tls(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    """Beyond loopback the server does not listen without TLS, unless told to; flag or variable is named."""
    message = refusal(host=host)
    assert message.startswith(f'--host: "{host}" without TLS')
    assert message.endswith("give --tls-cert and --tls-key, or say --allow-insecure")
    assert Settings.load(host=host, allow_insecure=True).host == host

    monkeypatch.setenv("TICKER_HOST", host or "0.0.0.0")
    assert refusal().startswith("TICKER_HOST: ")


def test_other_hosts_with_tls(pems: Path) -> None:
    """With TLS the server may listen anywhere."""
    settings = Settings.load(host="0.0.0.0", tls_cert=pems / "cert.pem", tls_key=pems / "key.pem")

    assert settings.host == "0.0.0.0"
    Settings.load(tls_cert=pems / "cert.pem", tls_key=pems / "key.pem", tls_client_ca=pems / "cert.pem")


def test_half_a_tls_pair(monkeypatch: pytest.MonkeyPatch, pems: Path) -> None:
    """Certificate and key go together, and a client CA only with them."""
    assert refusal(tls_cert=pems / "cert.pem") == "--tls-cert needs --tls-key as well"
    assert refusal(tls_key=pems / "key.pem") == "--tls-key needs --tls-cert as well"
    assert refusal(tls_client_ca=pems / "cert.pem") == "--tls-client-ca needs --tls-cert and --tls-key as well"

    monkeypatch.setenv("TICKER_TLS_KEY", str(pems / "key.pem"))
    assert refusal() == "TICKER_TLS_KEY needs --tls-cert as well"


@pytest.mark.parametrize("name", ["tls_cert", "tls_key", "tls_client_ca"])
def test_missing_tls_file(pems: Path, name: str) -> None:
    """A TLS file that is not there, or a folder, is named."""
    flags = {"tls_cert": pems / "cert.pem", "tls_key": pems / "key.pem", "tls_client_ca": pems / "cert.pem"}
    flag = f"--{name.replace('_', '-')}"

    assert refusal(**flags | {name: pems / "none"}) == f"{flag}: {pems / 'none'} is not a file"
    assert refusal(**flags | {name: pems}) == f"{flag}: {pems} is not a file"


@pytest.mark.parametrize(
    ("cert", "key"),
    [("junk.pem", "key.pem"), ("cert.pem", "junk.pem"), ("cert.pem", "other.pem"), ("cert.pem", "locked.pem")],
)
def test_unusable_tls_pair(pems: Path, cert: str, key: str) -> None:
    """Files that are no certificate and its unencrypted key are refused before anything listens."""
    message = refusal(tls_cert=pems / cert, tls_key=pems / key)

    assert message == (
        f"--tls-cert and --tls-key: {pems / cert} and {pems / key} "
        "are not a readable certificate and its unencrypted key, in PEM"
    )


def test_unusable_client_ca(pems: Path) -> None:
    """A client CA that is no certificate is refused."""
    message = refusal(tls_cert=pems / "cert.pem", tls_key=pems / "key.pem", tls_client_ca=pems / "junk.pem")

    assert message == f"--tls-client-ca: {pems / 'junk.pem'} is not a readable certificate, in PEM"


def test_frames_with_tls_need_uvloop(monkeypatch: pytest.MonkeyPatch, pems: Path) -> None:
    """TLS over frames is refused where uvloop is not installed; plain text, and TLS over grpc.aio, are not."""
    files = {"tls_cert": pems / "cert.pem", "tls_key": pems / "key.pem"}
    assert Settings.load(transport="frames", **files).transport is Transport.FRAMES

    monkeypatch.setitem(sys.modules, "uvloop", None)  # as if it were not there
    rule = "frames with TLS needs uvloop, which is not installed; install it, or use --transport grpcio"
    assert refusal(transport="frames", **files) == f"--transport: {rule}"
    Settings.load(transport="frames")
    Settings.load(transport="grpcio", **files)
    monkeypatch.setenv("TICKER_TRANSPORT", "frames")
    assert refusal(**files) == f"TICKER_TRANSPORT: {rule}"
