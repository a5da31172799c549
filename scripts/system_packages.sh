#!/usr/bin/env bash
# Sees that the system has what the environments and the tests need, and asks for the rest.
# Usage: system_packages.sh [--python PYTHON] [COMMAND=PACKAGE ...]
#
# As root on Debian missing packages are installed; otherwise it says what to install and fails.
# --python stands for the modules that `PYTHON -m venv` needs and Debian packs apart.
set -euo pipefail

# Where Debian keeps daemons, which is not on every user's PATH.
PATH=$PATH:/usr/sbin:/sbin

missing=()
if [[ ${1:-} == --python ]]; then
    if ! "$2" -c 'import ensurepip, venv' 2>/dev/null; then
        missing+=("$("$2" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')")
    fi
    shift 2
fi
for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
done
((${#missing[@]})) || exit 0

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "Missing on this system: ${missing[*]}. Install it first, on Debian with:" >&2
    echo "    sudo apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "Installing Debian's ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# Some packages bring daemons that the tests start themselves: none is to run as a service now.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
{
    apt-get update -q && apt-get install -q -y --no-install-recommends "${missing[@]}"
} </dev/null >"${log:=$(mktemp)}" 2>&1 || { cat "$log" >&2; exit 1; }
rm -f "$log"
