"""What providers, readers, files and signals do."""
import json
import os
import resource
import signal
import socket
import subprocess
import threading
import time

from world import JSON, KEY, PROVIDER, Gateway, endpoint, expect, mark, sent

HALVES = ("4c1d", "4f9d1c7b", "sk-upst")


def surfaces(behaviour, name="chat", stream=False):
    """Path and body of a question on every surface."""
    messages = [{"role": "user", "content": "b-" + behaviour}]
    chat = {"model": name, "messages": messages, "max_tokens": 9, "stream": stream}
    bare = {"messages": messages, "max_tokens": 9, "stream": stream}
    gemini = {"contents": [{"role": "user", "parts": [{"text": "b-" + behaviour}]}]}
    converse = {"messages": [{"role": "user", "content": [{"text": "b-" + behaviour}]}]}
    verb, action = ("streamGenerateContent?alt=sse", "converse-stream") if stream else ("generateContent", "converse")
    return [("/v1/chat/completions", chat), ("/v1/messages", chat), ("/v1/responses", {"model": name, "input": "b-" + behaviour, "stream": stream}),
            ("/v2/chat", chat), ("/v1beta/models/%s:%s" % (name, verb), gemini), ("/model/%s/%s" % (name, action), converse),
            ("/gateway/%s/invocations" % name, bare), ("/openai/deployments/%s/chat/completions?api-version=1" % name, chat),
            ("/gateway/proxy/%s/v1/chat/completions" % name, chat)]


def no_providers_words_show_the_gateways_key():
    with Gateway([endpoint(), endpoint("claude", "anthropic"), endpoint("gem", "gemini")]) as gateway:
        for name in ("chat", "claude", "gem"):
            for status in (400, 401, 403, 404, 429, 500):
                for path, body in surfaces("words_%d" % status, name):
                    got, headers, answer = gateway.send(path=path, body=body)
                    text = answer.decode("utf-8", "replace") + json.dumps(headers)
                    shown = [half for half in HALVES if half in text]
                    expect(not shown, "%d %s at %s: %s" % (status, path, name, text[:300]))
        for path, body in surfaces("echo"):
            _, headers, answer = gateway.send(path=path, body=body)
            expect(KEY not in answer.decode() + json.dumps(headers), "%s: %s" % (path, answer[:300]))
        time.sleep(0.3)
        expect(KEY not in gateway.log(), "the log has it")


def no_half_of_an_event_leaves():
    with Gateway([endpoint(), endpoint("claude", "anthropic"), endpoint("gem", "gemini")]) as gateway:
        questions = surfaces("cut", "chat", True) + surfaces("cut", "claude", True) + surfaces("cut", "gem", True)
        questions.append(("/v1beta/models/gem:streamGenerateContent", surfaces("cut", "gem", True)[4][1]))
        questions += [("/gateway/proxy/claude/v1/messages", {"model": "m", "messages": [{"role": "user", "content": "b-cut"}], "stream": True})]
        for path, body in questions:
            status, headers, answer = gateway.send(path=path, body=body)
            if status != 200 or "/model/" in path:
                continue
            if "application/json" in headers.get("content-type", ""):
                json.loads(answer)
                continue
            for event in answer.replace(b"\r\n", b"\n").split(b"\n\n"):
                for line in event.split(b"\n"):
                    if line.startswith(b"data:") and line[5:].strip() not in (b"", b"[DONE]"):
                        try:
                            json.loads(line[5:])
                        except ValueError:
                            expect(False, "%s: half an event left: %r" % (path, line[:80]))


def a_stream_nobody_reads_is_ended():
    timeouts = {"total": "3s", "idle": "2s"}
    with Gateway([endpoint(timeout=timeouts, limits=[{"per": "endpoint", "concurrent": 1}])]) as gateway:
        for path in ("/v1/chat/completions", "/v1/messages", "/gateway/proxy/chat/v1/chat/completions"):
            body = json.dumps({"model": "chat", "max_tokens": 9, "stream": True, "messages": [{"role": "user", "content": "b-endless"}]}).encode()
            connection = gateway.raw(gateway.head(path, len(body)) + body)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            time.sleep(1)
            until = time.monotonic() + 12
            status = 0
            while status != 200 and time.monotonic() < until:
                time.sleep(0.5)
                status = gateway.ask()[0]
            connection.close()
            expect(status == 200, "%s: still %d after 13 s" % (path, status))


def whole_answers_nobody_reads_are_ended():
    with Gateway(server={"max_in_flight": 4}) as gateway:
        gateway.ask()
        before, held = gateway.rss(), []
        for _ in range(20):
            body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "b-large"}]}).encode()
            connection = gateway.raw(gateway.head(length=len(body)) + body, timeout=60)
            held.append(connection)
            time.sleep(0.1)
        time.sleep(4)
        grown = gateway.rss() - before
        for connection in held:
            connection.close()
        expect(grown < 250, "%.0f MiB for 20 answers nobody reads" % grown)


def a_stalled_log_stops_nobody():
    read, write = os.pipe()
    with Gateway(stderr=write) as gateway:
        for _ in range(400):
            gateway.send("GET", "/nothing/" + "p" * 500, headers={}, timeout=5)
        expect(gateway.send("GET", "/health", headers={}, timeout=5)[0] == 200, "/health")
        expect(gateway.ask(timeout=5)[0] == 200, "chat")
        gateway.stop()
        gateway.process.wait(10)
    os.close(read)
    os.close(write)


def a_full_log_stops_nobody():
    with open("/dev/full", "wb") as full:
        with Gateway(stderr=full) as gateway:
            for path, status in (("/health", 200), ("/livez", 200), ("/metrics", 200), ("/nothing", 404)):
                for _ in range(3):
                    expect(gateway.send("GET", path, headers={}, timeout=5)[0] == status, path)
            expect(gateway.ask(timeout=5)[0] == 200, "chat")
            gateway.write(dict(gateway.config, endpoints=[endpoint("fresh")]))
            until = time.monotonic() + 15
            while gateway.ask(endpoint="fresh", timeout=5)[0] != 200:
                expect(time.monotonic() < until, "no reload")
                time.sleep(0.3)
            gateway.stop()
            expect(gateway.process.wait(10) == 0, "exit %s" % gateway.process.returncode)


def a_post_is_not_sent_twice():
    with Gateway() as gateway:
        for path in ("/gateway/proxy/chat/v1/batches", "/gateway/proxy/chat/v1/fine_tuning/jobs"):
            gateway.send(path=path, body=b'{"x":"b-lose"}', headers=JSON)
            since = mark()
            gateway.send(path=path, body=b'{"x":"b-lose","again":1}', headers=JSON)
            again = [request for request in sent(since) if b"again" in request.body]
            expect(len(again) <= 1, "%s was sent %d times" % (path, len(again)))


def passed_on_answers_are_counted_for_the_model_that_answered():
    with Gateway() as gateway:
        body = b'\xef\xbb\xbf{"mod\\u0065l":"dear","messages":[{"role":"user","content":"Hi"}]}'
        gateway.send(path="/gateway/proxy/chat/v1/chat/completions", body=body, headers=JSON)
        record = gateway.records()[0]
        named = (record.get("model"), record.get("response_model"))
        expect("m-answered" in named or "dear" in named, named)


def a_strange_file_does_not_stop_reloads():
    with Gateway() as gateway:
        os.remove(gateway.path)
        os.mkfifo(gateway.path)
        time.sleep(2.5)
        os.remove(gateway.path)
        gateway.write(dict(gateway.config, endpoints=[endpoint("fresh")]))
        gateway.stop(signal.SIGHUP)
        until = time.monotonic() + 15
        while gateway.ask(endpoint="fresh")[0] != 200:
            expect(time.monotonic() < until, "no reload within 15 s")
            time.sleep(0.3)


def a_configuration_is_no_bomb():
    with Gateway() as gateway:
        texts = {
            "keys": "endpoints: []\n" + "".join("k%d: 1\n" % index for index in range(20000)),
            "aliases": "x: &a " + "b" * 100000 + "\ny: [" + ", ".join(["*a"] * 4000) + "]\nendpoints: []\n",
            "anchors": "x:\n" + "".join("  - &a%d 1\n" % index for index in range(20000)) + "endpoints: []\n",
            "depth": "endpoints: " + "[" * 20000,
        }
        for name, text in texts.items():
            path = os.path.join(gateway.folder, name)
            with open(path, "w") as file:
                file.write(text)
            bound = lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 31, 1 << 31))
            started = time.monotonic()
            done = subprocess.run([gateway.binary, "check", "--config-path", path], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, preexec_fn=bound)
            took = time.monotonic() - started
            expect(took < 20 and done.returncode >= 0, "%s: %.1f s, exit %d" % (name, took, done.returncode))
            expect(len(done.stderr) < 1_000_000, "%s: %d bytes of complaints" % (name, len(done.stderr)))


def signals_end_it_in_time():
    with Gateway() as gateway:
        half = gateway.raw(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n")
        time.sleep(0.3)
        started = time.monotonic()
        gateway.stop()
        gateway.process.wait(20)
        half.close()
        expect(gateway.process.returncode == 0, "exit %s" % gateway.process.returncode)
        expect(time.monotonic() - started < 5, "%.1f s for half a head" % (time.monotonic() - started))
    with Gateway() as gateway:
        threading.Thread(target=lambda: gateway.ask("endless", stream=True, timeout=60), daemon=True).start()
        time.sleep(0.7)
        gateway.stop()
        time.sleep(0.5)
        started = time.monotonic()
        gateway.stop()
        gateway.process.wait(20)
        expect(time.monotonic() - started < 3, "the second signal took %.1f s" % (time.monotonic() - started))


ALL = [value for name, value in list(globals().items()) if callable(value) and getattr(value, "__module__", "") == __name__ and name != "surfaces"]
