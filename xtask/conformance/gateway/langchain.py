"""`langchain-openai`, unchanged, against a running `cultivar serve`: chat, tools, structured output, embeddings, responses.

    CULTIVAR_BASE_URL=http://127.0.0.1:PORT/v1 CULTIVAR_API_KEY=... python3 langchain.py
"""

import importlib.metadata
import time

import httpx
import openai
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI, OpenAIEmbeddings
from pydantic import BaseModel

from checks import KEY, LOCAL, MODEL, URL, cases, report

PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Order(BaseModel):
    """An order."""

    drink: str
    count: int


@tool
def price_of(drink: str) -> str:
    """What a drink costs."""
    return f"{drink}: 3.50"


def chat_model(**more):
    return ChatOpenAI(**{"base_url": URL, "api_key": KEY, "model": MODEL, "timeout": 60} | more)


def chat():
    answer = chat_model().invoke("say: good morning")
    return {
        "says what the provider said": answer.content == "good morning",
        "usage": answer.usage_metadata["total_tokens"] > answer.usage_metadata["output_tokens"] == 2,
        "finish reason": answer.response_metadata["finish_reason"] == "stop",
    }


def stream():
    asked = list(chat_model(stream_usage=True).stream("say: one two three"))
    silent = list(chat_model(stream_usage=False).stream("say: one two three"))
    return {
        "says what the provider said": "".join(chunk.content for chunk in asked) == "one two three",
        "usage once, where asked for": sum(bool(chunk.usage_metadata) for chunk in asked) == 1,
        "none where not asked for": not any(chunk.usage_metadata for chunk in silent),
    }


def tools():
    model, question = chat_model().bind_tools([price_of]), HumanMessage('tool {"drink": "latte"}')
    first = model.invoke([question])
    result = price_of.invoke(first.tool_calls[0])
    second = model.invoke([question, first, result])
    whole = None
    for chunk in model.stream([question]):
        whole = chunk if whole is None else whole + chunk
    return {
        "calls the tool": first.tool_calls[0]["args"] == {"drink": "latte"},
        "the result comes back": second.content == "The tool said: latte: 3.50",
        "the same in a stream": whole.tool_calls[0]["args"] == {"drink": "latte"},
    }


def structured():
    parsed = chat_model().with_structured_output(Order, method="json_schema").invoke("schema")
    return {"json_schema": parsed == Order(drink="latte", count=2)}


def vision():
    content = [{"type": "text", "text": "what is this?"}, {"type": "image_url", "image_url": {"url": PIXEL}}]
    answer = chat_model().invoke([HumanMessage(content=content)])
    return {"the image arrives": answer.content == "I was given 1 image(s): data:image/png;base64,"}


def logprobs():
    answer = chat_model(logprobs=True, top_logprobs=2).invoke("say: one two")
    tokens = answer.response_metadata["logprobs"]["content"]
    return {"tokens": [token["token"] for token in tokens] == ["one ", "two"], "top": len(tokens[0]["top_logprobs"]) == 2}


def responses():
    model = chat_model(use_responses_api=True)
    answer, chunks = model.invoke("say: good evening"), list(model.stream("say: one two three"))
    return {
        "says what the provider said": answer.text == "good evening" and answer.usage_metadata["total_tokens"] > 0,
        "the same in a stream": "".join(chunk.text for chunk in chunks) == "one two three",
    }


def embeddings():
    # It sends token ids, of an encoding that it would have to fetch, unless told not to.
    model = OpenAIEmbeddings(base_url=URL, api_key=KEY, model=MODEL, check_embedding_ctx_length=False)
    return {"vectors": [len(vector) for vector in model.embed_documents(["one", "three"])] == [8, 8]}


def legacy():
    model = OpenAI(base_url=URL, api_key=KEY, model=MODEL)
    return {
        "says what the provider said": model.invoke("say: good night") == "good night",
        "the same in a stream": "".join(model.stream("say: good night")) == "good night",
    }


def own():
    answer = chat_model(model=LOCAL, max_tokens=16, temperature=0).invoke("one chai latte please")
    return {"says something": bool(answer.content), "usage": 0 < answer.usage_metadata["output_tokens"] <= 16}


def refused(case):
    def checks():
        answers, waits, error = [], [], None
        with case, httpx.Client(event_hooks={"response": [answers.append]}) as sender:
            sleep, time.sleep = time.sleep, waits.append
            try:
                request = dict(case.request)
                messages = request.pop("messages")
                chat_model(**request, api_key=case.key, http_client=sender).invoke(messages)
            except openai.APIStatusError as refusal:
                error = refusal
            finally:
                time.sleep = sleep
        if error is None:
            return {"is refused": False}
        body = error.body if isinstance(error.body, dict) else {}
        checks = case.checks(error.status_code, body, error.response.headers, len(answers), "langchain")
        wanted = case.told.get("class")
        return checks | {f"raises {wanted}": wanted is None or isinstance(error, getattr(openai, wanted))}

    return checks


def main():
    rows = {
        "chat": chat,
        "chat, streamed": stream,
        "tools": tools,
        "structured output": structured,
        "vision": vision,
        "logprobs": logprobs,
        "responses": responses,
        "embeddings": embeddings,
        "completions": legacy,
        "own model": own if LOCAL else None,
    }
    # A text in place of messages is one message to it.
    rows |= {f"refused: {case.name}": refused(case) for case in cases() if isinstance(case.request["messages"], list)}
    report("langchain-openai", importlib.metadata.version("langchain-openai"), rows)


main()
