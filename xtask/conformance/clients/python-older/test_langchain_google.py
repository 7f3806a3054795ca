"""LangChain's Google models."""
import unittest

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_google_genai import ChatGoogleGenerativeAI

from case import CHAT, KEY, PARIS, URL, through_gateway


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return "sunny in " + city


@through_gateway
class LangChainGoogle(unittest.TestCase):
    def test_chat_stream_and_tools(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                model = ChatGoogleGenerativeAI(model=endpoint, base_url=URL, api_key=KEY, max_retries=1)
                self.assertEqual(model.invoke("Hello there").text, "Echo: Hello there")
                self.assertEqual("".join(chunk.text for chunk in model.stream("Hello there")), "Echo: Hello there")
                bound, question = model.bind_tools([get_weather]), HumanMessage("!tool " + PARIS)
                call = bound.invoke([question])
                self.assertEqual([(c["name"], c["args"]) for c in call.tool_calls], [("get_weather", {"city": "Paris, Île"})])
                result = ToolMessage(get_weather.invoke(call.tool_calls[0]["args"]), tool_call_id=call.tool_calls[0]["id"], name="get_weather")
                self.assertIn("sunny in Paris, Île", bound.invoke([question, call, result]).text)


if __name__ == "__main__":
    unittest.main()
