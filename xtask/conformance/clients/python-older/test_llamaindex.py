"""LlamaIndex: OpenAI, OpenAI-like and Anthropic models, with tools, on the earlier SDKs that it wants."""
import unittest

import anthropic
import openai
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.anthropic import Anthropic
from llama_index.llms.openai import OpenAI
from llama_index.llms.openai_like import OpenAILike

from case import ANTHROPIC_KEY, CHAT, KEY, PARIS, URL, fail, through_gateway

# Its Anthropic models have names that it knows: an endpoint must have one of them.
CLAUDE = "claude-sonnet-4-5-20250929"


def get_weather(city: str) -> str:
    """Weather of a city."""
    return "sunny in " + city


TOOL = FunctionTool.from_defaults(get_weather)


def models(endpoint):
    same = {"model": endpoint, "max_retries": 0, "max_tokens": 100}
    yield OpenAILike(api_base=URL + "/v1", api_key=KEY, is_chat_model=True, is_function_calling_model=True, context_window=9000, **same)
    if endpoint == CHAT[0]:
        yield Anthropic(base_url=URL, api_key=ANTHROPIC_KEY, **{**same, "model": CLAUDE})


@through_gateway
class LlamaIndex(unittest.TestCase):
    def test_chat_and_stream(self):
        for endpoint in CHAT:
            for model in models(endpoint):
                with self.subTest(endpoint, model=type(model).__name__):
                    self.assertEqual(model.chat([ChatMessage("Hello there")]).message.content, "Echo: Hello there")
                    self.assertEqual([*model.stream_chat([ChatMessage("Hello there, Zoë")])][-1].message.content, "Echo: Hello there, Zoë")

    def test_tools(self):
        for endpoint in CHAT:
            for model in models(endpoint):
                for stream in (False, True):
                    with self.subTest(endpoint, model=type(model).__name__, stream=stream):
                        question = ChatMessage("!tool " + PARIS)
                        if stream:
                            *_, reply = model.stream_chat_with_tools([TOOL], chat_history=[question])
                        else:
                            reply = model.chat_with_tools([TOOL], chat_history=[question])
                        calls = model.get_tool_calls_from_response(reply)
                        self.assertEqual([(call.tool_name, call.tool_kwargs) for call in calls], [("get_weather", {"city": "Paris, Île"})])
                        result = ChatMessage(role="tool", content=str(TOOL(**calls[0].tool_kwargs)), additional_kwargs={"tool_call_id": calls[0].tool_id})
                        again = model.chat_with_tools([TOOL], chat_history=[question, reply.message, result])
                        self.assertEqual(again.message.content, "Tools said: sunny in Paris, Île")

    def test_a_model_that_it_knows(self):
        # It looks the name up in its own list, so that a route with the name of a known model is what works here.
        model = OpenAI(model="gpt-4o", api_base=URL + "/v1", api_key=KEY, max_retries=0)
        self.assertEqual(model.chat([ChatMessage("Hello there")]).message.content, "Echo: Hello there")

    def test_errors(self):
        kinds = {400: "BadRequestError", 401: "AuthenticationError", 404: "NotFoundError", 429: "RateLimitError", 500: "InternalServerError"}
        for endpoint in CHAT:
            for model, sdk in zip(models(endpoint), (openai, anthropic)):
                for status, name in kinds.items():
                    with self.subTest(endpoint, sdk=sdk.__name__, status=status), self.assertRaises(getattr(sdk, name)):
                        model.chat([ChatMessage(fail(status, "llamaindex"))])


if __name__ == "__main__":
    unittest.main()
