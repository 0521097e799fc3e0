"""`lm-eval`, unchanged, with `local-completions` and `local-chat-completions` on local tasks, against a running `cultivar serve`.

    CULTIVAR_BASE_URL=http://127.0.0.1:PORT/v1 CULTIVAR_API_KEY=... python3 lm_eval_run.py

Its tokenizer is the server's own (`/tokenizer_info`, `/tokenize`, `/detokenize`), which it asks without naming a model.
"""

import os
import tempfile

from checks import HERE, KEY, LOCAL, MODEL, URL, post, report

SCRATCH = tempfile.TemporaryDirectory()
os.environ |= {"HF_HOME": SCRATCH.name, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OPENAI_API_KEY": KEY}
os.environ |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "TQDM_DISABLE": "1"}
os.chdir(HERE / "lm_eval_tasks")

import importlib.metadata
import json

import lm_eval
from lm_eval.tasks import TaskManager

TASKS = TaskManager(include_path=str(HERE / "lm_eval_tasks"), include_defaults=False)


def evaluate(kind, task, path, model, **more):
    """The scores of a task and its samples."""
    arguments = {"model": model, "base_url": URL + path, "max_retries": 1} | more
    chat = {"apply_chat_template": True} if kind == "local-chat-completions" else {}
    done = lm_eval.simple_evaluate(kind, arguments, tasks=[task], task_manager=TASKS, log_samples=True, bootstrap_iters=0, **chat)
    return done["results"][task], done["samples"][task]


def chat(**more):
    def checks():
        scores, samples = evaluate("local-chat-completions", "cafe_say", "/chat/completions", MODEL, **more)
        return {
            "a real score": scores["exact_match,none"] == 0.75,
            "of all samples": [sample["resps"][0][0] for sample in samples][::3] == ["one latte", "tea"],
        }

    return checks


def completions():
    scores, _ = evaluate("local-completions", "cafe_say", "/completions", MODEL, tokenizer_backend=None)
    return {"a real score": scores["exact_match,none"] == 0.75}


def remote():
    """What makes `local-completions` use the tokens of our own model."""
    _, _, answer = post("/tokenize", {"model": LOCAL, "prompt": "a", "add_special_tokens": False})
    return {"tokenizer_backend": "remote", "auth_token": KEY, "max_length": json.loads(answer)["max_model_len"]}


def likelihoods(**more):
    def checks():
        scores, samples = evaluate("local-completions", "cafe_choice", "/completions", LOCAL, **remote() | more)
        found = [[float(end[0][0]) for end in sample["resps"]] for sample in samples]
        return {
            "finds the sentences more probable than noise": scores["acc,none"] >= 0.75,
            "logarithms of probabilities": all(value < 0 for ends in found for value in ends),
            "the same as `echo` says": abs(found[0][0] - echoed("can I get a small latte with oat", " milk please")) < 1e-3,
        }

    return checks


def echoed(begin, end):
    """The log-likelihood of an end after its beginning, asked for without lm-eval."""
    begun, whole = (tokens(text) for text in (begin, begin + end))
    _, _, answer = post("/v1/completions", {"model": LOCAL, "prompt": whole, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0})
    return sum(json.loads(answer)["choices"][0]["logprobs"]["token_logprobs"][len(begun) : len(whole)])


def tokens(text):
    return json.loads(post("/tokenize", {"model": LOCAL, "prompt": text, "add_special_tokens": False})[2])["tokens"]


def generation():
    _, samples = evaluate("local-completions", "cafe_say", "/completions", LOCAL, **remote())
    return {"says something to each": len(samples) == 4 and any(sample["resps"][0][0].strip() for sample in samples)}


def main():
    rows = {
        "local-chat-completions": chat(),
        "local-chat-completions, at once": chat(num_concurrent=4),
        "local-completions": completions,
    }
    if LOCAL:
        rows |= {
            "own model: log-likelihoods of token ids": likelihoods(),
            "own model: the same, in batches at once": likelihoods(batch_size=3, num_concurrent=2),
            "own model: generation from token ids": generation,
        }
    report("lm-eval", importlib.metadata.version("lm_eval"), rows)


main()
