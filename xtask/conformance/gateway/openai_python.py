"""The official OpenAI client for Python, 3.x or 2.x, unchanged, against a running `cultivar serve`.

    CULTIVAR_BASE_URL=http://127.0.0.1:PORT/v1 CULTIVAR_API_KEY=... python3 openai_python.py [NAME]

The client validates every answer against its own types (`_strict_response_validation`), so a missing or misspelt field fails
its row. The model `scripted` is `provider.py` behind the gateway. Prints one JSON object for `cargo xtask conformance`.
"""

import asyncio
import json
import sys
import time
import urllib.request

import openai
from pydantic import BaseModel

from checks import KEY, LOCAL, MODEL, PROVIDER, URL, adds_up, ask, cases, in_order, received, report
from openai_python_local import rows as local_rows


class Order(BaseModel):
    drink: str
    count: int
    extras: list[str]


TOOL = {
    "type": "function",
    "function": {
        "name": "price_of",
        "strict": True,
        "parameters": {
            "type": "object",
            "properties": {"drink": {"type": "string"}},
            "required": ["drink"],
            "additionalProperties": False,
        },
    },
}
ARGUMENTS = {"drink": "café latte"}
CALL = f"tool {json.dumps(ARGUMENTS, ensure_ascii=False)}"
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def settings(strict=True):
    return {"base_url": URL, "api_key": KEY, "max_retries": 0, "timeout": 60, "_strict_response_validation": strict}


client = openai.OpenAI(**settings())
# The client's types know no embedding in base64, which it asks for itself, and no `finish_reason: null` in a stream of legacy completions.
lenient = openai.OpenAI(**settings(strict=False))


def chat(text, **more):
    return client.chat.completions.create(**ask(text, **more))


def extras(model):
    """The fields of an answer that the client's types do not know."""
    return model.model_extra or {}


def models():
    listed, one = list(client.models.list()), client.models.retrieve(MODEL if LOCAL else "scripted-1")
    return {
        "offers the scripted model": one.id in [model.id for model in listed],
        "are of object `model`": all(model.object == "model" for model in listed),
        "have an owner and a time": all(model.owned_by and model.created > 0 for model in listed),
        "one of them": one.object == "model" and bool(one.owned_by),
    }


def whole():
    raw = client.chat.completions.with_raw_response.create(**ask("say: good morning"))
    answer = raw.parse()
    return {
        "says what the provider said": answer.choices[0].message.content == "good morning",
        "finish reason": answer.choices[0].finish_reason == "stop",
        "usage adds up": adds_up(answer.usage),
        "x-request-id": bool(raw.headers.get("x-request-id")) and answer._request_id == raw.headers["x-request-id"],
    }


def streamed(**more):
    chunks = list(chat("say: one two three", stream=True, **more))
    return chunks, "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def stream_with_usage():
    chunks, text = streamed(stream_options={"include_usage": True})
    return {
        "says what the provider said": text == "one two three",
        "a usage chunk at the end": not chunks[-1].choices and adds_up(chunks[-1].usage),
        "no usage before": all(chunk.usage is None for chunk in chunks[:-1]),
    }


def stream_without_usage():
    chunks, text = streamed()
    asked = json.loads(received(extras(chunks[0]))).get("stream_options") or {}
    return {
        "says what the provider said": text == "one two three",
        "the usage chunk is stripped": all(chunk.choices and chunk.usage is None for chunk in chunks),
        "no key `usage` either": all("usage" not in chunk.model_fields_set for chunk in chunks),
        "yet the provider was asked for it": not LOCAL or asked.get("include_usage") is True,
    }


def tools():
    request = ask(CALL, tools=[TOOL], tool_choice="auto", parallel_tool_calls=False)
    first = client.chat.completions.create(**request).choices[0]
    call = first.message.tool_calls[0]
    answer = [first.message.to_dict(), {"role": "tool", "tool_call_id": call.id, "content": "3.50"}]
    second = client.chat.completions.create(**request | {"messages": request["messages"] + answer}).choices[0]
    with client.chat.completions.stream(**request) as stream:
        last = stream.get_final_completion().choices[0]
    return {
        "calls the tool": first.finish_reason == "tool_calls" and call.function.name == "price_of",
        "with its arguments": json.loads(call.function.arguments) == ARGUMENTS,
        "the result comes back": second.message.content == "The tool said: 3.50",
        "the same in a stream": last.message.tool_calls[0].function.parsed_arguments == ARGUMENTS,
    }


def structured():
    parsed = client.chat.completions.parse(**ask("schema"), response_format=Order).choices[0].message.parsed
    with client.chat.completions.stream(**ask("schema"), response_format=Order) as stream:
        streamed = stream.get_final_completion().choices[0].message.parsed
    schema = {"name": "order", "strict": True, "schema": {"type": "object", "properties": {"ok": {"type": "boolean"}}}}
    plain = chat("schema", response_format={"type": "json_schema", "json_schema": schema})
    return {
        "parse()": isinstance(parsed, Order) and parsed.count == 2,
        "parsed from a stream": streamed == parsed,
        "json_schema": json.loads(plain.choices[0].message.content) == {"ok": True},
    }


def vision():
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": PIXEL, "detail": "low"}}]
    answer = chat("", messages=[{"role": "user", "content": content}])
    return {
        "the image arrives": answer.choices[0].message.content == "I was given 1 image(s): data:image/png;base64,",
        "unchanged": json.loads(received(extras(answer)))["messages"][0]["content"] == content,
    }


def several():
    answer = chat("say: one two", n=3, logprobs=True, top_logprobs=2)
    chunks = list(chat("say: one two", n=2, logprobs=True, top_logprobs=1, stream=True))
    tokens = [token for chunk in chunks for choice in chunk.choices if choice.logprobs for token in choice.logprobs.content]
    logprobs = answer.choices[0].logprobs.content
    return {
        "n choices": [choice.index for choice in answer.choices] == [0, 1, 2],
        "logprobs": [token.token for token in logprobs] == ["one ", "two"] and logprobs[0].logprob == -0.25,
        "top_logprobs": all(len(token.top_logprobs) == 2 for token in logprobs),
        "n choices in a stream": {choice.index for chunk in chunks for choice in chunk.choices} == {0, 1},
        "logprobs in a stream": [token.token for token in tokens] == ["one ", "one ", "two", "two"],
    }


def unknown_fields():
    mine = {"x_unknown": {"é": [1.5, None, "\u2028"]}, "reasoning": {"effort": "low"}, "safety_identifier": "someone"}
    answer = chat("reasoning", extra_body=mine)
    chunks = list(chat("reasoning", stream=True, extra_body=mine))
    got = [json.loads(received(extras(each))) for each in (answer, chunks[0])]
    message = extras(answer.choices[0].message)
    deltas = [extras(chunk.choices[0].delta) for chunk in chunks if chunk.choices]
    return {
        "reach the provider": all(got[0].get(name) == mine[name] for name in ("x_unknown", "reasoning")),
        "reach it in a stream": all(got[1].get(name) == mine[name] for name in ("x_unknown", "reasoning")),
        "come back": message.get("x_unknown") == {"é": [1.5, None]},
        "come back in a stream": deltas[0].get("x_unknown") == {"é": 1.5},
        "in the usage too": extras(answer.usage.prompt_tokens_details).get("x_unknown_detail") == 7,
        "reasoning": message.get("reasoning") == message.get("reasoning_content") == "I was told to.",
        "reasoning in a stream": "".join(delta.get("reasoning_content") or "" for delta in deltas) == "I was told to.",
    }


def byte_for_byte():
    """An oddly written body: what need not change arrives as it was written."""
    odd = b'{ "x":1.50e+0 ,\t"model" :"%s", "y":"\\u00e9\\/",  "z":{"a":1,"a":2},"messages":[ {"content":"say: hi","role":"user"} ]  }' % MODEL.encode()
    options = {"headers": {"content-type": "application/json"}}
    raw = client.post("/chat/completions", cast_to=object, content=odd, options=options)
    same = lambda name: odd.replace(b'"%s"' % MODEL.encode(), b'"%s"' % name)
    answer = client.chat.completions.with_raw_response.create(**ask("say: bytes")).content
    with urllib.request.urlopen(f"{PROVIDER}/_last") as last:
        sent = last.read()
    return {
        "the request, but for the model's name": received(raw) in (same(MODEL.encode()), same(b"scripted-1")),
        "the answer, but for the model's name": answer in (sent, sent.replace(b'"scripted-1"', b'"%s"' % MODEL.encode())),
    }


def filtered():
    answer, response = chat("filter"), client.responses.create(model=MODEL, input="filter")
    return {
        "finish reason": answer.choices[0].finish_reason == "content_filter",
        "incomplete response": response.status == "incomplete" and response.incomplete_details.reason == "content_filter",
    }


def responses():
    answer = client.responses.create(model=MODEL, input="say: good evening", instructions="be kind", extra_body={"x_mine": [1]})
    parsed = client.responses.parse(model=MODEL, input="schema", text_format=Order)
    tool = {"type": "function", **TOOL["function"]}
    asked = client.responses.create(model=MODEL, input=CALL, tools=[tool])
    result = {"type": "function_call_output", "call_id": asked.output[0].call_id, "output": "3.50"}
    items = [{"role": "user", "content": CALL}, asked.output[0].to_dict(), result]
    told = client.responses.create(model=MODEL, input=items, tools=[tool])
    got = json.loads(received(extras(answer)))
    return {
        "says what the provider said": answer.output_text == "good evening",
        "status and usage": answer.status == "completed" and answer.usage.total_tokens > 0,
        "parse()": parsed.output_parsed == Order(drink="latte", count=2, extras=["latte"]),
        "calls the tool": json.loads(asked.output[0].arguments) == ARGUMENTS,
        "the result comes back": told.output_text == "The tool said: 3.50",
        "fields reach the provider": got.get("x_mine") == [1] and got.get("instructions") == "be kind",
        "unknown fields come back": extras(answer).get("x_unknown") == {"é": 1.5},
    }


def responses_stream():
    with client.responses.stream(model=MODEL, input="say: one two three") as stream:
        events = list(stream)
        final = stream.get_final_response()
    kinds = [event.type for event in events]
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    return {
        "says what the provider said": text == final.output_text == "one two three",
        "begins and ends": kinds[0] == "response.created" and kinds[-1] == "response.completed",
        "numbered": [event.sequence_number for event in events] == sorted(event.sequence_number for event in events),
        "usage at the end": final.usage.total_tokens > 0,
    }


def embeddings():
    options = {"model": MODEL, "input": ["one", "three"], "dimensions": 4}
    default, floats = lenient.embeddings.create(**options), client.embeddings.create(**options, encoding_format="float")
    raw = lenient.embeddings.create(**options, encoding_format="base64")
    return {
        "two vectors": [each.index for each in default.data] == [0, 1] and len(default.data[0].embedding) == 4,
        "base64 is what floats are": [e.embedding for e in default.data] == [e.embedding for e in floats.data],
        "base64 where asked for": isinstance(raw.data[0].embedding, str),
        "usage": default.usage.total_tokens > 0,
    }


def legacy():
    answer = client.completions.create(model=MODEL, prompt="say: good night", max_tokens=9)
    chunks = list(lenient.completions.create(model=MODEL, prompt="say: good night", stream=True))
    usage = list(lenient.completions.create(model=MODEL, prompt="say: hi", stream=True, stream_options={"include_usage": True}))
    return {
        "says what the provider said": answer.choices[0].text == "good night" and adds_up(answer.usage),
        "the same in a stream": "".join(chunk.choices[0].text for chunk in chunks) == "good night",
        "no usage where not asked for": all(chunk.usage is None for chunk in chunks),
        "usage where asked for": not usage[-1].choices and adds_up(usage[-1].usage),
    }


def moderations():
    answer = client.moderations.create(model=MODEL, input=["peace", "violence"])
    return {"flags": [each.flagged for each in answer.results] == [False, True], "scores": answer.results[1].category_scores.violence > 0.5}


def concurrent():
    async def all_at_once(count):
        async with openai.AsyncOpenAI(**settings()) as many:
            return await asyncio.gather(*(many.chat.completions.create(**ask(f"say: {number}")) for number in range(count)))

    answers = asyncio.run(all_at_once(16))
    return {"each its own answer": [answer.choices[0].message.content for answer in answers] == [str(n) for n in range(16)]}


class Counted:
    """A client with its default retries that counts what it sends; its waits are noted and not waited."""

    def __init__(self, key):
        self.told, self.waits, self.answers = [], [], []
        hooks = {"response": [self.note]}
        self.client = openai.OpenAI(base_url=URL, api_key=key, timeout=60, http_client=openai.DefaultHttpxClient(event_hooks=hooks))

    def note(self, answer):
        self.answers.append(answer)
        if told := answer.headers.get("retry-after-ms") or answer.headers.get("retry-after"):
            self.told.append(float(told) / (1000 if "retry-after-ms" in answer.headers else 1))

    def refusal(self, request):
        """The error that a request ends in; none where it was answered."""
        sleep, time.sleep = time.sleep, self.waits.append
        try:
            self.client.chat.completions.create(**request)
        except openai.APIStatusError as error:
            return error
        finally:
            time.sleep = sleep
        return None


def refused(case, **more):
    def checks():
        with case:
            counted = Counted(case.key)
            error = counted.refusal(case.request | more)
        if error is None:
            return {"is refused": False}
        body = error.body if isinstance(error.body, dict) else {}
        checks = case.checks(error.status_code, body, error.response.headers, len(counted.answers), "openai-python")
        if "class" in case.told:
            checks[f"raises {case.told['class']}"] = type(error).__name__ == case.told["class"]
        if counted.told and len(counted.answers) > 1:
            checks[f"waits as told: {counted.told[:-1]} s, not {counted.waits}"] = in_order(counted.waits, counted.told[:-1])
        return checks

    return checks


def ended(case):
    def checks():
        got = 0
        with case:
            try:
                for chunk in client.chat.completions.create(**case.request, stream=True):
                    got += 1
                    if got == 2:
                        case.carry_out("during")
            except openai.APIError as error:
                code = case.told.get("code")
                return {"after the first chunks": got >= 2, f"code {code}, not {error.code}": code in (None, error.code)}
        return {"ends in an APIError": False}

    return checks


ROWS = {
    "models": models,
    "chat": whole,
    "chat, streamed, with usage": stream_with_usage,
    "chat, streamed, without usage": stream_without_usage,
    "tools": tools,
    "structured output": structured,
    "vision": vision,
    "n and logprobs": several,
    "unknown and reasoning fields": unknown_fields,
    "byte for byte": byte_for_byte,
    "content filter": filtered,
    "responses": responses,
    "responses, streamed": responses_stream,
    "embeddings": embeddings,
    "completions": legacy,
    "moderations": moderations,
    "sixteen at once": concurrent,
}


def main():
    rows = ROWS | (local_rows(client, lenient) if LOCAL else {})
    rows |= {f"refused: {case.name}": refused(case) for case in cases()}
    rows |= {f"refused: {case.name}, streamed": refused(case, stream=True) for case in cases() if case.name == "unknown model"}
    rows |= {f"ended: {case.name}": ended(case) for case in cases("in_stream")}
    report(sys.argv[1] if len(sys.argv) > 1 else "openai-python", openai.__version__, rows)


main()
