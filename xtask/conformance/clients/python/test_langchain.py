"""LangChain's OpenAI models."""
import unittest

import openai
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

from case import CHAT, EMBEDDINGS, KEY, PARIS, URL, fail


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return "sunny in " + city


def model(endpoint, **more):
    return ChatOpenAI(model=endpoint, base_url=URL + "/v1", api_key=KEY, max_retries=0, **more)


class LangChain(unittest.TestCase):
    def test_invoke_and_stream(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = model(endpoint).invoke("Hello there")
                self.assertEqual(reply.content, "Echo: Hello there")
                self.assertEqual((reply.usage_metadata["input_tokens"], reply.usage_metadata["output_tokens"]), (7, 3))
                chunks = list(model(endpoint, stream_usage=True).stream("Hello there"))
                self.assertEqual("".join(c.content for c in chunks), "Echo: Hello there")
                self.assertEqual(sum((c.usage_metadata or {}).get("output_tokens", 0) for c in chunks), 3)

    def test_tools(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                bound = model(endpoint).bind_tools([get_weather])
                question = HumanMessage("!tool " + PARIS)
                call = bound.invoke([question])
                self.assertEqual([(c["name"], c["args"]) for c in call.tool_calls], [("get_weather", {"city": "Paris, Île"})])
                result = ToolMessage(get_weather.invoke(call.tool_calls[0]["args"]), tool_call_id=call.tool_calls[0]["id"])
                self.assertEqual(bound.invoke([question, call, result]).content, "Tools said: sunny in Paris, Île")
                merged = None
                for chunk in bound.stream([question]):
                    merged = chunk if merged is None else merged + chunk
                self.assertEqual(merged.tool_calls[0]["args"], {"city": "Paris, Île"})

    def test_embeddings(self):
        for endpoint in EMBEDDINGS:
            with self.subTest(endpoint):
                # Its own token counter would fetch a vocabulary.
                embeddings = OpenAIEmbeddings(model=endpoint, base_url=URL + "/v1", api_key=KEY, check_embedding_ctx_length=False, max_retries=0)
                self.assertEqual(embeddings.embed_documents(["one", "three"]), [[3.0, 0.5, -0.25], [5.0, 0.5, -0.25]])

    def test_error(self):
        for endpoint in CHAT:
            with self.subTest(endpoint), self.assertRaises(openai.RateLimitError):
                model(endpoint).invoke(fail(429, "langchain"))
