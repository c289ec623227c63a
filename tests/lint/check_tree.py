#!/usr/bin/env python3
"""Checks what the compiler does not: who includes whom, length of files, READMEs, words and names.

usage: check_tree.py [ROOT]      prints one line a finding; exit status 1 where there is one
"""

import os
import re
import sys

TOP_FOLDERS = ["media", "runtime", "router", "gateways", "control-plane", "proto", "tests", "deploy", "docker"]
ONE_README = {"proto", "deploy", "docker"}  # theirs tells about the folders below, too
SKIPPED_FOLDERS = {"build", "corpus", "__pycache__", "node_modules"}
CODE = (".h", ".cc")
TEXT = (".h", ".cc", ".py", ".sh", ".proto", ".cmake", ".md", ".yaml", ".yml", ".txt", ".js",
        ".mjs", ".html")
MAX_LINES = 600

# Lower folders first; a folder may include itself and what stands before it.
MEDIA_LAYERS = ["base", "frame", "codec", "amf", "flv", "rtp", "sdp"]
RUNTIME_LAYERS = ["log", "lifecycle", "net", "loop", "metrics", "config", "transport", "rpc", "bus", "transcode", "stream", "relay", "node"]

# Headers of the standard library that media/ and protocols may not need: files, threads, console.
FORBIDDEN_STD = {"thread", "mutex", "shared_mutex", "condition_variable", "future", "fstream", "iostream", "filesystem"}
# Libraries that live behind one folder each.
LIBRARY_HOMES = {
    "spdlog": ["runtime/log/"],
    "zmq": ["runtime/bus/", "router/"],
    "libavcodec": ["runtime/transcode/"],
    "libswresample": ["runtime/transcode/"],
    "grpcpp": ["runtime/rpc/", "control-plane/"],
    "sqlite3": ["control-plane/"],
    "yaml-cpp": ["runtime/config/", "control-plane/"],
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
# Put together here, so that this file passes its own check.
BAD_WORDS = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b")
BAD_NAMES = {"utils", "util", "helpers", "misc", "common"}


def files_below(root):
    for top in TOP_FOLDERS:
        for folder, children, names in os.walk(os.path.join(root, top)):
            children[:] = sorted(c for c in children if c not in SKIPPED_FOLDERS and not c.startswith("."))
            for name in sorted(names):
                path = os.path.relpath(os.path.join(folder, name), root)
                yield path.replace(os.sep, "/")


def is_std(header):
    return "/" not in header and not header.endswith(".h") and not header.endswith(".hpp")


def layer_of(path, layers):
    """Index of the layer in 'module/layer/…'; None where the path is not in one."""
    parts = path.split("/")
    return layers.index(parts[1]) if len(parts) > 2 and parts[1] in layers else None


def layering(path, header, layers):
    own, other = layer_of(path, layers), layer_of(header, layers)
    if own is None or other is None:
        return f"includes {header}: a folder without a place in the order (tests/lint/check_tree.py)"
    if other > own:
        return f"includes {header}: {layers[own]} stands below {layers[other]}"
    return None


def starts(header, *prefixes):
    return header.startswith(prefixes)


def quoted_rule(path, header):
    """What is wrong with '#include "header"' in `path`, or None."""
    top = path.split("/")[0]
    if top == "tests":
        return None
    if starts(header, "tests/"):
        return f"includes {header}: programs do not include tests"
    if starts(header, "absl/"):
        return None
    if top == "media":
        if not starts(header, "media/"):
            return f"includes {header}: media includes lower media folders, Abseil and std"
        return layering(path, header, MEDIA_LAYERS)
    protocol = re.match(r"(gateways/[^/]+/protocol)/", path)
    if protocol:
        if starts(header, "media/", protocol.group(1) + "/"):
            return None
        return f"includes {header}: a protocol includes media, Abseil and std"
    if starts(header, "millrace/v1/"):
        return None
    if top == "runtime":
        if starts(header, "media/base/", "media/frame/"):
            return None
        if starts(header, "runtime/"):
            return layering(path, header, RUNTIME_LAYERS)
        return f"includes {header}: runtime includes media/base, media/frame, proto and lower runtime folders"
    own = "/".join(path.split("/")[:2]) if top == "gateways" else top
    if starts(header, "media/", "runtime/", own + "/"):
        return None
    return f"includes {header}: {own} includes runtime, media, proto and itself"


def angle_rule(path, header):
    pure = path.startswith("media/") or re.match(r"gateways/[^/]+/protocol/", path)
    if pure and (not is_std(header) or header in FORBIDDEN_STD):
        return f"includes <{header}>: no I/O, no threads, no libraries but Abseil here"
    if path.startswith("tests/"):
        return None
    for library, homes in LIBRARY_HOMES.items():
        if re.match(re.escape(library) + r"(\.|/|_)", header) and not path.startswith(tuple(homes)):
            return f"includes <{header}>: {library} stays in {', '.join(homes)}"
    return None


def check_includes(path, lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, header = match.groups()
        wrong = quoted_rule(path, header) if kind == '"' else angle_rule(path, header)
        if wrong:
            yield number, wrong


def check_file(path, text):
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        yield len(lines), f"has {len(lines)} lines; {MAX_LINES} are the most"
    for number, line in enumerate(lines, 1):
        if BAD_WORDS.search(line):
            yield number, "leaves work for later: do it or say in the README why not"
    if os.path.splitext(os.path.basename(path))[0] in BAD_NAMES:
        yield 1, "is named after nothing: say what is in it"
    if path.endswith(CODE):
        yield from check_includes(path, lines)
    if path.endswith(".h") and "#pragma once" not in text:
        yield 1, "has no #pragma once"


def folders_without_readme(paths):
    """Folders that hold files of their own and no README.md. Folders of tests share their area's."""
    holders = {os.path.dirname(p) for p in paths if p.endswith(TEXT) and not p.endswith("CMakeLists.txt")}
    readmes = {os.path.dirname(p) for p in paths if os.path.basename(p) == "README.md"}
    for folder in sorted(holders):
        parts = folder.split("/")
        needed = "/".join(parts[:2]) if parts[0] == "tests" else parts[0] if parts[0] in ONE_README else folder
        if needed not in readmes:
            yield needed


def check_tree(root):
    paths = list(files_below(root))
    findings = []
    for path in paths:
        if path.endswith(TEXT):
            with open(os.path.join(root, path), encoding="utf-8") as file:
                findings += [f"{path}:{line}: {wrong}" for line, wrong in check_file(path, file.read())]
    findings += [f"{folder}: has no README.md" for folder in dict.fromkeys(folders_without_readme(paths))]
    return findings


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "..", "..")
    findings = check_tree(os.path.abspath(root))
    for finding in findings:
        print(finding)
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
