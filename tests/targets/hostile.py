"""A service on 127.0.0.1 that speaks by hand, so that it can do what no web server would let it do."""

from __future__ import annotations

import base64
import gzip
import json
import math
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import quote

TOKEN = "tomato-4711-onion-Zwiebel/42+7"
PASSWORD = "pepper&salt-0815"
QUERY = "basil-1234-thyme"


@dataclass
class Asked:
    """One question: its connection, its number from 1 on, its rows, and the secrets that came with it."""

    connection: socket.socket
    number: int
    rows: list[list[float]]
    header: str
    path: str
    port: int

    def good(self) -> list[list[float]]:
        """Scores of two classes."""
        ones = [1 / (1 + math.exp(-row[0])) for row in self.rows]
        return [[1 - one, one] for one in ones]

    def send(self, body: object, status: str = "200 OK", **headers: str) -> None:
        """An answer, of JSON unless it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status}"] + [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if not any(name.lower() in ("content_length", "transfer_encoding") for name in headers):
            lines.append(f"Content-Length: {len(content)}")
        self.raw("\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + content)

    def raw(self, content: bytes) -> None:
        """Bytes as they are."""
        self.connection.sendall(content)

    def trickle(self, content: bytes, pause: float = 0.05, most: int = 400) -> None:
        """Byte by byte, for longer than anybody waits."""
        for at in range(min(len(content), most)):
            self.raw(content[at : at + 1])
            time.sleep(pause)


Reaction = Callable[[Asked], None]


@contextmanager
def hostile(react: Reaction, after: int = 0, answer: Callable[[Asked], object] | None = None) -> Iterator[int]:
    """The port of a service that reacts so from request number `after` + 1 on, and answers well before."""
    listening = socket.create_server(("127.0.0.1", 0))
    port, count, open_ = listening.getsockname()[1], [0], threading.Event()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError, ValueError, IndexError):
            stream = connection.makefile("rb")
            while line := stream.readline():
                headers = {}
                while (part := stream.readline().strip()) != b"":
                    name, _, value = part.decode("latin-1").partition(":")
                    headers[name.lower()] = value.strip()
                content = json.loads(stream.read(int(headers.get("content-length", "0"))))
                count[0] += 1
                path = line.split()[1].decode("latin-1")
                secret = headers.get("authorization", "")
                asked = Asked(connection, count[0], content["instances"], secret, path, port)
                if count[0] <= after:
                    asked.send({"predictions": answer(asked) if answer is not None else asked.good()})
                else:
                    react(asked)
                    if headers.get("x-close"):
                        break

    def accept() -> None:
        while not open_.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield port
    finally:
        open_.set()
        listening.close()


def says(body: object, status: str = "200 OK", **headers: str) -> Reaction:
    """Answers always the same."""
    return lambda asked: asked.send(body, status, **headers)


def predicts(make: Callable[[Asked], object]) -> Reaction:
    """Answers well but for the predictions."""
    return lambda asked: asked.send({"predictions": make(asked)})


def each(value: object) -> Reaction:
    """The same prediction for every record."""
    return predicts(lambda asked: [value] * len(asked.rows))


def echoes(form: Callable[[str], str], status: str = "403 Forbidden") -> Reaction:
    """Repeats what was to be kept secret, in some form."""
    return lambda asked: asked.send(f"no: {form(asked.header)} {form(asked.path)} {form(TOKEN)}".encode(), status)


def echoes_in_header(name: str, status: str) -> Reaction:
    return lambda asked: asked.send(asked.good(), status, **{name: f"{TOKEN}; {asked.path}"})


def _endless(asked: Asked) -> None:
    asked.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(2_000):
        asked.raw(b"10000\r\n" + b" " * 0x10000 + b"\r\n")


def _many_hundreds(asked: Asked) -> None:
    for _ in range(200):
        asked.raw(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.05)


def _many_headers(asked: Asked) -> None:
    asked.raw(b"HTTP/1.1 200 OK\r\n")
    for number in range(5_000):
        asked.raw(f"X-{number}: {'a' * 100}\r\n".encode())


def _chunks(*parts: bytes) -> Reaction:
    return lambda asked: asked.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(parts))


def _close(asked: Asked, content: bytes = b"") -> None:
    asked.raw(content)
    asked.connection.shutdown(socket.SHUT_RDWR)


BOMB = gzip.compress(b" " * 60_000_000, 9)
DEEP = b'{"predictions": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"

MISBEHAVIORS: dict[str, Reaction] = {
    # time
    "says nothing": lambda asked: time.sleep(3),
    "trickles its body": lambda asked: (
        asked.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        asked.trickle(b" " * 1000),
    ),
    "trickles its headers": lambda asked: asked.trickle(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 1000),
    "trickles its status": lambda asked: asked.trickle(b"HTTP/1.1 200 OK\r\n" * 40, 0.1),
    "trickles chunks": lambda asked: (
        asked.raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        [(asked.raw(b"1\r\n \r\n"), time.sleep(0.05)) for _ in range(200)],
    ),
    "trickles a refusal": lambda asked: (
        asked.raw(b"HTTP/1.1 403 No\r\nContent-Length: 9000\r\n\r\n"),
        asked.trickle(b"a" * 1000),
    ),
    "goes on for ever with 100": _many_hundreds,
    "asks to wait for a power of two": says(b"", "429 Slow", Retry_After="²"),
    "asks to wait for no time": says(b"", "429 Slow", Retry_After="-1"),
    "asks to wait since 1970": says(b"", "503 Busy", Retry_After="Thu, 01 Jan 1970 00:00:00 GMT"),
    "asks to wait until the month of Foo": says(b"", "503 Busy", Retry_After="Thu, 99 Foo 9999 99:99:99 GMT"),
    "asks to wait for NaN": says(b"", "503 Busy", Retry_After="nan"),
    # size
    "sends 400 MB": says(b"", Content_Length="400000000"),
    "sends blanks for ever": _endless,
    "sends a bomb": says(BOMB, Content_Encoding="gzip"),
    "sends a bomb in zlib": says(zlib.compress(b" " * 60_000_000, 9), Content_Encoding="deflate"),
    "sends a bomb in a bomb": says(gzip.compress(BOMB), Content_Encoding="gzip, gzip"),
    "sends broken gzip": says(b"\x1f\x8b\x08garbage", Content_Encoding="gzip"),
    "sends half of its gzip": says(gzip.compress(b'{"predictions": []}' * 100)[:30], Content_Encoding="gzip"),
    "sends brotli": says(b"\x0b\x02\x80hello\x03", Content_Encoding="br"),
    "sends an encoding with a colour": says(b"{}", Content_Encoding="\x1b[31mred"),
    "sends five thousand headers": _many_headers,
    "sends a header of a megabyte": says(b"{}", X_A="a" * 1_000_000),
    # JSON
    "nests 200,000 deep": says(DEEP),
    "nests objects 5,000 deep": says(b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
    "nests and does not close": says(b"[" * 500_000),
    "opens a text that does not end": says(b'{"predictions": "' + b'\\"' * 300_000),
    "sends an integer of 5,000 digits": says(b'{"predictions": [' + b"9" * 5_000 + b"]}"),
    "sends integers beyond floats": each([10**400, 10**399]),
    "sends a key twice": says(b'{"predictions": [], "predictions": []}'),
    "sends HTML": says(b"<html><script>alert(1)</script>", Content_Type="text/html"),
    "sends nothing": says(b""),
    "sends Latin-1": says('{"predictions": ["\xe9"]}'.encode("latin-1")),
    "sends UTF-16": says('{"predictions": []}'.encode("utf-16")),
    "sends a lone surrogate": says(b'{"predictions": ["\\ud800", "\\ud800", "\\ud800"]}'),
    "sends control characters": says(b'{"\x1b[2J\x07": 1}'),
    "sends null": says(None),
    "sends a number": says(17),
    "sends an object of lists": says({"predictions": {"a": [1]}}),
    "sends it elsewhere": says({"\x1b[31mresult\u202e" * 50: 1}),
    "sends a tensor of another shape": says({"predictions": {"data": [1, 2, 3], "shape": [2, 2]}}),
    "sends a tensor of a huge shape": says({"predictions": {"data": [1], "shape": [10**12, 10**12]}}),
    "sends a tensor of a shape of words": says({"predictions": {"data": [1], "shape": ["a"]}}),
    # predictions
    "too few": predicts(lambda asked: asked.good()[:-1]),
    "too many": predicts(lambda asked: asked.good() * 2),
    "NaN": each([float("nan"), 0.5]),
    "infinity": each([float("inf"), 0.0]),
    "a bare infinity": says(b'{"predictions": [1e999, 1e999, 1e999]}'),
    "null for a score": each([None, 1.0]),
    "words for scores": each(["0.5", "0.5"]),
    "a score that is a word": each({"label": "no", "score": "x"}),
    "a score that is a list": each({"label": "no", "score": [1]}),
    "a label that is a list": each({"label": ["no"], "score": 0.5}),
    "a class twice": each([{"label": "no", "score": 0.5}, {"label": "no", "score": 0.5}]),
    "truth values": each([True, False]),
    "rows of different lengths": predicts(lambda asked: [[0.5] * (2 + n % 2) for n in range(len(asked.rows))]),
    "three classes of two": each([0.3, 0.3, 0.4]),
    "a strange class": each("\x1b]0;owned\x07cat"),
    "a class of a million letters": each("a" * 1_000_000),
    "objects of nothing": each({}),
    "lists of nothing": each([]),
    "lists of lists": each([[[0.5]], [[0.5]]]),
    # the protocol
    "closes at once": _close,
    "closes in the middle": lambda asked: _close(asked, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"),
    "speaks no HTTP": lambda asked: _close(asked, b"220 mail.example ESMTP\r\n"),
    "has a status of words": lambda asked: _close(asked, b"HTTP/1.1 abc\r\n\r\n"),
    "has a status of a thousand": says(b"{}", "1000 Odd"),
    "has a negative length": says(b"{}", Content_Length="-1"),
    "has two lengths": lambda asked: asked.raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 5\r\n\r\n{}"),
    "has a broken chunk": _chunks(b"zz\r\n{}\r\n0\r\n\r\n"),
    "has a chunk of gigabytes": _chunks(b"FFFFFFFFFFFF\r\n", b"{}"),
    "splits its headers": lambda asked: _close(asked, b"HTTP/1.1 200 OK\r\nX: a\r\n\x00b: c\r\n\r\n{}"),
    # elsewhere
    "moves to another host": says(b"", "307 Moved", Location="http://127.0.0.2:9/"),
    "moves to another port": says(b"", "308 Moved", Location="http://127.0.0.1:9/"),
    "moves to a file": says(b"", "307 Moved", Location="file:///etc/passwd"),
    "moves to a password": says(b"", "307 Moved", Location="http://user:word@127.0.0.1:9/?key=hidden"),
    "moves in circles": says(b"", "307 Moved", Location="/again"),
    "moves nowhere": says(b"", "307 Moved"),
    "moves to nonsense": says(b"", "307 Moved", Location="http://[::1"),
    "makes a GET of it": says(b"", "302 Found", Location="/login"),
    # secrets
    "echoes the token": echoes(str),
    "echoes it in base64": echoes(lambda text: base64.b64encode(text.encode()).decode()),
    "echoes all of it in base64": lambda asked: asked.send(
        base64.urlsafe_b64encode(f"x Authorization: {asked.header}".encode()), "401 Who"
    ),
    "echoes it quoted": echoes(lambda text: quote(text, safe="")),
    "echoes it quoted twice": echoes(lambda text: quote(quote(text, safe=""), safe="")),
    "echoes it quoted in base64": echoes(lambda text: quote(base64.b64encode(text.encode()).decode(), safe="")),
    "echoes it in hexadecimal": echoes(lambda text: text.encode().hex().upper()),
    "echoes it backwards": echoes(lambda text: text[::-1]),
    "echoes half of it": echoes(lambda text: text[: len(text) // 2]),
    "echoes it loudly": echoes(str.upper),
    "echoes it for JSON": echoes(lambda text: "".join(f"\\u{ord(c):04x}" for c in text)),
    "echoes it for HTML": echoes(lambda text: "".join(f"&#{ord(c)};" for c in text)),
    "echoes it where it is cut off": echoes(lambda text: "a" * 100 + text),
    "echoes it as no JSON": echoes(str, "200 OK"),
    "echoes it as a class": lambda asked: asked.send({"predictions": [asked.header] * len(asked.rows)}),
    "echoes it as the name of a score": each({TOKEN: 0.5, "no": 0.5}),
    "echoes it as a key": lambda asked: asked.send({asked.header: [], asked.path: []}),
    "echoes it as a key twice": says(f'{{"{TOKEN}": 1, "{TOKEN}": 2}}'.encode()),
    "echoes it as a score": each({"label": "no", "score": TOKEN}),
    "echoes it in Location": echoes_in_header("Location", "307 Moved"),
    "echoes it in Retry-After": echoes_in_header("Retry_After", "429 Slow"),
    "echoes it as an encoding": echoes_in_header("Content_Encoding", "200 OK"),
    "echoes it as its reason": says(b"", f"500 {TOKEN}"),
    "echoes it as its protocol": lambda asked: _close(asked, f"{TOKEN}/1.1 200 OK\r\n\r\n".encode()),
    "echoes it in a header that is none": says(b"{}", **{f"{TOKEN} x": "1"}),
}
"""What a service can do wrong, by a name for it."""
