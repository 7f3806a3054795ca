"""The Anthropic SDK: messages, thinking, tools, token counts, errors, retries, broken streams."""
import itertools
import unittest

import anthropic

from case import ANTHROPIC_KEY, CHAT, DIRECT, PARIS, PNG, ROME, SCHEMA, SEES, URL, arrivals, fail, ids, seconds_until_left, through_gateway

ENDPOINTS = ["anthropic-chat"] if DIRECT else CHAT
TOOL = {"name": "get_weather", "description": "Weather of a city", "input_schema": SCHEMA}
client = anthropic.Anthropic(base_url=URL, api_key=ANTHROPIC_KEY, max_retries=0)
patient = anthropic.Anthropic(base_url=URL, api_key=ANTHROPIC_KEY, max_retries=3)


def ask(text, endpoint, using=client, **more):
    return using.messages.create(model=endpoint, messages=[{"role": "user", "content": text}], **{"max_tokens": 100, **more})


def streamed(text, endpoint, **more):
    with client.messages.stream(model=endpoint, messages=[{"role": "user", "content": text}], **{"max_tokens": 100, **more}) as stream:
        parts = list(stream.text_stream)
        return "".join(parts), stream.get_final_message()


class Messages(unittest.TestCase):
    def test_answer(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint):
                reply = ask("Hello there", endpoint)
                self.assertEqual((reply.type, reply.role, reply.stop_reason), ("message", "assistant", "end_turn"))
                self.assertEqual([b.text for b in reply.content], ["Echo: Hello there"])
                self.assertEqual((reply.usage.input_tokens, reply.usage.cache_read_input_tokens, reply.usage.output_tokens), (5, 2, 3))

    def test_stream(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint):
                text, final = streamed("Hello there, Zoë", endpoint)
                self.assertEqual((text, final.stop_reason), ("Echo: Hello there, Zoë", "end_turn"))
                self.assertEqual(final.usage.output_tokens, 4)

    def test_events_come_in_their_order(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint):
                kinds = [event.type for event in ask("Hi", endpoint, stream=True) if event.type != "ping"]
                self.assertEqual(kinds[:2], ["message_start", "content_block_start"])
                self.assertEqual(kinds[-3:], ["content_block_stop", "message_delta", "message_stop"])
                self.assertEqual(set(kinds[2:-3]), {"content_block_delta"})

    def test_events_arrive_as_they_are_sent(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint), client.messages.stream(
                    model=endpoint, messages=[{"role": "user", "content": "!slow a b c d e f"}], max_tokens=99) as stream:
                self.assertGreater(arrivals(stream.text_stream), 0.4)

    def test_a_client_that_leaves_ends_the_call_of_the_provider(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint):
                key = "leave-anthropic-%d" % next(ids)
                stream = ask("!endless id=%s and more words" % key, endpoint, stream=True)
                for number, _ in enumerate(stream):
                    if number == 5:
                        break
                stream.close()
                self.assertLess(seconds_until_left(key), 1)

    def test_length_limit(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint):
                self.assertEqual(ask("!length", endpoint).stop_reason, "max_tokens")
                self.assertEqual(streamed("!length", endpoint)[1].stop_reason, "max_tokens")

    def test_system_image_and_stop(self):
        for endpoint in [name for name in ENDPOINTS if name in SEES]:
            with self.subTest(endpoint):
                content = [{"type": "text", "text": "Look"}, {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}]
                reply = client.messages.create(model=endpoint, system=[{"type": "text", "text": "Be brief."}], max_tokens=9, stop_sequences=["END"],
                                               messages=[{"role": "user", "content": content}])
                self.assertEqual(reply.content[0].text, "Echo: Look (1 image)")

    def test_thinking_keeps_its_signature(self):
        for more in ({}, {"stream": True}):
            with self.subTest(**more):
                question = [{"role": "user", "content": "!think"}]
                if more:
                    _, message = streamed("!think", "anthropic-chat", max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024})
                else:
                    message = ask("!think", "anthropic-chat", max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024})
                self.assertEqual([b.type for b in message.content], ["thinking", "text"])
                self.assertEqual(message.content[0].thinking, "Let me think.")
                # The provider refuses a signature that changed.
                again = question + [{"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in message.content]}, {"role": "user", "content": "And?"}]
                self.assertEqual(client.messages.create(model="anthropic-chat", max_tokens=99, messages=again).content[0].text, "Echo: And?")

    def test_cache_control_is_accepted(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint):
                content = [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}]
                self.assertEqual(ask(content, endpoint).content[0].text, "Echo: Hi")

    def test_count_tokens(self):
        count = client.messages.count_tokens(model="anthropic-chat", messages=[{"role": "user", "content": "Hi"}])
        self.assertEqual(count.input_tokens, 7)

    @through_gateway
    def test_other_base_urls(self):
        for base in ("/anthropic", "/gateway/anthropic"):
            with self.subTest(base):
                other = anthropic.Anthropic(base_url=URL + base, api_key=ANTHROPIC_KEY, max_retries=0)
                self.assertEqual(ask("Hi", "openai-chat", using=other).content[0].text, "Echo: Hi")


class Tools(unittest.TestCase):
    def test_round_trip_of_parallel_calls(self):
        for endpoint in ENDPOINTS:
            for stream in (False, True):
                with self.subTest(endpoint=endpoint, stream=stream):
                    text = "!tool %s %s" % (PARIS, ROME)
                    first = streamed(text, endpoint, tools=[TOOL])[1] if stream else ask(text, endpoint, tools=[TOOL], tool_choice={"type": "any"})
                    self.assertEqual(first.stop_reason, "tool_use")
                    calls = [b for b in first.content if b.type == "tool_use"]
                    self.assertEqual([c.input for c in calls], [{"city": "Paris, Île"}, {"city": "Rome"}])
                    results = [{"type": "tool_result", "tool_use_id": c.id, "content": c.input["city"]} for c in calls]
                    history = [{"role": "user", "content": text}, {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in first.content]},
                               {"role": "user", "content": results}]
                    reply = client.messages.create(model=endpoint, messages=history, tools=[TOOL], max_tokens=99)
                    self.assertEqual(reply.content[0].text, "Tools said: Paris, Île; Rome")

    def test_named_choice(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint):
                reply = ask("!tool " + ROME, endpoint, tools=[TOOL], tool_choice={"type": "tool", "name": "get_weather"})
                self.assertEqual(reply.content[-1].name, "get_weather")


class Errors(unittest.TestCase):
    CLASSES = {400: anthropic.BadRequestError, 401: anthropic.AuthenticationError, 403: anthropic.PermissionDeniedError, 404: anthropic.NotFoundError,
               429: anthropic.RateLimitError, 500: anthropic.InternalServerError}

    def test_class_and_message_of_a_provider_error(self):
        for endpoint in ENDPOINTS:
            for status, kind in self.CLASSES.items():
                for more in ({}, {"stream": True}):
                    with self.subTest(endpoint=endpoint, status=status, **more):
                        with self.assertRaises(kind) as raised:
                            ask(fail(status, "anthropic"), endpoint, **more)
                        self.assertEqual(raised.exception.body["type"], "error")
                        self.assertIn("Told to fail with %d." % status, raised.exception.body["error"]["message"])

    def test_retry_after_is_passed_on(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint), self.assertRaises(anthropic.RateLimitError) as raised:
                ask(fail(429, "anthropic", retry_after=17), endpoint)
            self.assertEqual(raised.exception.response.headers["retry-after"], "17")

    def test_unknown_endpoint(self):
        with self.assertRaises(anthropic.NotFoundError) as raised:
            ask("Hi", "no-such-endpoint")
        self.assertEqual(raised.exception.body["error"]["type"], "not_found_error")

    def test_sdk_retries_until_it_works(self):
        for endpoint, status in zip(ENDPOINTS, itertools.cycle((429, 500, 529))):
            with self.subTest(endpoint=endpoint, status=status):
                reply = ask(fail(status, "anthropic", times=2, retry_after=0), endpoint, using=patient)
                self.assertIn("Echo: !fail", reply.content[0].text)

    def test_error_inside_a_stream_is_raised(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint), self.assertRaises(anthropic.APIError) as raised:
                streamed("!error-midway", endpoint)
            self.assertIn("Told to break midway.", str(raised.exception))

    def test_broken_stream_never_ends_cleanly(self):
        for endpoint in ENDPOINTS:
            with self.subTest(endpoint), self.assertRaises(Exception) as raised:
                streamed("!cut", endpoint)
            if not DIRECT:
                self.assertIsInstance(raised.exception, anthropic.APIError)
