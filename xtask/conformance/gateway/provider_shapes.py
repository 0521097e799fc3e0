"""The answers of the scripted provider in OpenAI's shapes, one function for each path. Knows no HTTP."""

import base64
import json
import re
import struct

SENTENCE = "Hello from the scripted provider."


def usage_of(request, text, words):
    claimed = re.match(r"usage (\d+) (\d+)", text)
    if claimed:
        return int(claimed[1]), int(claimed[2])
    return max(1, len(json.dumps(request)) // 8), len(words)


def parts(text):
    """The text in pieces that add up to it."""
    return re.findall(r"\S+\s*|\s+", text) or [""]


def said(request, text):
    """What the script makes of the last message."""
    last = (request.get("messages") or [{}])[-1]
    schema = schema_of(request)
    if isinstance(last, dict) and last.get("role") == "tool":
        return f"The tool said: {text}"
    if schema is not None:
        return json.dumps(fitting(schema, schema))
    if images := images_in(request):
        return f"I was given {len(images)} image(s): {', '.join(images)}"
    if slow := re.match(r"slow (\d+) \d+", text):
        return " ".join(f"word{number}" for number in range(min(int(slow[1]), 1000)))
    return text.split("say: ", 1)[1] if "say: " in text else SENTENCE


def images_in(request):
    messages = [message for message in request.get("messages") or request.get("input") or [] if isinstance(message, dict)]
    contents = [message.get("content") for message in messages]
    found = [part for content in contents if isinstance(content, list) for part in content if "image" in part.get("type", "")]
    urls = [part.get("image_url") for part in found]
    return [(url if isinstance(url, str) else url["url"])[:22] for url in urls]


def schema_of(request):
    formats = [request.get("response_format"), (request.get("text") or {}).get("format")]
    for wanted in formats:
        if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
            return (wanted.get("json_schema") or wanted).get("schema") or {}
        if isinstance(wanted, dict) and wanted.get("type") == "json_object":
            return {}
    return None


def fitting(schema, root):
    """A value that fits the schema."""
    if "$ref" in schema:
        target = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        return fitting(target, root)
    if "enum" in schema or "const" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    if "anyOf" in schema:
        return fitting(schema["anyOf"][0], root)
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    simple = {"string": "latte", "integer": 2, "number": 2.5, "boolean": True, "null": None}
    if kind == "array":
        return [fitting(schema.get("items", {"type": "string"}), root)]
    if kind == "object":
        return {name: fitting(each, root) for name, each in (schema.get("properties") or {}).items()}
    return simple[kind]


def tool_of(request, text):
    """The name and the arguments of the call that the script asks for; none where it asks for none."""
    tools = request.get("tools") or []
    if not text.startswith("tool ") or not tools:
        return None
    tool = tools[0].get("function") or tools[0]
    return tool["name"], text.removeprefix("tool ")


def logprobs_of(words, most):
    each = lambda word: {"token": word, "logprob": -0.25, "bytes": list(word.encode())}
    return [each(word) | {"top_logprobs": [each(word)] * most} for word in words]


# Chat completions


def chat(request, text, extra):
    head = {"id": "chatcmpl-scripted", "created": extra["created"], "model": request["model"], "system_fingerprint": "fp_scripted"}
    answer, call = said(request, text), tool_of(request, text)
    reason = "tool_calls" if call else "content_filter" if text == "filter" else "stop"
    prompt, completion = usage_of(request, text, parts(answer) * (request.get("n") or 1))
    usage = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "x_unknown_detail": 7},
    }
    flow = chat_stream if request.get("stream") else chat_whole
    return flow(request, text, head, (answer, call, reason, usage), extra)


def chat_whole(request, text, head, made, extra):
    answer, call, reason, usage = made
    message = {"role": "assistant", "content": None if call else answer, "refusal": None, "x_unknown": {"é": [1.50, None]}}
    if call:
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": {"name": call[0], "arguments": call[1]}}]
    if text.startswith("reasoning"):
        message |= {"reasoning": "I was told to.", "reasoning_content": "I was told to."}
    logprobs = None
    if request.get("logprobs"):
        logprobs = {"content": logprobs_of(parts(answer), request.get("top_logprobs") or 0), "refusal": None}
    choices = [
        {"index": index, "message": message, "logprobs": logprobs, "finish_reason": reason} for index in range(request.get("n") or 1)
    ]
    return head | {"object": "chat.completion", "choices": choices, "usage": usage, "x_received": extra["x_received"]}


def chat_stream(request, text, head, made, extra):
    answer, call, reason, usage = made
    head = head | {"object": "chat.completion.chunk"}
    asked = bool((request.get("stream_options") or {}).get("include_usage"))
    nothing = {"usage": None} if asked else {}
    count = request.get("n") or 1

    def chunk(delta, index=0, reason=None, **more):
        choice = {"index": index, "delta": delta, "logprobs": more.pop("logprobs", None), "finish_reason": reason}
        return head | {"choices": [choice]} | nothing | more

    yield ": a comment that keeps the connection alive\n\n"
    for index in range(count):
        first = {"role": "assistant", "content": None if call else "", "x_unknown": {"é": 1.50}}
        yield chunk(first, index, x_received=extra["x_received"])
    if text.startswith("reasoning"):
        for word in parts("I was told to."):
            yield chunk({"reasoning": word, "reasoning_content": word})
    if call:
        yield chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": call[0], "arguments": ""}}]})
        for piece in re.findall(r".{1,5}", call[1]):
            yield chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]})
    for number, word in enumerate([] if call else parts(answer)):
        if text.startswith("break") and number == 2:
            yield {"error": {"message": "the script breaks", "type": "server_error", "param": None, "code": "server_error"}}
            return
        for index in range(count):
            logprobs = {"content": logprobs_of([word], request.get("top_logprobs") or 0), "refusal": None}
            yield chunk({"content": word}, index, logprobs=logprobs if request.get("logprobs") else None)
    for index in range(count):
        yield chunk({}, index, reason)
    if asked:
        yield head | {"choices": [], "usage": usage}
    yield "data: [DONE]\n\n"


# Legacy completions


def completions(request, text, extra):
    answer = said(request, text)
    prompt, completion = usage_of(request, text, parts(answer))
    head = {"id": "cmpl-scripted", "object": "text_completion", "created": extra["created"], "model": request["model"]}
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    whole = (text if request.get("echo") else "") + answer
    choice = lambda text, reason: {"text": text, "index": 0, "logprobs": None, "finish_reason": reason}
    if not request.get("stream"):
        return head | {"choices": [choice(whole, "stop")], "usage": usage, "x_received": extra["x_received"]}
    return completions_stream(request, head, usage, whole, choice, extra)


def completions_stream(request, head, usage, whole, choice, extra):
    for number, word in enumerate(parts(whole)):
        yield head | {"choices": [choice(word, None)]} | ({"x_received": extra["x_received"]} if number == 0 else {})
    yield head | {"choices": [choice("", "stop")]}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield head | {"choices": [], "usage": usage}
    yield "data: [DONE]\n\n"


# Responses


def responses(request, text, extra):
    answer, call = said({**request, "messages": []}, text), tool_of(request, text)
    items = request.get("input") if isinstance(request.get("input"), list) else []
    if items and isinstance(items[-1], dict) and items[-1].get("type") == "function_call_output":
        answer = f"The tool said: {text}"
    output = []
    if text.startswith("reasoning"):
        output.append({"id": "rs_1", "type": "reasoning", "summary": [{"type": "summary_text", "text": "I was told to."}]})
    if call:
        output.append(
            {"id": "fc_1", "type": "function_call", "status": "completed", "call_id": "call_1", "name": call[0], "arguments": call[1]}
        )
    else:
        content = [{"type": "output_text", "text": answer, "annotations": [], "logprobs": []}]
        output.append({"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": content})
    prompt, completion = usage_of(request, text, parts(answer))
    filtered = text == "filter"
    whole = {
        "id": "resp_scripted",
        "object": "response",
        "created_at": extra["created"],
        "status": "incomplete" if filtered else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": "content_filter"} if filtered else None,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "model": request["model"],
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None},
        "store": False,
        "temperature": 1.0,
        "text": request.get("text") or {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": request.get("tools") or [],
        "top_p": 1.0,
        "truncation": "disabled",
        "metadata": {},
        "x_unknown": {"é": 1.50},
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": completion,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + completion,
        },
        "x_received": extra["x_received"],
    }
    return responses_stream(whole, text) if request.get("stream") else whole


def responses_stream(whole, text):
    number = -1

    def event(kind, **fields):
        nonlocal number
        number += 1
        return {"type": kind, "sequence_number": number, **fields}

    begun = whole | {"status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for place, item in enumerate(whole["output"]):
        where = {"item_id": item["id"], "output_index": place}
        empty = {"message": {"content": []}, "function_call": {"arguments": ""}, "reasoning": {"summary": []}}[item["type"]]
        status = {} if item["type"] == "reasoning" else {"status": "in_progress"}
        yield event("response.output_item.added", output_index=place, item=item | empty | status)
        if item["type"] == "function_call":
            for piece in re.findall(r".{1,5}", item["arguments"]):
                yield event("response.function_call_arguments.delta", **where, delta=piece)
            yield event("response.function_call_arguments.done", **where, name=item["name"], arguments=item["arguments"])
        if item["type"] == "message":
            part = item["content"][0]
            yield event("response.content_part.added", **where, content_index=0, part=part | {"text": ""})
            for count, word in enumerate(parts(part["text"])):
                if text.startswith("break") and count == 2:
                    yield event("error", code="server_error", message="the script breaks", param=None)
                    return
                yield event("response.output_text.delta", **where, content_index=0, delta=word, logprobs=[])
            yield event("response.output_text.done", **where, content_index=0, text=part["text"], logprobs=[])
            yield event("response.content_part.done", **where, content_index=0, part=part)
        yield event("response.output_item.done", output_index=place, item=item)
    yield event(f"response.{whole['status']}", response=whole)


# Embeddings and moderations


def embeddings(request, text, extra):
    inputs = request["input"] if isinstance(request["input"], list) else [request["input"]]
    inputs = [inputs] if isinstance(inputs[0], int) else inputs
    size = request.get("dimensions") or 8
    data = []
    for index, each in enumerate(inputs):
        vector = [((len(str(each)) * (place + 3)) % 17 - 8) / 8 for place in range(size)]
        packed = base64.b64encode(struct.pack(f"<{size}f", *vector)).decode()
        wanted = packed if request.get("encoding_format") == "base64" else vector
        data.append({"object": "embedding", "index": index, "embedding": wanted})
    tokens, _ = usage_of(request, text, [])
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": data, "model": request["model"], "usage": usage, "x_received": extra["x_received"]}


CATEGORIES = ["harassment", "harassment/threatening", "hate", "hate/threatening", "illicit", "illicit/violent", "self-harm",
              "self-harm/instructions", "self-harm/intent", "sexual", "sexual/minors", "violence", "violence/graphic"]  # fmt: skip


def moderations(request, text, extra):
    inputs = request["input"] if isinstance(request["input"], list) else [request["input"]]
    results = []
    for each in inputs:
        flagged = "violence" in str(each)
        results.append(
            {
                "flagged": flagged,
                "categories": {name: flagged and name == "violence" for name in CATEGORIES},
                "category_scores": {name: 0.9 if flagged and name == "violence" else 0.01 for name in CATEGORIES},
                "category_applied_input_types": {name: ["text"] for name in CATEGORIES},
            }
        )
    return {"id": "modr-scripted", "model": request["model"], "results": results, "x_received": extra["x_received"]}
