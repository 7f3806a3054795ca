"""The OpenAI SDK: chat, tools, completions, embeddings, models, errors, retries, broken streams."""
import asyncio
import itertools
import json
import unittest

import openai

from case import (CHAT, DIRECT, EMBEDDINGS, KEY, PARIS, PNG, ROME, SCHEMA, URL, arrivals, fail, ids, seconds_until_left,
                  SEES, through_gateway)

TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA}}
client = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0)
patient = openai.OpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=3)


def ask(text, endpoint, using=client, **more):
    return using.chat.completions.create(model=endpoint, messages=[{"role": "user", "content": text}], max_tokens=100, **more)


def joined(stream):
    """Text, finish reason, tool calls by index, and the usage events of a stream."""
    text, finish, calls, usage = "", None, {}, []
    for chunk in stream:
        assert chunk.object == "chat.completion.chunk", chunk
        if chunk.usage:
            usage.append(chunk.usage)
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or []:
                slot = calls.setdefault(call.index, {"id": call.id, "name": call.function.name, "arguments": ""})
                slot["arguments"] += call.function.arguments or ""
    return text, finish, calls, usage


class Chat(unittest.TestCase):
    def test_answer(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = ask("Hello there", endpoint)
                self.assertEqual(reply.object, "chat.completion")
                self.assertEqual(reply.choices[0].message.content, "Echo: Hello there")
                self.assertEqual(reply.choices[0].message.role, "assistant")
                self.assertEqual(reply.choices[0].finish_reason, "stop")
                self.assertEqual((reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.total_tokens), (7, 3, 10))
                self.assertEqual(reply.usage.prompt_tokens_details.cached_tokens, 2)

    def test_stream(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                text, finish, _, usage = joined(ask("Hello there, Zoë", endpoint, stream=True))
                self.assertEqual((text, finish), ("Echo: Hello there, Zoë", "stop"))
                # Mistral tells it in the last chunk whether asked or not.
                self.assertTrue(not usage or endpoint == "mistral-chat")

    def test_stream_with_usage_when_asked(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                *_, usage = joined(ask("Hello there", endpoint, stream=True, stream_options={"include_usage": True}))
                self.assertEqual([(u.prompt_tokens, u.completion_tokens) for u in usage], [(7, 3)])

    def test_stream_helper(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                with client.chat.completions.stream(model=endpoint, messages=[{"role": "user", "content": "Hi"}], max_tokens=9) as stream:
                    for _ in stream:
                        pass
                    self.assertEqual(stream.get_final_completion().choices[0].message.content, "Echo: Hi")

    def test_events_arrive_as_they_are_sent(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                stream = ask("!slow a b c d e f", endpoint, stream=True)
                self.assertGreater(arrivals(c.choices[0].delta.content for c in stream if c.choices), 0.4)

    def test_a_client_that_leaves_ends_the_call_of_the_provider(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                key = "leave-%d" % next(ids)
                stream = ask("!endless id=%s and more words" % key, endpoint, stream=True)
                for number, _ in enumerate(stream):
                    if number == 5:
                        break
                stream.close()
                self.assertLess(seconds_until_left(key), 1)

    def test_length_limit(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                self.assertEqual(ask("!length", endpoint).choices[0].finish_reason, "length")
                self.assertEqual(joined(ask("!length", endpoint, stream=True))[1], "length")

    def test_system_parts_and_image(self):
        for endpoint in SEES:
            with self.subTest(endpoint):
                messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": [
                    {"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}]}]
                reply = client.chat.completions.create(model=endpoint, messages=messages, max_tokens=9, stop=["END"], temperature=0.5)
                self.assertEqual(reply.choices[0].message.content, "Echo: Look (1 image)")

    def test_async_client(self):
        async def both(endpoint):
            async with openai.AsyncOpenAI(base_url=URL + "/v1", api_key=KEY, max_retries=0) as asynchronous:
                async def one(number):
                    stream = await ask("Number %d" % number, endpoint, using=asynchronous, stream=True)
                    return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])
                return await asyncio.gather(*[one(n) for n in range(20)])
        for endpoint in CHAT:
            with self.subTest(endpoint):
                self.assertEqual(asyncio.run(both(endpoint)), ["Echo: Number %d" % n for n in range(20)])


class Tools(unittest.TestCase):
    def test_round_trip(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                message = ask("!tool " + PARIS, endpoint, tools=[TOOL]).choices[0]
                self.assertEqual(message.finish_reason, "tool_calls")
                call = message.message.tool_calls[0]
                self.assertEqual((call.function.name, json.loads(call.function.arguments)), ("get_weather", {"city": "Paris, Île"}))
                history = [{"role": "user", "content": "!tool " + PARIS}, message.message.model_dump(exclude_none=True),
                           {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
                reply = client.chat.completions.create(model=endpoint, messages=history, tools=[TOOL], max_tokens=99)
                self.assertEqual(reply.choices[0].message.content, "Tools said: sunny")

    def test_parallel_calls_and_results(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                text = "!tool %s %s" % (PARIS, ROME)
                message = ask(text, endpoint, tools=[TOOL], tool_choice="required").choices[0].message
                self.assertEqual(len(message.tool_calls), 2)
                self.assertEqual(len({c.id for c in message.tool_calls}), 2)
                history = [{"role": "user", "content": text}, message.model_dump(exclude_none=True)]
                history += [{"role": "tool", "tool_call_id": c.id, "content": json.loads(c.function.arguments)["city"]} for c in message.tool_calls]
                text, finish, *_ = joined(client.chat.completions.create(model=endpoint, messages=history, tools=[TOOL], max_tokens=99, stream=True))
                self.assertEqual((text, finish), ("Tools said: Paris, Île; Rome", "stop"))

    def test_streamed_arguments(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                _, finish, calls, _ = joined(ask("!tool %s %s" % (PARIS, ROME), endpoint, tools=[TOOL], stream=True))
                self.assertEqual(finish, "tool_calls")
                self.assertEqual([json.loads(calls[i]["arguments"])["city"] for i in sorted(calls)], ["Paris, Île", "Rome"])
                self.assertTrue(all(c["id"] and c["name"] == "get_weather" for c in calls.values()))

    def test_named_choice(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                choice = {"type": "function", "function": {"name": "get_weather"}}
                reply = ask("!tool " + ROME, endpoint, tools=[TOOL], tool_choice=choice, parallel_tool_calls=False)
                self.assertEqual(reply.choices[0].message.tool_calls[0].function.name, "get_weather")


class Others(unittest.TestCase):
    def test_embeddings(self):
        for endpoint in EMBEDDINGS:
            with self.subTest(endpoint):
                for encoding in ({}, {"encoding_format": "float"}, {"encoding_format": "base64"}):
                    reply = client.embeddings.create(model=endpoint, input=["one", "three"], **encoding)
                    self.assertEqual(reply.usage.prompt_tokens, 6)
                    if encoding.get("encoding_format") != "base64":
                        self.assertEqual([d.embedding for d in reply.data], [[3.0, 0.5, -0.25], [5.0, 0.5, -0.25]])
                self.assertEqual(client.embeddings.create(model=endpoint, input="four").data[0].embedding[0], 4.0)

    def test_completions(self):
        reply = client.completions.create(model="openai-completions", prompt="Once upon", max_tokens=9)
        self.assertEqual((reply.object, reply.choices[0].text, reply.choices[0].finish_reason), ("text_completion", "Echo: Once upon", "stop"))
        stream = client.completions.create(model="openai-completions", prompt="Once upon", max_tokens=9, stream=True)
        self.assertEqual("".join(c.choices[0].text for c in stream if c.choices), "Echo: Once upon")

    def test_models(self):
        names = [m.id for m in client.models.list()]
        self.assertIn("openai-chat", names)
        self.assertIn("anthropic-chat", names)
        self.assertEqual(client.models.retrieve("openai-chat").id, "openai-chat")
        with self.assertRaises(openai.NotFoundError):
            client.models.retrieve("no-such-endpoint")

    @through_gateway
    def test_other_base_urls(self):
        for base in ("/openai/v1", "/gateway/openai/v1", "/gateway/mlflow/v1"):
            with self.subTest(base):
                other = openai.OpenAI(base_url=URL + base, api_key=KEY, max_retries=0)
                self.assertEqual(ask("Hi", "anthropic-chat", using=other).choices[0].message.content, "Echo: Hi")


class Errors(unittest.TestCase):
    CLASSES = {400: openai.BadRequestError, 401: openai.AuthenticationError, 403: openai.PermissionDeniedError, 404: openai.NotFoundError,
               422: openai.UnprocessableEntityError, 429: openai.RateLimitError, 500: openai.InternalServerError, 503: openai.InternalServerError}

    def test_class_and_message_of_a_provider_error(self):
        for endpoint in CHAT:
            for status, kind in self.CLASSES.items():
                for more in ({}, {"stream": True}):
                    with self.subTest(endpoint=endpoint, status=status, **more):
                        with self.assertRaises(kind) as raised:
                            ask(fail(status, "openai"), endpoint, **more)
                        self.assertIn("Told to fail with %d." % status, raised.exception.message)
                        self.assertIsInstance(raised.exception.body, dict)

    def test_retry_after_is_passed_on(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                with self.assertRaises(openai.RateLimitError) as raised:
                    ask(fail(429, "openai", retry_after=17), endpoint)
                self.assertEqual(raised.exception.response.headers["retry-after"], "17")

    def test_unknown_endpoint(self):
        for more in ({}, {"stream": True}):
            with self.assertRaises(openai.NotFoundError) as raised:
                ask("Hi", "no-such-endpoint", **more)
            self.assertIn("no-such-endpoint", str(raised.exception))
            self.assertEqual(raised.exception.code, "model_not_found")

    @through_gateway
    def test_mistakes_are_refused_by_name(self):
        with self.assertRaises(openai.BadRequestError) as raised:
            client.chat.completions.create(model="openai-chat", messages="Hi")
        self.assertIn("messages", str(raised.exception))
        with self.assertRaises(openai.APIStatusError) as raised:
            client.embeddings.create(model="openai-chat", input="Hi")
        self.assertIn(raised.exception.status_code, (400, 404, 422))

    @through_gateway
    def test_refused_key_of_the_gateway_is_not_the_callers_secret(self):
        with self.assertRaises(openai.APIStatusError) as raised:
            ask("Hi", "broken-key")
        self.assertNotIn("sk-revoked", str(raised.exception))

    def test_embeddings_error(self):
        for endpoint in EMBEDDINGS:
            with self.subTest(endpoint), self.assertRaises(openai.RateLimitError):
                client.embeddings.create(model=endpoint, input=fail(429, "openai"))

    def test_sdk_retries_until_it_works(self):
        for endpoint, status in zip(CHAT, itertools.cycle((429, 500, 503))):
            with self.subTest(endpoint=endpoint, status=status):
                reply = ask(fail(status, "openai", times=2, retry_after=0), endpoint, using=patient)
                self.assertIn("Echo: !fail", reply.choices[0].message.content)

    def test_error_inside_a_stream_is_raised(self):
        for endpoint in CHAT:
            with self.subTest(endpoint), self.assertRaises(openai.APIError) as raised:
                joined(ask("!error-midway", endpoint, stream=True))
            self.assertIn("Told to break midway.", str(raised.exception))

    def test_broken_stream_never_ends_cleanly(self):
        for endpoint in CHAT:
            with self.subTest(endpoint), self.assertRaises(Exception) as raised:
                joined(ask("!cut", endpoint, stream=True))
            if not DIRECT:
                self.assertIsInstance(raised.exception, openai.APIError)
