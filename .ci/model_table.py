#!/usr/bin/env python3
"""Puts measured figures into the table of loom-tests/README.md.

    (cd loom-tests && cargo test --release -- --nocapture --test-threads=1) | .ci/model_table.py

Each row is a model by its name; the words and the number of threads of a row that is there are kept.
"""

import re
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "loom-tests" / "README.md"
HEAD = "| model | threads | bound | executions | s |\n|---|---|---|---|---|\n"
FIGURES = re.compile(
    r"(\w+)::(\w+): preemptions (Unbounded|Three), (\d+) executions in ([\d.]+) s"
)


def key(words):
    return re.sub(r"[^a-z]", "", re.sub(r"\(.*?\)", "", words).lower())


def main():
    text = README.read_text()
    before, table = text.split(HEAD)
    rows, after = re.match(r"((?:\|[^\n]*\n)*)(.*)", table, re.S).groups()
    kept = {}
    for row in rows.splitlines():
        words, threads = [cell.strip() for cell in row.split("|")[1:3]]
        label = re.sub(r"^\*\*.*?:? ?\*\*(?: \(`.*?`\))?:? ", "", words)
        kept[key(label)] = (label, threads)
    heads = dict(re.findall(r"^\| \*\*(\w+)\*\*((?: \(.*?\))?):", rows, re.M))
    lines, module, measured = [], None, set()
    for of, name, bound, executions, seconds in sorted(
        set(FIGURES.findall(sys.stdin.read()))
    ):
        label, threads = kept.get(key(name), (name.replace("_", " "), "?"))
        if of != module:
            module, label = of, f"**{of}**{heads.get(of, '')}: {label}"
        bound = {"Unbounded": "∞", "Three": "3"}[bound]
        measured.add(key(name))
        seconds = "< 0.1" if float(seconds) < 0.05 else f"{float(seconds):.1f}"
        lines.append(
            f"| {label} | {threads} | {bound} | {int(executions):,} | {seconds} |\n"
        )
    if missing := [label for of, (label, _) in kept.items() if of not in measured]:
        sys.exit(f"not measured: {missing}")
    README.write_text(before + HEAD + "".join(lines) + after)
    print(f"{len(measured)} models")


main()
