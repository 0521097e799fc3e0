#!/usr/bin/env python3
"""Makes dialogues.jsonl from the upstream folder TM-4-2024/data (data_00.json to data_05.json).

    python3 make.py UPSTREAM_FOLDER > dialogues.jsonl

The first 2,200 dialogues in file order, one JSON object per line, texts only.
"""

import json
import pathlib
import sys

DIALOGUES = 2_200


def dialogues(folder):
    """Every upstream dialogue, in file order, with its annotations dropped."""
    for path in sorted(folder.glob("data_0[0-9].json")):
        for dialogue in json.loads(path.read_text(encoding="utf-8")):
            turns = sorted(dialogue["utterances"], key=lambda turn: turn["index"])
            messages = [{"role": turn["speaker"], "content": turn["text"]} for turn in turns]
            if {message["role"] for message in messages} - {"user", "assistant"}:
                raise ValueError(f"{path}: {dialogue['conversation_id']}: a speaker who is neither user nor assistant")
            yield {"id": dialogue["conversation_id"], "messages": messages}


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make.py UPSTREAM_FOLDER > dialogues.jsonl")
    lines = [json.dumps(d, ensure_ascii=False, separators=(",", ":")) for d in dialogues(pathlib.Path(sys.argv[1]))]
    if len(lines) < DIALOGUES:
        sys.exit(f"only {len(lines)} dialogues in `{sys.argv[1]}`, {DIALOGUES} are needed")
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    print("\n".join(lines[:DIALOGUES]))


main()
