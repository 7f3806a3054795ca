"""Anthropic's Messages."""
import base64
import json

import mock_provider as mock
from mock_provider import Said, Turn, need, only, sign

KNOWN = {"model", "messages", "max_tokens", "system", "stream", "temperature", "top_p", "top_k", "stop_sequences", "tools",
         "tool_choice", "thinking", "metadata", "service_tier", "output_config", "cache_control"}
# What a beta header allows besides: fields, and the role `system` between the turns.
BETAS = {"context-management-2025-06-27": {"context_management"}, "mid-conversation-system-2026-04-07": {"system role"}}
BLOCKS = {"text": {"text", "citations"}, "image": {"source"}, "document": {"source", "title", "context", "citations"},
          "tool_use": {"id", "name", "input", "caller"}, "tool_result": {"tool_use_id", "content", "is_error"},
          "thinking": {"thinking", "signature"}, "redacted_thinking": {"data"}}
TOOL = {"name", "description", "input_schema", "type", "cache_control", "strict", "eager_input_streaming", "defer_loading",
        "input_examples", "allowed_callers"}


def error(status, message):
    kind = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
            429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_mock"}, ()


def listing(path):
    need(False, "not found")


def route(exchange, body):
    need(exchange.headers.get("anthropic-version"), "anthropic-version: header is required")
    if body.get("model") == "no-such-endpoint":
        return exchange.error(404, "model: no-such-endpoint")
    betas = (exchange.headers.get("anthropic-beta") or "").replace(" ", "").split(",")
    allowed = set().union(*[BETAS.get(beta, set()) for beta in betas])
    if exchange.path == "/v1/messages":
        exchange.chat(read(body, KNOWN | allowed), Messages(body))
    elif exchange.path == "/v1/messages/count_tokens":
        need("max_tokens" not in body and "stream" not in body, "max_tokens: Extra inputs are not permitted")
        read({"max_tokens": 1, **body}, KNOWN | allowed)
        exchange.send(200, {"input_tokens": 7})
    else:
        exchange.error(404, "not found")


def read(body, known):
    turn = Turn()
    only(body, known - {"system role"}, "request")
    need(isinstance(body.get("max_tokens"), int) and body["max_tokens"] > 0, "max_tokens: Field required")
    need(isinstance(body.get("messages"), list) and body["messages"], "messages: at least one message is required")
    turn.stream = bool(body.get("stream"))
    thinking = body.get("thinking") or {}
    turn.thinks = thinking.get("type") in ("enabled", "adaptive")
    if thinking.get("type") == "enabled":
        need(1024 <= thinking["budget_tokens"] < body["max_tokens"], "max_tokens must be greater than thinking.budget_tokens")
    need(not turn.thinks or body.get("temperature", 1) == 1, "temperature may only be set to 1 when thinking is enabled")
    need(not turn.thinks or (body.get("tool_choice") or {}).get("type") in (None, "auto", "none"),
         "Thinking may not be enabled when tool_choice forces tool use.")
    for tool in body.get("tools") or []:
        only(tool, TOOL, "tools[]")
        need(isinstance(tool.get("input_schema"), dict) and tool["input_schema"].get("type") == "object", "tools[].input_schema is required")
        turn.tools[tool["name"]] = tool["input_schema"]
    for block in body["system"] if isinstance(body.get("system"), list) else []:
        only(block, {"type", "text", "cache_control", "citations"}, "system[]")
        need(block["text"], "system: text content blocks must be non-empty")
    need(str(body).count("'cache_control'") <= 4, "A maximum of 4 blocks with cache_control may be provided.")
    before = None
    for message in body["messages"]:
        only(message, {"role", "content"}, "messages[]")
        role, content = message.get("role"), message["content"]
        if role == "system" and "system role" in known:
            continue
        need(role in ("user", "assistant"), "messages[].role: %r is not allowed" % role)
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
        need(blocks, "messages[].content: must not be empty")
        for block in blocks:
            check_block(block, role)
        (assistant if role == "assistant" else user)(turn, blocks, before)
        before = role
    turn.end()
    turn.compare(lambda said, step: check(turn, said, step))
    return turn


def check_block(block, role):
    kind = block.get("type")
    need(kind in BLOCKS, "content block %r is unknown" % kind)
    only(block, BLOCKS[kind] | {"type"} | ({"cache_control"} if "thinking" not in kind else set()), kind)
    need(role == "assistant" or kind not in ("tool_use", "thinking", "redacted_thinking"), "%s: not in a user's message" % kind)
    need(role == "user" or kind not in ("tool_result", "image", "document"), "%s: not in an assistant's message" % kind)
    if kind == "text":
        need(block["text"], "text content blocks must be non-empty")
    if kind == "image":
        source = block["source"]
        need(source["type"] == "url" or (source["type"] == "base64" and source["media_type"] and base64.b64decode(source["data"])), "image.source")
    if kind == "thinking":
        need(block.get("signature") == sign(block["thinking"]), "thinking.signature: Invalid `signature` in `thinking` block")


def assistant(turn, blocks, before):
    calls = [(b["id"], b["name"], b["input"], None) for b in blocks if b["type"] == "tool_use"]
    need(all(isinstance(call[2], dict) for call in calls), "tool_use.input: must be an object")
    need(all(call[0].replace("_", "").replace("-", "").isalnum() for call in calls), "tool_use.id: should match pattern '^[a-zA-Z0-9_-]+$'")
    thoughts = [(b["thinking"], b["signature"]) for b in blocks if b["type"] == "thinking"]
    need(not blocks[-1]["type"].endswith("thinking"), "The final block in an assistant message cannot be `thinking`.")
    turn.assistant(Said(thoughts, "".join(b["text"] for b in blocks if b["type"] == "text"), calls))


def user(turn, blocks, before):
    open_calls = sorted(call[0] for call in turn.open)
    results = [b for b in blocks if b["type"] == "tool_result"]
    need(sorted(b["tool_use_id"] for b in results) == open_calls, "tool_use ids without tool_result blocks: %s" % open_calls)
    need(not results or blocks[0]["type"] == "tool_result", "tool_result blocks come first in the content")
    for block in results:
        parts = block.get("content") or ""
        parts = parts if isinstance(parts, list) else [{"type": "text", "text": parts}]
        texts = [part["text"] for part in parts if part["type"] == "text"]
        turn.result(block["tool_use_id"], " ".join(texts), block.get("is_error"), sum(part["type"] == "image" for part in parts))
    texts = [b["text"] for b in blocks if b["type"] == "text"]
    images = sum(1 for b in blocks if b["type"] == "image")
    if texts or images or not results:
        turn.user(texts, images)


def check(turn, said, step):
    if turn.thinks and step.think:
        need(said.thoughts == [(step.think, sign(step.think))], "thinking came back as %s, it was %r" % (said.thoughts, step.think))


class Messages:
    """Whole replies and events."""

    def __init__(self, body):
        self.body = body

    def usage(self, turn):
        return {"input_tokens": 5, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 2, "output_tokens": turn.output_tokens()}

    def blocks(self, turn):
        blocks = []
        if turn.thought():
            blocks.append({"type": "thinking", "thinking": turn.thought(), "signature": sign(turn.thought())})
        if turn.answer():
            blocks.append({"type": "text", "text": turn.answer()})
        return blocks + [{"type": "tool_use", "id": "toolu_%d" % i, "name": n, "input": a} for i, n, a in turn.calls()]

    def message(self, content, stop, usage):
        return {"id": "msg_mock", "type": "message", "role": "assistant", "model": self.body["model"], "content": content,
                "stop_reason": stop, "stop_sequence": None, "usage": usage}

    def stop(self, turn):
        return "tool_use" if turn.calls() else "max_tokens" if turn.is_cut() else "end_turn"

    def whole(self, turn):
        return self.message(self.blocks(turn), self.stop(turn), self.usage(turn))

    @staticmethod
    def event(kind, **data):
        return mock.event({"type": kind, **data}, kind)

    def frames(self, turn):
        yield self.event("message_start", message=self.message([], None, {**self.usage(turn), "output_tokens": 1}))
        yield self.event("ping")
        for index, block in enumerate(self.blocks(turn)):
            kind = block["type"]
            empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {**block, "input": {}}}[kind]
            yield self.event("content_block_start", index=index, content_block={"type": kind, **empty})
            if kind == "text":
                deltas = [{"type": "text_delta", "text": p} for p in mock.pieces(block["text"])]
            elif kind == "thinking":
                deltas = [{"type": "thinking_delta", "thinking": p} for p in mock.pieces(block["thinking"])]
                deltas.append({"type": "signature_delta", "signature": block["signature"]})
            else:
                deltas = [{"type": "input_json_delta", "partial_json": p} for p in ["", *mock.chopped(json.dumps(block["input"]))]]
            for delta in deltas:
                yield self.event("content_block_delta", index=index, delta=delta)
            yield self.event("content_block_stop", index=index)
        yield self.event("message_delta", delta={"stop_reason": self.stop(turn), "stop_sequence": None}, usage=self.usage(turn))
        yield self.event("message_stop")

    def broken(self):
        return self.event("error", error={"type": "overloaded_error", "message": "Told to break midway."})
