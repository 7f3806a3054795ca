"""Cohere's version 2 for the mock provider: chat, embed, rerank; and rerank in the form of Jina and its like."""
import base64
import json
import struct

import mock_provider as mock
from mock_provider import Said, Turn, need, only

KNOWN = {"model", "messages", "stream", "tools", "documents", "citation_options", "response_format", "safety_mode", "max_tokens", "stop_sequences",
         "temperature", "seed", "frequency_penalty", "presence_penalty", "k", "p", "logprobs", "tool_choice", "strict_tools", "thinking", "priority",
         "raw_prompting"}
MESSAGES = {"user": {"content"}, "system": {"content"}, "assistant": {"content", "tool_calls", "tool_plan", "citations"}, "tool": {"content", "tool_call_id"}}


def error(status, message):
    return {"id": "mock", "message": message}, ()


def listing(path):
    need(False, "not found")


def route(exchange, body):
    if exchange.path == "/v2/chat":
        exchange.chat(read(body), Chat())
        return
    answer = {"/v2/embed": embed, "/v2/rerank": rerank, "/v1/rerank": common_rerank}.get(exchange.path)
    if answer is None:
        return exchange.error(404, "not found")
    turn = Turn()
    turn.text = body.get("query") or (body.get("texts") or [""])[0]
    if not exchange.fails(turn):
        exchange.send(200, answer(body))


def read(body):
    turn = Turn()
    only(body, KNOWN, "request")
    turn.stream = bool(body.get("stream"))
    turn.documents = len(body.get("documents") or [])
    need(0 <= body.get("p", 0.5) <= 0.99, "p must be between 0.01 and 0.99")
    turn.thinks = (body.get("thinking") or {}).get("type") == "enabled"
    need(body.get("tool_choice") in (None, "REQUIRED", "NONE"), "tool_choice: %r" % body.get("tool_choice"))
    need("tool_choice" not in body or body.get("tools"), "tool_choice needs tools")
    for tool in body.get("tools") or []:
        only(tool, {"type", "function"}, "tools[]")
        only(tool["function"], {"name", "description", "parameters"}, "tools[].function")
        turn.tools[tool["function"]["name"]] = tool["function"]["parameters"]
    for message in body["messages"]:
        role = message["role"]
        only(message, MESSAGES[role] | {"role"}, "messages[]")
        content = message.get("content") or ""
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        texts = [part["text"] for part in parts if part["type"] == "text"]
        if role == "user":
            need(parts, "messages[].content: must not be empty")
            turn.user(texts, sum(part["type"] == "image_url" for part in parts))
        elif role == "tool":
            need(all(part["type"] in ("text", "document") for part in parts), "tool content: text and documents only")
            texts += [document(part["document"]) for part in parts if part["type"] == "document"]
            turn.result(message["tool_call_id"], " ".join(texts))
        elif role == "assistant":
            need(all(part["type"] in ("text", "thinking") for part in parts), "assistant content: text and thinking only")
            calls = [(c["id"], c["function"]["name"], json.loads(c["function"]["arguments"]), None) for c in message.get("tool_calls") or []]
            thoughts = [(p["thinking"], None) for p in parts if p["type"] == "thinking"] or [(message.get("tool_plan") or "", None)]
            turn.assistant(Said(thoughts, " ".join(texts), calls))
    turn.end()
    turn.compare(lambda said, step: need(said.thoughts[0][0] == step.think, "thinking came back as %s, it was %r" % (said.thoughts, step.think)) if turn.thinks and step.think else None)
    return turn


def document(value):
    data = value.get("data") if isinstance(value, dict) else value
    return data if isinstance(data, str) else " ".join(str(v) for v in data.values())


class Chat:
    """Whole replies and events. Thinking before calls is a tool plan."""

    def finish(self, turn):
        return "TOOL_CALL" if turn.calls() else "MAX_TOKENS" if turn.is_cut() else "COMPLETE"

    def usage(self, turn):
        done = turn.output_tokens()
        return {"billed_units": {"input_tokens": 5, "output_tokens": done}, "tokens": {"input_tokens": 7, "output_tokens": done}, "cached_tokens": 2}

    @staticmethod
    def citation(turn):
        return {"start": 0, "end": 4, "text": turn.answer()[:4], "type": "TEXT_CONTENT",
                "sources": [{"type": "document", "id": "doc:0", "document": {"id": "doc:0", "text": "a source"}}]}

    @staticmethod
    def plan(turn):
        return "I will call the tools." if turn.calls() and not turn.thought() else ""

    def call(self, number, name, arguments):
        return {"id": "%s_%d" % (name, number), "type": "function", "function": {"name": name, "arguments": arguments}}

    def whole(self, turn):
        message = {"role": "assistant"}
        content = [{"type": "thinking", "thinking": turn.thought()}] if turn.thought() else []
        content += [{"type": "text", "text": turn.answer()}] if turn.answer() else []
        if content:
            message["content"] = content
        if turn.calls():
            if self.plan(turn):
                message["tool_plan"] = self.plan(turn)
            message["tool_calls"] = [self.call(i, n, json.dumps(a)) for i, n, a in turn.calls()]
        if turn.documents:
            message["citations"] = [self.citation(turn)]
        return {"id": "mock", "finish_reason": self.finish(turn), "message": message, "usage": self.usage(turn)}

    def frames(self, turn):
        def event(kind, **fields):
            return mock.event({"type": kind, **fields}, kind)

        def delta(**message):
            return {"delta": {"message": message}}
        yield event("message-start", id="mock", **delta(role="assistant", content=[], tool_plan="", tool_calls=[], citations=[]))
        index = 0
        for kind, text in (("thinking", turn.thought()), ("text", turn.answer())):
            if text:
                yield event("content-start", index=index, **delta(content={"type": kind, kind: ""}))
                for piece in mock.pieces(text):
                    yield event("content-delta", index=index, **delta(content={kind: piece}))
                if turn.documents and kind == "text":
                    yield event("citation-start", index=0, **delta(citations=self.citation(turn)))
                    yield event("citation-end", index=0)
                yield event("content-end", index=index)
                index += 1
        for piece in mock.pieces(self.plan(turn)):
            yield event("tool-plan-delta", **delta(tool_plan=piece))
        for index, (i, name, arguments) in enumerate(turn.calls()):
            yield event("tool-call-start", index=index, **delta(tool_calls=self.call(i, name, "")))
            for piece in mock.chopped(json.dumps(arguments)):
                yield event("tool-call-delta", index=index, **delta(tool_calls={"function": {"arguments": piece}}))
            yield event("tool-call-end", index=index)
        yield event("message-end", delta={"finish_reason": self.finish(turn), "usage": self.usage(turn)})
        yield "data: [DONE]\n\n"

    def broken(self):
        return mock.event({"type": "message-end", "delta": {"finish_reason": "ERROR", "error": "Told to break midway."}}, "message-end")


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
