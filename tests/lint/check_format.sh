#!/bin/bash
# Whether every C++ file is as clang-format leaves it. usage: check_format.sh ROOT
set -euo pipefail
cd "${1:?root of the tree}"
format=$(command -v clang-format-16 || true)
if [ -z "$format" ]; then
  echo "skipped: clang-format-16 is not installed"
  exit 77
fi
find media runtime router gateways control-plane tests \( -name '*.h' -o -name '*.cc' \) -not -path '*/build/*' -print0 |
  xargs -0 -n 25 -P 2 "$format" --dry-run --Werror
