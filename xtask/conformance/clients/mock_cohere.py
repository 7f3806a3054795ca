"""Cohere's version 2 for the mock provider: chat, embed, rerank; and rerank in the form of Jina and its like."""
import base64
import json
import struct

from mock_provider import Turn, flat, need, pieces

CHAT = {"model", "messages", "stream", "tools", "strict_tools", "documents", "citation_options", "response_format", "safety_mode",
        "max_tokens", "stop_sequences", "temperature", "seed", "frequency_penalty", "presence_penalty", "k", "p", "logprobs",
        "tool_choice", "thinking", "priority"}


def read(body):
    turn = Turn()
    need(not set(body) - CHAT, "unknown field: parameter '%s' is not a valid field" % ", ".join(sorted(set(body) - CHAT)))
    need(isinstance(body.get("messages"), list) and body["messages"], "invalid request: messages must not be empty")
    need(0 <= body.get("p", 0.5) <= 0.99, "p must be between 0.01 and 0.99")
    turn.stream = bool(body.get("stream"))
    for tool in body.get("tools") or []:
        need(tool.get("type") == "function" and isinstance(tool["function"].get("parameters"), dict), "tools[].function.parameters is required")
        turn.tools[tool["function"]["name"]] = tool["function"]["parameters"]
    need(body.get("tool_choice") in (None, "REQUIRED", "NONE"), "tool_choice must be REQUIRED or NONE")
    need("tool_choice" not in body or turn.tools, "tool_choice needs tools")
    turn.documents = len(body.get("documents") or [])
    open_calls = []
    for message in body["messages"]:
        role, content = message.get("role"), message.get("content")
        need(role in ("system", "user", "assistant", "tool"), "messages[].role: %r is not a role" % role)
        if role == "tool":
            need(message.get("tool_call_id") in open_calls, "tool_call_id %r answers no call" % message.get("tool_call_id"))
            open_calls.remove(message["tool_call_id"])
            turn.results.append(flat(content))
            continue
        need(not open_calls, "tool calls %s have no answer" % open_calls)
        if role == "assistant":
            turn.results = []
            need(content or message.get("tool_calls"), "an assistant message needs content or tool calls")
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


class Chat:
    """`/v2/chat`."""

    def __init__(self, exchange, body):
        self.body = body

    def usage(self, turn):
        done = len(pieces(turn.answer()))
        return {"billed_units": {"input_tokens": 5, "output_tokens": done}, "tokens": {"input_tokens": 7, "output_tokens": done}, "cached_tokens": 2}

    def finish(self, turn):
        return "TOOL_CALL" if turn.calls() else "MAX_TOKENS" if turn.text == "!length" else "COMPLETE"

    @staticmethod
    def citation(turn):
        return {"start": 0, "end": 4, "text": turn.answer()[:4], "type": "TEXT_CONTENT",
                "sources": [{"type": "document", "id": "doc:0", "document": {"id": "doc:0", "text": "a source"}}]}

    def calls(self, turn):
        return [{"id": "%s_%d" % (name, i), "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                for i, (name, arguments) in enumerate(turn.calls())]

    def whole(self, turn):
        message = {"role": "assistant"}
        if turn.calls():
            message.update(tool_plan="I will call the tools.", tool_calls=self.calls(turn))
        else:
            message["content"] = [{"type": "text", "text": turn.answer()}]
        if turn.documents:
            message["citations"] = [self.citation(turn)]
        return {"id": "c0ffee", "message": message, "finish_reason": self.finish(turn), "usage": self.usage(turn)}

    @staticmethod
    def event(kind, **data):
        return "event: %s\ndata: %s\n\n" % (kind, json.dumps({"type": kind, **data}))

    def delta(self, kind, index=None, **message):
        return self.event(kind, **({} if index is None else {"index": index}), delta={"message": message})

    def frames(self, turn):
        yield self.event("message-start", id="c0ffee", delta={"message": {"role": "assistant", "content": [], "tool_plan": "", "tool_calls": [], "citations": []}})
        if turn.calls():
            for piece in pieces("I will call the tools."):
                yield self.delta("tool-plan-delta", tool_plan=piece)
            for index, call in enumerate(self.calls(turn)):
                text = call["function"]["arguments"]
                call["function"]["arguments"] = ""
                yield self.delta("tool-call-start", index, tool_calls=call)
                for at in range(0, len(text), 5):
                    yield self.delta("tool-call-delta", index, tool_calls={"function": {"arguments": text[at:at + 5]}})
                yield self.event("tool-call-end", index=index)
        else:
            yield self.delta("content-start", 0, content={"type": "text", "text": ""})
            for piece in pieces(turn.answer()):
                yield self.delta("content-delta", 0, content={"text": piece})
            if turn.documents:
                yield self.delta("citation-start", 0, citations=self.citation(turn))
                yield self.event("citation-end", index=0)
            yield self.event("content-end", index=0)
        yield self.event("message-end", delta={"finish_reason": self.finish(turn), "usage": self.usage(turn)})
        yield "data: [DONE]\n\n"

    def broken(self):
        return self.event("message-end", delta={"finish_reason": "ERROR", "error": "Told to break midway.", "usage": {}})


def embed(body):
    known = {"model", "texts", "images", "inputs", "input_type", "embedding_types", "output_dimension", "truncate", "max_tokens", "priority"}
    need(not set(body) - known, "unknown field: %s" % (set(body) - known))
    need(body.get("input_type"), "input_type is required")
    floats = [[float(len(text)), 0.5, -0.25] for text in body["texts"]]
    forms = {"float": floats, "int8": [[1, 2, 3] for _ in floats], "base64": [base64.b64encode(struct.pack("<3f", *v)).decode() for v in floats]}
    kinds = {kind: forms[kind] for kind in body.get("embedding_types") or ["float"]}
    return {"id": "e", "embeddings": kinds, "texts": body["texts"], "response_type": "embeddings_by_type",
            "meta": {"api_version": {"version": "2"}, "billed_units": {"input_tokens": 3 * len(floats)}}}


def scores(body):
    """The documents with the words of the query in them, best first."""
    need(isinstance(body.get("query"), str) and body.get("documents"), "query and documents are required")
    need(all(isinstance(document, str) for document in body["documents"]), "documents must be strings")
    words = set(body["query"].lower().split())
    found = [{"index": i, "relevance_score": len(words & set(d.lower().split())) / len(words)} for i, d in enumerate(body["documents"])]
    return sorted(found, key=lambda result: -result["relevance_score"])[:body.get("top_n")]


def rerank(body):
    known = {"model", "query", "documents", "top_n", "max_tokens_per_doc", "priority", "relevant_spans"}
    need(not set(body) - known, "unknown field: %s" % (set(body) - known))
    return {"id": "r", "results": scores(body), "meta": {"api_version": {"version": "2"}, "billed_units": {"search_units": 1}}}


def common_rerank(body):
    found = scores(body)
    if body.get("return_documents"):
        for result in found:
            result["document"] = {"text": body["documents"][result["index"]]}
    return {"model": body["model"], "object": "list", "results": found, "usage": {"total_tokens": 12}}
