"""What callers and strangers try."""
import gzip
import json
import re
import socket
import threading
import time

from world import JSON, KEY, PROVIDER, Gateway, endpoint, expect, gzip_of_empty_members, mark, model, sent

MESSAGES = [{"role": "user", "content": "Hi"}]


def keys_with_escapes_choose_no_other_model():
    auth = {"keys": [{"name": "a", "key": "vk-a-12345678", "endpoints": ["chat"]}]}
    with Gateway([endpoint(upstream="cheap"), endpoint("expensive", upstream="expensive")], auth=auth) as gateway:
        key = dict(JSON, authorization="Bearer vk-a-12345678")
        for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses"):
            for body in (r'{"model":"chat","mod\u0065l":"expensive","max_tokens":5,"input":"Hi","messages":[{"role":"user","content":"Hi"}]}',
                         r'{"mod\u0065l":"expensive","model":"chat","max_tokens":5,"input":"Hi","messages":[{"role":"user","content":"Hi"}]}',
                         r'{"model":"chat","\u006dodel":"expensive","model":"chat","max_tokens":5,"input":"Hi","messages":[{"role":"user","content":"Hi"}]}'):
                since = mark()
                gateway.send(path=path, body=body.encode(), headers=key)
                for request in sent(since):
                    pairs = json.loads(request.body, object_pairs_hook=list)
                    models = [value for name, value in pairs if name == "model"]
                    expect(set(models) == {"cheap"}, "%s: %s went up" % (path, models))


def metering_cannot_be_switched_off():
    with Gateway() as gateway:
        count = 0
        for options in ({"include_usage": False}, {}, {"include_obfuscation": False}, None):
            more = {} if options is None else {"stream_options": options}
            gateway.ask(stream=True, **more)
            count += 1
            record = gateway.records(count)[-1]
            expect(record.get("output_tokens", 0) >= 1000, "%s: %s output tokens" % (options, record.get("output_tokens")))


def who_leaves_early_pays_for_the_prompt():
    with Gateway() as gateway:
        body = json.dumps({"model": "chat", "messages": [{"role": "user", "content": "b-slow " + "word " * 20000}]}).encode()
        connection = gateway.raw(gateway.head(length=len(body)) + body)
        time.sleep(1)
        connection.close()
        record = gateway.records(1, 10)
        expect(record and record[0].get("input_tokens", 0) > 10000, "recorded: %s" % [r.get("input_tokens") for r in record])


def a_reservation_sees_what_may_be_used():
    limits = [{"per": "endpoint", "tokens": 1000, "every": "1h"}]
    for more in ({"n": 20, "max_tokens": 100}, {"max_completion_tokens": 1, "max_tokens": 4000}):
        with Gateway([endpoint(limits=limits)]) as gateway:
            statuses = []
            threads = [threading.Thread(target=lambda: statuses.append(gateway.ask("slow", **more)[0])) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            expect(statuses.count(200) <= 1, "%s: %s of 8 at once" % (more, statuses.count(200)))


def a_picture_is_counted_as_a_picture():
    with Gateway() as gateway:
        picture = "data:image/png;base64," + "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB" * 40000
        content = [{"type": "text", "text": "b-nousage"}, {"type": "image_url", "image_url": {"url": picture}}]
        gateway.send(body={"model": "chat", "messages": [{"role": "user", "content": content}]})
        record = gateway.records()[0]
        expect(record.get("input_tokens", 0) < 20000, "%s input tokens" % record.get("input_tokens"))
        expect(record.get("output_tokens", 0) > 1000, "%s output tokens of 20 kB" % record.get("output_tokens"))


def an_absurd_usage_locks_nobody_out():
    limits = [{"per": "endpoint", "tokens": 100000, "every": "1m"}]
    with Gateway([endpoint(limits=limits)]) as gateway:
        gateway.ask("absurd")
        status, headers, _ = gateway.ask()
        wait = float(headers.get("retry-after", 0))
        expect(status == 200 or wait <= 300, "%s, retry-after %s" % (status, wait))


def credentials_in_queries_never_go_up():
    auth = {"keys": [{"name": "a", "key": "vk-caller-123"}]}
    with Gateway(auth=auth) as gateway:
        for part in ("key=vk-caller-123", "%6bey=vk-caller-123", "%256bey=vk-caller-123", "KEY=vk-caller-123", "api_key=x", "api-key=x",
                     "access_token=x", "x-goog-api-key=x", "q=vk%2Dcaller-123", "a=1;key=vk-caller-123"):
            for path in ("/gateway/proxy/chat/v1/models", "/v1/responses/resp_1"):
                since = mark()
                gateway.send("GET", "%s?%s&limit=2" % (path, part), headers={"authorization": "Bearer vk-caller-123"})
                for request in sent(since):
                    query = request.target.partition("?")[2]
                    expect(query == "limit=2", "%s: %s went up" % (part, query))


def headers_of_proxies_and_people_stay_here():
    names = ("x-forwarded-for", "x-forwarded-prefix", "x-forwarded-server", "x-forwarded-client-cert", "x-forwarded-user", "forwarded", "via",
             "x-real-ip", "x-client-ip", "cf-connecting-ip", "cf-ray", "baggage", "x-amz-date", "x-amz-security-token", "cookie", "x-custom")
    with Gateway() as gateway:
        since = mark()
        gateway.send("GET", "/gateway/proxy/chat/v1/models", headers={name: "secret-7" for name in names})
        for request in sent(since):
            leaked = [name for name, value in request.headers.items() if "secret-7" in value]
            expect(not leaked, "%s went up" % leaked)
        expect(len(sent(since)) == 1, "nothing went up")


def pages_of_other_sites_spend_and_read_nothing():
    evil, cross = {"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}
    body = json.dumps({"model": "chat", "messages": MESSAGES}).encode()
    with Gateway() as gateway:
        since = mark()
        for method, path, headers in (
                ("POST", "/v1/chat/completions", dict(evil, **cross)), ("POST", "/v1/chat/completions", dict(evil, **{"content-type": "text/plain"})),
                ("POST", "/v1/chat/completions", dict(cross, **JSON)), ("POST", "/v1/chat/completions", {"content-type": "text/plain"}),
                ("POST", "/v1/chat/completions", {"content-type": "application/x-www-form-urlencoded"}),
                ("POST", "/v1/chat/completions", dict(JSON, host="evil.example:5000")), ("POST", "/v1/messages", dict(JSON, origin="null")),
                ("POST", "/gateway/chat/invocations", dict(evil, **JSON)), ("GET", "/gateway/proxy/chat/v1/models", cross),
                ("GET", "/gateway/proxy/chat/v1/models", {"host": "evil.example"}),
                ("OPTIONS", "/gateway/proxy/chat/v1/models", dict(evil, **{"access-control-request-method": "POST"}))):
            status, answer, _ = gateway.send(method, path, body if method == "POST" else None, headers)
            expect(status in (403, 415), "%s %s %s: %s" % (method, path, headers, status))
            expect("access-control-allow-origin" not in answer, "CORS for %s" % headers)
        expect(len(sent(since)) == 0, "%d reached the provider" % len(sent(since)))
        _, answer, _ = gateway.send("GET", "/gateway/proxy/chat/v1/b-echo", headers={})
        expect(not any(name.startswith("access-control-") for name in answer), "the provider's CORS came back")


def allowed_pages_call():
    with Gateway(server={"cors": {"allow_origins": ["https://app.example"]}}) as gateway:
        asks = {"origin": "https://app.example", "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
        status, answer, _ = gateway.send("OPTIONS", headers=asks)
        expect(status == 204 and answer.get("access-control-allow-origin") == "https://app.example", (status, answer))
        status, answer, _ = gateway.ask(headers={"origin": "https://app.example", "sec-fetch-site": "cross-site"})
        expect(status == 200 and answer.get("access-control-allow-origin") == "https://app.example", (status, answer))


def health_says_what_a_key_may_use():
    broken = {"failures": 1}
    auth = {"keys": [{"name": "one", "key": "vk-one-1", "endpoints": ["chat"]}, {"name": "all", "key": "vk-all-1"}]}
    with Gateway([endpoint(breaker=broken), endpoint("hidden", breaker=broken)], auth=auth) as gateway:
        for name in ("chat", "hidden"):
            gateway.ask("words_500", name, headers={"authorization": "Bearer vk-all-1"})
        gateway.write({"endpoints": "wrong"})
        until = time.monotonic() + 10
        while b"reload" not in gateway.send("GET", "/health", headers={"authorization": "Bearer vk-all-1"})[2] and time.monotonic() < until:
            time.sleep(0.2)
        seen = gateway.send("GET", "/health", headers={"authorization": "Bearer vk-one-1"})[2]
        expect(b"chat" in seen and b"hidden" not in seen and b".yaml" not in seen and b"/" not in seen, seen)
        seen = gateway.send("GET", "/health", headers={})[2]
        expect(seen == b'{"status":"OK"}', seen)


def subjects_are_kept_short():
    limits = [{"per": "user", "requests": 1, "every": "1h"}]
    with Gateway([endpoint(limits=limits)]) as gateway:
        gateway.ask()
        before = gateway.rss()
        for index in range(40):
            user = str(index) + "u" * 1_000_000
            gateway.ask(user=user)
        status, _, body = gateway.ask(user="0" + "u" * 1_000_000)
        expect(len(body) < 4000, "a refusal of %d bytes (%d)" % (len(body), status))
        expect(gateway.rss() - before < 35, "%.0f MiB for 40 subjects" % (gateway.rss() - before))


def labels_and_log_lines_are_bounded():
    with Gateway() as gateway:
        for index in range(8):
            body = json.dumps({"model": "%d" % index + "m" * 300_000, "messages": MESSAGES}).encode()
            _, headers, _ = gateway.send(path="/gateway/proxy/chat/v1/chat/completions", body=body, headers=JSON)
            expect(len(headers.get("x-gateway-attempts", "")) < 4000, "a header of %d bytes" % len(headers.get("x-gateway-attempts", "")))
        gateway.send("GET", "/" + "p" * 60000, headers={})
        time.sleep(0.5)
        page = gateway.send("GET", "/metrics", headers={})[2]
        expect(len(page) < 500_000, "/metrics has %d bytes" % len(page))
        longest = max(map(len, gateway.log().splitlines()))
        expect(longest < 16_000, "a line of %d bytes" % longest)


def a_long_name_costs_little():
    many = [endpoint("endpoint-%d" % index) for index in range(200)]
    with Gateway(many) as gateway:
        gateway.ask(endpoint="endpoint-1")
        before = gateway.cpu()
        for _ in range(3):
            gateway.send(body={"model": "x" * 1_000_000, "messages": MESSAGES})
        expect(gateway.cpu() - before < 3, "%.1f s of CPU for 3 requests" % (gateway.cpu() - before))


def unpacking_holds_nobody_up():
    with Gateway() as gateway:
        bomb = gzip_of_empty_members(8_000_000)
        threads = [threading.Thread(target=lambda: gateway.send(body=bomb, headers=dict(JSON, **{"content-encoding": "gzip"}), timeout=120)) for _ in range(3)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        slowest = 0
        for _ in range(5):
            started = time.monotonic()
            gateway.send("GET", "/livez", headers={}, timeout=60)
            slowest = max(slowest, time.monotonic() - started)
        for thread in threads:
            thread.join()
        expect(slowest < 4, "/livez took %.1f s" % slowest)


def strangers_fill_no_memory():
    auth = {"keys": [{"name": "a", "key": "vk-a-12345678"}]}
    with Gateway(auth=auth) as gateway:
        before = gateway.rss()
        signed = "authorization: AWS4-HMAC-SHA256 Credential=AKIA/20261201/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=00\r\n"
        held = []
        for _ in range(16):
            connection = gateway.raw(gateway.head("/model/chat/converse", 20_000_000, signed))
            connection.settimeout(1)
            try:
                connection.sendall(b" " * 10_000_000)
            except OSError:
                pass
            held.append(connection)
        grown = gateway.rss() - before
        for connection in held:
            connection.close()
        expect(grown < 60, "%.0f MiB for 16 strangers" % grown)


def memory_comes_back():
    with Gateway(server={"max_memory": "500MiB"}) as gateway:
        gateway.ask()
        body = gzip.compress(json.dumps({"model": "nobody", "messages": [{"role": "user", "content": "a" * 60_000_000}]}).encode(), 1)
        threads = [threading.Thread(target=lambda: gateway.send(body=body, headers=dict(JSON, **{"content-encoding": "gzip"}), timeout=60)) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until = time.monotonic() + 10
        while gateway.rss() > 250 and time.monotonic() < until:
            time.sleep(0.5)
        expect(gateway.rss() < 250, "%.0f MiB ten seconds later" % gateway.rss())
        statuses = [gateway.ask()[0] for _ in range(10)]
        expect(statuses == [200] * 10, statuses)


def rules_see_what_the_provider_sees():
    with Gateway() as gateway:
        for body in (b'{"model":"chat","messages":[{"role":"user","content":"secret"}],"messages":[{"role":"user","content":"fine"}]}',
                     rb'{"model":"chat","messages":[{"role":"user","content":"fine"}],"\u006dessages":[{"role":"user","content":"secret"}]}'):
            since = mark()
            gateway.send(body=body, headers=JSON)
            for request in sent(since):
                pairs = json.loads(request.body, object_pairs_hook=list)
                expect([name for name, _ in pairs].count("messages") == 1, "both went up: %s" % request.body)


ALL = [value for name, value in list(globals().items()) if callable(value) and getattr(value, "__module__", "") == __name__]
