"""A server in OpenAI's form that answers with a small model of transformers."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import torch

from divulge.language import CausalTarget
from tests.language.tiny import tokenizer


def echoed(target, prompt, top):
    """What a completion says of the tokens of its prompt, and one more that it writes."""
    ids = tokenizer()(prompt)["input_ids"]
    with torch.no_grad():
        logs = target.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    ids = [*ids, int(logs[-1].argmax())]
    words = [tokenizer().decode([token]) for token in ids]
    own = [None, *[float(logs[k, token]) for k, token in enumerate(ids[1:])]]
    best = [None] + [
        {tokenizer().decode([int(k)]): float(v) for v, k in zip(*row.topk(top), strict=True)} for row in logs
    ]
    offsets = [sum(map(len, words[:k])) for k in range(len(words))]
    told = {"tokens": words, "token_logprobs": own, "top_logprobs": best, "text_offset": offsets}
    return {"text": "".join(words), "logprobs": told}


def answered(target, offers, path, body):
    """Status and answer."""
    how = (body.get("n", 1), body.get("temperature", 1.0), body.get("max_tokens", 16), body.get("seed", 0))
    if path == "/v1/completions" and "completions" in offers:
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        if body.get("echo") and "echo" not in offers:
            return 400, {"error": {"message": "echo is not supported"}}
        if body.get("echo"):
            choices = [echoed(target, prompt, body["logprobs"]) for prompt in prompts]
        else:
            choices = [{"text": text} for texts in target.complete(prompts, *how) for text in texts]
    elif path == "/v1/chat/completions" and "chat" in offers:
        (texts,) = target.complete([body["messages"][-1]["content"]], *how)
        choices = [{"message": {"role": "assistant", "content": text}} for text in texts]
    else:
        return 404, {"error": {"message": "no such path"}}
    return 200, {"choices": [{"index": k, **choice} for k, choice in enumerate(choices)][::-1]}


@contextmanager
def serving(model, *offers):
    """Its address; offers: of completions, echo, chat."""
    target, busy = CausalTarget(model, tokenizer()), [1]

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if busy:
                status, told = 503, {}
                busy.clear()
            elif self.headers.get("Authorization") != "Bearer sesame":
                status, told = 401, {"error": {"message": "who are you?"}}
            else:
                status, told = answered(target, offers, self.path, body)
            content = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
