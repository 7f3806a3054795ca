"""MLflow's deployments client."""
import os
import unittest

os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "3")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
import requests  # noqa: E402
from mlflow.deployments import get_deploy_client  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

from case import CHAT, EMBEDDINGS, URL, fail, through_gateway  # noqa: E402

# On these URLs Cohere is spoken to in version 1, as MLflow does: replayed from its recordings.
CHAT, EMBEDDINGS = ([name for name in names if "cohere" not in name] for names in (CHAT, EMBEDDINGS))


@through_gateway
class Deployments(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.client = get_deploy_client(URL)

    def ask(self, endpoint, text):
        return self.client.predict(endpoint=endpoint, inputs={"messages": [{"role": "user", "content": text}], "max_tokens": 99})

    def test_endpoints(self):
        listed = {e.name: e for e in self.client.list_endpoints()}
        self.assertEqual(listed["anthropic-chat"].endpoint_type, "llm/v1/chat")
        one = self.client.get_endpoint("openai-embeddings")
        self.assertEqual((one.name, one.endpoint_type, one.model.provider), ("openai-embeddings", "llm/v1/embeddings", "openai"))
        self.assertTrue(one.endpoint_url.startswith(URL))

    def test_chat(self):
        for endpoint in CHAT:
            with self.subTest(endpoint):
                reply = self.ask(endpoint, "Hello there")
                self.assertEqual(reply["choices"][0]["message"]["content"], "Echo: Hello there")
                self.assertEqual(reply["usage"]["total_tokens"], 10)

    def test_completions(self):
        reply = self.client.predict(endpoint="openai-completions", inputs={"prompt": "Once upon", "max_tokens": 9})
        self.assertEqual(reply["choices"][0]["text"], "Echo: Once upon")

    def test_embeddings(self):
        for endpoint in EMBEDDINGS:
            with self.subTest(endpoint):
                reply = self.client.predict(endpoint=endpoint, inputs={"input": ["one", "three"]})
                self.assertEqual([d["embedding"] for d in reply["data"]], [[3.0, 0.5, -0.25], [5.0, 0.5, -0.25]])

    def test_errors(self):
        for endpoint in CHAT:
            with self.subTest(endpoint), self.assertRaises((requests.HTTPError, MlflowException)) as raised:
                self.ask(endpoint, fail(400, "mlflow"))
            self.assertIn("Told to fail with 400.", str(raised.exception) + getattr(getattr(raised.exception, "response", None), "text", ""))
        with self.assertRaises((requests.HTTPError, MlflowException)):
            self.ask("no-such-endpoint", "Hi")

    def test_client_retries_until_it_works(self):
        for endpoint in CHAT:
            for status in (429, 503):
                with self.subTest(endpoint=endpoint, status=status):
                    reply = self.ask(endpoint, fail(status, "mlflow", times=2, retry_after=0))
                    self.assertIn("Echo: !fail", reply["choices"][0]["message"]["content"])
