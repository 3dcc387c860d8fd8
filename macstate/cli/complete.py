"""Shell completion for our commands: TARGETs, entries of the spec, paths of fields; and the shells' scripts.

If the spec has mistakes, there are fewer suggestions, but never an error while a user types.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import click
from click.shell_completion import BashComplete, CompletionItem, ZshComplete

from macstate import console, spec
from macstate.cli import folder
from macstate.cli.commands import COMPLETES
from macstate.errors import MacstateError
from macstate.language import document
from macstate.spec.explain import Schema

BASH = r"""
%(complete_func)s() {
    local IFS=$'\n' line word cut count type value
    line=${COMP_LINE:0:COMP_POINT}
    word=${line##*[[:space:]]}
    cut=${word%%"$2"} # bash ends a word at a colon too, and keeps what stands before
    count=$(printf %%s "$line" | wc -w)
    [ -z "$word" ] || count=$((count - 1))
    COMPREPLY=()
    while IFS=, read -r type value; do
        if [ "$type" = file ]; then
            compopt -o filenames 2>/dev/null # not in the bash of macOS, 3.2
            COMPREPLY+=($(compgen -f -- "$2"))
        else
            COMPREPLY+=("${value#"$cut"}")
        fi
    done < <(COMP_WORDS=$line COMP_CWORD=$count %(complete_var)s=bash_complete "$1")
}
complete -F %(complete_func)s %(prog_name)s
"""
"""Used instead of click's own script, which needs bash 4.4 and takes no word with an ``@`` or a colon."""
COMPINIT = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }"
"""Turns completion on in a zsh without a start-up file of its own."""


class Bash(BashComplete):
    """The script for bash, from 3.2 on."""

    source_template = BASH

    @staticmethod
    def _check_version() -> None:
        """Accept every version."""


class Zsh(ZshComplete):
    """click's script, with a line that turns completion on if zsh has not."""

    source_template = ZshComplete.source_template.replace("\n", f"\n{COMPINIT}\n", 1)


def show_completion(shell: str) -> None:
    """Print what makes a shell complete macstate's words."""
    command = click.get_current_context().find_root().command
    console.write({"zsh": Zsh, "bash": Bash}[shell](command, {}, "macstate", COMPLETES).source() + "\n")


Item = CompletionItem[str]


def targets(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[Item]:
    """Return completions for a TARGET: one of the spec's Macs, a rehearsal of it, or a file."""
    macs = _spec_names(("macs",))
    found = [
        CompletionItem(each) for each in (*macs, *(f"@rehearsal/{name}" for name in macs)) if each.startswith(begun)
    ]
    return found if begun.startswith("@") else [*found, CompletionItem(begun, type="file")]


def beside(own: str, context: click.Context, parameter: click.Parameter, begun: str) -> list[Item]:
    """Return completions for a command's own word, or the TARGET before it; a second word is the own one.

    ``own`` is the function of ``jobs`` that knows the own words; empty: nothing does.
    """
    try:
        folder.enter()
        known = _names(own) if own else []
    except (MacstateError, OSError):
        known = _spec_names(("endpoints",))
    found = [CompletionItem(each) for each in known if each.startswith(begun)]
    return found if context.params.get("words") else [*found, *targets(context, parameter, begun)]


def _names(own: str) -> list[str]:
    from macstate.cli import jobs  # noqa: PLC0415 - the models of the spec: a Mac's name or a field needs none

    return jobs.everywhere(getattr(jobs, own))


def entries(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Return completions for the place of an entry, such as ``endpoints.vllm``."""
    from macstate.spec.declared import location  # noqa: PLC0415 - the models of the spec, as above

    with suppress(MacstateError, OSError):
        folder.enter()
        known = spec.load()
        places = {location(*pair) for name in known.macs for pair in known.for_host(name).entries}
        return sorted(each for each in places if each.startswith(begun))
    return []


def fields(_context: click.Context, _parameter: click.Parameter, begun: str) -> list[str]:
    """Return completions for the path of a field; where any name may stand, the names in the spec are suggested."""
    schema, parts = Schema(), begun.split(".")
    for count in range(len(parts)):  # a name may have dots
        parent, last = parts[:count], ".".join(parts[count:])
        with suppress(MacstateError):
            names = [*schema.fields(".".join(parent)), *_spec_names(tuple(parent))]
            if found := [".".join((*parent, name)) for name in dict.fromkeys(names) if name.startswith(last)]:
                return found
    return []


def _spec_names(parts: tuple[str, ...]) -> list[str]:
    """Return the names below a path of the spec; mistakes elsewhere in the spec do not matter."""
    with suppress(MacstateError, OSError):
        folder.enter()
        below = list(_below(document.read(spec.contents(spec.path())).data, parts))
        return list(filter(str.isprintable, map(str, below[0]))) if below and isinstance(below[0], dict) else []
    return []


def _below(node: object, parts: tuple[str, ...]) -> Iterator[object]:
    if not parts:
        yield node
    for count in range(1, len(parts) + 1):
        if isinstance(node, dict) and (name := ".".join(parts[:count])) in node:
            yield from _below(node[name], parts[count:])
