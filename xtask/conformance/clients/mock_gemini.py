"""Google's Gemini, as AI Studio and Vertex AI speak it."""
import base64
import json
import re

import mock_openai
import mock_provider as mock
from mock_provider import Said, Turn, need, of_call, only, sign

KNOWN = {"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig", "cachedContent", "labels"}
GENERATION = {"candidateCount", "stopSequences", "maxOutputTokens", "temperature", "topP", "topK", "seed", "presencePenalty", "frequencyPenalty",
              "responseMimeType", "responseSchema", "responseJsonSchema", "responseLogprobs", "logprobs", "thinkingConfig",
              "responseModalities", "speechConfig", "mediaResolution"}
PART = {"text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse", "executableCode",
        "codeExecutionResult", "videoMetadata", "partMetadata", "mediaResolution"}
DECLARATION = {"name", "description", "parameters", "parametersJsonSchema", "response", "responseJsonSchema", "behavior"}
STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
            500: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}
# Values with keys of the user's own.
FREE = {"args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema", "responseSchema"}


def error(status, message):
    return {"error": {"code": status, "message": message, "status": STATUSES.get(status, "UNKNOWN")}}, ()


def listing(path):
    need(False, "not found")


def route(exchange, body):
    verb = exchange.path.rsplit(":", 1)[1]
    body = camel(body)
    need("/publishers/google/models/mock-model:" in exchange.path or exchange.path.startswith("/v1beta/models/mock-model:"), "no such path")
    if verb in ("generateContent", "streamGenerateContent"):
        turn = read(body)
        turn.stream = verb.startswith("stream")
        exchange.chat(turn, Content() if "alt=sse" in exchange.query else Array())
    elif verb == "countTokens":
        inner = body.get("generateContentRequest", body)
        read({k: v for k, v in inner.items() if k != "model"})
        exchange.send(200, {"totalTokens": 7})
    elif verb in ("embedContent", "batchEmbedContents", "predict"):
        embed(exchange, verb, body)
    else:
        exchange.error(404, "not found")


def camel(value):
    """Google takes both spellings of its fields, and its newest SDK writes the one with underscores."""
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    fields = {re.sub("_([a-z])", lambda found: found.group(1).upper(), key): item for key, item in value.items()}
    return {key: item if key in FREE else camel(item) for key, item in fields.items()}


def embed(exchange, verb, body):
    def text_of(request):
        only(request, {"model", "content", "taskType", "title", "outputDimensionality"}, "request")
        return " ".join(part["text"] for part in request["content"]["parts"])
    turn = Turn()
    if verb == "predict":
        texts = [instance["content"] for instance in body["instances"]]
    else:
        texts = [text_of(request) for request in body.get("requests", [body])]
    turn.text = texts[0]
    if exchange.fails(turn):
        return
    vectors = [{"values": mock_openai.vector(text)} for text in texts]
    if verb == "predict":
        exchange.send(200, {"predictions": [{"embeddings": {**v, "statistics": {"token_count": 3, "truncated": False}}} for v in vectors]})
    elif verb == "embedContent":
        exchange.send(200, {"embedding": vectors[0], "usageMetadata": {"promptTokenCount": 3}})
    else:
        exchange.send(200, {"embeddings": vectors, "usageMetadata": {"promptTokenCount": 3 * len(vectors)}})


def merged(contents):
    """Neighbours of the model as one: the SDK gives a streamed answer back piece by piece."""
    out = []
    for content in contents:
        if out and content.get("role") == "model" == out[-1].get("role"):
            out[-1] = {**out[-1], "parts": out[-1]["parts"] + content["parts"]}
        else:
            out.append(content)
    return out


def read(body):
    turn = Turn()
    only(body, KNOWN, "request")
    config = body.get("generationConfig") or {}
    only(config, GENERATION, "generationConfig")
    thinking = config.get("thinkingConfig") or {}
    only(thinking, {"includeThoughts", "thinkingBudget", "thinkingLevel"}, "generationConfig.thinkingConfig")
    need(len({"thinkingBudget", "thinkingLevel"} & set(thinking)) < 2, "thinkingBudget and thinkingLevel are not supported together")
    turn.thinks = bool(thinking.get("includeThoughts"))
    for tool in body.get("tools") or []:
        for function in tool.get("functionDeclarations") or []:
            only(function, DECLARATION, "tools[].functionDeclarations[]")
            need(not {"parameters", "parametersJsonSchema"} <= set(function), "parameters and parametersJsonSchema exclude each other")
            turn.tools[function["name"]] = function.get("parametersJsonSchema") or function.get("parameters")
    choice = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    need(choice.get("mode", "AUTO") in ("AUTO", "ANY", "NONE", "VALIDATED"), "functionCallingConfig.mode")
    need("allowedFunctionNames" not in choice or choice.get("mode") in ("ANY", "VALIDATED"), "allowedFunctionNames needs mode ANY")
    need(body.get("contents"), "contents is not specified")
    for content in merged(body["contents"]):
        only(content, {"role", "parts"}, "contents[]")
        need(content.get("parts"), "contents[].parts: must not be empty")
        for part in content["parts"]:
            only(part, PART, "contents[].parts[]")
            need(set(part) & {"text", "inlineData", "fileData", "functionCall", "functionResponse"}, "part: required oneof field 'data' must have one initialized field")
        need(content.get("role", "user") in ("user", "model", "function"), "Please use a valid role: user, model.")
        (model if content.get("role") == "model" else user)(turn, content["parts"])
    turn.end()
    turn.compare(lambda said, step: check(turn, said, step))
    return turn


def model(turn, parts):
    calls = []
    for part in parts:
        if "functionCall" in part:
            call = part["functionCall"]
            only(call, {"name", "args", "id"}, "functionCall")
            calls.append((call.get("id"), call["name"], call.get("args") or {}, part.get("thoughtSignature")))
    thoughts = [(p["text"], p.get("thoughtSignature")) for p in parts if p.get("thought")]
    turn.assistant(Said(thoughts, "".join(p.get("text", "") for p in parts if not p.get("thought")), calls))


def user(turn, parts):
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    need(len(results) == len(turn.open), "the number of function response parts must equal that of the function call parts of the function call turn")
    for result in results:
        only(result, {"name", "response", "id", "parts", "scheduling", "willContinue"}, "functionResponse")
        need(isinstance(result["response"], dict), "functionResponse.response: must be an object")
        images = sum("inlineData" in part or "fileData" in part for part in result.get("parts") or [])
        values = result["response"]
        text = values.get("output", values.get("result", values.get("error", values)))
        turn.result(result.get("id") or result["name"], text if isinstance(text, str) else str(text), "error" in values, images)
    for part in parts:
        if "inlineData" in part:
            only(part["inlineData"], {"mimeType", "data", "displayName"}, "inlineData")
            need(part["inlineData"]["mimeType"] and base64.b64decode(part["inlineData"]["data"]), "inlineData")
    texts = [part["text"] for part in parts if "text" in part]
    images = sum("inlineData" in part or "fileData" in part for part in parts)
    if texts or images or not results:
        turn.user(texts, images)


def check(turn, said, step):
    """Of parallel calls only the first is signed."""
    name, arguments = step.calls[0]
    need(said.calls[0][3] == sign(of_call(name, arguments)), "Function call is missing a thought_signature in functionCall parts: %r" % (said.calls[0],))


class Content:
    """Whole replies and events; also the events of a JSON array."""

    def usage(self, turn):
        done = turn.output_tokens()
        return {"promptTokenCount": 7, "candidatesTokenCount": done, "totalTokenCount": 7 + done, "cachedContentTokenCount": 2,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 7}]}

    def call(self, turn, index, name, arguments):
        part = {"functionCall": {"name": name, "args": arguments}}
        return {**part, "thoughtSignature": sign(of_call(name, arguments))} if index == 0 else part

    def reply(self, turn, parts, finish=None):
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {"candidates": [candidate], "usageMetadata": self.usage(turn), "modelVersion": "mock-model", "responseId": "mock"}

    def finish(self, turn):
        return "MAX_TOKENS" if turn.is_cut() else "STOP"

    def calls(self, turn):
        return [self.call(turn, index, n, a) for index, (_, n, a) in enumerate(turn.calls())]

    def whole(self, turn):
        parts = [{"text": turn.thought(), "thought": True}] if turn.thought() else []
        parts += [{"text": turn.answer()}] if turn.answer() else []
        return self.reply(turn, parts + self.calls(turn), self.finish(turn))

    def frames(self, turn):
        for piece in mock.pieces(turn.thought()):
            yield mock.event(self.reply(turn, [{"text": piece, "thought": True}]))
        for piece in mock.pieces(turn.answer()):
            yield mock.event(self.reply(turn, [{"text": piece}]))
        for call in self.calls(turn):
            yield mock.event(self.reply(turn, [call]))
        yield mock.event(self.reply(turn, [{"text": ""}], self.finish(turn)))

    def broken(self):
        return mock.event(error(500, "Told to break midway.")[0])


class Array(Content):
    """A stream as a JSON array."""

    STREAM = "application/json; charset=UTF-8"

    def frames(self, turn):
        separator = "["
        for event in super().frames(turn):
            yield separator + event[len("data: "):].strip()
            separator = ",\r\n"
        yield "]"

    def broken(self):
        return ",\r\n" + json.dumps(error(500, "Told to break midway.")[0])
