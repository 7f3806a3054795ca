"""Judges encoded requests by what the vendors publish: the service model of Bedrock in botocore, and the request types of
the SDKs of OpenAI, Anthropic, Google, Cohere and Mistral. Reads the files that `gateway-conformance requests FOLDER` writes.

usage: judge.py FOLDER
"""
import json
import pathlib
import sys
import typing

import anthropic.types as claude
import botocore.session
import openai.types
import openai.types.chat as chat
import typing_extensions
from botocore.validate import ParamValidator
from cohere.raw_base_client import RawBaseCohere
from cohere.v2.raw_client import RawV2Client
from google.genai import types as gemini
from mistralai.client import models as mistral

import strict

MODEL = botocore.session.get_session().get_service_model("bedrock-runtime")


def with_stream(kind, **others):
    """A body with the members of `kind`, and those that an endpoint takes beside the type: the SDKs take them apart."""
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    required = kind.__required_keys__
    hints = {name: typing.Required[hint] if name in required else hint for name, hint in hints.items()}
    return typing_extensions.TypedDict(kind.__name__, {**hints, "stream": bool, **others}, total=False)


def arguments(method, required, **others):
    """A body with the arguments of `method` as its members."""
    hints = typing_extensions.get_type_hints(method, include_extras=True)
    hints = {name: hint for name, hint in hints.items() if name not in ("return", "request_options")}
    hints = {name: typing.Required[hint] if name in required else hint for name, hint in hints.items()}
    return typing_extensions.TypedDict(method.__name__, {**hints, **others}, total=False)


class GenerateContent(typing_extensions.TypedDict, total=False):
    """The SDK puts this together in code; its members are the SDK's types."""

    contents: typing.Required[list[gemini.Content]]
    systemInstruction: gemini.Content
    tools: list[gemini.Tool]
    toolConfig: gemini.ToolConfig
    safetySettings: list[gemini.SafetySetting]
    generationConfig: gemini.GenerationConfig
    cachedContent: str
    labels: dict[str, str]


class EmbedContent(typing_extensions.TypedDict, total=False):
    """As the SDK puts it together; the kinds of tasks are those of the API's reference."""

    content: typing.Required[gemini.Content]
    model: str
    taskType: typing.Literal[
        "SEMANTIC_SIMILARITY", "CLASSIFICATION", "CLUSTERING", "RETRIEVAL_DOCUMENT", "RETRIEVAL_QUERY",
        "CODE_RETRIEVAL_QUERY", "QUESTION_ANSWERING", "FACT_VERIFICATION",
    ]
    title: str
    outputDimensionality: int


class BatchedContent(EmbedContent, total=False):
    """In a batch every request names the model."""

    model: typing.Required[str]


class BatchEmbedContents(typing_extensions.TypedDict, total=False):
    requests: typing.Required[list[BatchedContent]]


# The types of the bodies, by the last words of the addresses. MLflow's own URLs have requests of Cohere's first version.
BODIES = {
    "openai": {
        "/chat/completions": with_stream(chat.completion_create_params.CompletionCreateParamsBase),
        "/embeddings": openai.types.EmbeddingCreateParams,
    },
    "anthropic": {"/messages": with_stream(claude.message_create_params.MessageCreateParamsBase)},
    "gemini": {
        ":generateContent": GenerateContent,
        ":streamGenerateContent": GenerateContent,
        ":embedContent": EmbedContent,
        ":batchEmbedContents": BatchEmbedContents,
    },
    "cohere": {
        "/v2/chat": arguments(RawV2Client.chat, {"model", "messages"}, stream=bool),
        "/v2/embed": arguments(RawV2Client.embed, {"model", "input_type"}),
        "/v2/rerank": arguments(RawV2Client.rerank, {"model", "query", "documents"}),
        "/v1/chat": arguments(RawBaseCohere.chat, {"message"}, stream=bool),
        "/v1/generate": arguments(RawBaseCohere.generate, {"prompt"}, stream=bool),
        "/v1/embed": arguments(RawBaseCohere.embed, set()),
    },
    "mistral": {"/chat/completions": mistral.ChatCompletionRequest, "/embeddings": mistral.EmbeddingRequest},
    "bedrock": {"/converse": None, "/converse-stream": None},
}


def judge(speaks, path, body):
    """What is wrong with a body; nothing at all, not even a list, where no type is known for the address."""
    ends = [end for end in BODIES[speaks] if path.endswith(end)]
    if not ends:
        return None
    if speaks != "bedrock":
        return [str(fault) for fault in strict.faults(BODIES[speaks][ends[0]], body)]
    shape = MODEL.operation_model("Converse").input_shape
    report = ParamValidator().validate({**blobs(body, shape), "modelId": "m"}, shape)
    return [report.generate_report()] if report.has_errors() else []


def blobs(value, shape):
    """JSON carries bytes in base64; the validator wants bytes."""
    if shape.type_name == "blob":
        return b"x" if isinstance(value, str) else value
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "document", False):
        return {key: blobs(item, shape.members[key]) if key in shape.members else item for key, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [blobs(item, shape.member) for item in value]
    return value


# What a published type does not say and is right all the same, by family or type, with the reason.
KNOWN = {
    # Azure's addresses name the deployment, which has a model.
    ("azure", "model is missing at "),
    # The type of a tool's message has no name; the API takes one, as recorded (openai e9c813ac).
    ("openai", "unknown member name at messages.[]"),
    # The SDK's type has lost them with the newest models, which refuse them; the model of the run takes them.
    ("anthropic", "unknown member temperature at "),
    ("anthropic", "unknown member top_p at "),
    ("anthropic", "unknown member top_k at "),
}
# On MLflow's URLs unknown members pass, because they do in MLflow.
PASSES_UNKNOWN = "mlflow/"
# The families whose types are published. Vendors that imitate OpenAI add members of their own, and all but Mistral
# publish none.
FAMILIES = {
    "openai", "openai-reasoning", "azure", "anthropic", "bedrock-claude", "bedrock-nova", "bedrock-llama", "gemini", "cohere",
    "mistral",
}


def main():
    counts, seen = {}, {}
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl")):
        if path.stem not in FAMILIES:
            continue
        for line in path.read_text().splitlines():
            request = json.loads(line)
            # What a caller says in the provider's own dialect stays as it is.
            if request["from"] == request["speaks"]:
                continue
            speaks = path.stem if path.stem in BODIES else request["speaks"]
            faults = judge(speaks, request["path"], request["body"])
            if faults is None:
                continue
            faults = [fault for fault in faults if not KNOWN & {(speaks, fault), (path.stem, fault)}]
            if request["name"].startswith(PASSES_UNKNOWN):
                faults = [fault for fault in faults if not fault.startswith("unknown member")]
            count = counts.setdefault(speaks, [0, 0])
            count[bool(faults)] += 1
            for fault in dict.fromkeys(fault[:200] for fault in faults):
                seen.setdefault((speaks, fault), []).append(f"{request['family']} {request['name']}")
    for (speaks, fault), names in seen.items():
        print(f"{speaks}: {fault}\n    {len(names)} times, first: {names[0]}")
    for speaks, (passed, failed) in counts.items():
        print(f"{speaks}: {passed} passed, {failed} failed")
    passed, failed = (sum(count[index] for count in counts.values()) for index in (0, 1))
    print(f"total: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
