"""Small pictures as data URIs, so that a report needs no file beside it."""

from __future__ import annotations

import base64
import struct
import zlib

GRAY, COLOR = 0, 2


def data_uri(pixels: str, shape: tuple[int, ...]) -> str:
    """A PNG (ISO/IEC 15948) of base64 bytes [height, width] or [height, width, 3]."""
    height, width = shape[:2]
    row = width * (3 if len(shape) == 3 else 1)
    raw = base64.b64decode(pixels)
    lines = b"".join(b"\0" + raw[start : start + row] for start in range(0, height * row, row))
    kind = COLOR if len(shape) == 3 else GRAY
    content = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    content += _chunk(b"IDAT", zlib.compress(lines, 9)) + _chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
