"""The mistralai SDK on the OpenAI routes: chat, streams, functions, vectors, errors."""
import json
import unittest

from mistralai.client import Mistral
from mistralai.client.errors import HTTPValidationError, SDKError

from case import CHAT, KEY, PARIS, ROME, SCHEMA, URL, fail, through_gateway

TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA}}
client = Mistral(api_key=KEY, server_url=URL)


def ask(text, endpoint, **more):
    return client.chat.complete(model=endpoint, messages=[{"role": "user", "content": text}], max_tokens=100, **more)


@through_gateway
class MistralSdk(unittest.TestCase):
    def test_answer_and_stream(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = ask("Hello there", endpoint, temperature=0.5)
                self.assertEqual((reply.choices[0].message.content, reply.choices[0].finish_reason), ("Echo: Hello there", "stop"))
                self.assertEqual((reply.usage.prompt_tokens, reply.usage.completion_tokens), (7, 3))
                with client.chat.stream(model=endpoint, messages=[{"role": "user", "content": "Hello there, Zoë"}]) as events:
                    text = "".join(choice.delta.content or "" for event in events for choice in event.data.choices)
                self.assertEqual(text, "Echo: Hello there, Zoë")

    def test_functions(self):
        for endpoint in CHAT:
            # This SDK writes a field into assistant messages that OpenAI refuses: `prefix`.
            if endpoint in ("openai-chat", "azure-chat"):
                continue
            with self.subTest(endpoint):
                messages = [{"role": "user", "content": "!tool %s %s" % (PARIS, ROME)}]
                said = client.chat.complete(model=endpoint, messages=messages, tools=[TOOL], tool_choice="auto", max_tokens=99).choices[0].message
                calls = said.tool_calls
                self.assertEqual([json.loads(call.function.arguments)["city"] for call in calls], ["Paris, Île", "Rome"])
                messages += [said, *[{"role": "tool", "name": "get_weather", "tool_call_id": call.id, "content": "rain"} for call in calls]]
                reply = client.chat.complete(model=endpoint, messages=messages, tools=[TOOL], max_tokens=99)
                self.assertEqual(reply.choices[0].message.content, "Tools said: rain; rain")

    def test_embeddings(self):
        for endpoint in ("mistral-embeddings",):
            with self.subTest(endpoint):
                reply = client.embeddings.create(model=endpoint, inputs=["one", "three"])
                self.assertEqual([item.embedding for item in reply.data], [[3.0, 0.5, -0.25], [5.0, 0.5, -0.25]])

    def test_errors(self):
        for endpoint in CHAT:
            for status in (400, 401, 404, 422, 429, 500, 503):
                with self.subTest(endpoint, status=status), self.assertRaises((SDKError, HTTPValidationError)) as raised:
                    ask(fail(status, "mistral"), endpoint)
                self.assertEqual(raised.exception.status_code, status)
                self.assertIn("Told to fail with %d." % status, raised.exception.body)


if __name__ == "__main__":
    unittest.main()
