"""LangChain's Anthropic models: answers, streams, tools with thinking, errors."""
import json
import unittest

import anthropic
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool

from case import ANTHROPIC_KEY, CHAT, URL, fail, through_gateway

PLAN = {"keeps": True, "steps": [{"think": "Let me see.", "calls": [["get_weather", {"city": "Rome"}]]}]}


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return "sunny in " + city


def model(endpoint, **more):
    return ChatAnthropic(model=endpoint, base_url=URL, api_key=ANTHROPIC_KEY, max_retries=0, max_tokens=3000, **more)


@through_gateway
class LangChainAnthropic(unittest.TestCase):
    def test_answer_and_stream(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = model(endpoint).invoke("Hello there")
                self.assertEqual((reply.text, reply.usage_metadata["output_tokens"]), ("Echo: Hello there", 3))
                self.assertEqual("".join(chunk.text for chunk in model(endpoint).stream("Hello there, Zoë")), "Echo: Hello there, Zoë")

    def test_tools_with_thinking(self):
        for endpoint in CHAT:
            keeps = endpoint in ("anthropic-chat", "bedrock-chat", "gemini-chat", "vertex-chat")
            for stream in (False, True):
                with self.subTest(endpoint, stream=stream):
                    bound = model(endpoint, thinking={"type": "enabled", "budget_tokens": 1024}).bind_tools([get_weather])
                    question = HumanMessage("!steps " + json.dumps({**PLAN, "keeps": keeps}))
                    if stream:
                        said = None
                        for chunk in bound.stream([question]):
                            said = chunk if said is None else said + chunk
                    else:
                        said = bound.invoke([question])
                    self.assertEqual([(c["name"], c["args"]) for c in said.tool_calls], [("get_weather", {"city": "Rome"})])
                    if keeps:
                        self.assertIn("Let me see.", [block.get("thinking") for block in said.content])
                    result = ToolMessage(get_weather.invoke(said.tool_calls[0]["args"]), tool_call_id=said.tool_calls[0]["id"])
                    self.assertEqual(bound.invoke([question, said, result]).text, "Tools said: sunny in Rome")

    def test_errors(self):
        for endpoint in CHAT:
            with self.subTest(endpoint), self.assertRaises(anthropic.RateLimitError):
                model(endpoint).invoke(fail(429, "langchain-anthropic"))


if __name__ == "__main__":
    unittest.main()
