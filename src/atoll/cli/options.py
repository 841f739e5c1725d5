"""Flags from the schema: a command declares the scopes it takes and receives a Configuration.

`takes_settings` replaces the parameter `configuration` of a command by one flag per setting, plus
`--config`. Values stay text until the loader parses them, so that flag, variable and file are
judged by the same parser and in the same words.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import typer
from rich.markup import escape

from atoll.cli.exits import guarded
from atoll.cli.tools import tools_of
from atoll.config.errors import ConfigError
from atoll.config.load import load_configuration
from atoll.config.parsing import Raw
from atoll.config.schema import Entry, Scope, entries_for

_CONFIG = "config"
_CONTEXT = "context"

#: A command function; typer calls it with its parameters by name.
Command = Callable[..., None]

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def takes_settings(*scopes: Scope, drives_from: str | None = None) -> Callable[[Command], Command]:
    """Return a decorator that turns `configuration` into flags of these scopes.

    `drives_from` names a parameter of the command, a list of positional arguments, that stands for
    the flag `--drives`.
    """
    entries = entries_for(*scopes)
    names = frozenset(entry.name for entry in entries)

    def decorate(command: Command) -> Command:
        def run(**options: Any) -> None:  # noqa: ANN401 (typer calls by name)
            flags: dict[str, Raw] = {name: options.pop(name) for name in names}
            if drives_from is not None and options[drives_from]:
                if flags["drives"]:
                    raise ConfigError("drives: given as arguments and by --drives; keep one")
                flags["drives"] = options[drives_from]
            tools = tools_of(options[_CONTEXT])
            configuration = load_configuration(
                flags, tools.environ, config_file=options.pop(_CONFIG)
            )
            command(configuration=configuration, **options)

        hints = get_type_hints(command, include_extras=True)
        own = [
            parameter.replace(annotation=hints[parameter.name])
            for parameter in inspect.signature(command).parameters.values()
            if parameter.name != "configuration"
        ]
        _adopt(run, command, [*own, _config_parameter(), *map(_parameter, entries)])
        return guarded(run)

    return decorate


def _adopt(run: Command, command: Command, parameters: list[inspect.Parameter]) -> None:
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    keyword = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    run.__annotations__ = {one.name: one.annotation for one in keyword} | {"return": None}
    run.__signature__ = inspect.Signature(keyword)  # type: ignore[attr-defined]


def _config_parameter() -> inspect.Parameter:
    option = typer.Option(
        "--config",
        metavar="FILE",
        help="Configuration file (ATOLL_CONFIG; default ./atoll.yaml where present).",
    )
    return inspect.Parameter(
        _CONFIG,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[str | None, option],
    )


def _parameter(entry: Entry) -> inspect.Parameter:
    setting = entry.setting
    shown = entry.render(entry.default)
    default = f"; default {shown}" if shown else ""
    flags = [entry.flag]
    if entry.is_switch:
        flags = [f"{entry.flag}/--no{entry.flag[1:]}"]
    if setting.alias:
        flags.append(setting.alias)
    option = typer.Option(
        *flags,
        help=escape(f"{setting.doc} ({entry.env}{default})"),
        rich_help_panel=setting.group,
        show_default=False,
        metavar=None if entry.is_switch else "VALUE",
    )
    kind: Any = bool | None if entry.is_switch else str | None
    if setting.is_list:
        kind = list[str] | None
    return inspect.Parameter(
        entry.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[kind, option],
    )
