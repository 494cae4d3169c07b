"""A strict reader of Prometheus' text form 0.0.4: parse(text) -> {(name, ((label, value), ...)): number}.

Raises ValueError at whatever Prometheus or promtool would not like: a sample without its HELP and TYPE before it, a
metric in two places, a series twice, a label or escape that is none, a histogram whose buckets do not add up."""
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|\Z)')
NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)\Z|NaN\Z")
TYPES = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count"), "summary": ("", "_sum", "_count")}
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def labels_of(text):
    found, at = [], 0
    while text and at < len(text):
        m = LABEL.match(text, at)
        if not m or (m[3] == "," and m.end() == len(text)):
            raise ValueError(f"labels {text!r}")
        found.append((m[1], re.sub(r'\\[\\"n]', lambda e: ESCAPES[e[0]], m[2])))
        at = m.end()
    if len({k for k, _ in found}) != len(found):
        raise ValueError(f"a label twice: {text!r}")
    return tuple(found)


def check_histogram(name, samples):
    series = {}
    for (sample, labels), value in samples:
        rest = tuple(kv for kv in labels if kv[0] != "le")
        one = series.setdefault(rest, {"buckets": []})
        if sample == f"{name}_bucket":
            one["buckets"].append((float(dict(labels)["le"]), value))
        else:
            one[sample[len(name):]] = value
    for labels, one in series.items():
        bounds, counts = zip(*one["buckets"])
        if list(bounds) != sorted(set(bounds)) or not math.isinf(bounds[-1]) or list(counts) != sorted(counts):
            raise ValueError(f"the buckets of {name}{labels}: {one['buckets']}")
        if counts[-1] != one["_count"] or "_sum" not in one:
            raise ValueError(f"the sum or count of {name}{labels}")


def parse(text):
    if not text.endswith("\n"):
        raise ValueError("no newline at the end")
    seen, metrics, metric, kind, samples = {}, {}, None, None, []
    helped = None
    for line in text.split("\n")[:-1]:
        if line.startswith("# HELP "):
            if kind == "histogram" and samples:
                check_histogram(metric, samples)
            _, _, helped, words = line.split(" ", 3)
            metric, kind, samples = None, None, []
            if helped in metrics or not words or re.search(r"\\[^\\n]", words):
                raise ValueError(line)
            continue
        if line.startswith("# TYPE "):
            _, _, metric, kind = line.split(" ")
            if metric != helped or kind not in TYPES or metric in metrics:
                raise ValueError(line)
            metrics[metric] = kind
            continue
        m = SAMPLE.match(line)
        if not m or not NUMBER.match(m[3]):
            raise ValueError(f"no sample: {line!r}")
        if metric is None or m[1] not in [metric + end for end in TYPES[kind]]:
            raise ValueError(f"not under its HELP and TYPE: {line!r}")
        if kind == "counter" and not metric.endswith("_total"):
            raise ValueError(f"a counter is called ..._total: {line!r}")
        key = m[1], labels_of(m[2])
        if key in seen:
            raise ValueError(f"twice: {line!r}")
        seen[key] = float(m[3])
        samples.append((key, seen[key]))
    if kind == "histogram" and samples:
        check_histogram(metric, samples)
    return seen


def value(seen, name, **labels):
    """The one sample with these labels, others allowed; 0 when there is none."""
    found = [v for (n, have), v in seen.items() if n == name and labels.items() <= dict(have).items()]
    if len(found) > 1:
        raise ValueError(f"{name}{labels}: {len(found)} series")
    return found[0] if found else 0
