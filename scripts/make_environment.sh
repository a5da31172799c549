#!/usr/bin/env bash
# Makes a virtual environment with exactly what a lock file names.
# Usage: make_environment.sh PYTHON DIR LOCK ["what it is"]
#
# The lock is copied into DIR at the very end: a DIR with another lock, or none, is made anew,
# one with the same lock is left as it is.
set -euo pipefail

python=$1 dir=$2 lock=$3 what=${4:-$2}
here=$(dirname "$0")
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1

if cmp -s "$lock" "$dir/locked.txt"; then
    touch "$dir/locked.txt"
    exit 0
fi

"$python" - <<'PY' || exit 1
import sys

version = sys.version.split()[0]
if sys.version_info < (3, 10):
    sys.exit(f"lstosa-luigi needs Python 3.10 or later and {sys.executable} is {version}.\n"
             "Name another one: make PYTHON=python3.11 ...")
if sys.version_info[:2] != (3, 11):
    print(f"Note: requirements/ was locked and tested with Python 3.11, this is {version}.")
PY

"$here/system_packages.sh" --python "$python"

started=$SECONDS
total=$(grep -c '==' "$lock")
echo "Making $dir: $what, $total packages of $lock"
rm -rf "$dir"
"$python" -m venv "$dir"

# One line that counts up on a terminal, four lines elsewhere; the rest in a log.
"$dir/bin/python" -m pip install --no-compile --progress-bar off -r "$lock" 2>&1 |
    tee "$dir/pip.log" |
    awk -v total="$total" -v terminal="$([[ -t 1 ]] && echo 1 || echo 0)" '
        /^(Collecting|Processing) / {
            n++
            if (terminal) printf "\r  %d of %d packages found", n, total
            else if (n % (int(total / 4) + 1) == 0) printf "  %d of %d packages found\n", n, total
            fflush()
        }
        /^Installing collected/ {
            printf "%s  installing\n", (terminal ? "\r\033[K" : ""); fflush()
        }' || { tail -n 30 "$dir/pip.log" >&2; exit 1; }
"$dir/bin/python" -m pip check

# Compiled here, on all cores, without what is never imported. Some packages ship files that are
# wrong on purpose, so the result does not count.
"$dir/bin/python" -m compileall -qq -j 0 -x '/(tests?|jupyter[a-z_]*|notebook)/' \
    "$dir"/lib/python3*/site-packages || true
cp "$lock" "$dir/locked.txt"
echo "Made $dir in $((SECONDS - started)) s"
