"""A stand-in for the providers on loopback, standard library only. Each wire format is a module `mock_*`.

It is strict: a request that the real API would refuse gets a 400 that says why, so that a wrong translation shows. What
it answers is decided by the last text of the user:

    anything else                          the text again, after "Echo: "
    !tool NAME JSON [NAME JSON ...]        calls of these tools, if the request offers them
    !steps {"keeps": B, "steps": [...]}    turn by turn: {"think": TEXT, "text": TEXT, "calls": [[NAME, ARGUMENTS], ...]}
    !fail STATUS id=ID [times=N] [retry-after=S]   an error, N times for this ID (default: always), then "Echo: ..."
    !length                                an answer cut off by its length limit
    !think                                 thinking with a signature, then text, where the request asks for thinking
    !json TEXT                             this text and nothing else
    !error-midway                          a stream that reports an error after two events
    !cut                                   a stream that breaks off after two events
    !slow a b c d ...                      a stream with 100 ms between its events
    !endless id=ID                         a stream that goes on until the reader leaves; GET /left/ID tells whether it did
A message that ends in tool results is answered with the next step, or "Tools said: ..." and their texts. What came
before is compared with what was answered: texts, calls and their ids and, where the client can keep them (`keeps`),
thinking with its signature.
"""
import collections
import hashlib
import http.server
import importlib
import itertools
import json
import re
import threading
import time

KEYS = {"openai": "sk-mock-openai", "azure": "mock-azure-key", "anthropic": "sk-ant-mock", "gemini": "mock-gemini-key", "vertex": "ya29.mock",
        "bedrock": "mock-bedrock-token", "cohere": "co-mock-key", "jina": "jina_mock", "mistral": "mock-mistral-key", "deepseek": "sk-mock-deepseek"}
CLIENT_KEY = "sk-client-key"


class Refused(Exception):
    """The request is not what the provider's API takes."""


def need(condition, message):
    if not condition:
        raise Refused(message)


def only(fields, known, where):
    """Refuses fields that the API does not know."""
    need(isinstance(fields, dict), "%s: an object is expected, not %r" % (where, fields))
    unknown = sorted(set(fields) - known)
    need(not unknown, "%s: unknown field %s" % (where, ", ".join(unknown)))


def pieces(text):
    return re.findall(r"\S+\s*|\s+", text)


def chopped(text):
    """Text in small pieces, as arguments are streamed."""
    return [text[at:at + 5] for at in range(0, len(text), 5)]


def sign(text):
    """The proof of this text, in the alphabet of base64."""
    return hashlib.sha256(("proof of " + text).encode()).hexdigest()


def of_call(name, arguments):
    """What the proof of a call stands for."""
    return name + json.dumps(arguments, sort_keys=True)


class Step:
    """One answer."""

    def __init__(self, think="", text="", calls=()):
        self.think, self.text, self.calls = think, text, [(name, arguments) for name, arguments in calls]


class Said:
    """One turn of the assistant as it came back: thoughts are (text, signature), calls (id, name, arguments, signature)."""

    def __init__(self, thoughts=(), text="", calls=()):
        self.thoughts, self.text, self.calls = list(thoughts), text, list(calls)


class Turn:
    """What the request asks for, read by the rules of its API."""

    def __init__(self):
        self.text, self.results, self.tools, self.stream, self.images = "", [], {}, False, 0
        self.said, self.open, self.calls_before, self.thinks, self.documents = [], [], 0, False, 0

    # What readers tell of the conversation, in its order.

    def user(self, texts, images=0):
        """A message of the user. What agents put between angle brackets is no question."""
        need(not self.open, "tool calls without results: %s" % [call[0] for call in self.open])
        texts = [text[text.find("!steps "):] if text.startswith("<") and "!steps " in text else text for text in texts]
        question = [text for text in texts if not text.startswith("<")]
        if not question:
            self.images += images
            return
        self.said, self.results, self.images, self.text = [], [], images, " ".join(question)

    def assistant(self, said):
        need(not self.open, "tool calls without results: %s" % [call[0] for call in self.open])
        ids = [call[0] for call in said.calls if call[0] is not None]
        need(len(set(ids)) == len(ids), "ids of calls must differ: %s" % ids)
        self.said.append(said)
        self.open, self.results, self.images = list(said.calls), [], 0
        self.calls_before += len(said.calls)

    def result(self, key, text, is_error=False, images=0):
        """A result. `key` is the id of the call or, without ids, the name of the tool."""
        found = [call for call in self.open if key in (call[0], call[1] if call[0] is None else None)]
        need(found, "%r is the result of no call" % key)
        self.open.remove(found[0])
        self.results.append(text + (" (error)" if is_error else "") + (" (%d image)" % images if images else ""))

    def end(self):
        need(not self.open, "tool calls without results: %s" % [call[0] for call in self.open])

    # What to answer.

    def words(self):
        return self.text.split()

    def option(self, name, default=None):
        found = re.search(r"\b%s=(\S+)" % re.escape(name), self.text)
        return found.group(1) if found else default

    def plan(self):
        """The steps that the user's text asks for, and whether the client keeps thoughts."""
        if self.text.startswith("!steps "):
            plan = json.loads(self.text[len("!steps "):])
            return [Step(**step) for step in plan["steps"]], plan["keeps"]
        if self.text.startswith("!tool "):
            return [Step(calls=self.named())], False
        return [], False

    def named(self):
        rest, calls, decoder = self.text[len("!tool "):].strip(), [], json.JSONDecoder()
        while rest:
            name, rest = rest.split(" ", 1)
            arguments, end = decoder.raw_decode(rest)
            calls.append((name, arguments))
            rest = rest[end:].strip()
        return calls

    def step(self):
        """The answer."""
        steps, _ = self.plan()
        number = sum(1 for said in self.said if said.calls)
        if number < len(steps):
            for name, _ in steps[number].calls:
                need(name in self.tools, "the request does not offer a tool %r" % name)
            return steps[number]
        if self.results:
            return Step(text="Tools said: " + "; ".join(self.results) + (" (%d image)" % self.images if self.images else ""))
        if self.text.startswith("!json "):
            return Step(text=self.text[len("!json "):])
        think = "Let me think." if self.text == "!think" else ""
        return Step(think, "Echo: " + self.text + (" (%d image)" % self.images if self.images else ""))

    def calls(self):
        """(id number, name, arguments) of the answer's calls."""
        return [(self.calls_before + index, name, arguments) for index, (name, arguments) in enumerate(self.step().calls)]

    def answer(self):
        return self.step().text

    def thought(self):
        """What to think aloud; only where it was asked for."""
        return self.step().think if self.thinks else ""

    def output_tokens(self):
        return len(pieces(self.answer()))

    def is_cut(self):
        return self.text == "!length"

    def compare(self, check):
        """Compares what came back with what was answered; `check(said, step)` looks at the proofs."""
        steps, keeps = self.plan()
        for said, step in zip([said for said in self.said if said.calls], steps):
            have, want = [call[1:3] for call in said.calls], step.calls
            need(have == want, "calls came back as %s, they were %s" % (have, want))
            need(said.text.strip() == step.text, "text came back as %r, it was %r" % (said.text, step.text))
            if keeps:
                check(said, step)


class Mock:
    """The server. `seen` keeps every request it got: (path, headers, body)."""

    def __init__(self):
        self.seen, self.failures, self.problems, self.left = [], collections.Counter(), [], set()
        self.lock = threading.Lock()
        mock = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                Exchange(mock, self).get()

            def do_POST(self):
                Exchange(mock, self).post()

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, *args):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.origin = "http://127.0.0.1:%d" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def module_of(host, path):
    """The wire format of a request: its module and the name of the provider."""
    for sign_of, name, provider in (("bedrock-runtime", "bedrock", "bedrock"), ("generativelanguage", "gemini", "gemini"),
                                    ("aiplatform", "gemini", "vertex"), ("cohere", "cohere", "cohere"), ("mistral", "mistral", "mistral"),
                                    ("jina", "cohere", "jina"), ("deepseek", "deepseek", "deepseek")):
        if sign_of in host:
            return "mock_" + name, provider
    if path.startswith("/v1/messages"):
        return "mock_anthropic", "anthropic"
    azure = path.startswith("/openai/")
    return "mock_responses" if path.endswith("/responses") else "mock_openai", "azure" if azure else "openai"


class Exchange:
    """One request and its answer."""

    def __init__(self, mock, handler):
        self.mock, self.handler = mock, handler
        self.headers = {k.lower(): v for k, v in handler.headers.items()}
        self.path, _, self.query = handler.path.partition("?")
        name, self.provider = module_of(self.headers.get("host", ""), self.path)
        self.module = importlib.import_module(name)

    def send(self, status, body, headers=()):
        data = json.dumps(body).encode()
        self.handler.send_response(status)
        self.handler.send_header("content-type", "application/json")
        self.handler.send_header("content-length", str(len(data)))
        self.handler.send_header("request-id" if self.provider == "anthropic" else "x-request-id", "req_mock")
        for name, value in headers:
            self.handler.send_header(name, value)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def error(self, status, message, headers=()):
        body, more = self.module.error(status, message)
        self.send(status, body, [*headers, *more])

    def get(self):
        if self.path.startswith("/left/"):
            with self.mock.lock:
                return self.send(200, {"left": self.path.rsplit("/", 1)[1] in self.mock.left})
        try:
            self.send(200, self.module.listing(self.path))
        except Refused as problem:
            self.error(404, str(problem))

    def post(self):
        raw = self.handler.rfile.read(int(self.headers.get("content-length") or 0))
        if self.headers.get("transfer-encoding", "").lower() == "chunked":
            while (size := int(self.handler.rfile.readline().split(b";")[0], 16)):
                raw += self.handler.rfile.read(size)
                self.handler.rfile.readline()
            self.handler.rfile.readline()
        if self.headers.get("host", "").startswith("oauth2.googleapis.com"):
            return self.send(200, {"access_token": KEYS["vertex"], "expires_in": 3600, "token_type": "Bearer"})
        try:
            body = json.loads(raw)
            with self.mock.lock:
                self.mock.seen.append((self.handler.path, self.headers, body))
            if self.admit():
                self.module.route(self, body)
        except Refused as problem:
            with self.mock.lock:
                self.mock.problems.append("%s %s: %s" % (self.provider, self.path, problem))
            self.error(400, str(problem))
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            with self.mock.lock:
                self.mock.problems.append("%s %s: %r" % (self.provider, self.path, problem))
            self.error(400, "malformed request: %r" % problem)

    def admit(self):
        """Checks the credential, and that nothing of the client's own came along."""
        need(not any(CLIENT_KEY in value for value in self.headers.values()), "the client's credential was sent to the provider")
        need("cookie" not in self.headers, "the client's cookies were sent to the provider")
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        # Anthropic's own SDK sends its key as a bearer token since version 2; the API takes both.
        given = {"azure": self.headers.get("api-key"), "gemini": self.headers.get("x-goog-api-key"),
                 "anthropic": self.headers.get("x-api-key") or bearer}.get(self.provider, bearer)
        if given != KEYS[self.provider]:
            self.error(401, "Incorrect API key provided.")
            return False
        return True

    def chat(self, turn, shape):
        if self.fails(turn):
            return
        if turn.stream:
            self.stream(turn, shape)
        else:
            self.send(200, shape.whole(turn))

    def fails(self, turn):
        """Answers a `!fail` line, while it lasts."""
        if not turn.text.startswith("!fail "):
            return False
        status, key = int(turn.words()[1]), turn.option("id", "")
        with self.mock.lock:
            self.mock.failures[key] += 1
            count = self.mock.failures[key]
        if count > int(turn.option("times", "1000000")):
            return False
        after = turn.option("retry-after")
        self.error(status, "Told to fail with %d." % status, [("retry-after", after)] if after else [])
        return True

    def stream(self, turn, shape):
        frames = iter(shape.frames(turn))
        # What cannot be answered is found out before the first word.
        first = next(frames)
        self.handler.send_response(200)
        self.handler.send_header("content-type", getattr(shape, "STREAM", "text/event-stream; charset=utf-8"))
        self.handler.send_header("transfer-encoding", "chunked")
        self.handler.end_headers()
        number, breaks = 0, turn.text in ("!cut", "!error-midway")
        for frame in itertools.chain([first], frames):
            if number == 3 and breaks:
                break
            self.chunk(frame)
            time.sleep(0.1 if turn.text.startswith("!slow ") else 0.001)
            if number == 3 and turn.text.startswith("!endless "):
                return self.until_left(frame, turn.option("id"))
            number += 1
        if breaks:
            if turn.text == "!error-midway":
                self.chunk(shape.broken())
            self.handler.close_connection = True
            return self.handler.connection.shutdown(2)
        self.handler.wfile.write(b"0\r\n\r\n")

    def until_left(self, frame, key):
        """Sends the same event again and again; 20 s are more than any reader waits."""
        try:
            for _ in range(2000):
                self.chunk(frame)
                time.sleep(0.01)
        except OSError:
            with self.mock.lock:
                self.mock.left.add(key)
            raise

    def chunk(self, frame):
        data = frame.encode() if isinstance(frame, str) else frame
        self.handler.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.handler.wfile.flush()


def event(data, kind=None):
    """A server-sent event."""
    return ("event: %s\n" % kind if kind else "") + "data: %s\n\n" % json.dumps(data)
