"""What every client in Python shares: where the gateway is, how a row is counted, and how an error is provoked from outside.

The environment says where things are. Always: CULTIVAR_BASE_URL (ending in `/v1`), CULTIVAR_API_KEY, CULTIVAR_PROVIDER_URL
(`provider.py`). From `cargo xtask conformance` also: CULTIVAR_LOCAL_MODEL, a model of our own; CULTIVAR and CULTIVAR_DATA_DIR,
the program and the data that it serves. Without these, as against `provider.py` alone, the rows that need them are left out.
"""

import base64
import json
import os
import pathlib
import subprocess
import time
import urllib.request

URL = os.environ["CULTIVAR_BASE_URL"]
KEY = os.environ["CULTIVAR_API_KEY"]
PROVIDER = os.environ["CULTIVAR_PROVIDER_URL"]
LOCAL = os.environ.get("CULTIVAR_LOCAL_MODEL")
PROGRAM = os.environ.get("CULTIVAR")
MODEL = "scripted"
HERE = pathlib.Path(__file__).parent
# How long a change may take to reach new requests, in seconds; the promise is 0.1.
SOON = 0.2


def ask(text, **more):
    """A chat request with one message, whose words steer the scripted provider."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}]} | more


def received(answer):
    """The body that the provider got for this answer or first chunk, as bytes."""
    return base64.b64decode(answer["x_received"])


def adds_up(usage):
    return usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def in_order(waits, told):
    """Whether a client waited at least as long as it was told each time, in seconds, and not much longer."""
    return len(waits) == len(told) and all(0.9 * say <= wait <= 1.3 * say + 0.1 for wait, say in zip(waits, told, strict=True))


def post(path, body, key=KEY):
    """A plain request without any client: status, headers in lower case, body."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}"}
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(URL.removesuffix("/v1") + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def cultivar(*command):
    """Runs a command of ours beside the running server; its answer."""
    command = [PROGRAM, *command, "--format", "json", "--data-dir", os.environ["CULTIVAR_DATA_DIR"]]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60)
    if done.returncode:
        raise RuntimeError(f"`cultivar {' '.join(command[1:-4])}`: {(done.stderr or done.stdout).strip()[:160]}")
    return json.loads(done.stdout) if done.stdout.strip() else None


class Case:
    """A refusal from `cases.json`: how it comes about, and what the client must see."""

    def __init__(self, told):
        self.told, self.key, self.identity = told, KEY, ""
        self.name = told["case"]
        self.request = ask(told.get("say", "say: hello"), **{"model": MODEL, "max_tokens": 50} | told.get("request", {}))

    def needs_cultivar(self):
        return isinstance(self.told.get("key"), list) or bool({"before", "during"} & self.told.keys()) or "ours" in self.told

    def __enter__(self):
        wanted = self.told.get("key", KEY)
        self.key = wanted
        if isinstance(wanted, list):
            made = cultivar("key", "create", f"conformance: {self.name}", *wanted)
            self.key, self.identity = made["key"], made["id"]
        for _ in range(self.told.get("warmup", 0)):
            status, _, body = post("/v1/chat/completions", self.request, self.key)
            if status != 200:
                raise RuntimeError(f"answered {status} too early: {body.decode(errors='replace')[:160]}")
        self.carry_out("before")
        return self

    def carry_out(self, when):
        for command in self.told.get(when, []):
            cultivar(*(word.replace("KEY_ID", self.identity) for word in command))
        time.sleep(SOON if self.told.get(when) else 0)

    def __exit__(self, *_):
        self.carry_out("after")

    def checks(self, status, body, headers, sent, client):
        """The checks that are the same for every client. `body` is the `error` object, `sent` how many requests it took."""
        told = self.told
        wanted_sent = told.get("sent_by", {}).get(client, told["sent"])
        checks = {f"answers {told['status']}": status in (told["status"] if isinstance(told["status"], list) else [told["status"]])}
        checks[f"{wanted_sent} sent, not {sent}"] = sent == wanted_sent
        if body is not None:
            checks |= {f"{name} `{told[name]}`, not `{body.get(name)}`": body.get(name) == told[name] for name in ("type", "code") if name in told}
            checks["message, type, param, code"] = {"message", "type", "param", "code"} <= body.keys() and bool(body["message"])
        if headers is not None:
            checks |= {f"{name}: {value}": headers.get(name) == value for name, value in told.get("headers", {}).items()}
            checks |= {f"has {name}": bool(headers.get(name)) for name in [*told.get("has", []), "x-request-id"]}
        return checks


def cases(kind="refusals"):
    """The cases that can be provoked here."""
    told = json.loads((HERE / "cases.json").read_text())[kind]
    return [case for case in map(Case, told) if PROGRAM or not case.needs_cultivar()]


def run(name, checks_of):
    """One row: how many checks, how many held, and which did not."""
    try:
        checks = checks_of()
    except Exception as error:  # whatever the client throws is what a user of it would see
        checks = {f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]: False}
    failed = [check for check, held in checks.items() if not held]
    return {"row": name, "checks": len(checks), "passed": len(checks) - len(failed), "failed": failed}


def report(client, version, rows):
    """Runs the rows and prints them; a row that has no checks here is left out."""
    printed(client, version, [run(name, checks_of) for name, checks_of in rows.items() if checks_of])


def printed(client, version, rows):
    """Prints the one object that `cargo xtask conformance` reads."""
    print(json.dumps({"client": client, "version": version, "rows": rows}))
