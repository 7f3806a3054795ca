"""Mistral's chat and embeddings: OpenAI's, with fields, ids, thoughts and errors of its own."""
import json
import re

import mock_openai
import mock_provider as mock
from mock_provider import need


def error(status, message):
    kind, code = {401: ("unauthorized", "1000"), 404: ("invalid_model", "1500"), 429: ("rate_limited", "1300")}.get(
        status, ("invalid_request_error", "3051") if status < 500 else ("internal_server_error", "3000"))
    return {"object": "error", "message": message, "type": kind, "param": None, "code": code, "raw_status_code": status}, ()


def listing(path):
    need(False, "not found")


def route(exchange, body):
    if exchange.path.endswith("/embeddings"):
        known = {"model", "input", "encoding_format", "output_dimension", "output_dtype", "metadata"}
        return mock_openai.embeddings(exchange, body, known)
    need(exchange.path.endswith("/chat/completions"), "no such path")
    exchange.chat(Rules().read(body), Chat(body))


class Rules(mock_openai.Rules):
    # https://docs.mistral.ai/api: unknown fields are refused (extra_forbidden).
    KNOWN = {"model", "messages", "stream", "temperature", "top_p", "max_tokens", "min_tokens", "stop", "n", "tools", "tool_choice",
             "parallel_tool_calls", "response_format", "random_seed", "presence_penalty", "frequency_penalty", "metadata", "prediction",
             "prompt_mode", "prompt_cache_key", "reasoning_effort", "safe_prompt", "guardrails", "stream_options"}
    MESSAGE = {"role", "content", "name", "tool_calls", "tool_call_id", "prefix"}
    CHOICES = ("none", "auto", "any", "required")
    IMAGES_IN_RESULTS = True

    def thinks(self, body):
        return body.get("reasoning_effort", "none") != "none"

    def check_id(self, key):
        need(re.fullmatch("[a-zA-Z0-9]{9}", key), "Tool call id was %s but must be a-z, A-Z, 0-9, with a length of 9." % key)

    def spoken(self, content):
        parts = content if isinstance(content, list) else []
        return super().spoken([part for part in parts if part["type"] != "thinking"] if parts else content)


class Chat(mock_openai.Chat):
    def call_id(self, number):
        return "mstrl%04d" % number

    def content(self, turn):
        text = [{"type": "text", "text": turn.answer()}] if turn.answer() else []
        return [{"type": "thinking", "thinking": [{"type": "text", "text": turn.thought()}], "closed": True}, *text]

    def whole(self, turn):
        reply = super().whole(turn)
        message = reply["choices"][0]["message"]
        del message["refusal"]
        if turn.thought():
            message["content"] = self.content(turn)
        return reply

    def frames(self, turn):
        """Calls come whole in the last chunk, which has the usage too."""
        def chunk(delta, finish=None, **extra):
            return mock.event({**self.base, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **extra})
        yield chunk({"role": "assistant", "content": ""})
        for piece in mock.pieces(turn.thought()):
            yield chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": piece}]}]})
        for piece in mock.pieces(turn.answer()):
            yield chunk({"content": piece})
        calls = [{"index": index, "id": self.call_id(i), "function": {"name": n, "arguments": json.dumps(a)}} for index, (i, n, a) in enumerate(turn.calls())]
        yield chunk({"content": "", **({"tool_calls": calls} if calls else {})}, self.finish(turn), usage=self.usage(turn))
        yield "data: [DONE]\n\n"

    def broken(self):
        return mock.event(error(500, "Told to break midway.")[0])
