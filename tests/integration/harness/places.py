"""Where things are."""

import os
import pathlib
import shutil

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/dev/bin")).resolve()
TOOLS = pathlib.Path(os.environ.get("MILLRACE_TOOLS", BIN.parent / "tests")).resolve()


def make_open(folder):
    """Makes a folder that programs without root's rights can reach and write: VLC refuses to be root."""
    folder.mkdir(mode=0o777)
    for parent in [folder, *folder.parents]:
        if parent.owner() == "root" and str(parent).startswith("/tmp/"):
            os.chmod(parent, parent.stat().st_mode | 0o011)
    os.chmod(folder, 0o777)
    return folder


def need(program):
    """Skips the test, and says so, where a client program is not installed."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
