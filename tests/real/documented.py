"""The tables of docs/real-software.md, which the runs write, or compare with their results."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/real-software.md"


def version(package: str, environment: str = "") -> str:
    """Returns the version of a package in the list of a Python environment, or in that of the packages of npm."""
    if environment:
        listed = (ROOT / f".ci/real/{environment}.txt").read_text()
        return re.search(rf"^{re.escape(package)}==(\S+)", listed, re.MULTILINE)[1]
    packages = json.loads((ROOT / "tests/real/node/package-lock.json").read_text())["packages"]
    return packages[f"node_modules/{package}"]["version"]


def document(table: str, rows: list[list[str]], write: bool) -> None:
    """Writes the rows of a table, or demands that each of them is there. A run of a part sees a part of the rows."""
    begin, end = f"<!-- {table}: begin -->\n", f"<!-- {table}: end -->\n"
    before, rest = PAGE.read_text().split(begin)
    old, after = rest.split(end)
    heading, lines = old.splitlines()[:2], old.splitlines()[2:]
    new = [f"| {' | '.join(row)} |" for row in rows]
    if write:
        PAGE.write_text(before + begin + "\n".join(heading + new) + "\n" + end + after)
    elif missing := [line for line in new if line not in lines]:
        raise SystemExit(f"{PAGE.name} does not match the results; write it with --write:\n" + "\n".join(missing))
