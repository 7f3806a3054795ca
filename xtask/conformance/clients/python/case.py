"""What the tests of all clients share."""
import itertools
import json
import os
import time
import unittest
import urllib.request

URL = os.environ["GATEWAY_URL"]
KEY, ANTHROPIC_KEY = os.environ["CLIENT_KEY"], os.environ["ANTHROPIC_CLIENT_KEY"]
DIRECT = bool(os.environ.get("GATEWAY_DIRECT"))
CHAT = os.environ["ENDPOINTS_CHAT"].split(",")
EMBEDDINGS = os.environ["ENDPOINTS_EMBEDDINGS"].split(",")
# DeepSeek reads no images.
SEES = [name for name in CHAT if name != "deepseek-chat"]
RERANK = os.environ["ENDPOINTS_RERANK"].split(",")
PNG = ("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg==")
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
PARIS, ROME = 'get_weather {"city": "Paris, \\u00cele"}', 'get_weather {"city": "Rome"}'
ids = itertools.count()


def fail(status, client, **options):
    """A line that makes the provider fail, with an id of its own."""
    words = ["%s=%s" % (name.replace("_", "-"), value) for name, value in options.items()]
    return " ".join(["!fail %d id=%s-%d" % (status, client, next(ids))] + words)


def through_gateway(test):
    """Skips a test that needs the gateway's own behaviour when the clients talk to the mock itself."""
    return unittest.skipIf(DIRECT, "the gateway's own behaviour")(test)


def seconds_until_left(key, limit=5):
    """How long the provider still sends to a stream that its reader has left."""
    start = time.monotonic()
    while time.monotonic() - start < limit:
        with urllib.request.urlopen("%s/left/%s" % (os.environ["MOCK_URL"], key), timeout=5) as reply:
            if json.load(reply)["left"]:
                break
        time.sleep(0.01)
    return time.monotonic() - start


def arrivals(pieces):
    """The seconds between the first and the last piece that is not empty."""
    times = [time.monotonic() for piece in pieces if piece]
    return times[-1] - times[0]
