"""`litellm` as a client, unchanged, against a running `cultivar serve`, by its provider `openai/`.

    CULTIVAR_BASE_URL=http://127.0.0.1:PORT/v1 CULTIVAR_API_KEY=... python3 litellm_client.py
"""

import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches a list of prices from outside when it is imported

import importlib.metadata
import json
import time

import httpx
import litellm
import openai
from pydantic import BaseModel

from checks import KEY, LOCAL, MODEL, URL, ask, cases, report

litellm.suppress_debug_info = True
PLACE = {"api_base": URL, "api_key": KEY, "timeout": 60}
TOOL = {
    "type": "function",
    "function": {"name": "price_of", "parameters": {"type": "object", "properties": {"drink": {"type": "string"}}}},
}


class Order(BaseModel):
    drink: str
    count: int


def request(text, **more):
    asked = PLACE | ask(text, **more)
    return asked | {"model": f"openai/{asked['model']}"}


def complete(text, **more):
    return litellm.completion(**request(text, **more))


def chat():
    answer = complete("say: good morning")
    return {
        "says what the provider said": answer.choices[0].message.content == "good morning",
        "usage": answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 2,
    }


def stream():
    asked = list(complete("say: one two three", stream=True, stream_options={"include_usage": True}))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in asked if chunk.choices)
    return {"says what the provider said": text == "one two three", "usage": any(getattr(chunk, "usage", None) for chunk in asked)}


def tools():
    asked = request('tool {"drink": "latte"}', tools=[TOOL])
    first = litellm.completion(**asked).choices[0].message
    answer = [first.model_dump(), {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "3.50"}]
    second = litellm.completion(**asked | {"messages": asked["messages"] + answer}).choices[0].message
    return {
        "calls the tool": json.loads(first.tool_calls[0].function.arguments) == {"drink": "latte"},
        "the result comes back": second.content == "The tool said: 3.50",
    }


def structured():
    answer = complete("schema", response_format=Order)
    return {"fits": Order.model_validate_json(answer.choices[0].message.content) == Order(drink="latte", count=2)}


def reasoning():
    answer, chunks = complete("reasoning"), list(complete("reasoning", stream=True))
    streamed = "".join(getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks if chunk.choices)
    return {"whole": answer.choices[0].message.reasoning_content == "I was told to.", "in a stream": streamed == "I was told to."}


def responses():
    answer = litellm.responses(model=f"openai/{MODEL}", input="say: good evening", **PLACE)
    events = list(litellm.responses(model=f"openai/{MODEL}", input="say: one two three", stream=True, **PLACE))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    return {
        "says what the provider said": answer.output[0].content[0].text == "good evening",
        "the same in a stream": text == "one two three",
    }


def embeddings():
    answer = litellm.embedding(model=f"openai/{MODEL}", input=["one", "three"], **PLACE)
    return {"vectors": [len(each["embedding"]) for each in answer.data] == [8, 8], "usage": answer.usage.total_tokens > 0}


def legacy():
    answer = litellm.text_completion(model=f"text-completion-openai/{MODEL}", prompt="say: good night", **PLACE)
    return {"says what the provider said": answer.choices[0].text == "good night"}


def moderations():
    answer = litellm.moderation(model=MODEL, input="violence", **PLACE)
    return {"flags": answer.results[0].flagged is True}


def own():
    answer = complete("one chai latte please", model=LOCAL, max_tokens=16, temperature=0)
    return {"says something": bool(answer.choices[0].message.content), "usage": 0 < answer.usage.completion_tokens <= 16}


def refused(case):
    def checks():
        answers, waits, error = [], [], None
        with case, httpx.Client(event_hooks={"response": [answers.append]}) as litellm.client_session:
            client = openai.OpenAI(base_url=URL, api_key=case.key, http_client=litellm.client_session)
            sleep, time.sleep = time.sleep, waits.append
            try:
                litellm.completion(**PLACE | case.request | {"model": f"openai/{case.request['model']}", "client": client})
            except openai.APIStatusError as refusal:
                error = refusal
            finally:
                time.sleep = sleep
                litellm.client_session = None
        if error is None:
            return {"is refused": False}
        checks = case.checks(error.status_code, None, None, len(answers), "litellm")
        # Its own class for 503 is no `InternalServerError`.
        wanted = "APIStatusError" if error.status_code == 503 else case.told.get("class")
        return checks | {f"raises {wanted}, not {type(error).__name__}": wanted is None or isinstance(error, getattr(openai, wanted))}

    return checks


def main():
    rows = {
        "chat": chat,
        "chat, streamed": stream,
        "tools": tools,
        "structured output": structured,
        "reasoning fields": reasoning,
        "responses": responses,
        "embeddings": embeddings,
        "completions": legacy,
        "moderations": moderations,
        "own model": own if LOCAL else None,
    }
    rows |= {f"refused: {case.name}": refused(case) for case in cases() if isinstance(case.request["messages"], list)}
    report("litellm", importlib.metadata.version("litellm"), rows)


main()
