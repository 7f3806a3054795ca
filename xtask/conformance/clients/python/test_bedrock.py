"""boto3: Converse and ConverseStream with dummy keys, tools, images, thinking, errors, broken streams."""
import base64
import json
import unittest

import boto3
import botocore.config
import botocore.exceptions

from case import CHAT, PNG, ROME, SCHEMA, SEES, URL, arrivals, fail, through_gateway

TOOLS = {"tools": [{"toolSpec": {"name": "get_weather", "description": "Weather of a city", "inputSchema": {"json": SCHEMA}}}]}


def made(path="", retries=0):
    config = botocore.config.Config(retries={"total_max_attempts": retries + 1}, read_timeout=20)
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=URL + path, config=config,
                        aws_access_key_id="AKIDDUMMY", aws_secret_access_key="dummy")


client = made()


def user(text, *more):
    return [{"role": "user", "content": [{"text": text}, *more]}]


def ask(text, endpoint, *more, using=client, **fields):
    return using.converse(modelId=endpoint, messages=user(text, *more), **fields)


def streamed(text, endpoint, **fields):
    events = list(client.converse_stream(modelId=endpoint, messages=user(text), **fields)["stream"])
    return "".join(e["contentBlockDelta"]["delta"].get("text", "") for e in events if "contentBlockDelta" in e), events


@through_gateway
class Converse(unittest.TestCase):
    def test_answer(self):
        for path in ("", "/gateway/bedrock"):
            for endpoint in CHAT:
                with self.subTest(endpoint + path):
                    reply = ask("Hello there", endpoint, using=made(path), system=[{"text": "Be brief."}], inferenceConfig={"maxTokens": 9})
                    self.assertEqual(reply["output"]["message"], {"role": "assistant", "content": [{"text": "Echo: Hello there"}]})
                    self.assertEqual(reply["stopReason"], "end_turn")
                    self.assertGreater(reply["usage"]["inputTokens"], 0)

    def test_stream(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                text, events = streamed("Hello there, Zoë", endpoint)
                self.assertEqual(text, "Echo: Hello there, Zoë")
                kinds = [next(iter(event)) for event in events]
                self.assertEqual((kinds[0], kinds[-3:]), ("messageStart", ["contentBlockStop", "messageStop", "metadata"]))
                self.assertGreater(events[-1]["metadata"]["usage"]["outputTokens"], 0)

    def test_events_arrive_as_they_are_sent(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                stream = client.converse_stream(modelId=endpoint, messages=user("!slow a b c d e f"))["stream"]
                self.assertGreater(arrivals(e["contentBlockDelta"] for e in stream if "contentBlockDelta" in e), 0.4)

    def test_image(self):
        for endpoint in SEES:
            with self.subTest(endpoint):
                image = {"image": {"format": "png", "source": {"bytes": base64.b64decode(PNG)}}}
                self.assertEqual(ask("Look", endpoint, image)["output"]["message"]["content"][0]["text"], "Echo: Look (1 image)")

    def test_tool_call_and_its_result(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = ask("!tool " + ROME, endpoint, toolConfig=TOOLS)
                self.assertEqual(reply["stopReason"], "tool_use")
                said = reply["output"]["message"]
                call = next(block["toolUse"] for block in said["content"] if "toolUse" in block)
                self.assertEqual((call["name"], call["input"]), ("get_weather", {"city": "Rome"}))
                result = {"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": "sunny"}]}}
                turns = user("!tool " + ROME) + [said, {"role": "user", "content": [result]}]
                reply = client.converse(modelId=endpoint, messages=turns, toolConfig=TOOLS)
                self.assertIn("sunny", reply["output"]["message"]["content"][0]["text"])

    def test_streamed_tool_call(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                _, events = streamed("!tool " + ROME, endpoint, toolConfig=TOOLS)
                starts = [e["contentBlockStart"]["start"]["toolUse"]["name"] for e in events if "contentBlockStart" in e]
                pieces = [e["contentBlockDelta"]["delta"]["toolUse"]["input"] for e in events
                          if "contentBlockDelta" in e and "toolUse" in e["contentBlockDelta"]["delta"]]
                self.assertEqual((starts, json.loads("".join(pieces))), (["get_weather"], {"city": "Rome"}))

    def test_errors_are_the_exceptions_of_the_service(self):
        for endpoint in CHAT:
            for status, name in ((429, "ThrottlingException"), (400, "ValidationException"), (503, "ServiceUnavailableException")):
                with self.subTest("%s %d" % (endpoint, status)):
                    with self.assertRaises(botocore.exceptions.ClientError) as raised:
                        ask(fail(status, "boto3"), endpoint)
                    self.assertEqual(raised.exception.response["Error"]["Code"], name)
        with self.assertRaises(client.exceptions.ResourceNotFoundException):
            ask("Hi", "no-such-endpoint")

    def test_a_stream_that_breaks_ends_in_an_exception(self):
        for endpoint in CHAT:
            # In the stream, or in place of it when the provider breaks before its first word.
            with self.subTest(endpoint), self.assertRaises(botocore.exceptions.ClientError) as raised:
                streamed("!cut" if endpoint != "anthropic-chat" else "!error-midway", endpoint)
            self.assertIn(type(raised.exception), (botocore.exceptions.EventStreamError, client.exceptions.ModelErrorException, client.exceptions.ServiceUnavailableException))


if __name__ == "__main__":
    unittest.main()
