#!/usr/bin/env python3
"""Reads the papers that Cultivar publishes beside weights and datasets with the reference implementations of their formats.

    pip install -r papers.txt
    python3 papers.py model-signing|cyclonedx|in-toto|croissant <data directory>

`model.sig` is verified offline by `model-signing`, `mlbom.cdx.json` strictly by `cyclonedx-python-lib`, the statement in
`provenance.intoto.json` by `in-toto-attestation`, `croissant.json` by `mlcroissant`, which also reads the rows through it. Each
also meets copies that were changed, so that a verifier that takes everything is noticed. The last line is JSON; the exit status
is 0 where everything held and 1 where not.
"""

import base64
import contextlib
import hashlib
import json
import logging
import pathlib
import shutil
import sys
import tempfile
from importlib.metadata import version


def model_signing(model, key):
    """Verifies a model's folder against its signature; raises where it does not hold."""
    from model_signing import hashing, verifying

    signature = model / "model.sig"
    config = verifying.Config().use_elliptic_key_verifier(public_key=key)
    hashed = hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=False)
    config.set_hashing_config(hashed).verify(model, signature)


def cyclonedx(model, _):
    """Validates a bill of materials against its schema, unknown fields refused."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str((model / "mlbom.cdx.json").read_text())
    if error:
        raise ValueError(str(error))


def in_toto(model, key):
    """Validates the statement in the provenance, its signature, and that it is about the weights that lie there."""
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from google.protobuf.json_format import Parse
    from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
    from in_toto_attestation.v1 import statement_pb2
    from in_toto_attestation.v1.statement import Statement

    envelope = json.loads((model / "provenance.intoto.json").read_text())
    kind, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    public = load_pem_public_key(key.read_bytes())
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed, ECDSA(SHA256()))
    Statement.copy_from_pb(Parse(payload, statement_pb2.Statement())).validate()
    statement = json.loads(payload)
    Parse(json.dumps(statement["predicate"]), provenance_pb2.Provenance())
    for subject in statement["subject"]:
        found = hashlib.sha256((model / subject["name"]).read_bytes()).hexdigest()
        if subject["digest"]["sha256"] != found:
            raise ValueError(f"{subject['name']} is not the one that was built")


def croissant(dataset, _):
    """Reads a description of a dataset, and every row through it."""
    import mlcroissant

    described = dataset / "croissant.json"
    read = mlcroissant.Dataset(jsonld=described)
    manifest = json.loads((dataset / "manifest.json").read_text())
    for split, part in manifest["splits"].items():
        if part["examples"]:
            own = [json.loads(line)["messages"] for line in (dataset / f"{split}.jsonl").read_text().splitlines()]
            said = [[(message["role"], message["content"]) for message in messages] for messages in own]
            name = f"{split}/messages"
            text = lambda message, part: message[f"{name}/{part}"].decode()  # noqa: E731
            read_rows = [[(text(it, "role"), text(it, "content")) for it in row[name]] for row in read.records(split)]
            if read_rows != said or len(said) != part["examples"]:
                raise ValueError(f"the {len(read_rows)} rows of {split} are not those that the file holds")
    for file in json.loads(described.read_text())["distribution"]:
        if hashlib.sha256((dataset / file["contentUrl"]).read_bytes()).hexdigest() != file["sha256"]:
            raise ValueError(f"{file['contentUrl']} has another digest")


def edit(file, change):
    """Rewrites a JSON file."""
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))


def flip(file):
    """Changes one bit in the middle of a file."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


CLIENTS = {
    "model-signing": (
        model_signing,
        "model-signing",
        "models",
        "model.sig verifies offline",
        {
            "a changed file": lambda copy: flip(copy / "model.safetensors"),
            "a changed configuration": lambda copy: flip(copy / "config.json"),
            "an extra file": lambda copy: (copy / "extra.bin").write_bytes(b"x"),
            "a missing file": lambda copy: (copy / "duties.json").unlink(),
            "a changed signature": lambda copy: edit(
                copy / "model.sig", lambda it: it["dsseEnvelope"]["signatures"][0].update(sig="AAAA")
            ),
        },
    ),
    "cyclonedx": (
        cyclonedx,
        "cyclonedx-python-lib",
        "models",
        "mlbom.cdx.json is strictly valid",
        {
            "an unknown field": lambda copy: edit(copy / "mlbom.cdx.json", lambda it: it.update(unknown=1)),
            "an unknown type": lambda copy: edit(copy / "mlbom.cdx.json", lambda it: it["components"][0].update(type="x")),
        },
    ),
    "in-toto": (
        in_toto,
        "in-toto-attestation",
        "models",
        "provenance.intoto.json holds",
        {
            "changed weights": lambda copy: flip(copy / "model.safetensors"),
            "another envelope": lambda copy: edit(copy / "provenance.intoto.json", lambda it: it.update(payloadType="x")),
        },
    ),
    "croissant": (
        croissant,
        "mlcroissant",
        "datasets",
        "croissant.json describes the rows",
        {
            "a field of no column": lambda copy: edit(
                copy / "croissant.json",
                lambda it: it["recordSet"][0]["field"][0]["source"]["extract"].update(column="nothing"),
            ),
            "a record set of no file": lambda copy: edit(
                copy / "croissant.json", lambda it: it["distribution"].pop(0)
            ),
            "a changed row": lambda copy: flip(copy / "train.jsonl"),
        },
    ),
}


def refusal(check, folder, key):
    """Why something is refused, or None where it is not."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            check(folder, key)
    except Exception as error:  # noqa: BLE001 - whatever a foreign verifier raises is its refusal
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    return None


def tried(check, folders, key, changes):
    """What was refused although whole, and what was taken although changed."""
    whole = [f"{folder.name}: {why}" for folder in folders if (why := refusal(check, folder, key))]
    taken = []
    for name, change in changes.items():
        with tempfile.TemporaryDirectory() as temp:
            copy = pathlib.Path(temp) / folders[0].name
            shutil.copytree(folders[0], copy)
            change(copy)
            why = refusal(check, copy, key)
            print(f"{name}: {why or 'taken'}", file=sys.stderr)
            if not why:
                taken.append(f"taken although changed: {name}")
    return whole, taken


def main():
    logging.disable(logging.CRITICAL)
    client, data = sys.argv[1], pathlib.Path(sys.argv[2])
    check, package, kind, what, changes = CLIENTS[client]
    folders = sorted(path.parent for path in data.glob(f"{kind}/*/*/manifest.json"))
    if not folders:
        sys.exit(f"{data} holds no {kind}")
    whole, taken = tried(check, folders, data / "models" / "signing.pub", changes)
    row = lambda tried, checks, failed: {"row": tried, "checks": checks, "passed": checks - len(failed), "failed": failed}  # noqa: E731
    rows = [row(what, len(folders), whole), row(f"changed copies are refused ({client})", len(changes), taken)]
    print(json.dumps({"client": package, "version": version(package), "rows": rows}))
    sys.exit(1 if whole or taken else 0)


if __name__ == "__main__":
    main()
