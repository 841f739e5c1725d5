#!/bin/sh
# Prepare .venv from the committed lock, and nothing else. Called by `make setup`.
#
# The interpreter: PYTHON where it is set; else the distribution's /usr/bin/python3 before what a version manager
# put on PATH. Distributions build with profile-guided optimisation, version managers usually do not, and the
# difference is 10 to 25 % of all small requests (docs/design/performance.md).
# uv: from PATH, else from PyPI by whichever of the interpreters can make a virtual environment.
set -eu

VENV=.venv
# Only PyPI may be reachable, so uv must not fetch an interpreter. A link between file systems costs a warning for
# every package, a copy costs nothing that matters.
export UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy

fail() {
  echo "atoll: $*" >&2
  exit 1
}

is_usable() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

command -v cc >/dev/null 2>&1 || command -v gcc >/dev/null 2>&1 || command -v clang >/dev/null 2>&1 ||
  fail "no C compiler found; install cc (Debian: apt install build-essential)"

if [ -n "${PYTHON:-}" ]; then
  is_usable "$PYTHON" || fail "PYTHON=$PYTHON is not a Python of version 3.11 or newer"
  candidates=$PYTHON
else
  candidates="/usr/bin/python3 python3 python3.13 python3.12 python3.11 python"
fi
usable=""
for candidate in $candidates; do
  if is_usable "$candidate"; then usable="$usable $candidate"; fi
done
[ -n "$usable" ] || fail "Python 3.11 or newer is needed and none was found; set PYTHON=/path/to/python"

if [ -e $VENV ] && ! is_usable $VENV/bin/python; then
  echo "atoll: $VENV is not usable, making it anew"
  rm -rf $VENV
fi

if uv --version >/dev/null 2>&1; then
  uv=uv
elif [ -x $VENV/bin/uv ]; then
  uv=$VENV/bin/uv
else
  echo "atoll: uv is absent, installing it from PyPI into $VENV"
  # Debian's python3 without python3-venv makes no environment with pip; another interpreter may.
  seed=$(mktemp -d)
  trap 'rm -rf "$seed"' EXIT
  for candidate in $usable; do
    if "$candidate" -m venv "$seed/venv" >/dev/null 2>&1; then break; fi
    rm -rf "$seed/venv"
  done
  [ -x "$seed/venv/bin/pip" ] ||
    fail "none of these can make a virtual environment:$usable (Debian: apt install python3-venv)"
  "$seed/venv/bin/pip" install --quiet --disable-pip-version-check uv
  uv=$seed/venv/bin/uv
fi

if [ ! -x $VENV/bin/python ]; then
  set -- $usable
  "$uv" venv --quiet --python "$1" $VENV
fi
UV_PROJECT_ENVIRONMENT=$VENV "$uv" sync --frozen --quiet --inexact --python $VENV/bin/python
# Kept for the next time the lock changes.
[ "$uv" = uv ] || [ "$uv" = $VENV/bin/uv ] || "$uv" pip install --quiet --python $VENV/bin/python uv
