"""Sessions as coding agents hold them, with every provider family: instructions, many tools, thinking, parallel calls,
results with errors and images, several rounds, then text. The shapes are those that Claude Code 2.1, Codex 0.169 and
Gemini CLI 0.61 sent on 2026-11-21; the words are our own. The provider compares every turn with what it answered."""
import json
import unittest

import anthropic
import openai
from google import genai
from google.genai import types

from case import ANTHROPIC_KEY, CHAT, KEY, PNG, URL, through_gateway

# Families that give thinking back to their callers, and take it back with its proof.
THINKS = {"anthropic-chat", "gemini-chat", "vertex-chat", "bedrock-chat", "cohere-chat", "deepseek-chat"}
PROOFS = {"anthropic-chat", "gemini-chat", "vertex-chat", "bedrock-chat"}
BLIND = {"deepseek-chat", "cohere-chat"}
PATCH = "*** Begin Patch\n*** Update File: a.txt\n@@\n-old\n+né \"quoted\" \\ line\n*** End Patch\n"


def schema(**properties):
    return {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "properties": properties, "required": sorted(properties)[:1],
            "additionalProperties": False}


def steps(keeps, *rounds):
    return "!steps " + json.dumps({"keeps": keeps, "steps": list(rounds)})


COMMAND, PATH = {"type": "string", "description": "What to run"}, {"type": "string"}
TOOLS = [("run", "Runs a command.", schema(command=COMMAND, timeout={"type": "number"})), ("read", "Reads a file.", schema(path=PATH)),
         ("edit", "Edits.", schema(path=PATH, edits={"type": "array", "items": {"type": "object", "properties": {"old": PATH, "new": PATH}}})),
         *[("extra_%d" % n, "One of many.", schema(a={"type": ["string", "null"]}, b={"enum": ["x", "y"]})) for n in range(12)]]
ROUNDS = ({"think": "I should look first.", "text": "I look.", "calls": [["run", {"command": "ls -l \"é\"\n"}], ["read", {"path": "a.txt"}]]},
          {"think": "Now the edit.", "calls": [["edit", {"path": "a.txt", "edits": [{"old": "x", "new": "y\t"}]}]]},
          {"calls": [["run", {"command": "true"}]]})


@through_gateway
class ClaudeCode(unittest.TestCase):
    """Messages with blocks of instructions, cache marks, adaptive thinking, beta headers."""

    HEADERS = {"anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,mid-conversation-system-2026-04-07",
               "user-agent": "claude-cli/2.1.197 (external, sdk-cli)", "x-app": "cli"}
    client = anthropic.Anthropic(base_url=URL, api_key=ANTHROPIC_KEY, max_retries=0, default_headers=HEADERS)

    def request(self, endpoint, messages):
        mark = {"cache_control": {"type": "ephemeral"}}
        return {"model": endpoint, "max_tokens": 32000, "messages": messages, "metadata": {"user_id": '{"device_id":"d"}'},
                "system": [{"type": "text", "text": "You are an agent."}, {"type": "text", "text": "Long instructions.", **mark}],
                "tools": [{"name": n, "description": d, "input_schema": s} for n, d, s in TOOLS], "thinking": {"type": "adaptive"},
                "extra_body": {"output_config": {"effort": "high"}, "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}}

    def turn(self, endpoint, messages):
        """One streamed turn, put together from its events as they come."""
        blocks, texts, stop = [], {}, None
        for event in self.client.messages.create(stream=True, **self.request(endpoint, messages)):
            if event.type == "content_block_start":
                self.assertEqual(event.index, len(blocks))
                blocks.append(event.content_block.model_dump(exclude_none=True))
            elif event.type == "content_block_delta":
                delta, block = event.delta, blocks[event.index]
                if delta.type == "input_json_delta":
                    texts[event.index] = texts.get(event.index, "") + delta.partial_json
                else:
                    key = {"text_delta": "text", "thinking_delta": "thinking", "signature_delta": "signature"}[delta.type]
                    block[key] = block.get(key, "") + getattr(delta, key)
            elif event.type == "message_delta":
                stop = event.delta.stop_reason
        for index, text in texts.items():
            blocks[index]["input"] = json.loads(text)
        return blocks, stop

    def test_a_session_of_many_turns(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                question = [{"type": "text", "text": "<system-reminder>\nToday is a day.\n</system-reminder>"},
                            {"type": "text", "text": steps(endpoint in THINKS, *ROUNDS), "cache_control": {"type": "ephemeral"}}]
                messages = [{"role": "user", "content": question}, {"role": "system", "content": "Agents: none."}]
                for number, planned in enumerate(ROUNDS):
                    blocks, stop = self.turn(endpoint, messages)
                    self.assertEqual(stop, "tool_use")
                    thoughts = [b for b in blocks if b["type"] == "thinking" and b["thinking"]]
                    if endpoint in THINKS and "think" in planned:
                        self.assertEqual([b["thinking"] for b in thoughts], [planned["think"]])
                    calls = [b for b in blocks if b["type"] == "tool_use"]
                    self.assertEqual([[c["name"], c["input"]] for c in calls], planned["calls"])
                    results = [{"type": "tool_result", "tool_use_id": c["id"], "content": "out %d" % number} for c in calls]
                    # Agents give results in the order in which the tools were done.
                    results.reverse()
                    if number == 0:
                        results[-1].update(content="no such file", is_error=True)
                        results[0]["content"] = [{"type": "text", "text": "two lines"}]
                    if number == 1 and endpoint not in BLIND:
                        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
                        results[0]["content"] = [{"type": "text", "text": "a picture"}, image]
                    messages += [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
                blocks, stop = self.turn(endpoint, messages)
                self.assertEqual((blocks[-1]["text"], stop), ("Tools said: out 2", "end_turn"))
                # The next question of the same session.
                messages += [{"role": "assistant", "content": blocks}, {"role": "user", "content": "Thanks"}]
                self.assertEqual(self.turn(endpoint, messages)[0][-1]["text"], "Echo: Thanks")

    def test_tokens_are_counted(self):
        for endpoint in ("anthropic-chat", "gemini-chat", "vertex-chat", "bedrock-chat"):
            with self.subTest(endpoint):
                request = self.request(endpoint, [{"role": "user", "content": "Hello"}])
                count = self.client.messages.count_tokens(**{k: v for k, v in request.items() if k not in ("max_tokens", "metadata", "extra_body")})
                self.assertEqual(count.input_tokens, 7)

    def test_a_session_goes_on_with_another_provider(self):
        """What one provider signed does not trouble the next one."""
        for first, second in (("gemini-chat", "anthropic-chat"), ("anthropic-chat", "mistral-chat"), ("openai-chat", "mistral-chat"),
                              ("bedrock-chat", "anthropic-chat"), ("anthropic-chat", "bedrock-chat"), ("anthropic-chat", "vertex-chat")):
            with self.subTest(first + " to " + second):
                messages = [{"role": "user", "content": steps(False, *ROUNDS)}]
                blocks, _ = self.turn(first, messages)
                results = [{"type": "tool_result", "tool_use_id": b["id"], "content": "ok"} for b in blocks if b["type"] == "tool_use"]
                messages += [{"role": "assistant", "content": blocks}, {"role": "user", "content": results}]
                blocks, stop = self.turn(second, messages)
                self.assertEqual(stop, "tool_use")
                self.assertEqual([b["name"] for b in blocks if b["type"] == "tool_use"], ["edit"])


@through_gateway
class Codex(unittest.TestCase):
    """Responses: items, a stream, reasoning that comes back encrypted, custom tools, nothing stored."""

    client = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0)
    TOOLS = [*[{"type": "function", "name": n, "description": d, "strict": False, "parameters": s} for n, d, s in TOOLS],
             {"type": "custom", "name": "apply_patch", "description": "Applies a patch.", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
             {"type": "namespace", "name": "team", "description": "Others.", "tools": [{"type": "function", "name": "ask", "description": "Asks.", "strict": False, "parameters": schema(a=PATH)}]},
             {"type": "web_search", "external_web_access": False}]
    ROUNDS = (ROUNDS[0], {"think": "Now the patch.", "calls": [["apply_patch", {"input": PATCH}]]}, ROUNDS[2])

    def turn(self, endpoint, items):
        """The items in the order of their ends, which is the order that Codex keeps."""
        events = list(self.client.responses.create(
            model=endpoint, input=items, tools=self.TOOLS, tool_choice="auto", parallel_tool_calls=True, store=False, stream=True,
            reasoning={"effort": "medium", "summary": "auto"}, include=["reasoning.encrypted_content"], prompt_cache_key="key",
            extra_body={"client_metadata": {"session_id": "s"}}))
        self.assertEqual(events[-1].type, "response.completed")
        return [event.item.model_dump() for event in events if event.type == "response.output_item.done"]

    def test_a_session_of_many_turns(self):
        def said(role, text):
            return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}
        for endpoint in CHAT:
            with self.subTest(endpoint):
                items = [said("developer", "You are an agent."), said("developer", "<rules/>"), said("user", "<environment_context/>"),
                         said("user", steps(endpoint in PROOFS | {"openai-chat", "azure-chat", "deepseek-chat"}, *self.ROUNDS))]
                for number, planned in enumerate(self.ROUNDS):
                    output = self.turn(endpoint, items)
                    calls = [item for item in output if item["type"] in ("function_call", "custom_tool_call")]
                    self.assertEqual([c["name"] for c in calls], [c[0] for c in planned["calls"]])
                    for call, (_, arguments) in zip(calls, planned["calls"]):
                        have = {"input": call["input"]} if call["type"] == "custom_tool_call" else json.loads(call["arguments"])
                        self.assertEqual(have, arguments)
                    kinds = {"apply_patch": "custom_tool_call"}
                    self.assertEqual([c["type"] for c in calls], [kinds.get(c["name"], "function_call") for c in calls])
                    items = items + output
                    for call in calls:
                        items.append({"type": call["type"] + "_output", "call_id": call["call_id"], "output": "Output:\nout %d\n" % number})
                output = self.turn(endpoint, items)
                self.assertEqual(output[-1]["content"][0]["text"], "Tools said: Output:\nout 2\n")


@through_gateway
class GeminiCli(unittest.TestCase):
    """streamGenerateContent?alt=sse with parametersJsonSchema; thoughts are not kept, their proofs on calls are."""

    client = genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL))

    def turn(self, endpoint, contents):
        declarations = [types.FunctionDeclaration(name=n, description=d, parameters_json_schema=s) for n, d, s in TOOLS]
        config = types.GenerateContentConfig(
            system_instruction="You are an agent.", temperature=1, top_p=0.95, top_k=64, tools=[types.Tool(function_declarations=declarations)],
            thinking_config=types.ThinkingConfig(include_thoughts=True), automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))
        parts, last = [], None
        for last in self.client.models.generate_content_stream(model=endpoint, contents=contents, config=config):
            parts += (last.candidates[0].content.parts or []) if last.candidates and last.candidates[0].content else []
        self.assertEqual(last.candidates[0].finish_reason, types.FinishReason.STOP)
        return parts

    def test_a_session_of_many_turns(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                contents = [types.UserContent(["<session_context/>", steps(endpoint in ("gemini-chat", "vertex-chat"), *ROUNDS)])]
                for number, planned in enumerate(ROUNDS):
                    parts = self.turn(endpoint, contents)
                    calls = [part.function_call for part in parts if part.function_call]
                    self.assertEqual([[c.name, c.args] for c in calls], planned["calls"])
                    text = "".join(part.text for part in parts if part.text and not part.thought)
                    self.assertEqual(text, planned.get("text", ""))
                    kept = ([types.Part(text=text)] if text else []) + [part for part in parts if part.function_call]
                    results = [types.Part(function_response=types.FunctionResponse(id=c.id, name=c.name, response={"output": "out %d" % number})) for c in calls]
                    contents = contents + [types.Content(role="model", parts=kept), types.Content(role="user", parts=results)]
                parts = self.turn(endpoint, contents)
                self.assertEqual("".join(part.text or "" for part in parts if not part.thought), "Tools said: out 2")


if __name__ == "__main__":
    unittest.main()
