"""Compares histories, traces, past states and differences with what is computed from the raw lines."""

import collections
import json
import subprocess
import sys


def fold(events):
    """The players after the events, as `state --user` shows them."""
    players, deaths, inventories = {}, collections.Counter(), collections.defaultdict(dict)
    kinds = {"player.kill", "item.pickup", "player.levelup", "player.move"}
    for event in events:
        user, kind, payload = event["user_id"], event["event_type"], event["payload"]
        if kind == "player.kill" and payload["victim_id"] != 0:
            deaths[payload["victim_id"]] += 1
        if user == 0:
            continue
        player = players.setdefault(
            user, {"level": 1, "experience": 0, "kill_count": 0, "x": None, "y": None}
        )
        player["last_update"] = event["timestamp"]
        if kind not in kinds:
            continue
        if kind == "player.kill":
            player["kill_count"] += 1
            player["x"], player["y"] = payload["location"]["x"], payload["location"]["y"]
        elif kind == "player.move":
            player["x"], player["y"] = payload["x"], payload["y"]
        elif kind == "player.levelup":
            player["level"], player["experience"] = payload["new_level"], payload["total_experience"]
        else:
            items, item = inventories[user], str(payload["item_id"])
            items[item] = items.get(item, 0) + payload["quantity"]
    newcomer = {"level": 1, "experience": 0, "kill_count": 0, "x": None, "y": None, "last_update": None}
    return {
        user: {
            **players.get(user, newcomer),
            "player_id": user,
            "death_count": deaths[user],
            "inventory": inventories.get(user, {}),
        }
        for user in players.keys() | deaths.keys()
    }


def changes(old, new):
    """The members that differ, as the program names them."""
    found = {}
    for name in old.keys() | new.keys():
        if name == "inventory":
            for item in old[name].keys() | new[name].keys():
                pair = [old[name].get(item), new[name].get(item)]
                if pair[0] != pair[1]:
                    found[f"inventory.{item}"] = pair
        elif old[name] != new[name]:
            found[name] = [old[name], new[name]]
    return found


def main(data, ringlog, directory, partitions):
    source = subprocess.run(["zstd", "-dc", f"{data}.ndjson.zst"], check=True, capture_output=True)
    events = [json.loads(line) for line in source.stdout.splitlines()]
    failures, checks = [], 0

    def run(*arguments):
        command = [ringlog, arguments[0], "--dir", directory, "--json", *arguments[1:]]
        return json.loads(subprocess.check_output(command))

    def check(name, found, wanted):
        nonlocal checks
        checks += 1
        if found != wanted:
            failures.append(f"{name}: found {str(found)[:300]}, expected {str(wanted)[:300]}")

    users = collections.Counter(event["user_id"] for event in events)
    for user, _ in users.most_common(2) + users.most_common()[-2:]:
        own = [event for event in events if event["user_id"] == user]
        check(f"history {user}", run("history", "--user", str(user), "--bare"), own)
        check(f"scan {user}", run("history", "--user", str(user), "--bare", "--no-index"), own)
    chains = collections.Counter(event["correlation_id"] for event in events)
    for chain, _ in chains.most_common(2) + chains.most_common()[-2:]:
        own = [event for event in events if event["correlation_id"] == chain]
        found = run("trace", "--correlation", chain, "--bare")
        if partitions != "1":
            own, found = sorted(own, key=str), sorted(found, key=str)
        check(f"trace {chain}", found, own)

    times = sorted(event["timestamp"] for event in events)
    past = {}
    for place in (3, 2):
        time = times[len(times) // place]
        past[place] = (time, [event for event in events if event["timestamp"] <= time])
        state = run("state", "--at-time", str(time))
        check(f"events at {time}", state["events"], len(past[place][1]))
        killers = sorted(
            (-player["kill_count"], user)
            for user, player in fold(past[place][1]).items()
            if player["kill_count"]
        )
        top = [{"player_id": user, "kill_count": -kills} for kills, user in killers[:10]]
        check(f"top at {time}", run("state", "--at-time", str(time), "--top", "10"), top)
    (first, old), (second, new) = past[3], past[2]
    difference = run("diff", "--from", f"time:{first}", "--to", f"time:{second}")
    old, new = fold(old), fold(new)
    check("appeared", {user["user"]: user["state"] for user in difference["appeared"]},
          {user: state for user, state in new.items() if user not in old})
    wanted = {user: changes(old[user], new[user]) for user in old}
    check("changed", {user["user"]: user["state"] for user in difference["changed"]},
          {user: change for user, change in wanted.items() if change})
    check("gone", difference["gone"], [])
    if partitions == "1":
        middle = len(events) // 2
        state = fold(events[:middle])
        for user in list(state)[:3]:
            found = run("state", "--at-sequence", f"0:{middle}", "--user", str(user))
            check(f"player {user} at {middle}", found, state[user])

    for failure in failures:
        print(f"FAILED {failure}")
    print(f"looking back: {checks - len(failures)} passed, {len(failures)} failed")
    sys.exit(bool(failures))


main(*sys.argv[1:])
