#!/usr/bin/env python3
"""Verifies a Cultivar ledger with foreign code alone.

The root is rebuilt from the entry bundles by `pymerkle`, the signature of the tree head is checked by `cryptography`, and
every leaf hash is compared with its tile. Nothing of Cultivar is needed: the formats are those of C2SP (tlog-tiles,
tlog-checkpoint, signed-note).

    pip install -r requirements.txt
    python3 verify.py <ledger folder> [--vkey FILE] [--tamper]

The verifier key is read from `log.vkey` in the folder unless `--vkey` names a copy that came another way, which it should.
`--tamper` also changes one letter of one entry, and one of the tree head, in copies of the ledger, and wants both refused.
The last line is JSON; the exit status is 0 where everything held and 1 where not.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import shutil
import sys
import tempfile
from importlib.metadata import version

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InmemoryTree

TILE_WIDTH = 256
ED25519 = b"\x01"


class Refused(Exception):
    """The ledger does not verify; the text says why."""


def tile_index(n):
    """1234067 becomes x001/x234/067."""
    path = f"{n % 1000:03}"
    while n >= 1000:
        n //= 1000
        path = f"x{n % 1000:03}/{path}"
    return path


def tile_path(kind, n, size):
    width = min(TILE_WIDTH, size - n * TILE_WIDTH)
    partial = "" if width == TILE_WIDTH else f".p/{width}"
    return f"tile/{kind}/{tile_index(n)}{partial}", width


def read(ledger, path):
    try:
        return (ledger / path).read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error


def open_tree_head(ledger, vkey):
    """The origin, size and root of the tree head, once its signature is right."""
    name, key_id, key = vkey.strip().split("+", 2)
    key = base64.b64decode(key, validate=True)
    expected_id = hashlib.sha256(name.encode() + b"\n" + key).digest()[:4]
    if key[:1] != ED25519 or key_id != expected_id.hex():
        raise Refused("the verifier key is no Ed25519 key or does not fit its id")
    text, _, signatures = read(ledger, "checkpoint").decode().rpartition("\n\n")
    text += "\n"
    for line in signatures.splitlines():
        dash, signer, signature = line.split(" ")
        signature = base64.b64decode(signature, validate=True)
        if (dash, signer, signature[:4]) == ("\u2014", name, expected_id):
            Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode())
            origin, size, root = text.splitlines()[:3]
            return origin, int(size), base64.b64decode(root, validate=True)
    raise Refused(f"the tree head is not signed by {name}")


def entries_of(bundle):
    entries = []
    while bundle:
        length = int.from_bytes(bundle[:2], "big")
        if len(bundle) < 2 + length:
            raise Refused("an entry's length reaches over the end of its bundle")
        entries.append(bundle[2 : 2 + length])
        bundle = bundle[2 + length :]
    return entries


def verify(ledger, vkey):
    """Checks everything; returns what was checked."""
    origin, size, root = open_tree_head(ledger, vkey)
    tree = InmemoryTree(algorithm="sha256")
    for n in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
        path, width = tile_path("entries", n, size)
        entries = entries_of(read(ledger, path))
        if len(entries) != width:
            raise Refused(f"{path} holds {len(entries)} entries, not {width}")
        leaves = b"".join(hashlib.sha256(b"\0" + entry).digest() for entry in entries)
        tile, _ = tile_path(0, n, size)
        if read(ledger, tile) != leaves:
            raise Refused(f"{path} does not hash to {tile}")
        for entry in entries:
            json.loads(entry)
            tree.append_entry(entry)
    computed = tree.get_root(size) if size else hashlib.sha256(b"").digest()
    if computed != root:
        raise Refused(f"the entries lead to the root {computed.hex()}, the tree head says {root.hex()}")
    return {"origin": origin, "size": size, "root": "sha256:" + root.hex(), "checks": 2 * size + 2}


def refusal(ledger, vkey):
    """Why the ledger is refused, or None where it is not."""
    try:
        verify(ledger, vkey)
    except InvalidSignature:
        return "the tree head's signature is wrong"
    except (Refused, ValueError) as error:
        return str(error)
    return None


def change_one_letter(file, start):
    """Changes the first letter from `start` on."""
    content = bytearray(file.read_bytes())
    place = next(i for i in range(start, len(content)) if chr(content[i]).isascii() and chr(content[i]).isalpha())
    content[place] = ord("b" if content[place] == ord("a") else "a")
    file.write_bytes(content)


def tampered(ledger, vkey, size):
    """Each one-letter change with the reason for which it was refused (None: it was not)."""
    bundle, _ = tile_path("entries", (size - 1) // TILE_WIDTH // 2, size)
    outcome = {}
    for path, start in ((bundle, 2), ("checkpoint", 0)):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "ledger"
            shutil.copytree(ledger, copy)
            change_one_letter(copy / path, start)
            outcome[path] = refusal(copy, vkey)
    return outcome


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ledger", type=pathlib.Path)
    parser.add_argument("--vkey", type=pathlib.Path)
    parser.add_argument("--tamper", action="store_true")
    arguments = parser.parse_args()
    summary = {"client": "pymerkle", "version": version("pymerkle"), "passed": False, "checks": 0}
    try:
        vkey = (arguments.vkey or arguments.ledger / "log.vkey").read_text()
        summary |= verify(arguments.ledger, vkey)
        summary["passed"] = True
        if arguments.tamper:
            if not summary["size"]:
                raise Refused("a log without entries has no letter to change")
            summary["tampered"] = tampered(arguments.ledger, vkey, summary["size"])
            summary["checks"] += len(summary["tampered"])
            summary["passed"] = all(summary["tampered"].values())
    except InvalidSignature:
        summary |= {"passed": False, "reason": "the tree head's signature is wrong"}
    except (Refused, ValueError, OSError) as error:
        summary |= {"passed": False, "reason": str(error)}
    print(json.dumps(summary))
    sys.exit(0 if summary["passed"] else 1)


if __name__ == "__main__":
    main()
