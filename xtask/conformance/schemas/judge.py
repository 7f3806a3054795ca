"""Judges encoded requests by what the vendors publish: the service model of Bedrock in botocore, and the request types of
the OpenAI and Anthropic SDKs. Reads the files that `gateway-conformance requests FOLDER` writes.

usage: judge.py FOLDER
"""
import json
import pathlib
import sys
import typing

import anthropic.types as claude
import botocore.session
import openai.types.chat as chat
import pydantic
from botocore.validate import ParamValidator

SESSION = botocore.session.get_session()
MODEL = SESSION.get_service_model("bedrock-runtime")

# Members that an endpoint takes outside of the body's type: the SDKs take them apart.
STREAM = {"stream"}


def adapter(kind):
    return pydantic.TypeAdapter(kind)


def union_of(module, name):
    return adapter(getattr(module, name))


OPENAI_MESSAGE = union_of(chat, "ChatCompletionMessageParam")
OPENAI_TOOL = union_of(chat, "ChatCompletionToolUnionParam")
OPENAI_CHOICE = union_of(chat, "ChatCompletionToolChoiceOptionParam")
OPENAI_KEYS = set(typing.get_type_hints(chat.completion_create_params.CompletionCreateParamsBase)) | STREAM
CLAUDE_MESSAGE = union_of(claude, "MessageParam")
CLAUDE_TOOL = union_of(claude, "ToolUnionParam")
CLAUDE_CHOICE = union_of(claude, "ToolChoiceParam")
CLAUDE_KEYS = set(typing.get_type_hints(claude.message_create_params.MessageCreateParamsBase)) | STREAM


def check(faults, where, type_adapter, value):
    """Validates one value; lists that the SDKs declare as iterables are read to their end."""
    try:
        read_through(type_adapter.validate_python(value))
    except pydantic.ValidationError as error:
        first = min(error.errors(), key=lambda one: -len(one["loc"]))
        faults.append(f"{where}: {first['msg']} at {'.'.join(map(str, first['loc']))}")


def read_through(value):
    if isinstance(value, dict):
        for item in value.values():
            read_through(item)
    elif not isinstance(value, (str, bytes)) and hasattr(value, "__iter__"):
        for item in value:
            read_through(item)


def openai(body, faults):
    faults += [f"unknown member {key}" for key in body if key not in OPENAI_KEYS]
    for index, message in enumerate(body.get("messages", [])):
        check(faults, f"messages[{index}]", OPENAI_MESSAGE, message)
    for index, tool in enumerate(body.get("tools", [])):
        check(faults, f"tools[{index}]", OPENAI_TOOL, tool)
    if "tool_choice" in body:
        check(faults, "tool_choice", OPENAI_CHOICE, body["tool_choice"])


def anthropic(body, faults):
    faults += [f"unknown member {key}" for key in body if key not in CLAUDE_KEYS]
    faults += [f"{key} is missing" for key in ("model", "max_tokens", "messages") if key not in body]
    for index, message in enumerate(body.get("messages", [])):
        check(faults, f"messages[{index}]", CLAUDE_MESSAGE, message)
    for index, tool in enumerate(body.get("tools", [])):
        check(faults, f"tools[{index}]", CLAUDE_TOOL, tool)
    if "tool_choice" in body:
        check(faults, "tool_choice", CLAUDE_CHOICE, body["tool_choice"])


def bedrock(body, faults):
    shape = MODEL.operation_model("Converse").input_shape
    report = ParamValidator().validate({**blobs(body, shape), "modelId": "m"}, shape)
    if report.has_errors():
        faults.append(report.generate_report())


def blobs(value, shape):
    """JSON carries bytes in base64; the validator wants bytes."""
    if shape.type_name == "blob":
        return b"x" if isinstance(value, str) else value
    if shape.type_name == "structure" and isinstance(value, dict) and not getattr(shape, "document", False):
        return {key: blobs(item, shape.members[key]) if key in shape.members else item for key, item in value.items()}
    if shape.type_name == "list" and isinstance(value, list):
        return [blobs(item, shape.member) for item in value]
    return value


JUDGES = {"openai": openai, "anthropic": anthropic, "bedrock": bedrock}
# What a published type does not say and is right all the same, with the reason.
KNOWN = {
    # The SDK's type has lost them with the newest models, which refuse them; the model of the run takes them.
    ("anthropic", "unknown member temperature"),
    ("anthropic", "unknown member top_p"),
    ("anthropic", "unknown member top_k"),
}
# On MLflow's URLs unknown members pass, because they do in MLflow.
PASSES_UNKNOWN = "mlflow/"
# Vendors that imitate OpenAI add members of their own; their type is not published.
FAMILIES = {"openai", "openai-reasoning", "azure", "anthropic", "bedrock-claude", "bedrock-nova", "bedrock-llama"}


def main():
    passed, failed, seen = 0, 0, {}
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.jsonl")):
        if path.stem not in FAMILIES:
            continue
        for line in path.read_text().splitlines():
            request = json.loads(line)
            if request["from"] == request["speaks"] or not request["path"].split("/")[-1].startswith(("c", "m")):
                continue
            faults = []
            JUDGES[request["speaks"]](request["body"], faults)
            faults = [fault for fault in faults if (request["speaks"], fault) not in KNOWN]
            if request["name"].startswith(PASSES_UNKNOWN):
                faults = [fault for fault in faults if not fault.startswith("unknown member")]
            if faults:
                failed += 1
                key = (request["speaks"], faults[0][:120])
                seen.setdefault(key, []).append(f"{request['family']} {request['name']}")
            else:
                passed += 1
    for (speaks, fault), names in seen.items():
        print(f"{speaks}: {fault}\n    {len(names)} times, first: {names[0]}")
    print(f"total: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
