"""OpenAI's Responses API, as the mock provider speaks it."""
import json

import mock_provider as mock
from mock_openai import error, listing  # noqa: F401
from mock_provider import Said, Turn, need, only, sign

KNOWN = {"model", "input", "instructions", "stream", "stream_options", "store", "include", "tools", "tool_choice", "parallel_tool_calls", "reasoning",
         "text", "max_output_tokens", "temperature", "top_p", "metadata", "previous_response_id", "truncation", "user", "service_tier",
         "prompt_cache_key", "prompt_cache_retention", "safety_identifier", "client_metadata"}
TEXTS = ("input_text", "output_text")
TOOLS = {"function": {"name", "description", "parameters", "strict"}, "custom": {"name", "description", "format"},
         "namespace": {"name", "description", "tools"}, "web_search": {"filters", "search_context_size", "user_location", "external_web_access"}}


def route(exchange, body):
    if body.get("model") == "no-such-endpoint":
        return exchange.error(404, "The model `no-such-endpoint` does not exist")
    turn = read(body)
    exchange.chat(turn, Responses(body))


def words(content):
    parts = content if isinstance(content, list) else [{"type": "input_text", "text": content}]
    return [part["text"] for part in parts if part["type"] in TEXTS], sum(part["type"] == "input_image" for part in parts)


def read(body):
    turn = Turn()
    only(body, KNOWN, "request")
    need(body.get("input"), "input: required")
    turn.stream = bool(body.get("stream"))
    turn.thinks = bool((body.get("reasoning") or {}).get("effort"))
    for tool in body.get("tools") or []:
        only(tool, TOOLS[tool["type"]] | {"type"}, "tools[]")
        turn.tools[tool.get("name", tool["type"])] = tool
    thoughts, text, calls = [], "", []

    def flush():
        nonlocal thoughts, text, calls
        if thoughts or text or calls:
            turn.assistant(Said(thoughts, text, calls))
            thoughts, text, calls = [], "", []
    for item in body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]:
        kind = item.get("type", "message")
        if kind == "reasoning":
            summary = "".join(part["text"] for part in item["summary"])
            need(item.get("encrypted_content") in (sign(summary), None), "The encrypted content could not be verified.")
            thoughts.append((summary, item.get("encrypted_content")))
        elif kind == "function_call":
            calls.append((item["call_id"], item["name"], json.loads(item["arguments"]), None))
        elif kind == "custom_tool_call":
            calls.append((item["call_id"], item["name"], {"input": item["input"]}, None))
        elif kind in ("function_call_output", "custom_tool_call_output"):
            flush()
            texts, images = words(item["output"])
            turn.result(item["call_id"], " ".join(texts), images=images)
        elif kind == "message" and item["role"] == "assistant":
            text += "".join(words(item["content"])[0])
        elif kind == "message" and item["role"] == "user":
            flush()
            turn.user(*words(item["content"]))
        else:
            need(kind == "message", "input[].type: %r is unknown" % kind)
    flush()
    turn.end()
    turn.compare(lambda said, step: check(turn, said, step))
    return turn


def check(turn, said, step):
    if turn.thinks and step.think:
        need(said.thoughts == [(step.think, sign(step.think))], "reasoning came back as %s, it was %r" % (said.thoughts, step.think))


class Responses:
    """Whole replies and numbered events."""

    def __init__(self, body):
        self.body = body

    def reply(self, turn, status, output=()):
        done = turn.output_tokens()
        usage = {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": done,
                 "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7 + done}
        return {"id": "resp_mock", "object": "response", "created_at": 1700000000, "status": status, "error": None,
                "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None, "instructions": None,
                "model": self.body["model"], "output": list(output), "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
                "metadata": {}, "previous_response_id": self.body.get("previous_response_id"), "newest_field": {"kept": True},
                "usage": usage if status != "in_progress" else None}

    def status(self, turn):
        return "incomplete" if turn.is_cut() else "completed"

    def items(self, turn):
        items = []
        if turn.thought():
            proof = sign(turn.thought()) if "reasoning.encrypted_content" in (self.body.get("include") or []) else None
            items.append({"id": "rs_0", "type": "reasoning", "summary": [{"type": "summary_text", "text": turn.thought()}], "encrypted_content": proof})
        if turn.answer():
            part = {"type": "output_text", "text": turn.answer(), "annotations": [], "logprobs": []}
            items.append({"id": "msg_0", "type": "message", "status": self.status(turn), "role": "assistant", "content": [part]})
        for i, name, arguments in turn.calls():
            same = {"status": "completed", "call_id": "call_%d" % i, "name": name}
            if turn.tools[name]["type"] == "custom":
                items.append({"id": "ctc_%d" % i, "type": "custom_tool_call", **same, "input": arguments["input"]})
            else:
                items.append({"id": "fc_%d" % i, "type": "function_call", **same, "arguments": json.dumps(arguments)})
        return items

    def whole(self, turn):
        return self.reply(turn, self.status(turn), self.items(turn))

    def frames(self, turn):
        number = iter(range(1000000))

        def event(kind, **fields):
            return mock.event({"type": kind, "sequence_number": next(number), **fields}, kind)
        yield event("response.created", response=self.reply(turn, "in_progress"))
        for index, item in enumerate(self.items(turn)):
            place = {"item_id": item["id"], "output_index": index}
            kind = item["type"]
            empty = {"function_call": {"arguments": ""}, "custom_tool_call": {"input": ""}, "message": {"content": []}, "reasoning": {"summary": []}}[kind]
            status = {} if kind == "reasoning" else {"status": "in_progress"}
            yield event("response.output_item.added", output_index=index, item={**item, **empty, **status})
            if kind == "function_call":
                for piece in mock.chopped(item["arguments"]):
                    yield event("response.function_call_arguments.delta", **place, delta=piece)
                yield event("response.function_call_arguments.done", **place, arguments=item["arguments"], name=item["name"])
            elif kind == "custom_tool_call":
                for piece in mock.chopped(item["input"]):
                    yield event("response.custom_tool_call_input.delta", **place, delta=piece)
                yield event("response.custom_tool_call_input.done", **place, input=item["input"])
            elif kind == "reasoning":
                place["summary_index"] = 0
                part = item["summary"][0]
                yield event("response.reasoning_summary_part.added", **place, part={**part, "text": ""})
                for piece in mock.pieces(part["text"]):
                    yield event("response.reasoning_summary_text.delta", **place, delta=piece)
                yield event("response.reasoning_summary_text.done", **place, text=part["text"])
                yield event("response.reasoning_summary_part.done", **place, part=part)
            else:
                place["content_index"] = 0
                yield event("response.content_part.added", **place, part={**item["content"][0], "text": ""})
                for piece in mock.pieces(turn.answer()):
                    yield event("response.output_text.delta", **place, delta=piece, logprobs=[])
                yield event("response.output_text.done", **place, text=turn.answer(), logprobs=[])
                yield event("response.content_part.done", **place, part=item["content"][0])
            yield event("response.output_item.done", output_index=index, item=item)
        yield event("response." + self.status(turn), response=self.whole(turn))

    def broken(self):
        trouble = {"type": "server_error", "code": "server_error", "message": "Told to break midway.", "param": None}
        return mock.event({"type": "error", "sequence_number": 4, "error": trouble}, "error")
