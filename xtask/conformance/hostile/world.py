"""The gateway's binary, a provider that misbehaves on request, and what an attacker needs of HTTP.

The provider does what the first `b-<name>` in a request's path, query or body says; `PROVIDER.seen` has what it was sent.
"""
import gzip
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

KEY = "sk-upstream-4f9d1c7b2a6e80354c1d"
TICKS = os.sysconf("SC_CLK_TCK")
JSON = {"content-type": "application/json"}


class Failed(Exception):
    """What should not have happened."""


def expect(condition, what):
    if not condition:
        raise Failed(what if isinstance(what, str) else repr(what))


# ---------------------------------------------------------------------------------------------------------------------
# The provider.


def chat(text="Hello", **more):
    message = {"role": "assistant", "content": text}
    answer = {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m-answered",
              "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
              "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}}
    answer.update(more)
    return answer


def sse(*events):
    return b"".join(b"data: " + (e if isinstance(e, bytes) else json.dumps(e).encode()) + b"\n\n" for e in events)


def delta(text):
    return {"id": "c-1", "model": "m-answered", "choices": [{"index": 0, "delta": {"content": text}}]}


class Request:
    def __init__(self, line, headers, body, connection):
        self.method, self.target = line.split(" ")[:2]
        self.headers, self.body, self.connection = headers, body, connection

    @property
    def json(self):
        return json.loads(self.body)


class Provider:
    def __init__(self):
        self.seen = []
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        file = connection.makefile("rb")
        count = 0
        try:
            while True:
                line = file.readline()
                if not line:
                    return
                headers = {}
                while (field := file.readline().strip()):
                    name, _, value = field.partition(b":")
                    headers[name.decode().lower()] = value.strip().decode("latin-1")
                body = file.read(int(headers.get("content-length", 0)))
                if headers.get("transfer-encoding") == "chunked":
                    while (size := int(file.readline().split(b";")[0], 16)):
                        body += file.read(size)
                        file.readline()
                    file.readline()
                request = Request(line.decode(), headers, body, count)
                count += 1
                self.seen.append(request)
                found = re.search(r"b-([a-z0-9_]+)", request.target + " " + body[:4000].decode("latin-1"))
                behaviour = getattr(self, "do_" + found.group(1)) if found else self.do_good
                if behaviour(connection, request) is False:
                    return
        except OSError:
            pass
        finally:
            file.close()
            connection.close()

    def whole(self, connection, body, status=200, kind="application/json", headers=()):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = "HTTP/1.1 %d X\r\ncontent-type: %s\r\ncontent-length: %d\r\n" % (status, kind, len(body))
        head += "".join("%s: %s\r\n" % it for it in headers)
        connection.sendall(head.encode() + b"\r\n" + body)

    def begin(self, connection, kind="text/event-stream"):
        connection.sendall(("HTTP/1.1 200 X\r\ncontent-type: %s\r\ntransfer-encoding: chunked\r\n\r\n" % kind).encode())

    def chunk(self, connection, data):
        connection.sendall(b"%x\r\n" % len(data) + data + b"\r\n")

    def do_good(self, connection, request):
        wants = {}
        try:
            wants = json.loads(request.body or b"{}")
        except ValueError:
            pass
        if not (isinstance(wants, dict) and wants.get("stream")):
            return self.whole(connection, chat())
        self.begin(connection)
        for _ in range(20):
            self.chunk(connection, sse(delta("word " * 20)))
        if (wants.get("stream_options") or {}).get("include_usage"):
            usage = {"prompt_tokens": 9, "completion_tokens": 2000, "total_tokens": 2009}
            self.chunk(connection, sse({"id": "c-1", "choices": [], "usage": usage}))
        self.chunk(connection, sse({"id": "c-1", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, b"[DONE]"))
        self.chunk(connection, b"")

    def do_words(self, connection, request):
        """`b-words_<status>`: an error that repeats the key."""
        status = int(re.search(r"b-words_?x?(\d+)", request.target + request.body.decode("latin-1")).group(1))
        words = "Incorrect API key provided: %s. You sent sk-upst************4c1d" % KEY
        error = {"type": "error", "error": {"message": words, "type": "invalid_request_error", "code": words, "status": "X"}, "message": words}
        self.whole(connection, error, status, headers=[("x-request-id", KEY), ("x-debug", KEY)])

    def __getattr__(self, name):
        if name.startswith("do_words"):
            return self.do_words
        raise AttributeError(name)

    def do_echo(self, connection, request):
        self.whole(connection, chat(KEY, debug=KEY), headers=[("x-debug", KEY), ("access-control-allow-origin", "*")])

    def do_slow(self, connection, request):
        time.sleep(4)
        self.whole(connection, chat())

    def do_endless(self, connection, request):
        """Events for as long as somebody takes them, at most a minute."""
        self.begin(connection)
        connection.settimeout(60)
        piece = sse(delta("x" * 16000))
        until = time.monotonic() + 60
        while time.monotonic() < until:
            self.chunk(connection, piece)
        return False

    def do_cut(self, connection, request):
        """One event and a half of the dialect that the path speaks."""
        if "GenerateContent" in request.target:
            event = {"candidates": [{"content": {"role": "model", "parts": [{"text": "a" * 500}]}}]}
            text = sse(event)
            if "alt=sse" not in request.target:
                text = b"[" + json.dumps(event).encode() + b"\r\n,\r\n"
                half = json.dumps(event).encode()
            else:
                half = text
        elif "messages" in request.target:
            start = {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1, "output_tokens": 1}}}
            begin = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
            piece = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a" * 500}}
            text = b"".join(b"event: %s\n" % e["type"].encode() + sse(e) for e in (start, begin, piece))
            half = b"event: content_block_delta\n" + sse(piece)
        else:
            text = half = sse(delta("a" * 500))
        self.begin(connection, "application/json" if "GenerateContent" in request.target and "alt=sse" not in request.target else "text/event-stream")
        self.chunk(connection, text)
        time.sleep(0.05)
        self.chunk(connection, half[: len(half) // 2])
        time.sleep(0.05)
        return False

    def do_absurd(self, connection, request):
        self.whole(connection, chat(usage={"prompt_tokens": 2**63, "completion_tokens": 2**63, "total_tokens": 1}))

    def do_nousage(self, connection, request):
        answer = chat("word " * 4000)
        del answer["usage"]
        self.whole(connection, answer)

    def do_lose(self, connection, request):
        """The first request of a connection is answered, the second taken and never answered."""
        if request.connection > 0:
            return False
        self.whole(connection, chat())

    def do_large(self, connection, request):
        self.whole(connection, chat("x" * 20_000_000))


PROVIDER = Provider()

# ---------------------------------------------------------------------------------------------------------------------
# The gateway.


def model(provider="openai", name="m"):
    key = {"openai": "openai_api_key", "anthropic": "anthropic_api_key", "gemini": "gemini_api_key"}[provider]
    return {"provider": provider, "name": name, "config": {key: KEY}}


def endpoint(name="chat", provider="openai", upstream="m", **more):
    return dict({"name": name, "endpoint_type": "llm/v1/chat", "model": model(provider, upstream)}, **more)


class Gateway:
    """A process. `stderr` is where its log goes: a file unless given."""

    binary = None

    def __init__(self, endpoints=None, stderr=None, options=(), **more):
        self.folder = tempfile.mkdtemp(prefix="hostile-")
        self.path = os.path.join(self.folder, "gateway.yaml")
        self.config = dict({"endpoints": endpoints if endpoints is not None else [endpoint()]}, **more)
        self.write(self.config)
        self.log_path = os.path.join(self.folder, "log")
        self.stderr = stderr if stderr is not None else open(self.log_path, "wb")
        command = [self.binary, "start", "--config-path", self.path, "--port", "0", "--workers", "2", "--log-format", "json",
                   "--origin-override", "*=http://127.0.0.1:%d" % PROVIDER.port, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.stderr, stdin=subprocess.DEVNULL)
        line = b""
        for line in self.process.stdout:
            found = re.search(rb"http://[\w.\[\]:]+?:(\d+)", line)
            if found:
                break
        else:
            raise Failed("the gateway did not start: %r" % self.log()[-500:])
        self.port = int(found.group(1))
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def write(self, config):
        with open(self.path + ".new", "w") as file:
            json.dump(config, file)
        os.replace(self.path + ".new", self.path)

    def log(self):
        try:
            with open(self.log_path, "rb") as file:
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def records(self, count=1, seconds=5):
        """The lines of calls, once there are so many."""
        until = time.monotonic() + seconds
        while True:
            lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{") and '"operation"' in line]
            if len(lines) >= count or time.monotonic() > until:
                return lines
            time.sleep(0.05)

    def send(self, method="POST", path="/v1/chat/completions", body=None, headers=None, timeout=20):
        """Status, headers and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            body = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
            connection.request(method, path, body, dict(JSON, **(headers or {})) if body is not None and headers is None else headers or {})
            answer = connection.getresponse()
            try:
                data = answer.read()
            except (http.client.IncompleteRead, ConnectionError) as broken:
                data = getattr(broken, "partial", b"")
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, data
        finally:
            connection.close()

    def ask(self, behaviour="good", endpoint="chat", timeout=20, headers=None, **more):
        body = {"model": endpoint, "messages": [{"role": "user", "content": "b-%s" % behaviour}]}
        body.update(more)
        return self.send(body=body, timeout=timeout, headers=dict(JSON, **headers) if headers else None)

    def raw(self, data, timeout=10):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        connection.sendall(data)
        return connection

    def head(self, path="/v1/chat/completions", length=0, more=""):
        return ("POST %s HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: %d\r\n%s\r\n" % (path, length, more)).encode()

    def rss(self):
        """MiB of memory in use."""
        with open("/proc/%d/status" % self.process.pid) as file:
            return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024

    def cpu(self):
        """Seconds of processor time so far."""
        with open("/proc/%d/stat" % self.process.pid) as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)


def sent(since):
    """What the provider was sent since there were so many."""
    return PROVIDER.seen[since:]


def mark():
    return len(PROVIDER.seen)


def gzip_of_empty_members(size):
    member = gzip.compress(b"")
    return member * (size // len(member))
