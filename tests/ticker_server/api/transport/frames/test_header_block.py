"""Header blocks: requests that are accepted or refused, and blocks that hpack reads."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hpack import Decoder
from hypothesis import given
from hypothesis import strategies as st

from tests.support.header_fields import decoded, metadata_in
from ticker_server.api.transport.frames import header_block
from ticker_server.api.transport.frames.header_block import (
    Headers,
    Malformed,
    check_trailers,
    headers_block,
    http_block,
    parse_request,
    trailers_block,
)

PSEUDO = ((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/a.B/C"), (b":authority", b"here"))
GRPC = ((b"te", b"trailers"), (b"content-type", b"application/grpc"))
PLAIN_NAMES = st.text(string.ascii_lowercase + string.digits + "_-.", min_size=1, max_size=20).filter(
    lambda name: not name.endswith("-bin") and not name.startswith("grpc-") and name not in {"te", "content-type"}
)
# Printable ASCII without blanks at the ends, as gRPC has it.
PLAIN_VALUES = st.text(string.printable[:95], max_size=300).map(str.strip)
METADATA = st.lists(
    st.tuples(PLAIN_NAMES, PLAIN_VALUES)
    | st.tuples(PLAIN_NAMES.map(lambda name: f"{name}-bin"), st.binary(max_size=300)),
    max_size=8,
)


def test_request_is_read() -> None:
    """A request tells its method, path, type, encoding, length and timeout, and its caller's metadata."""
    more = ((b"grpc-encoding", b"gzip"), (b"grpc-timeout", b"5S"), (b"content-length", b"12"), (b"x-a", b"1"))
    headers = (*PSEUDO, *GRPC, *more)

    request = parse_request(headers)

    assert (request.method, request.path, request.content_type) == (b"POST", "/a.B/C", b"application/grpc")
    assert (request.encoding, request.timeout, request.content_length) == (b"gzip", 5 * 10**9, 12)
    assert request.metadata == [("x-a", "1")]


def test_request_may_leave_out_most() -> None:
    """Method, scheme and path are enough; what is not told is empty."""
    request = parse_request(PSEUDO[:3])

    assert (request.content_type, request.encoding, request.timeout, request.content_length) == (b"", b"", None, None)


def without(name: bytes) -> Headers:
    """Return the headers of a request without one."""
    return tuple(header for header in (*PSEUDO, *GRPC) if header[0] != name)


def with_field(name: bytes, value: bytes) -> Headers:
    """Return the headers of a request and one more."""
    return (*PSEUDO, *GRPC, (name, value))


REFUSED: dict[str, Headers] = {
    "no headers": (),
    "no method": without(b":method"),
    "no scheme": without(b":scheme"),
    "no path": without(b":path"),
    "empty path": ((b":method", b"POST"), (b":scheme", b"http"), (b":path", b"")),
    "method twice": ((b":method", b"POST"), *PSEUDO),
    "path twice": (*PSEUDO, (b":path", b"/a.B/C")),
    "authority twice": (*PSEUDO, (b":authority", b"there")),
    "unknown pseudo-header": (*PSEUDO, (b":nope", b"1")),
    "pseudo-header of a response": (*PSEUDO, (b":status", b"200")),
    "protocol of an extended CONNECT": (*PSEUDO, (b":protocol", b"websocket")),
    "pseudo-header behind a header": (*GRPC, *PSEUDO),
    "NUL in a path": (*PSEUDO[:2], (b":path", b"/a\0b")),
    "LF in an authority": (*PSEUDO[:3], (b":authority", b"here\nthere")),
    "blank behind a method": ((b":method", b"POST "), *PSEUDO[1:]),
    "empty name": with_field(b"", b"1"),
    "name in upper case": with_field(b"X-A", b"1"),
    "blank in a name": with_field(b"x a", b"1"),
    "colon in a name": with_field(b"x:a", b"1"),
    "name not of ASCII": with_field(b"x\xe9", b"1"),
    "control character in a name": with_field(b"x\x7f", b"1"),
    "NUL in a value": with_field(b"x-a", b"a\0b"),
    "CR in a value": with_field(b"x-a", b"a\rb"),
    "LF in a value": with_field(b"x-a", b"a\nb"),
    "LF at the end of a value": with_field(b"x-a", b"a\n"),
    "blank before a value": with_field(b"x-a", b" a"),
    "blank behind a value": with_field(b"x-a", b"a "),
    "tab before a value": with_field(b"x-a", b"\ta"),
    "tab behind a value": with_field(b"x-a", b"a\t"),
    "connection": with_field(b"connection", b"close"),
    "keep-alive": with_field(b"keep-alive", b"5"),
    "proxy-connection": with_field(b"proxy-connection", b"close"),
    "transfer-encoding": with_field(b"transfer-encoding", b"chunked"),
    "upgrade": with_field(b"upgrade", b"h2c"),
    "te other than trailers": with_field(b"te", b"gzip"),
    "content-length in words": with_field(b"content-length", b"ten"),
    "negative content-length": with_field(b"content-length", b"-1"),
    "empty content-length": with_field(b"content-length", b""),
}

ACCEPTED: dict[str, Headers] = {
    "no authority": without(b":authority"),
    "no te": without(b"te"),
    "pseudo-headers in any order": (*PSEUDO[::-1], *GRPC),
    "empty value": with_field(b"x-a", b""),
    "blank and tab within a value": with_field(b"x-a", b"a \tb"),
    "value not of ASCII": with_field(b"x-a", b"\xe9"),
    "header twice": (*PSEUDO, *GRPC, (b"x-a", b"1"), (b"x-a", b"2")),
    "te trailers": with_field(b"te", b"trailers"),
    "name of all characters": with_field(b"x_!#$%&'*+-.^`|~0", b"1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_malformed_request_is_refused(name: str) -> None:
    """What RFC 9113 calls malformed (8.2.1, 8.2.2, 8.3.1) is no request."""
    with pytest.raises(Malformed):
        parse_request(REFUSED[name])


@pytest.mark.parametrize("name", ACCEPTED)
def test_unusual_request_is_accepted(name: str) -> None:
    """What is unusual but well formed is a request."""
    assert parse_request(ACCEPTED[name]).path == "/a.B/C"


# Of trailers, content-length is of no use and is not read.
REFUSED_IN_TRAILERS = [
    name for name in REFUSED if REFUSED[name][: len(PSEUDO)] == PSEUDO and "content-length" not in name
]


@pytest.mark.parametrize("name", REFUSED_IN_TRAILERS)
def test_malformed_field_is_refused_in_trailers(name: str) -> None:
    """What must not stand in a request's headers must not stand in its trailers, pseudo-headers included."""
    with pytest.raises(Malformed):
        check_trailers(REFUSED[name][len(PSEUDO) :])


def test_trailers_have_no_pseudo_headers() -> None:
    """A pseudo-header among trailers is malformed; plain fields are fine, and so is nothing."""
    check_trailers(())
    check_trailers(((b"x-checksum", b"1"),))
    for header in PSEUDO:
        with pytest.raises(Malformed):
            check_trailers((header,))


UNITS = {"H": 3600 * 10**9, "M": 60 * 10**9, "S": 10**9, "m": 10**6, "u": 10**3, "n": 1}


@given(number=st.integers(0, 99_999_999), unit=st.sampled_from(sorted(UNITS)))
def test_timeout_has_a_unit(number: int, unit: str) -> None:
    """A timeout is a number of at most eight digits of its unit."""
    headers = with_field(b"grpc-timeout", f"{number}{unit}".encode())

    assert parse_request(headers).timeout == number * UNITS[unit]


@pytest.mark.parametrize("text", [b"", b"5", b"S", b"123456789S", b"-5S", b"5s", b"5 S", b"5.5S", b"5SS", b"\xb2S"])
def test_bad_timeout_is_malformed(text: bytes) -> None:
    """A timeout of any other form is malformed."""
    with pytest.raises(Malformed):
        parse_request(with_field(b"grpc-timeout", text))


def test_list_is_sized_as_http2_counts() -> None:
    """Each header counts 32 bytes besides its name and its value."""
    sizes = [
        parse_request((*PSEUDO, *more)).size for more in ((), ((b"ab", b"cde"),), ((b"ab", b"cde"), (b"x-bin", b"")))
    ]

    assert sizes[0] == sum(32 + len(name) + len(value) for name, value in PSEUDO)
    assert sizes[1:] == [sizes[0] + 37, sizes[0] + 37 + 37]


def test_metadata_is_what_is_not_the_protocols() -> None:
    """The caller's metadata are all headers but those of HTTP/2 and of gRPC, in their order."""
    own = ((b"x-b", b"1"), (b"user-agent", b"me"), (b"x-a", b"\xe9"), (b"x-b", b"2"))
    of_the_protocol = (
        (b"grpc-timeout", b"1S"),
        (b"grpc-encoding", b"identity"),
        (b"grpc-accept-encoding", b"gzip"),
        (b"content-length", b"5"),
    )

    metadata = parse_request((*PSEUDO, *GRPC, *of_the_protocol, *own)).metadata

    assert metadata == [("x-b", "1"), ("user-agent", "me"), ("x-a", "é"), ("x-b", "2")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", [b""]),
        (b"AA", [b"\0"]),
        (b"AA==", [b"\0"]),
        (b"AAE=", [b"\0\1"]),
        (b"AAE", [b"\0\1"]),
        (b"AAE,AgM=,BA", [b"\0\1", b"\2\3", b"\4"]),
        (b"AA,,AQ", [b"\0", b"", b"\1"]),
        (b"+/+/", [b"\xfb\xff\xbf"]),
    ],
)
def test_binary_metadata_is_base64(value: bytes, expected: list[bytes]) -> None:
    """A value of a name in `-bin` is base64, padded or not, and may be several joined by commas."""
    assert parse_request(with_field(b"x-bin", value)).metadata == [("x-bin", each) for each in expected]


@pytest.mark.parametrize("value", [b"!", b"A", b"AA=A", b"A A=", b"-_-_", b"AAE=,!", b"\xff\xff\xff\xff"])
def test_binary_metadata_that_is_no_base64_is_malformed(value: bytes) -> None:
    """What is not base64 is malformed."""
    with pytest.raises(Malformed):
        parse_request(with_field(b"x-bin", value))


@given(metadata=METADATA)
def test_metadata_comes_back_as_it_was(metadata: list[tuple[str, Any]]) -> None:
    """Any metadata of the answer is the same after hpack has read it."""
    status, kind, encodings, *own = decoded(headers_block(metadata))

    assert (status, kind, encodings) == (
        (b":status", b"200"),
        (b"content-type", b"application/grpc"),
        (b"grpc-accept-encoding", b"identity"),
    )
    assert metadata_in(own) == metadata
    assert parse_request((*PSEUDO, *own)).metadata == metadata


@given(metadata=METADATA, details=st.binary(max_size=5_000), code=st.integers(0, 16))
def test_trailers_come_back_as_they_were(metadata: list[tuple[str, Any]], details: bytes, code: int) -> None:
    """Status, details and trailing metadata are the same after hpack has read them."""
    fields = metadata_in(decoded(trailers_block(code, "", details, metadata)))

    own_details = [("grpc-status-details-bin", details)] if details else []
    assert fields == [("grpc-status", str(code)), *own_details, *metadata]


@given(length=st.integers(0, 70_000))
def test_value_of_any_length_is_read_back(length: int) -> None:
    """The length of a value is an integer with a prefix of seven bits, however large it is."""
    assert decoded(headers_block([("x-a", "v" * length)]))[-1] == (b"x-a", b"v" * length)


def percent_decoded(text: bytes) -> str:
    """Decode a grpc-message as gRPC's clients do."""
    out, position = bytearray(), 0
    while position < len(text):
        if text[position] == ord("%"):
            out.append(int(text[position + 1 : position + 3], 16))
            position += 3
        else:
            out.append(text[position])
            position += 1
    return out.decode()


@given(message=st.text(min_size=1))
def test_message_is_percent_encoded(message: str) -> None:
    """A message of any characters is printable ASCII on the wire, and reads the same behind it."""
    fields = dict(decoded(trailers_block(2, message)))

    encoded = fields[b"grpc-message"]
    assert all(0x20 <= byte <= 0x7E for byte in encoded)
    assert encoded.strip() == encoded
    assert percent_decoded(encoded) == message


def test_message_is_not_encoded_without_need() -> None:
    """Of printable ASCII only the percent sign is escaped, and blanks where a header must not have any."""
    printable = "!" + "".join(map(chr, range(0x20, 0x7F)))

    fields = dict(decoded(trailers_block(2, printable)))

    assert fields[b"grpc-message"] == printable.replace("%", "%25").encode()
    assert dict(decoded(trailers_block(2, "  a b ")))[b"grpc-message"] == b"%20%20a b%20"


def test_end_without_a_message_is_a_status_alone() -> None:
    """OK has a status and nothing else."""
    assert decoded(header_block.OK_TRAILERS) == [(b"grpc-status", b"0")]


def test_answer_to_what_is_no_call_is_plain_http() -> None:
    """Such an answer has the status of HTTP, and no gRPC."""
    assert decoded(http_block(415, ((b"content-type", b"text/plain"),))) == [
        (b":status", b"415"),
        (b"content-type", b"text/plain"),
    ]


@given(metadata=METADATA, message=st.text(max_size=50), size=st.integers(0, 4096))
def test_blocks_leave_no_trace_in_the_table(metadata: list[tuple[str, Any]], message: str, size: int) -> None:
    """Blocks are made once and sent to all, so no block may depend on a table, however small the peer made it."""
    decoder = Decoder()
    decoder.max_allowed_table_size = size
    decoder.header_table.maxsize = size
    for block in (headers_block(metadata), trailers_block(3, message, b"d", metadata)):
        assert [tuple(field) for field in decoder.decode(block, raw=True)] == decoded(block)

    assert not decoder.header_table.dynamic_entries
