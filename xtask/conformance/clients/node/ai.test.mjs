// The AI SDK with each of its providers: text, streams, tools over several steps, objects, vectors, errors.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, embedMany, generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const { GATEWAY_URL, CLIENT_KEY, ENDPOINTS_CHAT, ENDPOINTS_EMBEDDINGS, GATEWAY_DIRECT } = process.env;
globalThis.AI_SDK_LOG_WARNINGS = false;
const at = (path) => ({ baseURL: GATEWAY_URL + path, apiKey: CLIENT_KEY });
const openai = createOpenAI(at("/v1"));
const compatible = createOpenAICompatible({ name: "gateway", includeUsage: true, supportsStructuredOutputs: true, ...at("/v1") });
const google = createGoogleGenerativeAI(at("/v1beta"));
const models = {
  // Nothing is stored, so that the SDK sends what was said rather than references to it.
  "openai responses": (name) => openai.responses(name),
  "openai chat": (name) => openai.chat(name),
  compatible: (name) => compatible(name),
  anthropic: (name) => createAnthropic(at("/v1"))(name),
  google: (name) => google(name),
};
const tools = {
  get_weather: tool({ description: "Weather of a city", inputSchema: z.object({ city: z.string() }), execute: async ({ city }) => `sun in ${city}` }),
};
const twoCalls = '!tool get_weather {"city": "Paris, \\u00cele"} get_weather {"city": "Rome"}';
const said = /^Tools said: .*sun in Paris, Île.*; .*sun in Rome/;
const endpoints = GATEWAY_DIRECT ? [] : ENDPOINTS_CHAT.split(",");
let ids = 0;

for (const [client, made] of Object.entries(models)) {
  describe(`ai-sdk ${client}`, () => {
    for (const endpoint of endpoints) {
      const model = made(endpoint);
      const providerOptions = { openai: { store: false, include: ["reasoning.encrypted_content"] } };
      const common = { model, maxRetries: 0, maxOutputTokens: 500, ...(client === "openai responses" ? { providerOptions } : {}) };

      test(`${endpoint} answers and streams`, async () => {
        const reply = await generateText({ ...common, system: "Be brief.", prompt: "Hello there" });
        assert.deepEqual([reply.text, reply.finishReason, reply.usage.outputTokens], ["Echo: Hello there", "stop", 3]);
        const stream = streamText({ ...common, prompt: "Hello there, Zoë" });
        let text = "";
        for await (const piece of stream.textStream) text += piece;
        assert.deepEqual([text, await stream.finishReason, (await stream.usage).outputTokens], ["Echo: Hello there, Zoë", "stop", 4]);
      });

      test(`${endpoint} uses tools over several steps`, async () => {
        const more = { ...common, tools, stopWhen: stepCountIs(3), prompt: twoCalls };
        const reply = await generateText(more);
        assert.match(reply.text, said);
        assert.equal(reply.steps.length, 2);
        const stream = streamText({ ...more, onError: () => {} });
        assert.match(await stream.text, said);
        assert.equal((await stream.steps).length, 2);
      });

      test(`${endpoint} makes objects`, async () => {
        const schema = z.object({ city: z.string() });
        const reply = await generateObject({ ...common, schema, prompt: '!json {"city": "Rome"}' });
        assert.deepEqual(reply.object, { city: "Rome" });
      });

      test(`${endpoint} raises the error of the status`, async () => {
        for (const status of [400, 401, 404, 429, 500, 503]) {
          await assert.rejects(generateText({ ...common, prompt: `!fail ${status} id=ai-${ids++}` }), (error) => {
            assert.ok(APICallError.isInstance(error), String(error));
            assert.equal(error.statusCode, status);
            assert.match(error.message, new RegExp(`Told to fail with ${status}`));
            return true;
          });
        }
      });
    }
  });
}

test("ai-sdk embeds", { skip: Boolean(GATEWAY_DIRECT) }, async () => {
  for (const endpoint of ENDPOINTS_EMBEDDINGS.split(",")) {
    for (const model of [openai.textEmbeddingModel(endpoint), compatible.textEmbeddingModel(endpoint), google.textEmbeddingModel(endpoint)]) {
      const reply = await embedMany({ model, values: ["one", "three"], maxRetries: 0 });
      assert.deepEqual(reply.embeddings, [[3, 0.5, -0.25], [5, 0.5, -0.25]], `${model.provider} ${endpoint}`);
    }
  }
});
