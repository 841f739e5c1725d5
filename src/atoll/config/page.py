"""The documentation page of all settings, rendered from the schema.

`atoll config page` writes it; a test compares docs/operations/configuration.md with it.
"""

from __future__ import annotations

from typing import Final

from atoll.config.schema import ENTRIES, Entry

_HEAD: Final = """# Configuration

This page is generated from the schema in `src/atoll/config/schema.py` by `atoll config page`.

Every setting is a flag, an environment variable and a key of `atoll.yaml`. The order of precedence
is
**flag, variable, file, default**. The file is the one that `--config FILE` or `ATOLL_CONFIG` names,
else
`./atoll.yaml` where it exists. An unknown key in the file is an error. An empty variable counts as
not set.

- Lists: repeat the flag; separate by white space in a variable (quotes protect it, as in a shell);
  a YAML list
  in the file.
- Sizes: `512`, `64KiB`, `1.5GB`. Durations: `500ms`, `30s`, `15m`, `12h`, `7d`; a number alone is
  seconds.
- Path patterns: `/mnt/d{1...8}`, `/mnt/d{01...16}`, `/mnt/{a,b}`. The shell leaves three dots
  alone; quote a
  pattern that has commas.
- `atoll config show --explain` prints each setting with its value, where the value came from and
  what it
  means. Secrets are masked.
"""


def render_page() -> str:
    """Return the page in Markdown, ending with a new line."""
    lines = [_HEAD]
    group = ""
    for entry in ENTRIES:
        if entry.setting.group != group:
            group = entry.setting.group
            lines += [f"## {group}\n", "| key | flag | variable | default | meaning |"]
            lines.append("| --- | --- | --- | --- | --- |")
        lines.append(_render_row(entry))
        if _is_last(entry):
            lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


def _render_row(entry: Entry) -> str:
    default = entry.render(entry.default)
    meaning = entry.setting.doc.replace("|", "\\|")
    if entry.setting.example:
        meaning += f" Example: `{entry.setting.example}`."
    flag = f"`{entry.flag}`" + (f", `--no{entry.flag[1:]}`" if entry.is_switch else "")
    shown = f"`{default}`" if default else "none"
    return f"| `{entry.name}` | {flag} | `{entry.env}` | {shown} | {meaning} |"


def _is_last(entry: Entry) -> bool:
    later = ENTRIES[ENTRIES.index(entry) + 1 :]
    return not later or later[0].setting.group != entry.setting.group
