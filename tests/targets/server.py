"""A prediction service on 127.0.0.1 that can misbehave in every way that services do; it keeps a log of its own."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import uvicorn

Answer = Callable[[np.ndarray], Any]


@dataclass
class Log:
    """What the service saw: records in all, which, requests, and the headers of the last one."""

    records: int = 0
    different: set[str] = field(default_factory=set)
    requests: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)


@dataclass
class App:
    """answer: what predictions for rows [records, features] are.  trouble: what happens at request number n, before it
    is answered; it returns a status, headers and a body, or None to go on.  reply: headers of every good answer.
    """

    answer: Answer
    unpack: Callable[[Any], Any] = lambda content: content["instances"]
    pack: Callable[[Any], Any] = lambda predictions: {"predictions": predictions}
    trouble: Callable[[int], tuple[int, dict[str, str], bytes] | None] = lambda number: None
    log: Log = field(default_factory=Log)
    reply: dict[str, str] = field(default_factory=dict)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        content = b""
        while True:
            message = await receive()
            content += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.log.requests += 1
        self.log.times.append(time.monotonic())
        self.log.headers = {k.decode(): v.decode() for k, v in scope["headers"]}
        odd = self.trouble(self.log.requests)
        if odd is None:
            rows = np.asarray(self.unpack(json.loads(content)), dtype=object)
            self.log.records += len(rows)
            self.log.different |= set(map(str, rows.tolist()))
            odd = (200, self.reply, json.dumps(self.pack(self.answer(rows))).encode())
        status, headers, body = odd
        raw = [(k.encode(), v.encode()) for k, v in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def serving(app: App) -> Iterator[str]:
    """The service's URL, while it runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {"log_level": "error", "lifespan": "off", "ws": "none", "loop": "asyncio", "http": "h11"}
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, **settings))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}/predict"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
