"""The Cohere SDK, version 2 of the API: chat, streams, tools, documents, embeddings, ranks, models, errors, broken streams."""
import json
import unittest
import urllib.error
import urllib.request

import cohere
import cohere.errors

from case import CHAT, EMBEDDINGS, KEY, PARIS, PNG, RERANK, ROME, SCHEMA, SEES, URL, arrivals, fail, through_gateway

TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather of a city", "parameters": SCHEMA}}
DOCUMENTS = ["Berlin is a city", "Paris is the capital of France", "bread"]
ONCE = {"max_retries": 0}
client = cohere.ClientV2(api_key=KEY, base_url=URL)
below = cohere.ClientV2(api_key=KEY, base_url=URL + "/gateway/cohere")


def ask(text, endpoint, using=client, **more):
    return using.chat(model=endpoint, messages=[{"role": "user", "content": text}], request_options=ONCE, **more)


def streamed(text, endpoint, **more):
    messages = more.pop("messages", [{"role": "user", "content": text}])
    events = list(client.chat_stream(model=endpoint, messages=messages, request_options=ONCE, **more))
    texts = [e.delta.message.content.text or "" for e in events if e.type == "content-delta"]
    return "".join(texts), events


@through_gateway
class Chat(unittest.TestCase):
    def test_answer(self):
        for using in (client, below):
            for endpoint in CHAT:
                with self.subTest(endpoint):
                    reply = ask("Hello there", endpoint, using, max_tokens=9, temperature=0.5, p=0.75, stop_sequences=["END"])
                    self.assertEqual([part.text for part in reply.message.content], ["Echo: Hello there"])
                    self.assertEqual((reply.message.role, reply.finish_reason), ("assistant", "COMPLETE"))
                    self.assertEqual((reply.usage.tokens.input_tokens, reply.usage.tokens.output_tokens), (7, 3))
                    self.assertTrue(reply.id and reply.usage.billed_units.output_tokens)

    def test_stream(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                text, events = streamed("Hello there, Zoë", endpoint)
                self.assertEqual(text, "Echo: Hello there, Zoë")
                kinds = [event.type for event in events]
                self.assertEqual((kinds[:3], kinds[-2:]), (["message-start", "content-start", "content-delta"], ["content-end", "message-end"]))
                end = events[-1].delta
                self.assertEqual((end.finish_reason, end.usage.tokens.input_tokens), ("COMPLETE", 7))

    def test_events_arrive_as_they_are_sent(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                stream = client.chat_stream(model=endpoint, messages=[{"role": "user", "content": "!slow a b c d e f"}])
                self.assertGreater(arrivals(e.delta.message.content.text for e in stream if e.type == "content-delta"), 0.4)

    def test_length_limit_system_and_image(self):
        for endpoint in SEES:
            with self.subTest(endpoint):
                self.assertEqual(ask("!length", endpoint, max_tokens=9).finish_reason, "MAX_TOKENS")
                parts = [{"type": "text", "text": "Look"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PNG}}]
                reply = client.chat(model=endpoint, messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": parts}])
                self.assertEqual(reply.message.content[0].text, "Echo: Look (1 image)")

    def test_documents_are_cited_where_the_provider_does(self):
        reply = ask("Who?", "cohere-chat", documents=[{"id": "d", "data": {"text": "a source"}}])
        self.assertEqual(reply.message.citations[0].sources[0].id, "doc:0")
        _, events = streamed("Who?", "cohere-chat", documents=["a source"])
        self.assertIn("citation-start", [event.type for event in events])

    def test_tool_calls_and_their_results(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                text = "!tool %s %s" % (PARIS, ROME)
                reply = ask(text, endpoint, tools=[TOOL], tool_choice="REQUIRED")
                self.assertEqual(reply.finish_reason, "TOOL_CALL")
                calls = reply.message.tool_calls
                self.assertEqual([json.loads(call.function.arguments)["city"] for call in calls], ["Paris, Île", "Rome"])
                history = [{"role": "user", "content": text}, reply.message]
                history += [{"role": "tool", "tool_call_id": call.id, "content": json.loads(call.function.arguments)["city"]} for call in calls]
                self.assertEqual(streamed("", endpoint, messages=history, tools=[TOOL])[0], "Tools said: Paris, Île; Rome")

    def test_streamed_tool_calls(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                _, events = streamed("!tool %s %s" % (PARIS, ROME), endpoint, tools=[TOOL])
                starts = [e for e in events if e.type == "tool-call-start"]
                self.assertEqual([e.delta.message.tool_calls.function.name for e in starts], ["get_weather"] * 2)
                self.assertEqual(len({e.delta.message.tool_calls.id for e in starts}), 2)
                arguments = {}
                for event in events:
                    if event.type == "tool-call-delta":
                        arguments[event.index] = arguments.get(event.index, "") + event.delta.message.tool_calls.function.arguments
                self.assertEqual([json.loads(arguments[i])["city"] for i in (0, 1)], ["Paris, Île", "Rome"])
                self.assertEqual(events[-1].delta.finish_reason, "TOOL_CALL")

    def test_errors_are_those_of_the_client(self):
        for endpoint in CHAT:
            for status, kind in ((400, cohere.errors.BadRequestError), (429, cohere.errors.TooManyRequestsError), (503, cohere.errors.ServiceUnavailableError)):
                with self.subTest("%s %d" % (endpoint, status)):
                    with self.assertRaises(kind) as raised:
                        ask(fail(status, "cohere"), endpoint)
                    self.assertIn("Told to fail with %d." % status, raised.exception.body["message"])
        with self.assertRaises(cohere.errors.NotFoundError):
            ask("Hi", "no-such-endpoint")
        with self.assertRaises(cohere.errors.BadRequestError):
            ask("Hi", "openai-embeddings")

    def test_a_stream_that_breaks_ends_in_an_error(self):
        for endpoint in CHAT:
            for how in ("!cut", "!error-midway"):
                with self.subTest(endpoint + how):
                    try:
                        _, events = streamed(how, endpoint)
                    except cohere.core.api_error.ApiError as error:
                        # The provider broke before its first word.
                        self.assertGreaterEqual(error.status_code, 500)
                    else:
                        self.assertEqual((events[-1].type, events[-1].delta.finish_reason), ("message-end", "ERROR"))


@through_gateway
class Vectors(unittest.TestCase):
    def test_vectors(self):
        for endpoint in EMBEDDINGS:
            with self.subTest(endpoint):
                reply = client.embed(model=endpoint, texts=["one", "three"], input_type="search_document", embedding_types=["float"])
                self.assertEqual(reply.embeddings.float_, [[3.0, 0.5, -0.25], [5.0, 0.5, -0.25]])
                self.assertEqual(reply.meta.billed_units.input_tokens, 6)

    def test_other_kinds_of_vectors_come_from_cohere_as_they_are(self):
        reply = client.embed(model="cohere-embeddings", texts=["one"], input_type="search_query", embedding_types=["int8"])
        self.assertEqual(reply.embeddings.int8, [[1, 2, 3]])

    def test_pictures_are_refused_where_nobody_takes_them(self):
        with self.assertRaises(cohere.core.api_error.ApiError) as raised:
            client.embed(model="openai-embeddings", images=["data:image/png;base64," + PNG], input_type="image", embedding_types=["float"])
        self.assertIn("pictures", raised.exception.body["message"])


@through_gateway
class Ranks(unittest.TestCase):
    def test_ranks(self):
        for endpoint in RERANK:
            with self.subTest(endpoint):
                reply = client.rerank(model=endpoint, query="the capital of France", documents=DOCUMENTS, top_n=2)
                self.assertEqual([(result.index, result.relevance_score) for result in reply.results], [(1, 1.0), (0, 0.0)])

    def test_ranks_in_the_common_form(self):
        first = cohere.Client(api_key=KEY, base_url=URL)
        for endpoint in RERANK:
            with self.subTest(endpoint):
                reply = first.rerank(model=endpoint, query="the capital of France", documents=[{"text": d} for d in DOCUMENTS], top_n=1, return_documents=True)
                self.assertEqual([(result.index, result.document.text) for result in reply.results], [(1, DOCUMENTS[1])])

    def test_an_endpoint_that_does_not_rank_says_so(self):
        for path, where in (("/v2/rerank", lambda b: b["message"]), ("/v1/rerank", lambda b: b["error"]["message"]), ("/rerank", lambda b: b["error"]["message"])):
            body = json.dumps({"model": "openai-chat", "query": "q", "documents": ["d"]}).encode()
            request = urllib.request.Request(URL + path, body, {"content-type": "application/json"})
            with self.subTest(path), self.assertRaises(urllib.error.HTTPError) as raised:
                urllib.request.urlopen(request, timeout=5)
            with raised.exception as error:
                self.assertEqual(error.code, 400)
                self.assertIn("is not a rerank endpoint", where(json.load(error)))

    def test_models(self):
        names = {model.name: model.endpoints for model in below.models.list().models}
        self.assertEqual((names["cohere-rerank"], names["openai-chat"]), (["rerank"], ["chat"]))


if __name__ == "__main__":
    unittest.main()
