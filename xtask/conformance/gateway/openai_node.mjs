// The official OpenAI client for Node, unchanged, against a running `cultivar serve`: the rows of `openai_python.py`.
//
//     CULTIVAR_BASE_URL=http://127.0.0.1:PORT/v1 CULTIVAR_API_KEY=... node openai_node.mjs
//
// The model `scripted` is `provider.py` behind the gateway. Prints one JSON object for `cargo xtask conformance`.

import OpenAI from "openai";
import { zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { VERSION } from "openai/version";
import { z } from "zod";

import { Counted, KEY, LOCAL, MODEL, TIME_LIMIT, URL_, addsUp, ask, cases, collect, received, report, same } from "./checks.mjs";

const client = new OpenAI({ baseURL: URL_, apiKey: KEY, maxRetries: 0 });
const chat = (text, more) => client.chat.completions.create(ask(text, more));
const textOf = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");

const Order = z.object({ drink: z.string(), count: z.number().int(), extras: z.array(z.string()) });
const ORDER = { drink: "latte", count: 2, extras: ["latte"] };
const ARGUMENTS = { drink: "café latte" };
const CALL = `tool ${JSON.stringify(ARGUMENTS)}`;
const PARAMETERS = { type: "object", properties: { drink: { type: "string" } }, required: ["drink"], additionalProperties: false };
const TOOL = { type: "function", function: { name: "price_of", strict: true, parameters: PARAMETERS } };
const PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

async function models() {
  const [listed, one] = [await collect(client.models.list()), await client.models.retrieve(LOCAL ? MODEL : "scripted-1")];
  return {
    "offers the scripted model": listed.some((model) => model.id === one.id),
    "are of object `model`": listed.every((model) => model.object === "model"),
    "have an owner and a time": listed.every((model) => model.owned_by && model.created > 0),
  };
}

async function whole() {
  const { data, response, request_id } = await chat("say: good morning").withResponse();
  return {
    "says what the provider said": data.choices[0].message.content === "good morning",
    "finish reason": data.choices[0].finish_reason === "stop",
    "usage adds up": addsUp(data.usage),
    "x-request-id": !!request_id && response.headers.get("x-request-id") === request_id && data._request_id === request_id,
  };
}

async function streamWithUsage() {
  const chunks = await collect(await chat("say: one two three", { stream: true, stream_options: { include_usage: true } }));
  const last = chunks.at(-1);
  return {
    "says what the provider said": textOf(chunks) === "one two three",
    "a usage chunk at the end": last.choices.length === 0 && addsUp(last.usage),
    "no usage before": chunks.slice(0, -1).every((chunk) => chunk.usage === null),
  };
}

async function streamWithoutUsage() {
  const chunks = await collect(await chat("say: one two three", { stream: true }));
  return {
    "says what the provider said": textOf(chunks) === "one two three",
    "the usage chunk is stripped": chunks.every((chunk) => chunk.choices.length === 1 && !("usage" in chunk)),
    "yet the provider was asked for it": !LOCAL || received(chunks[0]).stream_options?.include_usage === true,
  };
}

async function tools() {
  const request = ask(CALL, { tools: [TOOL], tool_choice: "auto", parallel_tool_calls: false });
  const first = (await client.chat.completions.create(request)).choices[0];
  const call = first.message.tool_calls[0];
  const messages = [...request.messages, first.message, { role: "tool", tool_call_id: call.id, content: "3.50" }];
  const second = (await client.chat.completions.create({ ...request, messages })).choices[0];
  const last = (await client.chat.completions.stream(request).finalChatCompletion()).choices[0];
  const asked = [];
  const price_of = { name: "price_of", parse: JSON.parse, function: (drink) => asked.push(drink) && "4.20", parameters: PARAMETERS };
  const runner = client.chat.completions.runTools({ ...request, tools: [{ type: "function", function: price_of }] });
  return {
    "calls the tool": first.finish_reason === "tool_calls" && call.function.name === "price_of",
    "with its arguments": same(JSON.parse(call.function.arguments), ARGUMENTS),
    "the result comes back": second.message.content === "The tool said: 3.50",
    "the same in a stream": same(last.message.tool_calls[0].function.parsed_arguments, ARGUMENTS),
    "runTools()": (await runner.finalContent()) === "The tool said: 4.20" && same(asked, [ARGUMENTS]),
  };
}

async function structured() {
  const response_format = zodResponseFormat(Order, "order");
  const parsed = await client.chat.completions.parse(ask("schema", { response_format }));
  const streamed = await client.chat.completions.stream(ask("schema", { response_format })).finalChatCompletion();
  return {
    "parse()": same(parsed.choices[0].message.parsed, ORDER),
    "parsed from a stream": same(streamed.choices[0].message.parsed, ORDER),
  };
}

async function vision() {
  const content = [{ type: "text", text: "what is this?" }, { type: "image_url", image_url: { url: PIXEL, detail: "low" } }];
  const answer = await chat("", { messages: [{ role: "user", content }] });
  return {
    "the image arrives": answer.choices[0].message.content === "I was given 1 image(s): data:image/png;base64,",
    unchanged: same(received(answer).messages[0].content, content),
  };
}

async function several() {
  const answer = await chat("say: one two", { n: 3, logprobs: true, top_logprobs: 2 });
  const chunks = await collect(await chat("say: one two", { n: 2, logprobs: true, top_logprobs: 1, stream: true }));
  const choices = chunks.flatMap((chunk) => chunk.choices);
  const tokens = choices.flatMap((choice) => choice.logprobs?.content ?? []).map((token) => token.token);
  return {
    "n choices": same(answer.choices.map((choice) => choice.index), [0, 1, 2]),
    "logprobs": same(answer.choices[2].logprobs.content.map((token) => token.token), ["one ", "two"]),
    "top_logprobs": answer.choices[0].logprobs.content.every((token) => token.top_logprobs.length === 2),
    "n choices in a stream": same([...new Set(choices.map((choice) => choice.index))], [0, 1]),
    "logprobs in a stream": same(tokens, ["one ", "one ", "two", "two"]),
  };
}

async function unknownFields() {
  const mine = { x_unknown: { é: [1.5, null, "\u2028"] }, reasoning: { effort: "low" } };
  const answer = await chat("reasoning", mine);
  const chunks = await collect(await chat("reasoning", { ...mine, stream: true }));
  const arrive = (got) => same(got.x_unknown, mine.x_unknown) && same(got.reasoning, mine.reasoning);
  const { message } = answer.choices[0];
  const deltas = chunks.flatMap((chunk) => chunk.choices).map((choice) => choice.delta);
  return {
    "reach the provider": arrive(received(answer)),
    "reach it in a stream": arrive(received(chunks[0])),
    "come back": same(message.x_unknown, { é: [1.5, null] }),
    "come back in a stream": same(deltas[0].x_unknown, { é: 1.5 }),
    "in the usage too": answer.usage.prompt_tokens_details.x_unknown_detail === 7,
    "reasoning": message.reasoning === "I was told to." && message.reasoning_content === "I was told to.",
    "reasoning in a stream": deltas.map((delta) => delta.reasoning ?? "").join("") === "I was told to.",
  };
}

async function filtered() {
  const [answer, response] = [await chat("filter"), await client.responses.create({ model: MODEL, input: "filter" })];
  return {
    "finish reason": answer.choices[0].finish_reason === "content_filter",
    "incomplete response": response.status === "incomplete" && response.incomplete_details.reason === "content_filter",
  };
}

async function responses() {
  const tool = { type: "function", ...TOOL.function };
  const answer = await client.responses.create({ model: MODEL, input: "say: good evening", instructions: "be kind", x_mine: [1] });
  const parsed = await client.responses.parse({ model: MODEL, input: "schema", text: { format: zodTextFormat(Order, "order") } });
  const asked = await client.responses.create({ model: MODEL, input: CALL, tools: [tool] });
  const result = { type: "function_call_output", call_id: asked.output[0].call_id, output: "3.50" };
  const told = await client.responses.create({ model: MODEL, input: [{ role: "user", content: CALL }, asked.output[0], result], tools: [tool] });
  const got = received(answer);
  return {
    "says what the provider said": answer.output_text === "good evening",
    "status and usage": answer.status === "completed" && answer.usage.total_tokens > 0,
    "parse()": same(parsed.output_parsed, ORDER),
    "calls the tool": same(JSON.parse(asked.output[0].arguments), ARGUMENTS),
    "the result comes back": told.output_text === "The tool said: 3.50",
    "fields reach the provider": same(got.x_mine, [1]) && got.instructions === "be kind",
    "unknown fields come back": same(answer.x_unknown, { é: 1.5 }),
  };
}

async function responsesStream() {
  const stream = client.responses.stream({ model: MODEL, input: "say: one two three" });
  const events = await collect(stream);
  const final = await stream.finalResponse();
  const numbers = events.map((event) => event.sequence_number);
  return {
    "says what the provider said": final.output_text === "one two three",
    "begins and ends": events[0].type === "response.created" && events.at(-1).type === "response.completed",
    "numbered": numbers.every((number, at) => at === 0 || number > numbers[at - 1]),
    "usage at the end": final.usage.total_tokens > 0,
  };
}

async function embeddings() {
  const options = { model: MODEL, input: ["one", "three"], dimensions: 4 };
  const [decoded, floats] = [await client.embeddings.create(options), await client.embeddings.create({ ...options, encoding_format: "float" })];
  const raw = await client.embeddings.create({ ...options, encoding_format: "base64" });
  return {
    "two vectors": same(decoded.data.map((each) => each.index), [0, 1]) && decoded.data[0].embedding.length === 4,
    "base64 is what floats are": same(decoded.data.map((each) => [...each.embedding]), floats.data.map((each) => each.embedding)),
    "base64 where asked for": typeof raw.data[0].embedding === "string",
    "usage": decoded.usage.total_tokens > 0,
  };
}

async function legacy() {
  const complete = (more) => client.completions.create({ model: MODEL, prompt: "say: good night", ...more });
  const [answer, chunks] = [await complete(), await collect(await complete({ stream: true }))];
  const usage = await collect(await complete({ stream: true, stream_options: { include_usage: true } }));
  return {
    "says what the provider said": answer.choices[0].text === "good night" && addsUp(answer.usage),
    "the same in a stream": chunks.map((chunk) => chunk.choices[0].text).join("") === "good night",
    "no usage where not asked for": chunks.every((chunk) => !chunk.usage),
    "usage where asked for": usage.at(-1).choices.length === 0 && addsUp(usage.at(-1).usage),
  };
}

async function moderations() {
  const answer = await client.moderations.create({ model: MODEL, input: ["peace", "violence"] });
  return { "flags": same(answer.results.map((each) => each.flagged), [false, true]) };
}

async function atOnce() {
  const numbers = [...Array(16).keys()].map(String);
  const answers = await Promise.all(numbers.map((number) => chat(`say: ${number}`)));
  return { "each its own answer": same(answers.map((answer) => answer.choices[0].message.content), numbers) };
}

async function own() {
  const request = { model: LOCAL, messages: [{ role: "user", content: "one chai latte please" }], max_tokens: 16, temperature: 0 };
  const answer = await client.chat.completions.create(request);
  const chunks = await collect(await client.chat.completions.create({ ...request, stream: true }));
  const echo = await client.completions.create({ model: LOCAL, prompt: "one chai latte please", max_tokens: 0, echo: true, logprobs: 1 });
  return {
    "says something": !!answer.choices[0].message.content && addsUp(answer.usage),
    "the same in a stream": textOf(chunks) === answer.choices[0].message.content,
    "echo and logprobs": echo.choices[0].text === "one chai latte please" && echo.choices[0].logprobs.token_logprobs.length > 1,
  };
}

const refused = (each, more) => async () => {
  const counted = new Counted();
  const error = await each.within(() => {
    const patient = new OpenAI({ baseURL: URL_, apiKey: each.key, timeout: TIME_LIMIT, fetch: counted.fetch });
    return counted.refusal(() => patient.chat.completions.create({ ...each.request, ...more }));
  });
  if (!(error instanceof OpenAI.APIError)) return { [`an APIError, not ${error}`]: false };
  const checks = each.checks(error.status, error.error ?? {}, error.headers, counted.answers.length, "openai-node");
  if (each.told.class) checks[`raises ${each.told.class}`] = error.constructor.name === each.told.class;
  if (counted.answers.length > 1) checks[`waits as told: ${counted.told} ms, not ${counted.waits}`] = counted.inOrder();
  return checks;
};

const ended = (each) => () =>
  each.within(async () => {
    let got = 0;
    try {
      for await (const _ of await client.chat.completions.create({ ...each.request, stream: true })) {
        if (++got === 2) await each.carryOut("during");
      }
    } catch (error) {
      const { code } = each.told;
      return { "in an APIError": error instanceof OpenAI.APIError, "after the first chunks": got >= 2, [`code ${code}, not ${error.code}`]: !code || error.code === code };
    }
    return { "in an APIError": false };
  });

await report("openai-node", VERSION, {
  models,
  "chat": whole,
  "chat, streamed, with usage": streamWithUsage,
  "chat, streamed, without usage": streamWithoutUsage,
  tools,
  "structured output": structured,
  vision,
  "n and logprobs": several,
  "unknown and reasoning fields": unknownFields,
  "content filter": filtered,
  responses,
  "responses, streamed": responsesStream,
  embeddings,
  "completions": legacy,
  moderations,
  "sixteen at once": atOnce,
  ...(LOCAL ? { "own model": own } : {}),
  ...Object.fromEntries(cases().map((each) => [`refused: ${each.name}`, refused(each)])),
  ...Object.fromEntries(cases("in_stream").map((each) => [`ended: ${each.name}`, ended(each)])),
});
