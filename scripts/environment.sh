# Sourced by scripts/demo and scripts/test: makes this checkout's environment and puts its commands on PATH.
#
# It needs bash and Python 3.11, 3.12 or 3.13. Everything else stays inside the checkout: the environment in .venv
# (or where UV_PROJECT_ENVIRONMENT says), and in .cache what the machine does not have, such as uv.
# shellcheck shell=bash

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
VENV=${UV_PROJECT_ENVIRONMENT:-$ROOT/.venv}
UV_VERSION=0.13.9     # what is installed where the machine has no uv
UV_OLDEST=0.9.17      # the first that knows `exclude-newer = "7 days"`

fail() {
    printf 'scripts/%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

is_supported_python() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1
}

# Prints a Python for the environment: the one it has, the one UV_PYTHON asks for, or the first of this machine.
find_python() {
    local candidate
    if [[ -n ${UV_PYTHON:-} ]]; then
        printf '%s\n' "$UV_PYTHON"
        return
    fi
    for candidate in "$VENV/bin/python" python3 python3.13 python3.12 python3.11 python; do
        if is_supported_python "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 on PATH; install one (https://www.python.org/downloads)"
}

is_recent_uv() {
    local version
    version=$("$1" --version 2>/dev/null) || return 1
    version=${version#uv }
    version=${version%% *}
    [[ $(printf '%s\n' "$UV_OLDEST" "$version" | sort -V | head -n 1) == "$UV_OLDEST" ]]
}

# Prints a uv: the machine's if it is new enough, otherwise one of our own below .cache.
find_uv() {
    local python=$1 home=$ROOT/.cache/uv
    if is_recent_uv uv; then
        command -v uv
        return
    fi
    if ! is_recent_uv "$home/bin/uv"; then
        printf 'installing uv %s into .cache/uv\n' "$UV_VERSION" >&2
        is_supported_python "$python" || python=python3
        "$python" -m venv --clear "$home" >&2 ||
            fail "could not make a virtual environment with $python; install its venv module (Debian: python3-venv) or uv"
        "$home/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION" >&2 ||
            fail "could not install uv; is the package index reachable?"
    fi
    printf '%s\n' "$home/bin/uv"
}

# Makes or refreshes the environment from uv.lock, never changing the lock. Arguments go to `uv sync`.
make_environment() {
    PYTHON=$(find_python)
    UV=$(find_uv "$PYTHON")
    unset VIRTUAL_ENV
    export UV_PROJECT_ENVIRONMENT=$VENV UV_NO_PROGRESS=1
    [[ -d $VENV ]] || printf 'making the environment in %s\n' "$VENV" >&2
    (cd -- "$ROOT" && "$UV" sync --quiet --frozen --python "$PYTHON" "$@" >&2) || fail "uv sync failed"
    export UV PATH=$VENV/bin:$ROOT/.cache/bin:$PATH
}
