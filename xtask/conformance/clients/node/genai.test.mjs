// Google's SDK for Node: content, streams, chats with functions, counts, vectors, errors.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ApiError, GoogleGenAI } from "@google/genai";

const { GATEWAY_URL, CLIENT_KEY, ENDPOINTS_CHAT, GATEWAY_DIRECT } = process.env;
const made = (path) => new GoogleGenAI({ apiKey: CLIENT_KEY, httpOptions: { baseUrl: GATEWAY_URL + path } });
const client = made("");
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ functionDeclarations: [{ name: "get_weather", description: "Weather of a city", parametersJsonSchema: schema }] }];
let ids = 0;

for (const endpoint of GATEWAY_DIRECT ? [] : ENDPOINTS_CHAT.split(",")) {
  describe(`google ${endpoint}`, () => {
    test("answers and streams", async () => {
      for (const path of ["", "/gateway/gemini"]) {
        const reply = await made(path).models.generateContent({ model: endpoint, contents: "Hello there", config: { maxOutputTokens: 99 } });
        assert.deepEqual([reply.text, reply.usageMetadata.promptTokenCount], ["Echo: Hello there", 7]);
      }
      let text = "";
      for await (const chunk of await client.models.generateContentStream({ model: endpoint, contents: "Hello there, Zoë" })) text += chunk.text ?? "";
      assert.equal(text, "Echo: Hello there, Zoë");
    });

    test("chats with functions", async () => {
      const chat = client.chats.create({ model: endpoint, config: { tools } });
      const plan = { keeps: true, steps: [{ calls: [["get_weather", { city: "Rome" }], ["get_weather", { city: "Oslo" }]] }] };
      const calls = [];
      const message = `!steps ${JSON.stringify(endpoint.match(/gemini|vertex/) ? plan : { ...plan, keeps: false })}`;
      for await (const chunk of await chat.sendMessageStream({ message })) calls.push(...(chunk.functionCalls ?? []));
      assert.deepEqual(calls.map((call) => call.args.city), ["Rome", "Oslo"]);
      const results = calls.map(({ id, name, args }) => ({ functionResponse: { id, name, response: { output: `sun in ${args.city}` } } }));
      assert.equal((await chat.sendMessage({ message: results })).text, "Tools said: sun in Rome; sun in Oslo");
    });

    test("raises the error of the status", async () => {
      for (const status of [400, 401, 404, 429, 500, 503]) {
        await assert.rejects(client.models.generateContent({ model: endpoint, contents: `!fail ${status} id=ng-${ids++}` }), (error) => {
          assert.ok(error instanceof ApiError, error.constructor.name);
          assert.equal(error.status, status);
          assert.match(error.message, new RegExp(`Told to fail with ${status}`));
          return true;
        });
      }
    });
  });
}

test("google counts and embeds", { skip: Boolean(GATEWAY_DIRECT) }, async () => {
  assert.equal((await client.models.countTokens({ model: "anthropic-chat", contents: "Hi" })).totalTokens, 7);
  const reply = await client.models.embedContent({ model: "openai-embeddings", contents: ["one", "three"] });
  assert.deepEqual(reply.embeddings.map((item) => item.values), [[3, 0.5, -0.25], [5, 0.5, -0.25]]);
});
