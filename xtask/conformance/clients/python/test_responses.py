"""The OpenAI SDK on the Responses API: answers, streams, tools over several turns, errors, broken streams."""
import json
import unittest

import openai

from case import CHAT, KEY, PARIS, ROME, SCHEMA, URL, fail, through_gateway

TOOL = {"type": "function", "name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA, "strict": True}
NATIVE = [name for name in CHAT if name in ("openai-chat", "azure-chat")]
client = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0)


def ask(text, endpoint, **more):
    return client.responses.create(model=endpoint, input=text, store=False, **more)


class Responses(unittest.TestCase):
    def test_answer(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = ask("Hello there", endpoint, instructions="Be brief.", max_output_tokens=100)
                self.assertEqual((reply.object, reply.status, reply.output_text), ("response", "completed", "Echo: Hello there"))
                self.assertEqual((reply.usage.input_tokens, reply.usage.output_tokens, reply.usage.total_tokens), (7, 3, 10))
                self.assertEqual(reply.usage.input_tokens_details.cached_tokens, 2)
                self.assertEqual([item.type for item in reply.output], ["message"])

    def test_what_only_this_api_knows_passes_untouched(self):
        for endpoint in NATIVE:
            with self.subTest(endpoint):
                reply = ask("Hello", endpoint, previous_response_id="resp_0")
                self.assertEqual(reply.previous_response_id, "resp_0")
                self.assertEqual(reply.model_extra["newest_field"], {"kept": True})

    def test_stream(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                events = list(ask("Hello there, Zoë", endpoint, stream=True, max_output_tokens=100))
                self.assertEqual(events[0].type, "response.created")
                self.assertEqual(events[-1].type, "response.completed")
                self.assertEqual([e.sequence_number for e in events], list(range(len(events))))
                text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
                self.assertEqual((text, events[-1].response.output_text), ("Echo: Hello there, Zoë",) * 2)
                self.assertEqual(events[-1].response.usage.input_tokens, 7)

    def test_stream_helper(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                with client.responses.stream(model=endpoint, input="Hello there", max_output_tokens=100) as stream:
                    kinds = {event.type for event in stream}
                    self.assertEqual(stream.get_final_response().output_text, "Echo: Hello there")
                self.assertIn("response.output_text.delta", kinds)

    def test_tools_over_two_turns(self):
        for endpoint in CHAT:
            for stream in (False, True):
                with self.subTest(endpoint, stream=stream):
                    items = [{"role": "user", "content": "!tool %s %s" % (PARIS, ROME)}]
                    more = {"model": endpoint, "tools": [TOOL], "store": False, "max_output_tokens": 100,
                            "include": ["reasoning.encrypted_content"]}
                    if stream:
                        events = list(client.responses.create(input=items, stream=True, **more))
                        output = [e.item for e in events if e.type == "response.output_item.done"]
                        self.assertEqual(output, events[-1].response.output)
                    else:
                        output = client.responses.create(input=items, **more).output
                    calls = [item for item in output if item.type == "function_call"]
                    self.assertEqual([json.loads(c.arguments)["city"] for c in calls], ["Paris, Île", "Rome"])
                    self.assertEqual(len({c.call_id for c in calls}), 2)
                    items += [item.model_dump(exclude_none=True, exclude={"id"}) for item in output]
                    items += [{"type": "function_call_output", "call_id": c.call_id, "output": o} for c, o in zip(calls, ["rain", "sun"])]
                    reply = client.responses.create(input=items, **more)
                    self.assertEqual(reply.output_text, "Tools said: rain; sun")

    @through_gateway
    def test_a_codex_turn_reaches_a_provider_of_another_dialect(self):
        def said(role, kind, text):
            return {"type": "message", "role": role, "content": [{"type": kind, "text": text}]}
        items = [
            said("developer", "input_text", "rules"), said("user", "input_text", "<environment/>"), said("user", "input_text", "list"),
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}], "content": None, "encrypted_content": "gAAAA"},
            said("assistant", "output_text", "I will."),
            {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "c1"},
            {"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin Patch", "call_id": "c2", "status": "completed"},
            {"type": "function_call_output", "call_id": "c1", "output": "a"},
            {"type": "custom_tool_call_output", "call_id": "c2", "output": "b"}]
        tools = [{"type": "function", "name": "shell", "strict": False, "parameters": SCHEMA},
                 {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}},
                 {"type": "web_search"}]
        *_, last = client.responses.create(
            model="anthropic-chat", instructions="You are a coding agent.", input=items, tools=tools, tool_choice="auto",
            parallel_tool_calls=False, reasoning={"effort": "medium", "summary": "auto"}, store=False, stream=True,
            include=["reasoning.encrypted_content"], prompt_cache_key="k")
        self.assertEqual((last.type, last.response.output_text), ("response.completed", "Tools said: a; b"))

    def test_cut_answer_is_incomplete(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = ask("!length", endpoint, max_output_tokens=100)
                self.assertEqual((reply.status, reply.incomplete_details.reason), ("incomplete", "max_output_tokens"))
                *_, last = ask("!length", endpoint, max_output_tokens=100, stream=True)
                self.assertEqual(last.type, "response.incomplete")

    def test_errors(self):
        for endpoint in CHAT:
            with self.subTest(endpoint), self.assertRaises(openai.RateLimitError):
                ask(fail(429, "responses"), endpoint, max_output_tokens=100)
        with self.assertRaises(openai.NotFoundError):
            ask("Hello", "no-such-endpoint")

    def test_broken_streams_raise(self):
        for endpoint in CHAT:
            for line in ("!cut", "!error-midway"):
                with self.subTest(endpoint, line=line), self.assertRaises(openai.APIError):
                    list(ask(line, endpoint, stream=True, max_output_tokens=100))

    @through_gateway
    def test_what_only_openai_keeps_is_refused_elsewhere(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            ask("Hello", "anthropic-chat", previous_response_id="resp_0")
        self.assertEqual(caught.exception.param, "previous_response_id")
        self.assertIn("whole conversation", caught.exception.message)


if __name__ == "__main__":
    unittest.main()
