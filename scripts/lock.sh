#!/usr/bin/env bash
# Writes a lock file: the versions pip chooses today for the package with some of its extras.
# Usage: lock.sh PYTHON EXTRAS LOCK
set -euo pipefail

python=$1 extras=$2 lock=$3
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_INPUT=1

# Debian 12 has 3.11.2 and some packages want 3.11.5: a lock of a later Python may not install there.
"$python" -c 'import sys; sys.exit(sys.version_info[:3] != (3, 11, 2))' || {
    echo "Lock with the Python of Debian 12 (3.11.2): make lock PYTHON=/usr/bin/python3" >&2
    exit 1
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "Locking lstosa-luigi[$extras] in $lock"
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -qq --no-compile -e ".[$extras]"
"$work/venv/bin/python" -m pip check

# setuptools counts only where an extra asks for it, not when it came with the environment.
keep=(--exclude pip --exclude wheel --exclude-editable)
[[ ,$extras, == *,dev,* ]] || keep+=(--exclude setuptools)
{
    echo "# lstosa-luigi[$extras] by \`make lock\`, with $("$python" --version) on $(uname -sm)."
    echo "# Tested together. To change a version, change setup.cfg and run \`make lock\`."
    "$work/venv/bin/python" -m pip freeze --all "${keep[@]}"
} >"$work/lock.txt"

if grep -nE '@|^-|://' <(grep -v '^#' "$work/lock.txt"); then
    echo "These lines name a place, not a version; $lock is left as it was." >&2
    exit 1
fi
if [[ ,$extras, != *,lstchain,* ]] && grep -i '^jsonschema==' "$work/lock.txt"; then
    echo "With jsonschema beside it \`import luigi\` takes 2 s; find what brought it." >&2
    exit 1
fi
mv "$work/lock.txt" "$lock"
echo "$(grep -c == "$lock") packages in $lock"
