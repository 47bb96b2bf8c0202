from __future__ import annotations

from ticker_server.demo.board import instructions


def test_instructions_show_three_grpcurl_and_three_client_commands_and_a_snippet() -> None:
    """The instructions name the address in three grpcurl commands, three CLI commands and one SDK snippet."""
    lines = instructions("127.0.0.1:4711").splitlines()

    assert sum(line.startswith("grpcurl -plaintext") and "127.0.0.1:4711" in line for line in lines) == 3
    assert sum("ticker --target 127.0.0.1:4711 " in line for line in lines) == 3
    assert lines.count("EOF") == 1
    assert any('TickerClient("127.0.0.1:4711")' in line for line in lines)


def test_snippet_is_valid_python() -> None:
    """The SDK snippet compiles as it stands."""
    lines = instructions("localhost:1").splitlines()
    start = next(index for index, line in enumerate(lines) if line.endswith("<<'EOF'"))

    compile("\n".join(lines[start + 1 : lines.index("EOF")]), "snippet", "exec")
