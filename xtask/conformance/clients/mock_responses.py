"""OpenAI's Responses API, as the mock provider speaks it."""
import json

import mock_provider as mock

KNOWN = {"model", "input", "instructions", "stream", "store", "include", "tools", "tool_choice", "parallel_tool_calls", "reasoning",
         "text", "max_output_tokens", "temperature", "top_p", "metadata", "previous_response_id", "truncation", "user", "service_tier"}
TEXTS = ("input_text", "output_text")


def read(body):
    turn = mock.Turn()
    mock.need(not set(body) - KNOWN, "Unknown parameter: %s" % ", ".join(sorted(set(body) - KNOWN)))
    mock.need(body.get("input"), "input: required")
    turn.stream = bool(body.get("stream"))
    for tool in body.get("tools") or []:
        mock.need(tool.get("type") == "function" and tool.get("name"), "tools[].name is required")
        turn.tools[tool["name"]] = tool.get("parameters")
    open_calls = []
    items = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
    for item in items:
        kind = item.get("type", "message")
        if kind == "function_call":
            json.loads(item["arguments"])
            open_calls.append(item["call_id"])
            turn.results = []
        elif kind == "function_call_output":
            mock.need(item["call_id"] in open_calls, "No tool call found for function call output with call_id %s." % item["call_id"])
            open_calls.remove(item["call_id"])
            turn.results.append(item["output"])
        elif kind == "message" and item["role"] == "user":
            content = item["content"] if isinstance(item["content"], list) else [{"type": "input_text", "text": item["content"]}]
            turn.results, turn.text = [], " ".join(part["text"] for part in content if part["type"] in TEXTS)
        else:
            mock.need(kind in ("message", "reasoning"), "input[].type: %r is unknown" % kind)
    mock.need(not open_calls, "No tool output found for function call %s." % open_calls)
    return turn


class Responses:
    """Whole replies and numbered events."""

    def __init__(self, exchange, body):
        self.body = body

    def reply(self, turn, status, output=()):
        done = len(mock.pieces(turn.answer()))
        usage = {"input_tokens": 7, "input_tokens_details": {"cached_tokens": 2}, "output_tokens": done,
                 "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7 + done}
        return {"id": "resp_mock", "object": "response", "created_at": 1700000000, "status": status, "error": None,
                "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None, "instructions": None,
                "model": self.body["model"], "output": list(output), "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
                "metadata": {}, "previous_response_id": self.body.get("previous_response_id"), "newest_field": {"kept": True},
                "usage": usage if status != "in_progress" else None}

    def status(self, turn):
        return "incomplete" if turn.text == "!length" else "completed"

    def items(self, turn):
        calls = [{"id": "fc_%d" % i, "type": "function_call", "status": "completed", "call_id": "call_%d" % i, "name": n,
                  "arguments": json.dumps(a)} for i, (n, a) in enumerate(turn.calls())]
        part = {"type": "output_text", "text": turn.answer(), "annotations": [], "logprobs": []}
        return calls or [{"id": "msg_0", "type": "message", "status": self.status(turn), "role": "assistant", "content": [part]}]

    def whole(self, turn):
        return self.reply(turn, self.status(turn), self.items(turn))

    def frames(self, turn):
        number = iter(range(1000000))

        def event(kind, **fields):
            return "event: %s\ndata: %s\n\n" % (kind, json.dumps({"type": kind, "sequence_number": next(number), **fields}))
        yield event("response.created", response=self.reply(turn, "in_progress"))
        for index, item in enumerate(self.items(turn)):
            place = {"item_id": item["id"], "output_index": index}
            empty = {"arguments": ""} if "arguments" in item else {"content": []}
            yield event("response.output_item.added", output_index=index, item={**item, **empty, "status": "in_progress"})
            if "arguments" in item:
                for at in range(0, len(item["arguments"]), 5):
                    yield event("response.function_call_arguments.delta", **place, delta=item["arguments"][at:at + 5])
                yield event("response.function_call_arguments.done", **place, arguments=item["arguments"], name=item["name"])
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
        error = {"type": "server_error", "code": "server_error", "message": "Told to break midway.", "param": None}
        return "event: error\ndata: %s\n\n" % json.dumps({"type": "error", "sequence_number": 4, "error": error})
