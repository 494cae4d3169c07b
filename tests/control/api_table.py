#!/usr/bin/env python3
"""The table of endpoints in docs/api.md, from GET /v1: api_table.py URL TOKEN."""
import json
import sys
import urllib.request

SHORT = {"operator": "operator", "tenant-admin": "admin", "tenant-read": "read", "metrics": "metrics"}


def table(resources):
    lines = ["| | path | who | query | |", "|---|---|---|---|---|"]
    for r in resources:
        who = ", ".join(SHORT[s] for s in r["scopes"]) or "everybody"
        query = " ".join(f"`{p}`" for p in r["params"])
        lines.append(f"| {r['method']} | `{r['path']}` | {who} | {query} | {r['doc']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    request = urllib.request.Request(sys.argv[1] + "/v1", headers={"Authorization": f"Bearer {sys.argv[2]}"})
    with urllib.request.urlopen(request, timeout=10) as reply:
        print(table(json.load(reply)["resources"]))
