"""Starts the mock provider and the gateway before it, and tells the tests where they are.

Tests read the environment: GATEWAY_URL, MOCK_URL, CLIENT_KEY, and ENDPOINTS_<KIND> with the names of the endpoints of a
kind. With GATEWAY_DIRECT=1 the clients talk to the mock itself, which proves the tests and the mock, not the gateway.
"""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import mock_provider

AZURE = {"openai_api_type": "azure", "openai_api_key": mock_provider.KEYS["azure"], "openai_api_version": "2024-10-21",
         "openai_api_base": "https://mock-resource.openai.azure.com", "openai_deployment_name": "mock-model"}
OPENAI = {"openai_api_key": "$MOCK_OPENAI_KEY"}
GEMINI = {"gemini_api_key": mock_provider.KEYS["gemini"]}
BEDROCK = {"aws_config": {"aws_bearer_token": mock_provider.KEYS["bedrock"], "aws_region": "us-east-1"}}
# A user's credentials: the mock gives the token for them.
VERTEX = {"vertex_project": "mock-project", "vertex_location": "us-central1", "vertex_credentials": json.dumps(
    {"type": "authorized_user", "client_id": "mock", "client_secret": "mock", "refresh_token": "mock"})}
MISTRAL = {"mistral_api_key": mock_provider.KEYS["mistral"]}
COHERE = {"cohere_api_key": mock_provider.KEYS["cohere"]}
ENDPOINTS = {
    "openai-chat": ("chat", "openai", OPENAI),
    "azure-chat": ("chat", "openai", AZURE),
    "anthropic-chat": ("chat", "anthropic", {"anthropic_api_key": mock_provider.KEYS["anthropic"]}),
    "gemini-chat": ("chat", "gemini", GEMINI),
    "vertex-chat": ("chat", "vertex-ai", VERTEX),
    "bedrock-chat": ("chat", "bedrock", BEDROCK),
    "cohere-chat": ("chat", "cohere", COHERE),
    "mistral-chat": ("chat", "mistral", MISTRAL),
    "deepseek-chat": ("chat", "deepseek", {"api_key": mock_provider.KEYS["deepseek"]}),
    "openai-completions": ("completions", "openai", OPENAI),
    "openai-embeddings": ("embeddings", "openai", OPENAI),
    "azure-embeddings": ("embeddings", "openai", AZURE),
    "gemini-embeddings": ("embeddings", "gemini", GEMINI),
    "cohere-embeddings": ("embeddings", "cohere", COHERE),
    "mistral-embeddings": ("embeddings", "mistral", MISTRAL),
    "cohere-rerank": ("rerank", "cohere", COHERE),
    "jina-rerank": ("rerank", "jina", {"api_key": mock_provider.KEYS["jina"]}),
    # Names that LlamaIndex knows.
    "gpt-4o": ("chat", "openai", OPENAI),
    "claude-sonnet-4-5-20250929": ("chat", "gemini", GEMINI),
    "broken-key": ("chat", "openai", {"openai_api_key": "sk-revoked"}),
}

# What a model can do is read from its name.
MODELS = {"bedrock-chat": "anthropic.claude-sonnet-4-5-mock-v1:0", "cohere-chat": "command-a-reasoning-mock"}


# What callers of a gateway that asks for credentials need.
AUTH = {"keys": [{"name": "signer", "key": "vk-signer", "endpoints": ["openai-chat"],
                  "aws": {"access_key_id": "SIGNER", "secret_access_key": "the/signers+secret"}}]}


def config(auth=None):
    """The configuration of the gateway; JSON is YAML."""
    endpoints = [{"name": name, "endpoint_type": "llm/v1/" + kind, "model": {"provider": provider, "name": MODELS.get(name, "mock-model"), "config": settings}}
                 for name, (kind, provider, settings) in ENDPOINTS.items()]
    return json.dumps({"endpoints": endpoints, **({"auth": auth} if auth else {})}, indent=1)


class Gateway:
    """The gateway under test."""

    def __init__(self, binary, mock, auth=None):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.url = "http://127.0.0.1:%d" % self.port
        self.folder = tempfile.TemporaryDirectory(prefix="clients-")
        path = os.path.join(self.folder.name, "config.yaml")
        with open(path, "w") as f:
            f.write(config(auth))
        self.log = open(os.path.join(self.folder.name, "log"), "w+")
        self.process = subprocess.Popen(
            [binary, "start", "--config-path", path, "--host", "127.0.0.1", "--port", str(self.port), "--origin-override", "*=" + mock.origin],
            stdout=self.log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, "MOCK_OPENAI_KEY": mock_provider.KEYS["openai"]})

    def ready(self, seconds=20):
        end = time.time() + seconds
        while time.time() < end and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "/health", timeout=2) as reply:
                    return reply.status == 200
            except OSError:
                time.sleep(0.05)
        return False

    def output(self):
        self.log.flush()
        with open(self.log.name) as f:
            return f.read()

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def environment(url, mock, direct, guarded=""):
    """What the tests need to know."""
    names = {kind: [name for name in ENDPOINTS if name.endswith("-" + kind)] for kind in ("chat", "embeddings", "rerank")}
    if direct:
        names = {kind: ["openai-" + kind] if kind != "rerank" else [] for kind in names}
    return {**{"ENDPOINTS_" + kind.upper(): ",".join(all) for kind, all in names.items()}, "GATEWAY_URL": url, "GUARDED_URL": guarded, "MOCK_URL": mock.origin,
            "CLIENT_KEY": mock_provider.KEYS["openai"] if direct else mock_provider.CLIENT_KEY,
            "ANTHROPIC_CLIENT_KEY": mock_provider.KEYS["anthropic"] if direct else mock_provider.CLIENT_KEY,
            "GATEWAY_DIRECT": "1" if direct else "", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
