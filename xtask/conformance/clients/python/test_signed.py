"""boto3 against a gateway that asks for credentials: signatures, bearer tokens, and what is refused. And an SDK of the
provider's on the passthrough."""
import os
import unittest

import boto3
import botocore.auth
import botocore.config
import botocore.exceptions
import openai

from case import through_gateway

URL = os.environ.get("GUARDED_URL", "")
ENDPOINT = "openai-chat"
NO_RETRIES = botocore.config.Config(retries={"total_max_attempts": 1}, read_timeout=20)


def made(key="SIGNER", secret="the/signers+secret", region="us-east-1"):
    return boto3.client("bedrock-runtime", region_name=region, endpoint_url=URL, config=NO_RETRIES,
                        aws_access_key_id=key, aws_secret_access_key=secret)


def ask(client, endpoint=ENDPOINT):
    return client.converse(modelId=endpoint, messages=[{"role": "user", "content": [{"text": "Hello there"}]}])


@through_gateway
class Signed(unittest.TestCase):
    def refused(self, client, status, code, endpoint=ENDPOINT):
        with self.assertRaises(botocore.exceptions.ClientError) as raised:
            ask(client, endpoint)
        told = raised.exception.response
        self.assertEqual((told["ResponseMetadata"]["HTTPStatusCode"], told["Error"]["Code"]), (status, code))

    def test_a_signature_of_a_known_pair_is_let_in_for_any_region(self):
        for region in ("us-east-1", "eu-central-1"):
            self.assertEqual(ask(made(region=region))["output"]["message"]["content"], [{"text": "Echo: Hello there"}])
        reply = made().converse_stream(modelId=ENDPOINT, messages=[{"role": "user", "content": [{"text": "Hello there"}]}])
        text = "".join(e["contentBlockDelta"]["delta"]["text"] for e in reply["stream"] if "contentBlockDelta" in e)
        self.assertEqual(text, "Echo: Hello there")

    def test_a_wrong_secret_and_an_unknown_pair_are_refused_as_aws_refuses(self):
        self.refused(made(secret="another"), 403, "InvalidSignatureException")
        self.refused(made(key="NOBODY"), 403, "InvalidSignatureException")

    def test_a_pair_may_call_what_its_key_may(self):
        self.refused(made(), 403, "AccessDeniedException", "anthropic-chat")

    def test_a_bearer_token_is_a_key(self):
        os.environ["AWS_BEARER_TOKEN_BEDROCK"] = "vk-signer"
        try:
            client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=URL, config=NO_RETRIES)
            self.assertEqual(ask(client)["output"]["message"]["content"], [{"text": "Echo: Hello there"}])
        finally:
            del os.environ["AWS_BEARER_TOKEN_BEDROCK"]

    def test_the_openai_sdk_passes_through(self):
        client = openai.OpenAI(base_url=URL + "/gateway/proxy/" + ENDPOINT + "/v1", api_key="vk-signer", max_retries=0)
        reply = client.chat.completions.create(model="mock-model", messages=[{"role": "user", "content": "Hello there"}])
        self.assertEqual(reply.choices[0].message.content, "Echo: Hello there")
        chunks = client.chat.completions.create(model="mock-model", stream=True, messages=[{"role": "user", "content": "Hello there"}])
        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), "Echo: Hello there")
        with self.assertRaises(openai.AuthenticationError):
            client.with_options(api_key="vk-nobody").models.list()


if __name__ == "__main__":
    unittest.main()
