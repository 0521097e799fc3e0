// The Vercel AI SDK with its OpenAI-compatible provider, unchanged, against a running `cultivar serve`.
//
//     CULTIVAR_BASE_URL=http://127.0.0.1:PORT/v1 CULTIVAR_API_KEY=... node vercel.mjs
//
// It takes no word from `x-should-retry`, so it asks three times where the others ask once (`sent_by` in `cases.json`).

import { readFileSync } from "node:fs";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, Output, RetryError, embedMany, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

import { Counted, KEY, LOCAL, MODEL, URL_, cases, collect, report, same } from "./checks.mjs";

const provider = (more) => createOpenAICompatible({ name: "cultivar", baseURL: URL_, apiKey: KEY, includeUsage: true, supportsStructuredOutputs: true, ...more });
const cultivar = provider();
const model = cultivar(MODEL);
const Order = z.object({ drink: z.string(), count: z.number().int(), extras: z.array(z.string()) });
const ORDER = { drink: "latte", count: 2, extras: ["latte"] };
const PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async function text() {
  const answer = await generateText({ model, prompt: "say: good morning" });
  return {
    "says what the provider said": answer.text === "good morning",
    "finish reason": answer.finishReason === "stop",
    "usage": answer.usage.inputTokens > 0 && answer.usage.outputTokens === 2,
    "x-request-id": !!answer.response.headers["x-request-id"],
  };
}

async function stream() {
  const answer = streamText({ model, prompt: "say: one two three" });
  const pieces = await collect(answer.textStream);
  const silent = streamText({ model: provider({ includeUsage: false })(MODEL), prompt: "say: one two three" });
  return {
    "says what the provider said": pieces.join("") === "one two three" && pieces.length === 3,
    "usage where asked for": (await answer.usage).outputTokens === 3,
    "finish reason": (await answer.finishReason) === "stop",
    "no usage where not asked for": (await silent.usage).outputTokens === undefined,
  };
}

async function tools() {
  const asked = [];
  const inputSchema = z.object({ drink: z.string() });
  const price_of = tool({ inputSchema, execute: (input) => (asked.push(input), "4.20") });
  const request = { model, tools: { price_of }, stopWhen: stepCountIs(2), prompt: 'tool {"drink": "café latte"}' };
  const answer = await generateText(request);
  const streamed = streamText(request);
  return {
    "calls the tool": same(asked, [{ drink: "café latte" }]),
    "the result comes back": answer.text === "The tool said: 4.20",
    "the same in a stream": (await streamed.text) === "The tool said: 4.20" && asked.length === 2,
  };
}

async function structured() {
  const answer = await generateText({ model, prompt: "schema", output: Output.object({ schema: Order }) });
  const plain = jsonSchema({ type: "object", properties: { ok: { type: "boolean" } }, required: ["ok"], additionalProperties: false });
  const streamed = streamText({ model, prompt: "schema", output: Output.object({ schema: plain }) });
  return { "an object": same(answer.output, ORDER), "an object in a stream": same(await streamed.output, { ok: true }) };
}

async function vision() {
  const content = [{ type: "text", text: "what is this?" }, { type: "image", image: PIXEL, mediaType: "image/png" }];
  const answer = await generateText({ model, messages: [{ role: "user", content }] });
  return { "the image arrives": answer.text === "I was given 1 image(s): data:image/png;base64," };
}

async function reasoning() {
  const answer = await generateText({ model, prompt: "reasoning" });
  const streamed = streamText({ model, prompt: "reasoning" });
  return { "whole": answer.reasoningText === "I was told to.", "in a stream": (await streamed.reasoningText) === "I was told to." };
}

async function filtered() {
  return { "finish reason": (await generateText({ model, prompt: "filter" })).finishReason === "content-filter" };
}

async function legacy() {
  const answer = await generateText({ model: cultivar.completionModel(MODEL), prompt: "say: good night" });
  return { "says something": answer.text.length > 0, "finish reason": answer.finishReason === "stop" };
}

async function embeddings() {
  const answer = await embedMany({ model: cultivar.textEmbeddingModel(MODEL), values: ["one", "three"] });
  return { "two vectors": answer.embeddings.length === 2 && answer.embeddings[0].length === 8, "usage": answer.usage.tokens > 0 };
}

async function own() {
  const answer = await generateText({ model: cultivar(LOCAL), prompt: "one chai latte please", maxOutputTokens: 16 });
  return { "says something": answer.text.length > 0, "usage": answer.usage.outputTokens > 0 && answer.usage.outputTokens <= 16 };
}

const refused = (each) => async () => {
  const counted = new Counted();
  const { model: name, messages, max_tokens } = each.request;
  const ask = () => generateText({ model: provider({ apiKey: each.key, fetch: counted.fetch })(name), messages, maxOutputTokens: max_tokens });
  let error = await each.within(() => counted.refusal(ask));
  if (RetryError.isInstance(error)) error = error.lastError;
  if (!APICallError.isInstance(error)) return { [`an APICallError, not ${error}`]: false };
  const headers = new Headers(error.responseHeaders);
  return each.checks(error.statusCode, JSON.parse(error.responseBody).error, headers, counted.answers.length, "vercel");
};

const ended = (each) => () =>
  each.within(async () => {
    const { model: name, messages } = each.request;
    let [got, error] = [0, undefined];
    const answer = streamText({ model: cultivar(name), messages, onError: (event) => (error = event.error) });
    for await (const _ of answer.textStream) if (++got === 2) await each.carryOut("during");
    return { "after the first pieces": got >= 2, "in an error": error !== undefined };
  });

const version = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url), "utf8")).version;
// The SDK refuses such messages before it sends anything.
const possible = cases().filter((each) => Array.isArray(each.request.messages));

await report("vercel ai", `${version("ai")} ${version("@ai-sdk/openai-compatible")}`, {
  "chat": text,
  "chat, streamed": stream,
  tools,
  "structured output": structured,
  vision,
  "reasoning fields": reasoning,
  "content filter": filtered,
  embeddings,
  "completions": legacy,
  ...(LOCAL ? { "own model": own } : {}),
  ...Object.fromEntries(possible.map((each) => [`refused: ${each.name}`, refused(each)])),
  ...Object.fromEntries(cases("in_stream").map((each) => [`ended: ${each.name}`, ended(each)])),
});
