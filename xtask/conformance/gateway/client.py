"""The official OpenAI client against a running `cultivar serve`.

    CULTIVAR_BASE_URL=http://127.0.0.1:PORT/v1 CULTIVAR_API_KEY=... python3 client.py MODEL

The client validates every answer against its own types (`_strict_response_validation`), so a missing or misspelt field fails
its row. Prints one JSON object: {"client", "version", "rows": [{"row", "checks", "passed", "failed"}]}.
"""

import asyncio
import json
import os
import sys

import openai

URL = os.environ["CULTIVAR_BASE_URL"]
KEY = os.environ["CULTIVAR_API_KEY"]
MODEL = sys.argv[1]
QUESTION = [{"role": "user", "content": "Hi, can I get a small latte with oat milk please?"}]
MOST_TOKENS = 24
REASONS = {"stop", "length"}


def settings(key=KEY):
    return {"base_url": URL, "api_key": key, "max_retries": 0, "timeout": 60, "_strict_response_validation": True}


client = openai.OpenAI(**settings())


def ask(**changes):
    request = {"model": MODEL, "messages": QUESTION, "max_tokens": MOST_TOKENS, "temperature": 0.0} | changes
    return client.chat.completions.create(**request)


def adds_up(usage):
    return usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def refused(kind, status, code, call):
    """The checks of a request that must be refused with this exception, status and code."""
    try:
        call()
    except openai.APIStatusError as error:
        return {
            f"raises {kind.__name__}": isinstance(error, kind),
            f"answers {status}": error.status_code == status,
            f"has the code {code}": code is None or error.code == code,
            "has a message": bool((error.body or {}).get("message")) if isinstance(error.body, dict) else False,
            "has a type": bool(error.type),
        }
    return {f"raises {kind.__name__}": False}


def models_list():
    models = list(client.models.list())
    return {
        "offers at least one": bool(models),
        f"offers {MODEL}": MODEL in [model.id for model in models],
        "are of object `model`": all(model.object == "model" for model in models),
        "have an owner and a time": all(model.owned_by and model.created > 0 for model in models),
    }


def chat():
    answer = ask()
    return {
        "object": answer.object == "chat.completion",
        "id and time": bool(answer.id) and answer.created > 0,
        "one choice": len(answer.choices) == 1 and answer.choices[0].index == 0,
        "speaks as the assistant": answer.choices[0].message.role == "assistant",
        "says something": bool(answer.choices[0].message.content),
        "finish reason": answer.choices[0].finish_reason in REASONS,
        "usage adds up": adds_up(answer.usage),
        "keeps to max_tokens": 0 < answer.usage.completion_tokens <= MOST_TOKENS,
    }


def chat_stream_with_usage():
    chunks = list(ask(stream=True, stream_options={"include_usage": True}))
    *body, last = chunks
    deltas = [chunk.choices[0].delta for chunk in body]
    reasons = [chunk.choices[0].finish_reason for chunk in body]
    return {
        "object": all(chunk.object == "chat.completion.chunk" for chunk in chunks),
        "one id": len({chunk.id for chunk in chunks}) == 1,
        "begins as the assistant": deltas[0].role == "assistant",
        "says something": bool("".join(delta.content or "" for delta in deltas)),
        "one finish reason, at the end": [reason for reason in reasons if reason] == reasons[-1:] and reasons[-1] in REASONS,
        "no usage before the end": all(chunk.usage is None for chunk in body),
        "usage in a last chunk without choices": not last.choices and adds_up(last.usage),
    }


def chat_stream_without_usage():
    chunks = list(ask(stream=True))
    return {
        "no usage": all(chunk.usage is None for chunk in chunks),
        "a choice in every chunk": all(len(chunk.choices) == 1 for chunk in chunks),
    }


def chat_stream_says_the_same():
    whole = ask().choices[0].message.content
    parts = [chunk.choices[0].delta.content or "" for chunk in ask(stream=True)]
    return {"same text at temperature 0": whole == "".join(parts)}


def chat_concurrent():
    async def all_at_once(count):
        async with openai.AsyncOpenAI(**settings()) as many:
            request = {"model": MODEL, "messages": QUESTION, "max_tokens": MOST_TOKENS}
            return await asyncio.gather(*(many.chat.completions.create(**request) for _ in range(count)))

    answers = asyncio.run(all_at_once(4))
    return {"all answered": all(answer.choices[0].message.content for answer in answers),
            "ids of their own": len({answer.id for answer in answers}) == len(answers)}


def unknown_model():
    return refused(openai.NotFoundError, 404, "model_not_found", lambda: ask(model="no-such-model"))


def unknown_model_streamed():
    return refused(openai.NotFoundError, 404, "model_not_found", lambda: list(ask(model="no-such-model", stream=True)))


def bad_key():
    stranger = openai.OpenAI(**settings(key="sk-no-such-key"))
    return refused(openai.AuthenticationError, 401, "invalid_api_key", lambda: list(stranger.models.list()))


def malformed_messages():
    return refused(openai.BadRequestError, 400, None, lambda: ask(messages="no list"))


def malformed_json():
    def send():
        headers = {"headers": {"Content-Type": "application/json"}}
        client.post("/chat/completions", cast_to=object, content=b'{"model": ', options=headers)

    return refused(openai.BadRequestError, 400, None, send)


ROWS = {
    "models.list": models_list,
    "chat": chat,
    "chat, streamed, with usage": chat_stream_with_usage,
    "chat, streamed, without usage": chat_stream_without_usage,
    "chat, streamed, says the same": chat_stream_says_the_same,
    "chat, four at once": chat_concurrent,
    "unknown model": unknown_model,
    "unknown model, streamed": unknown_model_streamed,
    "bad key": bad_key,
    "malformed messages": malformed_messages,
    "malformed json": malformed_json,
}


def run(name, checks_of):
    """One row: how many checks, how many held, and which did not."""
    try:
        checks = checks_of()
    except Exception as error:  # whatever the client throws is what a user of it would see
        checks = {f"{type(error).__name__}: {error}"[:300]: False}
    failed = [check for check, held in checks.items() if not held]
    return {"row": name, "checks": len(checks), "passed": len(checks) - len(failed), "failed": failed}


def main():
    rows = [run(name, checks_of) for name, checks_of in ROWS.items()]
    print(json.dumps({"client": "openai-python", "version": openai.__version__, "rows": rows}))


main()
