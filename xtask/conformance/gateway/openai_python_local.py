"""A model of our own through the official OpenAI client for Python: what only a local model can do, and that it is one."""

import json

import openai

from checks import KEY, LOCAL, adds_up, post

QUESTION = [{"role": "user", "content": "Hi, can I get a small latte with oat milk please?"}]
TEXT = "one chai latte please"
MOST_TOKENS = 24
REASONS = {"stop", "length"}


def rows(client, lenient):
    def ask(**changes):
        request = {"model": LOCAL, "messages": QUESTION, "max_tokens": MOST_TOKENS, "temperature": 0.0} | changes
        return client.chat.completions.create(**request)

    def complete(**changes):
        return lenient.completions.create(**{"model": LOCAL, "prompt": TEXT, "max_tokens": 8, "temperature": 0.0} | changes)

    def local(path, **body):
        status, _, answer = post(path, {"model": LOCAL, **body})
        return json.loads(answer) if status == 200 else {"status": status}

    def chat():
        answer = ask()
        return {
            "is offered": LOCAL in [model.id for model in client.models.list()],
            "object, id and time": answer.object == "chat.completion" and bool(answer.id) and answer.created > 0,
            "one choice": len(answer.choices) == 1 and answer.choices[0].index == 0,
            "speaks as the assistant": answer.choices[0].message.role == "assistant",
            "says something": bool(answer.choices[0].message.content),
            "finish reason": answer.choices[0].finish_reason in REASONS,
            "usage adds up": adds_up(answer.usage),
            "keeps to max_tokens": 0 < answer.usage.completion_tokens <= MOST_TOKENS,
        }

    def chat_stream():
        chunks = list(ask(stream=True, stream_options={"include_usage": True}))
        *body, last = chunks
        reasons = [chunk.choices[0].finish_reason for chunk in body]
        text = "".join(chunk.choices[0].delta.content or "" for chunk in body)
        return {
            "object": all(chunk.object == "chat.completion.chunk" for chunk in chunks),
            "one id": len({chunk.id for chunk in chunks}) == 1,
            "begins as the assistant": body[0].choices[0].delta.role == "assistant",
            "says the same as whole at temperature 0": text == ask().choices[0].message.content,
            "one finish reason, at the end": [reason for reason in reasons if reason] == reasons[-1:] and reasons[-1] in REASONS,
            "no usage before the end": all(chunk.usage is None for chunk in body),
            "usage in a last chunk without choices": not last.choices and adds_up(last.usage),
            "none where not asked for": all(chunk.usage is None and chunk.choices for chunk in ask(stream=True)),
        }

    def responses():
        request = {"model": LOCAL, "input": QUESTION, "temperature": 0.0}
        answer = client.responses.create(**request)
        with client.responses.stream(**request) as stream:
            events = list(stream)
            last = stream.get_final_response()
        chat = client.chat.completions.create(model=LOCAL, messages=QUESTION, temperature=0.0)
        short = client.responses.create(**request | {"max_output_tokens": 1})
        return {
            "says the same as chat": answer.output_text == chat.choices[0].message.content,
            "completed": answer.status == "completed" and answer.incomplete_details is None,
            "usage": answer.usage.input_tokens == chat.usage.prompt_tokens and answer.usage.total_tokens > answer.usage.input_tokens,
            "the same in a stream": last.output_text == answer.output_text and last.usage == answer.usage,
            "numbered events": [event.sequence_number for event in events] == list(range(len(events))),
            "a limit ends it": short.status == "incomplete" and short.incomplete_details.reason == "max_output_tokens",
        }

    def completions():
        tokens = local("/tokenize", prompt=TEXT, add_special_tokens=False)["tokens"]
        answer, by_tokens = complete(), complete(prompt=tokens)
        many = complete(prompt=[tokens, tokens[:2]])
        stream = "".join(chunk.choices[0].text for chunk in complete(stream=True) if chunk.choices)
        return {
            "says something": bool(answer.choices[0].text) and answer.choices[0].finish_reason in REASONS,
            "usage adds up": adds_up(answer.usage) and answer.usage.completion_tokens <= 8,
            "the same for a prompt of token ids": by_tokens.choices[0].text == answer.choices[0].text,
            "a choice for each prompt": [choice.index for choice in many.choices] == [0, 1],
            "the same in a stream": stream == answer.choices[0].text,
        }

    def echo():
        tokens = local("/tokenize", prompt=TEXT, add_special_tokens=False)["tokens"]
        answer = complete(prompt=tokens, echo=True, logprobs=2, max_tokens=0)
        choice, logprobs = answer.choices[0], answer.choices[0].logprobs
        one_more = complete(prompt=tokens, echo=True, logprobs=1, max_tokens=1).choices[0].logprobs
        rest = logprobs.token_logprobs[1:]
        return {
            "the prompt comes back": choice.text == TEXT,
            "a logprob for each token": len(logprobs.tokens) == len(logprobs.token_logprobs) == len(tokens),
            "none for the first": logprobs.token_logprobs[0] is None,
            "logarithms of probabilities": all(value <= 0 for value in rest) and len(set(rest)) > 1,
            "the most probable ones": all(len(top) >= 2 for top in logprobs.top_logprobs[1:]),
            "offsets into the text": logprobs.text_offset[0] == 0 and logprobs.text_offset == sorted(logprobs.text_offset),
            "the same with a token more": all(abs(a - b) < 1e-3 for a, b in zip(one_more.token_logprobs[1:], rest, strict=False)),
            "one more": len(one_more.tokens) == len(tokens) + 1,
        }

    def tokenizer():
        told = local("/tokenize", prompt=TEXT, add_special_tokens=False)
        back = local("/detokenize", tokens=told.get("tokens", []))
        info = client.get(f"/../tokenizer_info?model={LOCAL}", cast_to=object)
        return {
            "tokens and their count": bool(told.get("tokens")) and told.get("count") == len(told["tokens"]),
            "max_model_len": told.get("max_model_len", 0) > 0,
            "there and back": back.get("prompt") == TEXT,
            "tokenizer_info": isinstance(info, dict) and bool(info.get("tokenizer_class")),
        }

    def malformed_json():
        options = {"headers": {"content-type": "application/json"}}
        try:
            client.post("/chat/completions", cast_to=object, content=b'{"model": ', options=options)
        except openai.BadRequestError as error:
            return {"has a type and a message": bool(error.type) and bool(error.body["message"])}
        return {"raises BadRequestError": False}

    def no_key():
        status, headers, body = post("/v1/chat/completions", {"model": LOCAL, "messages": QUESTION}, key="")
        error = json.loads(body)["error"]
        return {
            "401 and invalid_api_key": status == 401 and error["code"] == "invalid_api_key" and KEY not in body.decode(),
            "x-request-id": bool(headers.get("x-request-id")),
        }

    return {
        "own model: chat": chat,
        "own model: chat, streamed": chat_stream,
        "own model: responses": responses,
        "own model: completions": completions,
        "own model: echo and logprobs": echo,
        "own model: tokenizer": tokenizer,
        "malformed json": malformed_json,
        "no key": no_key,
    }
