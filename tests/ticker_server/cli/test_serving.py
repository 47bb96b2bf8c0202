from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.command_lines import Run
from ticker_server.ops.data_directory import locked_data_directory


def test_help_names_what_is_served_only(ticker_server: Run) -> None:
    """Flags of parts that are not built yet are not in the help, nor accepted."""
    _, output, _ = ticker_server("serve", "--help")

    assert "--data-dir" in output
    assert "--transport [grpcio|frames]" in output
    for flag in ("--workers", "--auth", "--metrics-port"):
        assert flag not in output
        assert ticker_server("serve", flag, "x")[0] == 2


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--port", "65536"], '--port should be a number from 0 to 65535, not "65536"'),
        (["--transport", "grpc"], '--transport should be grpcio or frames, not "grpc"'),
        (["--drain-seconds", "5s"], '--drain-seconds should be a number of seconds from 0 to 3600, not "5s"'),
        (["--tls-cert", "cert.pem"], "--tls-cert needs --tls-key as well"),
    ],
)
def test_bad_setting(ticker_server: Run, flags: list[str], message: str) -> None:
    """A setting that cannot be used is exit 2 and one line, before anything is made."""
    assert ticker_server("serve", *flags) == (2, "", f"error: INVALID_SETTING: {message}\n")
    assert not Path("ticker-data").exists()


def test_exposure(ticker_server: Run) -> None:
    """Listening beyond loopback without TLS is exit 2, and the line says how to do it after all."""
    code, output, errors = ticker_server("serve", "--host", "0.0.0.0")

    assert (code, output) == (2, "")
    assert errors.startswith('error: INVALID_SETTING: --host: "0.0.0.0" without TLS would serve')
    assert errors.endswith("give --tls-cert and --tls-key, or say --allow-insecure\n")


def test_data_directory_that_is_a_file(ticker_server: Run) -> None:
    """A data directory that is a file is exit 4 and one line."""
    Path("file").touch()

    code, output, errors = ticker_server("serve", "--port", "0", "--data-dir", "file")

    assert (code, output) == (4, "")
    assert errors == (
        "error: DATA_DIRECTORY_UNUSABLE: data directory file cannot be used: it is a file; "
        "give another one with --data-dir\n"
    )


def test_data_directory_in_use(ticker_server: Run) -> None:
    """A data directory that another server holds is exit 4 and one line."""
    with locked_data_directory(Path("data")):
        code, output, errors = ticker_server("serve", "--port", "0", "--data-dir", "data")

    assert (code, output) == (4, "")
    assert errors.startswith("error: DATA_DIRECTORY_UNUSABLE: data directory data is in use by another process")
    assert errors.count("\n") == 1


def test_damaged_database(ticker_server: Run) -> None:
    """A file that is no database is exit 4, one line with its path, and is left as it is."""
    path = Path("data") / "ticker.db"
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 500)

    code, output, errors = ticker_server("serve", "--port", "0", "--data-dir", "data")

    assert (code, output) == (4, "")
    assert errors == "error: DATABASE_UNUSABLE: data/ticker.db: file is not a database\n"
    assert path.read_bytes().startswith(b"no database at all")


def test_unusable_price_log(ticker_server: Run, migrated_file: Path) -> None:
    """A database without the tables of the price log is exit 5 and one line."""
    Path("data").mkdir()
    path = Path("data") / "ticker.db"
    path.write_bytes(migrated_file.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE log_epoch")

    code, output, errors = ticker_server("serve", "--port", "0", "--data-dir", "data")

    assert (code, output) == (5, "")
    assert errors == (
        "error: PRICE_LOG_UNUSABLE: the price log in data/ticker.db cannot be opened: no such table: log_epoch\n"
    )


def test_taken_port(ticker_server: Run) -> None:
    """A port that another process listens on is exit 3 and one line that names it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        code, output, errors = ticker_server("serve", "--port", str(port), "--data-dir", "data")

    assert (code, output) == (3, "")
    assert errors == (
        f"error: ADDRESS_UNUSABLE: address 127.0.0.1:{port} is in use by another process; "
        "give another one with --host and --port\n"
    )


def test_unknown_host(ticker_server: Run) -> None:
    """A host that is no address of this machine is exit 3; nothing is left locked."""
    code, output, errors = ticker_server("serve", "--host", "no.such.invalid", "--allow-insecure", "--data-dir", "data")

    assert (code, output) == (3, "")
    assert errors.startswith("error: ADDRESS_UNUSABLE: address no.such.invalid:50051 cannot be listened on")
    with locked_data_directory(Path("data")):
        pass


def test_half_a_production_pair(ticker_server: Run) -> None:
    """Brokers without a database, or the other way round, are exit 2, and nothing is made."""
    code, output, errors = ticker_server("serve", "--kafka", "localhost:9092")
    assert (code, output) == (2, "")
    assert errors.startswith("error: INVALID_SETTING: --kafka needs --database-url as well")

    code, output, errors = ticker_server("serve", "--database-url", "postgresql://localhost/ticker")
    assert (code, output) == (2, "")
    assert errors.startswith("error: INVALID_SETTING: --database-url needs --kafka as well")
    assert not Path("ticker-data").exists()
