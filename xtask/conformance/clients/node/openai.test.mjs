// The OpenAI SDK for Node: chat, tools, embeddings, errors, retries, broken streams.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import OpenAI from "openai";

const { GATEWAY_URL, CLIENT_KEY, ENDPOINTS_CHAT, ENDPOINTS_EMBEDDINGS } = process.env;
const baseURL = `${GATEWAY_URL}/v1`;
const client = new OpenAI({ baseURL, apiKey: CLIENT_KEY, maxRetries: 0 });
const patient = new OpenAI({ baseURL, apiKey: CLIENT_KEY, maxRetries: 3 });
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"], additionalProperties: false };
const tools = [{ type: "function", function: { name: "get_weather", description: "Weather of a city", parameters: schema } }];
const twoCalls = '!tool get_weather {"city": "Paris, \\u00cele"} get_weather {"city": "Rome"}';
let ids = 0;

const ask = (model, text, more = {}, using = client) =>
  using.chat.completions.create({ model, messages: [{ role: "user", content: text }], max_tokens: 100, ...more });

async function joined(stream) {
  let text = "", finish = null;
  const calls = [];
  for await (const chunk of stream) {
    for (const choice of chunk.choices) {
      text += choice.delta.content ?? "";
      finish = choice.finish_reason ?? finish;
      for (const call of choice.delta.tool_calls ?? []) {
        calls[call.index] ??= { id: call.id, name: call.function.name, arguments: "" };
        calls[call.index].arguments += call.function.arguments ?? "";
      }
    }
  }
  return { text, finish, calls };
}

for (const endpoint of ENDPOINTS_CHAT.split(",")) {
  describe(`openai ${endpoint}`, () => {
    test("answers", async () => {
      const reply = await ask(endpoint, "Hello there");
      assert.equal(reply.choices[0].message.content, "Echo: Hello there");
      assert.equal(reply.choices[0].finish_reason, "stop");
      assert.deepEqual([reply.usage.prompt_tokens, reply.usage.completion_tokens], [7, 3]);
    });

    test("streams", async () => {
      const reply = await joined(await ask(endpoint, "Hello there, Zoë", { stream: true }));
      assert.deepEqual(reply, { text: "Echo: Hello there, Zoë", finish: "stop", calls: [] });
    });

    test("collects a stream with the SDK's helper", async () => {
      const stream = client.chat.completions.stream({ model: endpoint, messages: [{ role: "user", content: "Hi" }], max_tokens: 9 });
      assert.equal((await stream.finalChatCompletion()).choices[0].message.content, "Echo: Hi");
    });

    test("calls tools and reads their results", async () => {
      const { message } = (await ask(endpoint, twoCalls, { tools })).choices[0];
      const cities = message.tool_calls.map((call) => JSON.parse(call.function.arguments).city);
      assert.deepEqual(cities, ["Paris, Île", "Rome"]);
      const results = message.tool_calls.map((call, i) => ({ role: "tool", tool_call_id: call.id, content: cities[i] }));
      const messages = [{ role: "user", content: twoCalls }, message, ...results];
      const reply = await client.chat.completions.create({ model: endpoint, messages, tools, max_tokens: 99 });
      assert.equal(reply.choices[0].message.content, "Tools said: Paris, Île; Rome");
    });

    test("streams the arguments of tool calls", async () => {
      const { calls, finish } = await joined(await ask(endpoint, twoCalls, { tools, stream: true }));
      assert.equal(finish, "tool_calls");
      assert.deepEqual(calls.map((call) => JSON.parse(call.arguments).city), ["Paris, Île", "Rome"]);
    });

    test("raises the error class of the status", async () => {
      const classes = [[400, OpenAI.BadRequestError], [401, OpenAI.AuthenticationError], [404, OpenAI.NotFoundError],
        [429, OpenAI.RateLimitError], [500, OpenAI.InternalServerError]];
      for (const [status, kind] of classes) {
        for (const stream of [false, true]) {
          await assert.rejects(ask(endpoint, `!fail ${status} id=node-${ids++}`, { stream }), (error) => {
            assert.ok(error instanceof kind, `${status}: ${error.constructor.name}`);
            assert.match(error.message, new RegExp(`Told to fail with ${status}`));
            return true;
          });
        }
      }
    });

    test("retries until it works", async () => {
      for (const status of [429, 500, 503]) {
        const reply = await ask(endpoint, `!fail ${status} id=node-${ids++} times=2 retry-after=0`, {}, patient);
        assert.match(reply.choices[0].message.content, /^Echo: !fail/);
      }
    });

    test("raises what breaks a stream", async () => {
      await assert.rejects(async () => joined(await ask(endpoint, "!error-midway", { stream: true })), /Told to break midway/);
      await assert.rejects(async () => joined(await ask(endpoint, "!cut", { stream: true })));
    });

    test("stops a stream that the client leaves", async () => {
      const stream = await ask(endpoint, "word ".repeat(200), { stream: true });
      for await (const chunk of stream) {
        assert.ok(chunk.id);
        break;
      }
      assert.equal((await ask(endpoint, "still there")).choices[0].message.content, "Echo: still there");
    });
  });
}

for (const endpoint of ENDPOINTS_EMBEDDINGS.split(",")) {
  test(`openai ${endpoint} embeds`, async () => {
    for (const encoding of [{}, { encoding_format: "float" }]) {
      const reply = await client.embeddings.create({ model: endpoint, input: ["one", "three"], ...encoding });
      assert.deepEqual(reply.data.map((item) => Array.from(item.embedding)), [[3, 0.5, -0.25], [5, 0.5, -0.25]]);
    }
  });
}

test("openai knows the endpoints as models", async () => {
  const names = [];
  for await (const model of client.models.list()) names.push(model.id);
  assert.ok(names.includes("openai-chat") && names.includes("anthropic-chat"), names.join(" "));
});

test("openai gets NotFoundError for an unknown endpoint", async () => {
  await assert.rejects(ask("no-such-endpoint", "Hi"), (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
});

test("openai completes text", async () => {
  const request = { model: "openai-completions", prompt: "Once upon", max_tokens: 9 };
  assert.equal((await client.completions.create(request)).choices[0].text, "Echo: Once upon");
  let text = "";
  for await (const chunk of await client.completions.create({ ...request, stream: true })) text += chunk.choices[0]?.text ?? "";
  assert.equal(text, "Echo: Once upon");
});
