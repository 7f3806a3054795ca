"""OpenAI's chat completions, completions and embeddings, as OpenAI and Azure speak them; other modules reuse them."""
import base64
import json
import struct

import mock_provider as mock
from mock_provider import Said, Turn, need, only

MODELS = ["mock-model", "openai-chat", "openai-completions", "openai-embeddings", "anthropic-chat"]
ROLES = ("system", "developer", "user", "assistant", "tool")


def error(status, message):
    kind, code = {401: ("invalid_request_error", "invalid_api_key"), 404: ("invalid_request_error", "model_not_found"),
                  429: ("requests", "rate_limit_exceeded")}.get(
                      status, ("server_error", None) if status >= 500 else ("invalid_request_error", None))
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}, ()


def listing(path):
    models = [{"id": m, "object": "model", "created": 1, "owned_by": "mock"} for m in MODELS]
    if path == "/v1/models":
        return {"object": "list", "data": models}
    name = path.rsplit("/", 1)[1]
    need(path.startswith("/v1/models/") and name in MODELS, "not found")
    return models[MODELS.index(name)]


def route(exchange, body):
    if exchange.provider != "azure" and body.get("model") == "no-such-endpoint":
        return exchange.error(404, "The model `no-such-endpoint` does not exist")
    if exchange.path.endswith("/chat/completions"):
        exchange.chat(Chat.RULES().read(body), Chat(body))
    elif exchange.path.endswith("/embeddings"):
        embeddings(exchange, body)
    elif exchange.path.endswith("/completions"):
        need(isinstance(body.get("prompt"), (str, list)), "prompt is required")
        turn = Turn()
        turn.text, turn.stream = body["prompt"] if isinstance(body["prompt"], str) else body["prompt"][0], bool(body.get("stream"))
        exchange.chat(turn, Completions(body))
    else:
        exchange.error(404, "not found")


def flat(content):
    """The text of a message, and how many images it has."""
    texts, images = [], 0
    for part in content if isinstance(content, list) else [{"type": "text", "text": content or ""}]:
        if part.get("type") == "image_url":
            url = part["image_url"]["url"] if isinstance(part["image_url"], dict) else part["image_url"]
            need(url.startswith(("data:image/", "https://")), "image_url.url is no image")
            images += 1
        else:
            need(part.get("type") == "text" and isinstance(part.get("text"), str), "content part %r is unknown" % part.get("type"))
            texts.append(part["text"])
    return texts, images


class Rules:
    """What a request may hold."""

    KNOWN = {"model", "messages", "stream", "stream_options", "temperature", "top_p", "max_tokens", "max_completion_tokens",
             "stop", "n", "tools", "tool_choice", "parallel_tool_calls", "response_format", "seed", "user", "logprobs",
             "top_logprobs", "presence_penalty", "frequency_penalty", "metadata", "store", "reasoning_effort", "service_tier",
             "verbosity", "prompt_cache_key", "safety_identifier"}
    MESSAGE = {"role", "content", "name", "tool_calls", "tool_call_id", "refusal", "audio", "annotations", "function_call"}
    FUNCTION = {"name", "description", "parameters", "strict"}
    CHOICES = ("none", "auto", "required")
    IMAGES_IN_RESULTS = False

    def read(self, body):
        only(body, self.KNOWN, "request")
        turn = Turn()
        need(isinstance(body.get("messages"), list) and body["messages"], "messages: a non-empty list is required")
        turn.stream = bool(body.get("stream"))
        need(turn.stream or "stream_options" not in body, "stream_options is only allowed when stream is enabled")
        self.read_tools(turn, body)
        turn.thinks = self.thinks(body)
        for number, message in enumerate(body["messages"]):
            self.read_message(turn, message, "messages[%d]" % number)
        turn.end()
        turn.compare(self.check)
        return turn

    def read_tools(self, turn, body):
        for tool in body.get("tools") or []:
            only(tool, {"type", "function"}, "tools[]")
            need(tool.get("type") == "function" and isinstance(tool.get("function"), dict), "tools[].type must be function")
            only(tool["function"], self.FUNCTION, "tools[].function")
            schema = tool["function"].get("parameters")
            need(isinstance(schema, dict) and schema.get("type") == "object", "tools[].function.parameters must be an object schema")
            turn.tools[tool["function"]["name"]] = schema
        choice = body.get("tool_choice")
        need(choice is None or turn.tools, "tool_choice is only allowed when tools are specified")
        need(choice is None or isinstance(choice, dict) or choice in self.CHOICES, "tool_choice: %r is unknown" % choice)
        need("parallel_tool_calls" not in body or turn.tools, "parallel_tool_calls is only allowed when tools are specified")

    def thinks(self, body):
        return False

    def thoughts(self, message):
        return []

    def check(self, said, step):
        pass

    def check_id(self, key):
        need(isinstance(key, str) and 0 < len(key) <= 40, "tool_call_id: %r is longer than 40 characters" % key)

    def read_message(self, turn, message, where):
        only(message, self.MESSAGE, where)
        role, content = message.get("role"), message.get("content")
        need(role in ROLES, "%s.role: %r is not a role" % (where, role))
        if role == "tool":
            texts, images = flat(content)
            need(self.IMAGES_IN_RESULTS or not images, "%s: images are not allowed in tool messages" % where)
            turn.result(message.get("tool_call_id"), " ".join(texts), images=images)
        elif role == "assistant":
            calls = []
            for call in message.get("tool_calls") or []:
                self.check_id(call["id"])
                arguments = json.loads(call["function"]["arguments"])
                need(isinstance(arguments, dict), "arguments must be a JSON object as text")
                calls.append((call["id"], call["function"]["name"], arguments, None))
            need(content or calls, "%s: an assistant's message needs content or tool_calls" % where)
            turn.assistant(Said(self.thoughts(message), self.spoken(content), calls))
        elif role == "user":
            turn.user(*flat(content))

    def spoken(self, content):
        return "".join(flat(content)[0])


class Chat:
    """Whole answers and chunks."""

    RULES = Rules

    def __init__(self, body):
        self.body = body
        self.base = {"id": "chatcmpl-mock", "created": 1700000000, "model": body.get("model", "mock-model"), "system_fingerprint": "fp_mock"}

    def usage(self, turn):
        done = turn.output_tokens()
        return {"prompt_tokens": 7, "completion_tokens": done, "total_tokens": 7 + done,
                "prompt_tokens_details": {"cached_tokens": 2}, "completion_tokens_details": {"reasoning_tokens": 0}}

    def finish(self, turn):
        return "tool_calls" if turn.calls() else "length" if turn.is_cut() else "stop"

    def call_id(self, number):
        return "call_%d" % number

    def thinking(self, turn):
        """The fields of a message that hold thoughts."""
        return {}

    def whole(self, turn):
        message = {"role": "assistant", "content": turn.answer() or None, "refusal": None, **self.thinking(turn)}
        if turn.calls():
            message["tool_calls"] = [{"id": self.call_id(i), "type": "function", "function": {"name": n, "arguments": json.dumps(a)}}
                                     for i, n, a in turn.calls()]
        choices = [{"index": i, "message": message, "logprobs": None, "finish_reason": self.finish(turn)} for i in range(self.body.get("n") or 1)]
        return {**self.base, "object": "chat.completion", "choices": choices, "usage": self.usage(turn)}

    def first(self, turn):
        return [{"role": "assistant", "content": "" if turn.answer() else None, "refusal": None}]

    def frames(self, turn):
        wants = (self.body.get("stream_options") or {}).get("include_usage")

        def chunk(delta=None, finish=None, **extra):
            choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
            if wants and "usage" not in extra:
                extra["usage"] = None
            return mock.event({**self.base, "object": "chat.completion.chunk", "choices": choices, **extra})
        for delta in self.first(turn):
            yield chunk(delta)
        for piece in mock.pieces(turn.answer()):
            yield chunk({"content": piece})
        for index, (number, name, arguments) in enumerate(turn.calls()):
            yield chunk({"tool_calls": [{"index": index, "id": self.call_id(number), "type": "function", "function": {"name": name, "arguments": ""}}]})
            for piece in mock.chopped(json.dumps(arguments)):
                yield chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
        yield chunk({}, self.finish(turn))
        if wants:
            yield chunk(usage=self.usage(turn))
        yield "data: [DONE]\n\n"

    def broken(self):
        return mock.event({"error": {"message": "Told to break midway.", "type": "server_error", "param": None, "code": None}})


class Completions(Chat):
    """Text completions."""

    def whole(self, turn):
        choice = {"index": 0, "text": turn.answer(), "logprobs": None, "finish_reason": self.finish(turn)}
        return {**self.base, "object": "text_completion", "choices": [choice], "usage": self.usage(turn)}

    def frames(self, turn):
        def chunk(text, finish):
            choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}
            return mock.event({**self.base, "object": "text_completion", "choices": [choice]})
        for piece in mock.pieces(turn.answer()):
            yield chunk(piece, None)
        yield chunk("", self.finish(turn))
        if (self.body.get("stream_options") or {}).get("include_usage"):
            yield mock.event({**self.base, "object": "text_completion", "choices": [], "usage": self.usage(turn)})
        yield "data: [DONE]\n\n"


def vector(text):
    return [float(len(text)), 0.5, -0.25]


def embeddings(exchange, body, known=frozenset({"model", "input", "encoding_format", "dimensions", "user"})):
    only(body, known, "request")
    inputs = body["input"] if isinstance(body["input"], list) else [body["input"]]
    need(inputs, "input: must not be empty")
    turn = Turn()
    turn.text = inputs[0] if isinstance(inputs[0], str) else ""
    if exchange.fails(turn):
        return
    data = []
    for index, text in enumerate(inputs):
        values = vector(text)
        if body.get("encoding_format") == "base64":
            values = base64.b64encode(struct.pack("<3f", *values)).decode()
        data.append({"object": "embedding", "index": index, "embedding": values})
    exchange.send(200, {"id": "embd-mock", "object": "list", "model": body.get("model", "mock-model"), "data": data,
                        "usage": {"prompt_tokens": 3 * len(inputs), "total_tokens": 3 * len(inputs)}})
