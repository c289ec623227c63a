"""Where things are."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("MILLRACE_BIN", ROOT / "build/dev/bin")).resolve()
TOOLS = pathlib.Path(os.environ.get("MILLRACE_TOOLS", BIN.parent / "tests")).resolve()
