"""Bedrock's Converse; streams are AWS's binary event streams."""
import json
import struct
import zlib

import mock_openai
import mock_provider as mock
from mock_provider import Said, Turn, need, only, sign

KNOWN = {"messages", "system", "inferenceConfig", "toolConfig", "guardrailConfig", "additionalModelRequestFields", "promptVariables",
         "additionalModelResponseFieldPaths", "requestMetadata", "performanceConfig", "serviceTier", "outputConfig"}
BLOCKS = {"text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent", "cachePoint", "reasoningContent",
          "citationsContent", "searchResult"}
ERRORS = {400: "ValidationException", 401: "UnrecognizedClientException", 403: "AccessDeniedException", 404: "ResourceNotFoundException",
          408: "ModelTimeoutException", 424: "ModelErrorException", 429: "ThrottlingException", 500: "InternalServerException",
          503: "ServiceUnavailableException"}


def error(status, message):
    return {"message": message}, [("x-amzn-errortype", ERRORS.get(status, "InternalServerException") + ":http://internal.amazon.com/coral/")]


def listing(path):
    need(False, "not found")


def route(exchange, body):
    need(exchange.path.startswith("/model/anthropic.claude-sonnet-4-5-mock-v1%3A0/"), "no such path")
    verb = exchange.path.rsplit("/", 1)[1]
    if verb in ("converse", "converse-stream"):
        turn = read(body)
        turn.stream = verb.endswith("stream")
        exchange.chat(turn, Converse())
    elif verb == "count-tokens":
        read(body["input"]["converse"])
        exchange.send(200, {"inputTokens": 7})
    elif verb == "invoke":
        embed(exchange, body)
    else:
        exchange.error(404, "not found")


def embed(exchange, body):
    """Titan."""
    only(body, {"inputText", "dimensions", "normalize", "embeddingTypes"}, "request")
    turn = Turn()
    turn.text = body["inputText"]
    if not exchange.fails(turn):
        exchange.send(200, {"embedding": mock_openai.vector(turn.text), "inputTextTokenCount": 3})


def read(body):
    turn = Turn()
    only(body, KNOWN, "request")
    only(body.get("inferenceConfig") or {}, {"maxTokens", "temperature", "topP", "stopSequences"}, "inferenceConfig")
    thinking = (body.get("additionalModelRequestFields") or {}).get("thinking") or {}
    turn.thinks = thinking.get("type") in ("enabled", "adaptive")
    config = body.get("toolConfig") or {}
    only(config, {"tools", "toolChoice"}, "toolConfig")
    for tool in config.get("tools") or []:
        if "toolSpec" in tool:
            only(tool["toolSpec"], {"name", "description", "inputSchema", "strict"}, "toolSpec")
            need(tool["toolSpec"].get("description", "x"), "toolSpec.description: must not be empty")
            turn.tools[tool["toolSpec"]["name"]] = tool["toolSpec"]["inputSchema"]["json"]
    need(not config or turn.tools, "toolConfig.tools: at least one tool is required")
    need(not turn.thinks or "any" not in config.get("toolChoice", {}), "Thinking may not be enabled when tool_choice forces tool use.")
    before = None
    for message in body["messages"]:
        only(message, {"role", "content"}, "messages[]")
        need(message["role"] in ("user", "assistant") and message["role"] != before, "messages: roles must alternate between user and assistant")
        before = message["role"]
        need(message["content"], "messages[].content: must not be empty")
        for block in message["content"]:
            need(len(block) == 1 and set(block) <= BLOCKS, "content block: %s" % sorted(block))
            need(block.get("text", "x"), "The text field in the ContentBlock object is blank.")
        (assistant if before == "assistant" else user)(turn, message["content"])
    need(turn.tools or "toolUse" not in json.dumps(body["messages"]), "The toolConfig field must be defined when using toolUse and toolResult content blocks.")
    turn.end()
    turn.compare(lambda said, step: check(turn, said, step))
    return turn


def assistant(turn, blocks):
    thoughts, calls = [], []
    for block in blocks:
        if "reasoningContent" in block:
            thought = block["reasoningContent"]["reasoningText"]
            need(thought.get("signature") == sign(thought["text"]), "Invalid `signature` in `thinking` block")
            thoughts.append((thought["text"], thought["signature"]))
        if "toolUse" in block:
            use = block["toolUse"]
            only(use, {"toolUseId", "name", "input", "type"}, "toolUse")
            need(isinstance(use["input"], dict), "toolUse.input: must be an object")
            need(0 < len(use["toolUseId"]) <= 64 and use["toolUseId"].replace("_", "").replace("-", "").isalnum(), "toolUseId: [a-zA-Z0-9_-]+, at most 64")
            calls.append((use["toolUseId"], use["name"], use["input"], None))
    turn.assistant(Said(thoughts, "".join(b.get("text", "") for b in blocks), calls))


def user(turn, blocks):
    results = [block["toolResult"] for block in blocks if "toolResult" in block]
    need(sorted(r["toolUseId"] for r in results) == sorted(c[0] for c in turn.open), "Expected toolResult blocks for the ids: %s" % [c[0] for c in turn.open])
    for result in results:
        only(result, {"toolUseId", "content", "status", "type"}, "toolResult")
        texts = [part["text"] if "text" in part else json.dumps(part["json"]) for part in result["content"] if "text" in part or "json" in part]
        turn.result(result["toolUseId"], " ".join(texts), result.get("status") == "error", sum("image" in part for part in result["content"]))
    for block in blocks:
        if "image" in block:
            need(block["image"]["format"] in ("png", "jpeg", "gif", "webp") and block["image"]["source"]["bytes"], "image")
    texts, images = [b["text"] for b in blocks if "text" in b], sum("image" in b for b in blocks)
    if texts or images or not results:
        turn.user(texts, images)


def check(turn, said, step):
    if turn.thinks and step.think:
        need(said.thoughts == [(step.think, sign(step.think))], "thinking came back as %s, it was %r" % (said.thoughts, step.think))


def frame(payload, **headers):
    """A message of an event stream: lengths, headers of type text, payload, two checksums."""
    data = json.dumps(payload).encode()
    fields = {":content-type": "application/json", **{":" + k.replace("_", "-"): v for k, v in headers.items()}}
    head = b"".join(bytes([len(k)]) + k.encode() + b"\x07" + struct.pack(">H", len(v)) + v.encode() for k, v in fields.items())
    prelude = struct.pack(">II", 16 + len(head) + len(data), len(head))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + data
    return message + struct.pack(">I", zlib.crc32(message))


def event(kind, payload):
    return frame({**payload, "p": "abcd"}, event_type=kind, message_type="event")


class Converse:
    """Whole replies and events."""

    STREAM = "application/vnd.amazon.eventstream"

    def usage(self, turn):
        done = turn.output_tokens()
        return {"inputTokens": 5, "outputTokens": done, "totalTokens": 7 + done, "cacheReadInputTokens": 2, "cacheWriteInputTokens": 0}

    def stop(self, turn):
        return "tool_use" if turn.calls() else "max_tokens" if turn.is_cut() else "end_turn"

    def whole(self, turn):
        blocks = []
        if turn.thought():
            blocks.append({"reasoningContent": {"reasoningText": {"text": turn.thought(), "signature": sign(turn.thought())}}})
        if turn.answer():
            blocks.append({"text": turn.answer()})
        blocks += [{"toolUse": {"toolUseId": "tooluse_%d" % i, "name": n, "input": a}} for i, n, a in turn.calls()]
        return {"output": {"message": {"role": "assistant", "content": blocks}}, "stopReason": self.stop(turn), "usage": self.usage(turn),
                "metrics": {"latencyMs": 5}}

    def frames(self, turn):
        yield event("messageStart", {"role": "assistant"})
        blocks = []
        if turn.thought():
            deltas = [{"reasoningContent": {"text": piece}} for piece in mock.pieces(turn.thought())]
            blocks.append((None, [*deltas, {"reasoningContent": {"signature": sign(turn.thought())}}]))
        if turn.answer():
            blocks.append((None, [{"text": piece} for piece in mock.pieces(turn.answer())]))
        for i, name, arguments in turn.calls():
            blocks.append(({"toolUse": {"toolUseId": "tooluse_%d" % i, "name": name}}, [{"toolUse": {"input": p}} for p in mock.chopped(json.dumps(arguments))]))
        for index, (start, deltas) in enumerate(blocks):
            if start:
                yield event("contentBlockStart", {"start": start, "contentBlockIndex": index})
            for delta in deltas:
                yield event("contentBlockDelta", {"delta": delta, "contentBlockIndex": index})
            yield event("contentBlockStop", {"contentBlockIndex": index})
        yield event("messageStop", {"stopReason": self.stop(turn)})
        yield event("metadata", {"usage": self.usage(turn), "metrics": {"latencyMs": 5}})

    def broken(self):
        return frame({"message": "Told to break midway."}, exception_type="modelStreamErrorException", message_type="exception")
