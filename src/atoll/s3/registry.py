"""Which actions exist: the files of `s3.actions`, matched with the route table.

Owns      finding an action's function: `actions/get_object.py` defines `get_object` for GetObject;
          a file that serves several actions exports their table as `ACTIONS`.
Does not  route. An action that the table names and no file defines is answered NotImplemented.
Invariant every function found belongs to a routed action, no action has two; else start-up fails.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Mapping
from typing import Final, cast

from atoll.s3 import actions
from atoll.s3.call import Action
from atoll.s3.routes import table_rows

_WORD: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def module_name(action: str) -> str:
    """Return the file name of an action: `list_objects_v2` for ListObjectsV2."""
    return _WORD.sub("_", action).lower()


def load_actions() -> dict[str, Action]:
    """Return the functions of all actions that exist, by action name."""
    routed = {module_name(action): action for _, _, _, action in table_rows()}
    found: dict[str, Action] = {}
    for info in pkgutil.iter_modules(actions.__path__):
        module = importlib.import_module(f"{actions.__name__}.{info.name}")
        table = dict(cast("Mapping[str, Action]", getattr(module, "ACTIONS", {})))
        if info.name in routed:
            table[routed[info.name]] = getattr(module, info.name)
        for action, function in table.items():
            assert action in routed.values(), f"{info.name} serves {action}, which has no route"
            assert action not in found, f"{action} is served twice"
            found[action] = function
    return found
