"""Compares what the program says of an ingested data set with the figures that are expected of it."""

import collections
import json
import subprocess
import sys


def canonical(value):
    """A form in which 1 and 1.0 differ, and the order of keys does not."""
    if isinstance(value, dict):
        return ("{", tuple(sorted((key, canonical(item)) for key, item in value.items())))
    if isinstance(value, list):
        return ("[", tuple(canonical(item) for item in value))
    return (type(value).__name__, value)


def lines(stream):
    return (json.loads(line) for line in stream)


def main(data, scratch, ringlog, directory):
    expected = json.load(open(f"{data}.expected.json"))
    stats = json.load(open(f"{scratch}/stats.json"))
    top = json.load(open(f"{scratch}/top.json"))
    again = json.load(open(f"{scratch}/again.json"))
    failures = []

    def check(name, found, wanted):
        if found != wanted:
            failures.append(f"{name}: found {found}, expected {wanted}")

    for name, wanted in expected.items():
        if name == "top_killers":
            check(name, top, wanted)
        elif name == "players":
            for user, player in wanted.items():
                run = [ringlog, "state", "--dir", directory, "--user", user, "--json"]
                check(f"player {user}", json.loads(subprocess.check_output(run)), player)
        else:
            check(name, stats.get(name), wanted)
    check("journaled again", again["journaled"], 0)
    check("duplicates", again["duplicates"], expected["events"])

    source = subprocess.run(
        ["zstd", "-dc", f"{data}.ndjson.zst"], check=True, capture_output=True
    ).stdout.splitlines()
    wanted = collections.Counter(canonical(event) for event in lines(source))
    for event in lines(open(f"{scratch}/dump.ndjson")):
        del event["partition"], event["sequence"]
        wanted[canonical(event)] -= 1
    different = [event for event, count in wanted.items() if count != 0]
    check("events that differ between dump and input", len(different), 0)

    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{len(expected) + 3 - len(failures)} passed, {len(failures)} failed")
    sys.exit(bool(failures))


main(*sys.argv[1:])
