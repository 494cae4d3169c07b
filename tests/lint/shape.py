#!/usr/bin/env python3
"""The rules of shape that need no compiler: file and header length, forbidden names, the top level."""
import pathlib
import re
import subprocess
import sys

TOP = {"gateway", "clusters", "store", "admin", "tests", "deploy", "docs", "CMakeLists.txt", "README.md", "LICENSE",
       "CONTRIBUTING.md", "SECURITY.md"}
FORBIDDEN = re.compile(r"(^|/)(common|util|utils|misc|helpers|base)(/|\.[ch]$)")
LONGEST = {".c": 700, ".h": 250}
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|#\s*if\s+0\b")


def main(root):
    out = subprocess.run(["git", "-C", str(root), "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True)
    names = [n for n in out.stdout.splitlines() if (root / n).exists()]
    bad = []
    for name in names:
        top = name.split("/", 1)[0]
        if not top.startswith(".") and top not in TOP:
            bad.append(f"{name}: the top level is fixed, {top} is not in it")
        if FORBIDDEN.search(name):
            bad.append(f"{name}: a folder or file is named for what it does, not {FORBIDDEN.search(name).group(2)}")
        suffix = pathlib.PurePath(name).suffix
        if suffix not in LONGEST:
            continue
        text = (root / name).read_text()
        lines = text.count("\n")
        if lines > LONGEST[suffix]:
            bad.append(f"{name}: {lines} lines, at most {LONGEST[suffix]}")
        for n, line in enumerate(text.splitlines(), 1):
            if MARKS.search(line):
                bad.append(f"{name}:{n}: unfinished work is an issue, not a mark in the code")
        if suffix == ".c" and not text.lstrip().startswith("/*"):
            bad.append(f"{name}: opens with a comment that says what it is for")
    print("\n".join(bad) or f"shape: ok ({len(names)} files)")
    return 1 if bad or not names else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()))
