"""The google-genai SDK: content, streams, chats, functions (also called by the SDK itself), schemas, counts, vectors, errors."""
import base64
import json
import unittest
import urllib.request

from google import genai
from google.genai import errors, types
from pydantic import BaseModel

from case import CHAT, EMBEDDINGS, KEY, PNG, ROME, SCHEMA, SEES, URL, arrivals, fail, through_gateway

PROOFS = ("gemini-chat", "vertex-chat", "anthropic-chat", "bedrock-chat")
QUIET = types.AutomaticFunctionCallingConfig(disable=True)


def made(path="", **more):
    return genai.Client(api_key=KEY, http_options=types.HttpOptions(base_url=URL + path, **more))


client = made()


def get_weather(city: str) -> str:
    """Weather of a city.

    Args:
        city: Which one.
    """
    return "sunny in " + city


def ask(text, endpoint, using=client, **config):
    return using.models.generate_content(model=endpoint, contents=text, config=types.GenerateContentConfig(**config))


@through_gateway
class Content(unittest.TestCase):
    def test_answer(self):
        for path in ("", "/gateway/gemini"):
            for endpoint in CHAT:
                with self.subTest(endpoint + path):
                    reply = ask("Hello there", endpoint, made(path), system_instruction="Be brief.", max_output_tokens=100, temperature=0.5, stop_sequences=["END"])
                    self.assertEqual(reply.text, "Echo: Hello there")
                    self.assertEqual(reply.candidates[0].finish_reason, types.FinishReason.STOP)
                    usage = reply.usage_metadata
                    self.assertEqual((usage.prompt_token_count, usage.candidates_token_count, usage.cached_content_token_count), (7, 3, 2))

    def test_stream(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                pieces = list(client.models.generate_content_stream(model=endpoint, contents="Hello there, Zoë"))
                self.assertEqual("".join(p.text or "" for p in pieces), "Echo: Hello there, Zoë")
                self.assertGreater(len(pieces), 2)
                self.assertEqual(pieces[-1].usage_metadata.candidates_token_count, 4)

    def test_a_stream_without_alt_is_a_json_array(self):
        for endpoint in CHAT:
            for base in ("", "/gateway/gemini"):
                with self.subTest(endpoint + base):
                    body = json.dumps({"contents": [{"parts": [{"text": "Hello there, Zoë"}]}]}).encode()
                    request = urllib.request.Request("%s%s/v1beta/models/%s:streamGenerateContent" % (URL, base, endpoint), body,
                                                     {"content-type": "application/json", "x-goog-api-key": KEY})
                    with urllib.request.urlopen(request, timeout=20) as reply:
                        self.assertTrue(reply.headers["content-type"].startswith("application/json"))
                        chunks = json.load(reply)
                    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
                    self.assertEqual("".join(part.get("text", "") for part in parts), "Echo: Hello there, Zoë")
                    self.assertEqual(chunks[-1]["candidates"][0]["finishReason"], "STOP")

    def test_events_arrive_as_they_are_sent(self):
        for endpoint in CHAT[:4]:
            with self.subTest(endpoint):
                self.assertGreater(arrivals(p.text for p in client.models.generate_content_stream(model=endpoint, contents="!slow a b c d e f")), 0.4)

    def test_image(self):
        for endpoint in SEES:
            with self.subTest(endpoint):
                image = types.Part.from_bytes(data=base64.b64decode(PNG), mime_type="image/png")
                self.assertEqual(ask(["Look", image], endpoint).text, "Echo: Look (1 image)")

    def test_length_limit(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                self.assertEqual(ask("!length", endpoint).candidates[0].finish_reason, types.FinishReason.MAX_TOKENS)

    def test_answer_by_schema(self):
        class City(BaseModel):
            city: str
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = ask('!json {"city": "Rome"}', endpoint, response_mime_type="application/json", response_schema=City)
                self.assertEqual(reply.parsed, City(city="Rome"))

    def test_count_tokens(self):
        for endpoint in ("gemini-chat", "vertex-chat", "anthropic-chat", "bedrock-chat"):
            with self.subTest(endpoint):
                self.assertEqual(client.models.count_tokens(model=endpoint, contents="Hello").total_tokens, 7)

    def test_embeddings(self):
        for endpoint in EMBEDDINGS:
            with self.subTest(endpoint):
                one = client.models.embed_content(model=endpoint, contents="one")
                self.assertEqual(one.embeddings[0].values, [3.0, 0.5, -0.25])
                # The SDK takes a model with this name for one that reads a list as one text.
                if endpoint == "gemini-embeddings":
                    continue
                two = client.models.embed_content(model=endpoint, contents=["one", "three"], config=types.EmbedContentConfig(task_type="RETRIEVAL_QUERY"))
                self.assertEqual([e.values for e in two.embeddings], [[3.0, 0.5, -0.25], [5.0, 0.5, -0.25]])


@through_gateway
class Functions(unittest.TestCase):
    def test_the_sdk_calls_functions_itself(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = ask("!tool " + ROME, endpoint, tools=[get_weather])
                self.assertIn("sunny in Rome", reply.text)
                self.assertEqual(len(reply.automatic_function_calling_history), 3)

    def test_forced_choice(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                declaration = types.FunctionDeclaration(name="get_weather", description="Weather", parameters_json_schema=SCHEMA)
                choice = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="ANY", allowed_function_names=["get_weather"]))
                reply = ask("!tool " + ROME, endpoint, tools=[types.Tool(function_declarations=[declaration])], tool_config=choice, automatic_function_calling=QUIET)
                self.assertEqual([(c.name, c.args) for c in reply.function_calls], [("get_weather", {"city": "Rome"})])

    def test_chats_keep_thoughts_and_their_proofs(self):
        plan = {"keeps": True, "steps": [{"think": "Let me see.", "calls": [["get_weather", {"city": "Rome"}], ["get_weather", {"city": "Oslo"}]]}]}
        for endpoint in PROOFS:
            for stream in (False, True):
                with self.subTest(endpoint, stream=stream):
                    config = types.GenerateContentConfig(
                        tools=[get_weather], automatic_function_calling=QUIET, max_output_tokens=9000,
                        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2000))
                    chat = client.chats.create(model=endpoint, config=config)

                    def send(message):
                        if not stream:
                            return chat.send_message(message).candidates[0].content.parts
                        chunks = list(chat.send_message_stream(message))
                        return [part for c in chunks if c.candidates and c.candidates[0].content for part in c.candidates[0].content.parts or []]
                    parts = send("!steps " + json.dumps(plan))
                    self.assertEqual("".join(p.text for p in parts if p.thought and p.text), "Let me see.")
                    calls = [p.function_call for p in parts if p.function_call]
                    self.assertEqual([c.args["city"] for c in calls], ["Rome", "Oslo"])
                    parts = send([types.Part(function_response=types.FunctionResponse(id=c.id, name=c.name, response={"output": get_weather(**c.args)})) for c in calls])
                    self.assertEqual("".join(p.text or "" for p in parts if not p.thought), "Tools said: sunny in Rome; sunny in Oslo")
                    self.assertEqual("".join(p.text or "" for p in send("And?")), "Echo: And?")


@through_gateway
class Errors(unittest.TestCase):
    STATUSES = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
                500: "INTERNAL", 503: "UNAVAILABLE"}

    def test_class_status_and_message(self):
        for endpoint in CHAT:
            for status, word in self.STATUSES.items():
                kind = errors.ServerError if status >= 500 else errors.ClientError
                for stream in (False, True):
                    with self.subTest(endpoint, status=status, stream=stream), self.assertRaises(kind) as raised:
                        if stream:
                            list(client.models.generate_content_stream(model=endpoint, contents=fail(status, "genai")))
                        else:
                            ask(fail(status, "genai"), endpoint)
                    self.assertEqual((raised.exception.code, raised.exception.status), (status, word))
                    self.assertIn("Told to fail with %d." % status, raised.exception.message)

    def test_unknown_endpoint(self):
        with self.assertRaises(errors.ClientError) as raised:
            ask("Hi", "no-such-endpoint")
        self.assertEqual((raised.exception.code, raised.exception.status), (404, "NOT_FOUND"))
        self.assertIn("no-such-endpoint", raised.exception.message)

    def test_the_sdk_retries_until_it_works(self):
        patient = made(retry_options=types.HttpRetryOptions(attempts=3, initial_delay=0.01))
        for endpoint in CHAT[:4]:
            with self.subTest(endpoint):
                self.assertIn("Echo: !fail", ask(fail(503, "genai", times=2), endpoint, patient).text)

    def test_a_broken_stream_never_ends_cleanly(self):
        for endpoint in CHAT:
            for line in ("!cut", "!error-midway"):
                with self.subTest(endpoint, line=line), self.assertRaises(Exception):
                    list(client.models.generate_content_stream(model=endpoint, contents=line))

    def test_models_are_listed(self):
        names = [model.name for model in client.models.list()]
        self.assertIn("models/gemini-chat", names)
        self.assertEqual(client.models.get(model="anthropic-chat").name, "models/anthropic-chat")


if __name__ == "__main__":
    unittest.main()
