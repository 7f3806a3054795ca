"""DeepSeek's chat: OpenAI's, with thoughts in `reasoning_content` that must come back beside calls."""
import mock_openai
from mock_openai import listing  # noqa: F401
from mock_provider import need, pieces


def error(status, message):
    kind = {401: "authentication_error", 400: "invalid_request_error"}.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": None, "code": "invalid_request_error"}}, ()


def route(exchange, body):
    need(exchange.path.endswith("/chat/completions"), "no such path")
    exchange.chat(Rules().read(body), Chat(body))


class Rules(mock_openai.Rules):
    # What it does not know it passes over; these are seen to come.
    KNOWN = mock_openai.Rules.KNOWN | {"thinking", "top_k"}
    MESSAGE = mock_openai.Rules.MESSAGE | {"reasoning_content", "prefix"}

    def thinks(self, body):
        return (body.get("thinking") or {}).get("type") != "disabled"

    def thoughts(self, message):
        return [(message.get("reasoning_content") or "", None)]

    def read_message(self, turn, message, where):
        parts = message.get("content") if isinstance(message.get("content"), list) else []
        need(all(part["type"] == "text" for part in parts), "%s: unknown variant, expected `text`" % where)
        super().read_message(turn, message, where)

    def check(self, said, step):
        # https://api-docs.deepseek.com/guides/thinking_mode#tool-calls
        need(said.thoughts == [(step.think, None)], "The `reasoning_content` in the thinking mode must be passed back to the API.")


class Chat(mock_openai.Chat):
    def thinking(self, turn):
        return {"reasoning_content": turn.thought()} if turn.thought() else {}

    def first(self, turn):
        yield {"role": "assistant", "content": None, "reasoning_content": ""}
        for piece in pieces(turn.thought()):
            yield {"content": None, "reasoning_content": piece}
