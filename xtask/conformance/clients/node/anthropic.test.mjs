// The Anthropic SDK for Node: messages, streams, tools, thinking, errors, retries.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";

const { GATEWAY_URL, ANTHROPIC_CLIENT_KEY, ENDPOINTS_CHAT, GATEWAY_DIRECT } = process.env;
const client = new Anthropic({ baseURL: GATEWAY_URL, apiKey: ANTHROPIC_CLIENT_KEY, maxRetries: 0 });
const patient = new Anthropic({ baseURL: GATEWAY_URL, apiKey: ANTHROPIC_CLIENT_KEY, maxRetries: 3 });
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ name: "get_weather", description: "Weather of a city", input_schema: schema }];
const oneCall = '!tool get_weather {"city": "Rome"}';
let ids = 0;

const request = (model, text, more) => ({ model, messages: [{ role: "user", content: text }], max_tokens: 100, ...more });

for (const endpoint of GATEWAY_DIRECT ? ["anthropic-chat"] : ENDPOINTS_CHAT.split(",")) {
  describe(`anthropic ${endpoint}`, () => {
    test("answers and streams", async () => {
      const reply = await client.messages.create(request(endpoint, "Hello there"));
      assert.deepEqual([reply.content[0].text, reply.stop_reason], ["Echo: Hello there", "end_turn"]);
      const final = await client.messages.stream(request(endpoint, "Hello there, Zoë")).finalMessage();
      assert.deepEqual([final.content[0].text, final.usage.output_tokens], ["Echo: Hello there, Zoë", 4]);
    });

    test("calls tools and reads their results", async () => {
      for (const first of [await client.messages.create(request(endpoint, oneCall, { tools })),
        await client.messages.stream(request(endpoint, oneCall, { tools })).finalMessage()]) {
        assert.equal(first.stop_reason, "tool_use");
        const call = first.content.find((block) => block.type === "tool_use");
        assert.deepEqual(call.input, { city: "Rome" });
        const messages = [{ role: "user", content: oneCall }, { role: "assistant", content: first.content },
          { role: "user", content: [{ type: "tool_result", tool_use_id: call.id, content: "sunny" }] }];
        const reply = await client.messages.create({ model: endpoint, messages, tools, max_tokens: 99 });
        assert.equal(reply.content[0].text, "Tools said: sunny");
      }
    });

    test("raises the error class of the status", async () => {
      const classes = [[400, Anthropic.BadRequestError], [404, Anthropic.NotFoundError], [429, Anthropic.RateLimitError],
        [500, Anthropic.InternalServerError]];
      for (const [status, kind] of classes) {
        await assert.rejects(client.messages.create(request(endpoint, `!fail ${status} id=na-${ids++}`)), (error) => {
          assert.ok(error instanceof kind, `${status}: ${error.constructor.name}`);
          assert.match(error.message, new RegExp(`Told to fail with ${status}`));
          return true;
        });
      }
    });

    test("retries until it works", async () => {
      for (const status of [429, 529]) {
        const text = `!fail ${status} id=na-${ids++} times=2 retry-after=0`;
        assert.match((await patient.messages.create(request(endpoint, text))).content[0].text, /^Echo: !fail/);
      }
    });

    test("raises what breaks a stream", async () => {
      await assert.rejects(client.messages.stream(request(endpoint, "!error-midway")).finalMessage(), /Told to break midway/);
      await assert.rejects(client.messages.stream(request(endpoint, "!cut")).finalMessage());
    });
  });
}

test("anthropic keeps the signature of thinking", async () => {
  const stream = client.messages.stream(request("anthropic-chat", "!think", { max_tokens: 2000, thinking: { type: "enabled", budget_tokens: 1024 } }));
  const { content } = await stream.finalMessage();
  assert.deepEqual(content.map((block) => block.type), ["thinking", "text"]);
  const messages = [{ role: "user", content: "!think" }, { role: "assistant", content }, { role: "user", content: "And?" }];
  const reply = await client.messages.create({ model: "anthropic-chat", max_tokens: 99, messages });
  assert.equal(reply.content[0].text, "Echo: And?");
});
