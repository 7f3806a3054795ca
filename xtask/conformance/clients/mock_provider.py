"""A stand-in for the providers: OpenAI, Azure OpenAI, Anthropic, Cohere and Jina, on loopback, standard library only.

It is strict: a request that the real API would refuse gets a 400 that says why, so that a wrong translation shows. What
it answers is decided by the last text of the user:

    anything else                          the text again, after "Echo: "
    !tool NAME JSON [NAME JSON ...]        calls of these tools, if the request offers them
    !fail STATUS id=ID [times=N] [retry-after=S]   an error, N times for this ID (default: always), then "Echo: ..."
    !length                                an answer cut off by its length limit
    !think                                 thinking with a signature, then text (Anthropic only)
    !error-midway                          a stream that reports an error after two events
    !cut                                   a stream that breaks off after two events
    !slow a b c d ...                      a stream with 100 ms between its events
    !endless id=ID                         a stream that goes on until the reader leaves; GET /left/ID tells whether it did
A message that ends in tool results is answered with "Tools said: ..." and their texts.
"""
import base64
import collections
import http.server
import json
import re
import struct
import threading
import time

KEYS = {"openai": "sk-mock-openai", "azure": "mock-azure-key", "anthropic": "sk-ant-mock", "cohere": "co-mock-key", "jina": "jina_mock"}
CLIENT_KEY = "sk-client-key"
SIGNATURE = "c2lnbmF0dXJlLW9mLXRoZS10aG91Z2h0"
MODELS = ["mock-model", "openai-chat", "openai-completions", "openai-embeddings", "anthropic-chat"]


class Refused(Exception):
    """The request is not what the provider's API takes."""


def need(condition, message):
    if not condition:
        raise Refused(message)


class Turn:
    """What the request asks for, read by the rules of its API."""

    def __init__(self):
        self.text, self.results, self.tools, self.stream, self.images = "", [], {}, False, 0

    def words(self):
        return self.text.split()

    def calls(self):
        """The tool calls that a `!tool` line asks for."""
        if not self.text.startswith("!tool ") or self.results:
            return []
        rest, calls, decoder = self.text[len("!tool "):].strip(), [], json.JSONDecoder()
        while rest:
            name, rest = rest.split(" ", 1)
            arguments, end = decoder.raw_decode(rest)
            need(name in self.tools, "the request does not offer a tool %r" % name)
            calls.append((name, arguments))
            rest = rest[end:].strip()
        return calls

    def answer(self):
        if self.results:
            return "Tools said: " + "; ".join(self.results)
        return "Echo: " + self.text + (" (%d image)" % self.images if self.images else "")

    def option(self, name, default=None):
        found = re.search(r"\b%s=(\S+)" % re.escape(name), self.text)
        return found.group(1) if found else default


def read_openai(body):
    turn = Turn()
    need(isinstance(body.get("messages"), list) and body["messages"], "messages: a non-empty list is required")
    known = {"model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "max_completion_tokens",
             "stop", "n", "tools", "tool_choice", "parallel_tool_calls", "response_format", "seed", "user", "logprobs",
             "top_logprobs", "presence_penalty", "frequency_penalty", "metadata", "store", "reasoning_effort", "service_tier"}
    need(not set(body) - known, "unrecognized request argument: %s" % ", ".join(sorted(set(body) - known)))
    turn.stream = bool(body.get("stream"))
    need(turn.stream or "stream_options" not in body, "stream_options is only allowed when stream is enabled")
    for tool in body.get("tools") or []:
        need(tool.get("type") == "function" and isinstance(tool.get("function"), dict), "tools[].type must be function")
        schema = tool["function"].get("parameters")
        need(isinstance(schema, dict) and schema.get("type") == "object", "tools[].function.parameters must be an object schema")
        turn.tools[tool["function"]["name"]] = schema
    open_calls = []
    for message in body["messages"]:
        role, content = message.get("role"), message.get("content")
        need(role in ("system", "developer", "user", "assistant", "tool"), "messages[].role: %r is not a role" % role)
        if role == "tool":
            need(message.get("tool_call_id") in open_calls, "tool_call_id %r answers no call" % message.get("tool_call_id"))
            open_calls.remove(message["tool_call_id"])
            turn.results.append(flat(content))
            continue
        need(not open_calls, "tool calls %s have no answer" % open_calls)
        if role == "assistant":
            turn.results = []
            for call in message.get("tool_calls") or []:
                need(isinstance(json.loads(call["function"]["arguments"]), dict), "arguments must be a JSON object as text")
                open_calls.append(call["id"])
        elif role == "user":
            turn.results, turn.images, texts = [], 0, []
            for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
                if part.get("type") == "image_url":
                    need(part["image_url"]["url"].startswith(("data:image/", "https://")), "image_url.url is no image")
                    turn.images += 1
                else:
                    need(part.get("type") == "text" and isinstance(part.get("text"), str), "content part %r is unknown" % part.get("type"))
                    texts.append(part["text"])
            turn.text = " ".join(texts)
    need(not open_calls, "tool calls %s have no answer" % open_calls)
    return turn


def read_anthropic(body):
    turn = Turn()
    known = {"model", "messages", "max_tokens", "system", "stream", "temperature", "top_p", "top_k", "stop_sequences", "tools",
             "tool_choice", "thinking", "metadata", "service_tier", "output_config", "cache_control"}
    need(not set(body) - known, "%s: Extra inputs are not permitted" % ", ".join(sorted(set(body) - known)))
    need(isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 0, "max_tokens: Field required")
    need(isinstance(body.get("messages"), list) and body["messages"], "messages: at least one message is required")
    turn.stream = bool(body.get("stream"))
    for tool in body.get("tools") or []:
        need(isinstance(tool.get("input_schema"), dict) and tool["input_schema"].get("type") == "object", "tools[].input_schema is required")
        turn.tools[tool["name"]] = tool["input_schema"]
    open_calls, before = [], None
    for message in body["messages"]:
        role = message.get("role")
        need(role in ("user", "assistant"), "messages[].role: %r is not allowed" % role)
        content = message["content"]
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
        need(blocks, "messages[].content: must not be empty")
        if role == "assistant":
            open_calls = [b["id"] for b in blocks if b["type"] == "tool_use"]
            need(all(isinstance(b["input"], dict) for b in blocks if b["type"] == "tool_use"), "tool_use.input: must be an object")
            for b in blocks:
                need(b["type"] != "thinking" or b.get("signature") == SIGNATURE, "thinking.signature: Invalid signature")
        else:
            results = [b for b in blocks if b["type"] == "tool_result"]
            need(sorted(b["tool_use_id"] for b in results) == sorted(open_calls), "tool_use ids without tool_result blocks: %s" % open_calls)
            open_calls = []
            turn.results = [flat(b.get("content")) for b in results]
            turn.images = sum(1 for b in blocks if b["type"] == "image")
            for b in blocks:
                need(b["type"] in ("text", "image", "tool_result", "document"), "content block %r is unknown" % b["type"])
                if b["type"] == "image":
                    source = b["source"]
                    need(source["type"] == "url" or (source["type"] == "base64" and source["media_type"] and base64.b64decode(source["data"])), "image.source")
            texts = [b["text"] for b in blocks if b["type"] == "text"]
            need(all(texts), "text content blocks must be non-empty")
            turn.text = " ".join(texts)
        before = role
    need(not open_calls, "tool_use ids without tool_result blocks: %s" % open_calls)
    need(before, "messages: empty")
    return turn


def flat(content):
    if isinstance(content, list):
        return " ".join(p.get("text", "") for p in content)
    return content or ""


def pieces(text):
    return re.findall(r"\S+\s*|\s+", text)


class Mock:
    """The server. `seen` keeps every request it got: (path, headers, body)."""

    def __init__(self):
        self.seen, self.failures, self.problems, self.left = [], collections.Counter(), [], set()
        self.lock = threading.Lock()
        mock = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                Exchange(mock, self).get()

            def do_POST(self):
                Exchange(mock, self).post()

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *args):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.origin = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Exchange:
    """One request and its answer."""

    def __init__(self, mock, handler):
        self.mock, self.handler = mock, handler
        self.headers = {k.lower(): v for k, v in handler.headers.items()}
        self.path = handler.path.split("?")[0]
        apis = {"/v1/messages": "anthropic", "/openai/": "azure", "/v2/": "cohere", "/v1/rerank": "jina"}
        self.api = next((api for start, api in apis.items() if self.path.startswith(start)), "openai")

    def send(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.handler.send_response(status)
        self.handler.send_header("content-type", "application/json")
        self.handler.send_header("content-length", str(len(data)))
        self.handler.send_header("request-id" if self.api == "anthropic" else "x-request-id", "req_mock")
        for name, value in headers:
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def error(self, status, message, headers=()):
        if self.api == "anthropic":
            kind = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
                    429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
            self.send(status, {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"}, headers)
        elif self.api == "cohere":
            self.send(status, {"id": "err_mock", "message": message}, headers)
        else:
            kind, code = {401: ("invalid_request_error", "invalid_api_key"), 404: ("invalid_request_error", "model_not_found"),
                          429: ("requests", "rate_limit_exceeded")}.get(
                              status, ("server_error", None) if status >= 500 else ("invalid_request_error", None))
            self.send(status, {"error": {"message": message, "type": kind, "param": None, "code": code}}, headers)

    def get(self):
        if self.path.startswith("/left/"):
            with self.mock.lock:
                self.send(200, {"left": self.path.rsplit("/", 1)[1] in self.mock.left})
        elif self.path == "/v1/models":
            self.send(200, {"object": "list", "data": [{"id": m, "object": "model", "created": 1, "owned_by": "mock"} for m in MODELS]})
        elif self.path.startswith("/v1/models/") and self.path.rsplit("/", 1)[1] in MODELS:
            self.send(200, {"id": self.path.rsplit("/", 1)[1], "object": "model", "created": 1, "owned_by": "mock"})
        else:
            self.error(404, "not found")

    def post(self):
        raw = self.handler.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while (size := int(self.handler.rfile.readline().split(b";")[0], 16)):
                raw += self.handler.rfile.read(size)
                self.handler.rfile.readline()
            self.handler.rfile.readline()
        try:
            body = json.loads(raw)
            with self.mock.lock:
                self.mock.seen.append((self.handler.path, self.headers, body))
            if not self.admit():
                return
            self.route(body)
        except Refused as problem:
            with self.mock.lock:
                self.mock.problems.append("%s: %s" % (self.path, problem))
            self.error(400, str(problem))
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            with self.mock.lock:
                self.mock.problems.append("%s: %r" % (self.path, problem))
            self.error(400, "malformed request: %r" % problem)

    def admit(self):
        """Checks the credential, and that nothing of the client's own came along."""
        need(not any(CLIENT_KEY in value for value in self.headers.values()), "the client's credential was sent to the provider")
        need("cookie" not in self.headers, "the client's cookies were sent to the provider")
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        # Anthropic's own SDK sends its key as a bearer token since version 2; the API takes both.
        given = {"azure": self.headers.get("api-key"), "anthropic": self.headers.get("x-api-key") or bearer}.get(self.api, bearer)
        if given != KEYS[self.api]:
            self.error(401, "Incorrect API key provided.")
            return False
        need(self.api != "anthropic" or self.headers.get("anthropic-version"), "anthropic-version: header is required")
        return True

    def route(self, body):
        if self.api != "azure" and body.get("model") == "no-such-endpoint":
            return self.error(404, "The model `no-such-endpoint` does not exist")
        if self.path == "/v1/messages":
            self.chat(read_anthropic(body), Anthropic(self, body))
        elif self.path == "/v1/messages/count_tokens":
            need("max_tokens" not in body, "max_tokens: Extra inputs are not permitted")
            self.send(200, {"input_tokens": 7})
        elif self.path.endswith("/chat/completions"):
            self.chat(read_openai(body), OpenAi(self, body))
        elif self.path in ("/v1/responses", "/openai/v1/responses"):
            import mock_responses
            self.chat(mock_responses.read(body), mock_responses.Responses(self, body))
        elif self.api in ("cohere", "jina"):
            self.of_cohere(body)
        elif self.path.endswith("/embeddings"):
            self.embeddings(body)
        elif self.path.endswith("/completions"):
            self.completions(body)
        else:
            self.error(404, "not found")

    def of_cohere(self, body):
        import mock_cohere
        if self.path == "/v2/chat":
            return self.chat(mock_cohere.read(body), mock_cohere.Chat(self, body))
        turn = Turn()
        turn.text = body.get("query") or (body.get("texts") or [""])[0]
        answer = {"/v2/embed": mock_cohere.embed, "/v2/rerank": mock_cohere.rerank, "/v1/rerank": mock_cohere.common_rerank}.get(self.path)
        if answer is None:
            self.error(404, "not found")
        elif not self.fails(turn):
            self.send(200, answer(body))

    def chat(self, turn, shape):
        if self.fails(turn):
            return
        if turn.stream:
            self.stream(turn, shape)
        else:
            self.send(200, shape.whole(turn))

    def fails(self, turn):
        """Answers a `!fail` line, while it lasts."""
        if not turn.text.startswith("!fail "):
            return False
        status, key = int(turn.words()[1]), turn.option("id", "")
        with self.mock.lock:
            self.mock.failures[key] += 1
            count = self.mock.failures[key]
        if count > int(turn.option("times", "1000000")):
            return False
        after = turn.option("retry-after")
        self.error(status, "Told to fail with %d." % status, [("retry-after", after)] if after else [])
        return True

    def stream(self, turn, shape):
        self.handler.send_response(200)
        self.handler.send_header("content-type", "text/event-stream; charset=utf-8")
        self.handler.send_header("transfer-encoding", "chunked")
        self.handler.end_headers()
        for number, frame in enumerate(shape.frames(turn)):
            if number == 3 and turn.text in ("!cut", "!error-midway"):
                if turn.text == "!error-midway":
                    self.chunk(shape.broken())
                self.handler.close_connection = True
                self.handler.connection.shutdown(2)
                return
            self.chunk(frame)
            time.sleep(0.1 if turn.text.startswith("!slow ") else 0.001)
            if number == 3 and turn.text.startswith("!endless "):
                return self.until_left(frame, turn.option("id"))
        self.handler.wfile.write(b"0\r\n\r\n")

    def until_left(self, frame, key):
        """Sends the same event again and again; 20 s are more than any reader waits."""
        try:
            for _ in range(2000):
                self.chunk(frame)
                time.sleep(0.01)
        except OSError:
            with self.mock.lock:
                self.mock.left.add(key)
            raise

    def chunk(self, text):
        data = text.encode()
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.handler.wfile.flush()

    def embeddings(self, body):
        need(not set(body) - {"model", "input", "encoding_format", "dimensions", "user"}, "unrecognized request argument")
        inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
        need(inputs, "input: must not be empty")
        turn = Turn()
        turn.text = inputs[0] if isinstance(inputs[0], str) else ""
        if self.fails(turn):
            return
        data = []
        for index, text in enumerate(inputs):
            vector = [float(len(text)), 0.5, -0.25]
            if body.get("encoding_format") == "base64":
                vector = base64.b64encode(struct.pack("<3f", *vector)).decode()
            data.append({"object": "embedding", "index": index, "embedding": vector})
        self.send(200, {"object": "list", "model": body.get("model", "mock-model"), "data": data,
                        "usage": {"prompt_tokens": 3 * len(inputs), "total_tokens": 3 * len(inputs)}})

    def completions(self, body):
        need(isinstance(body.get("prompt"), (str, list)), "prompt is required")
        turn = Turn()
        turn.text = body["prompt"] if isinstance(body["prompt"], str) else body["prompt"][0]
        turn.stream = bool(body.get("stream"))
        self.chat(turn, OldCompletions(self, body))


class OpenAi:
    """Chat completions."""

    def __init__(self, exchange, body):
        self.body = body
        self.base = {"id": "chatcmpl-mock", "created": 1700000000, "model": body.get("model", "mock-model"), "system_fingerprint": "fp_mock"}

    def usage(self, turn):
        done = len(pieces(turn.answer()))
        return {"prompt_tokens": 7, "completion_tokens": done, "total_tokens": 7 + done,
                "prompt_tokens_details": {"cached_tokens": 2}, "completion_tokens_details": {"reasoning_tokens": 0}}

    def finish(self, turn):
        return "tool_calls" if turn.calls() else "length" if turn.text == "!length" else "stop"

    def whole(self, turn):
        calls = [{"id": "call_%d" % i, "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
                 for i, (n, a) in enumerate(turn.calls())]
        message = {"role": "assistant", "content": None if calls else turn.answer(), "refusal": None}
        if calls:
            message["tool_calls"] = calls
        choices = [{"index": i, "message": message, "logprobs": None, "finish_reason": self.finish(turn)} for i in range(self.body.get("n") or 1)]
        return {**self.base, "object": "chat.completion", "choices": choices, "usage": self.usage(turn)}

    def frames(self, turn):
        wants = (self.body.get("stream_options") or {}).get("include_usage")

        def event(delta=None, finish=None, usage=None):
            choices = [] if usage else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
            extra = {"usage": usage} if wants else {}
            return "data: %s\n\n" % json.dumps({**self.base, "object": "chat.completion.chunk", "choices": choices, **extra})
        yield event({"role": "assistant", "content": None if turn.calls() else "", "refusal": None})
        for index, (name, arguments) in enumerate(turn.calls()):
            yield event({"tool_calls": [{"index": index, "id": "call_%d" % index, "type": "function", "function": {"name": name, "arguments": ""}}]})
            text = json.dumps(arguments)
            for at in range(0, len(text), 5):
                yield event({"tool_calls": [{"index": index, "function": {"arguments": text[at:at + 5]}}]})
        if not turn.calls():
            for piece in pieces(turn.answer()):
                yield event({"content": piece})
        yield event({}, self.finish(turn))
        if wants:
            yield event(usage=self.usage(turn))
        yield "data: [DONE]\n\n"

    def broken(self):
        return "data: %s\n\n" % json.dumps({"error": {"message": "Told to break midway.", "type": "server_error", "param": None, "code": None}})


class OldCompletions(OpenAi):
    """Text completions."""

    def whole(self, turn):
        choice = {"index": 0, "text": turn.answer(), "logprobs": None, "finish_reason": self.finish(turn)}
        return {**self.base, "object": "text_completion", "choices": [choice], "usage": self.usage(turn)}

    def frames(self, turn):
        wants = (self.body.get("stream_options") or {}).get("include_usage")
        for piece in pieces(turn.answer()):
            yield "data: %s\n\n" % json.dumps({**self.base, "object": "text_completion", "choices": [{"index": 0, "text": piece, "logprobs": None, "finish_reason": None}]})
        yield "data: %s\n\n" % json.dumps({**self.base, "object": "text_completion", "choices": [{"index": 0, "text": "", "logprobs": None, "finish_reason": self.finish(turn)}]})
        if wants:
            yield "data: %s\n\n" % json.dumps({**self.base, "object": "text_completion", "choices": [], "usage": self.usage(turn)})
        yield "data: [DONE]\n\n"


class Anthropic:
    """Messages."""

    def __init__(self, exchange, body):
        self.body = body

    def usage(self, turn):
        return {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 2, "output_tokens": len(pieces(turn.answer()))}

    def blocks(self, turn):
        blocks = []
        if turn.text == "!think":
            blocks.append({"type": "thinking", "thinking": "Let me think.", "signature": SIGNATURE})
        for index, (name, arguments) in enumerate(turn.calls()):
            blocks.append({"type": "tool_use", "id": "toolu_%d" % index, "name": name, "input": arguments})
        return blocks if turn.calls() else blocks + [{"type": "text", "text": turn.answer()}]

    def message(self, turn, content, stop, usage):
        return {"id": "msg_mock", "type": "message", "role": "assistant", "model": self.body["model"], "content": content,
                "stop_reason": stop, "stop_sequence": None, "usage": usage}

    def stop(self, turn):
        return "tool_use" if turn.calls() else "max_tokens" if turn.text == "!length" else "end_turn"

    def whole(self, turn):
        return self.message(turn, self.blocks(turn), self.stop(turn), self.usage(turn))

    @staticmethod
    def event(kind, **data):
        return "event: %s\ndata: %s\n\n" % (kind, json.dumps({"type": kind, **data}))

    def frames(self, turn):
        yield self.event("message_start", message=self.message(turn, [], None, {**self.usage(turn), "output_tokens": 1}))
        yield self.event("ping")
        for index, block in enumerate(self.blocks(turn)):
            kind = block["type"]
            empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {**block, "input": {}}}[kind]
            yield self.event("content_block_start", index=index, content_block={"type": kind, **empty})
            if kind == "text":
                deltas = [{"type": "text_delta", "text": p} for p in pieces(block["text"])]
            elif kind == "thinking":
                deltas = [{"type": "thinking_delta", "thinking": p} for p in pieces(block["thinking"])]
                deltas.append({"type": "signature_delta", "signature": SIGNATURE})
            else:
                text = json.dumps(block["input"])
                deltas = [{"type": "input_json_delta", "partial_json": text[at:at + 5]} for at in range(0, len(text), 5)]
            for delta in deltas:
                yield self.event("content_block_delta", index=index, delta=delta)
            yield self.event("content_block_stop", index=index)
        yield self.event("message_delta", delta={"stop_reason": self.stop(turn), "stop_sequence": None}, usage=self.usage(turn))
        yield self.event("message_stop")

    def broken(self):
        return self.event("error", error={"type": "overloaded_error", "message": "Told to break midway."})
