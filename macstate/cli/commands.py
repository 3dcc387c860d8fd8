"""What may be typed: the commands, their words and options. What a command does is loaded once it runs.

So `--help` and a shell's completion begin at once: pyinfra and the models of the spec take half a second to load.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from macstate import hint
from macstate.trial import RESOLVERS

CLEAN, ERROR, PENDING = 0, 1, 2
"""What `macstate plan` ends with."""
FORMS = {"markdown": "guide.md", "llms": "llms.txt", "html": "index.html"}
"""The files of the guide, by what is typed."""
COMPLETES = "_MACSTATE_COMPLETE"
"""The variable with which a shell asks how a line may go on; click makes it of the program's name."""
NAME = """
        NAME is an endpoint, `gateway`, or any other job that the YAML declares; TARGET is needed where several Macs
        have it.
        """


class Later:
    """A function of this folder, as ``MODULE:FUNCTION``; it is loaded when it is called."""

    def __init__(self, place: str, *first: object) -> None:
        self.place, self.first = place, first

    @property
    def function(self) -> Callable[..., Any]:
        """The function itself."""
        module, _, name = self.place.partition(":")
        found: Callable[..., Any] = getattr(import_module(f"macstate.cli.{module}"), name)
        return found

    def __call__(self, *words: Any, **options: Any) -> Any:
        """Call it, its first words first."""
        return self.function(*self.first, *words, **options)


def target() -> click.Argument:
    """Return the argument TARGET."""

    def noted(_context: click.Context, _parameter: click.Parameter, word: str | None) -> str | None:
        hint.about(word)
        return word

    return click.Argument(["target"], required=False, callback=noted, shell_complete=Later("complete:targets"))


def words(name: str, known: str = "") -> click.Argument:
    """Return the argument ``words``: (TARGET or None, the command's own word).

    ``known`` is the function of ``jobs`` that knows the own words, for completion.
    """

    def told_apart(context: click.Context, _parameter: click.Parameter, typed: tuple[str, ...]) -> Any:
        return typed if context.resilient_parsing else Later("words:told_apart")(name, context, typed)

    complete = Later("complete:beside", known)
    return click.Argument(["words"], nargs=-1, metavar=f"[TARGET] {name}", callback=told_apart, shell_complete=complete)


def limit() -> click.Option:
    """Return pyinfra's ``--limit``."""
    return click.Option(["--limit"], multiple=True, help="Only this Mac, group or glob (can be repeated).")


flag = partial(click.Option, is_flag=True)

COMMANDS = (
    click.Command(
        "plan",
        callback=Later("plan:show_plan"),
        help="""
        Show what would change on TARGET.

        Exits with 0 when nothing is to be done, 2 when changes are pending, 1 on an error, and where something that is
        wished cannot be read or done, whatever else is pending.
        """,
        params=[
            target(),
            flag(["--json", "as_json"], help="Print the plan as JSON."),
            click.Option(
                ["--out"], type=click.Path(dir_okay=False, path_type=Path), help="Write the plan as JSON to a file."
            ),
            flag(["--summary"], help="One line a Mac."),
            click.Option(
                ["--only"],
                multiple=True,
                metavar="PATH",
                shell_complete=Later("complete:entries"),
                help="Only this entry and what it needs: endpoints.vllm.",
            ),
            limit(),
            click.Option(
                ["--data"], multiple=True, metavar="KEY=VALUE", help="As pyinfra's --data, e.g. allow=takeover."
            ),
            flag(["-v", "verbose"], help="Show the commands too."),
        ],
    ),
    click.Command(
        "status",
        callback=Later("mac:show_status"),
        help="""
        Show how each endpoint of TARGET is.

        Its routes, the models that are on their way, and whether the Mac may sleep.

        Exits with 0 when all is well or on its way, 1 when something is down or not as the spec says.
        """,
        params=[
            target(),
            flag(["-f", "--follow"], help="Stay until everything is up and every model is here."),
            limit(),
        ],
    ),
    click.Command(
        "doctor",
        callback=Later("mac:doctor"),
        help="""
        Say what does not work on TARGET, or could not.

        It is what is down, and what every plan checks beforehand, with what is well.

        Exits with 0 when nothing stands in the way, 1 otherwise.
        """,
        params=[target(), limit()],
    ),
    click.Command(
        "logs",
        callback=Later("mac:show_logs"),
        help="""
        Show the log of NAME.

        NAME is an endpoint, `gateway`, `gateway.access` (its requests), `ENDPOINT.watchdog`, or any other job; TARGET
        is needed where several Macs have it. What would do something to the terminal is shown escaped.
        """,
        params=[
            words("NAME", "logs"),
            click.Option(["-n", "lines"], default=50, show_default=True, help="How many lines of what is there."),
            flag(["-f", "--follow"], help="Stay, and show what comes."),
            flag(["--raw"], help="Let the log's own colours pass."),
            limit(),
        ],
    ),
    click.Command(
        "awake",
        callback=Later("mac:awake"),
        help="""
        Keep TARGET awake for DURATION (90m, 2h), once.

        What the spec says of sleep holds again afterwards.
        """,
        params=[words("DURATION"), limit()],
    ),
    click.Command(
        "log",
        callback=Later("mac:show_journal"),
        help="""
        Show what was done on TARGET, when and by whom.

        It has every run that changed something or failed.
        """,
        params=[
            target(),
            click.Option(["-n", "count"], default=20, show_default=True, help="How many runs, the last ones."),
            flag(["--json", "as_json"], help="Print the journal's own lines."),
            limit(),
        ],
    ),
    click.Command(
        "stop",
        callback=Later("hands:by_hand", "stop"),
        help=f"""
        Stop NAME until it is started, or the next apply.

        An endpoint's watchdog is stopped first. A reboot does not bring them back.

        {NAME}
        """,
        params=[words("NAME", "named"), limit()],
    ),
    click.Command(
        "start",
        callback=Later("hands:by_hand", "start"),
        help=f"""
        Start NAME, which was stopped.

        It waits until launchd says that the job runs; an endpoint's watchdog comes last.

        {NAME}
        """,
        params=[words("NAME", "named"), limit()],
    ),
    click.Command(
        "restart",
        callback=Later("hands:by_hand", "restart"),
        help=f"""
        Restart NAME.

        Requests that run end. What was stopped is started by `macstate start`.

        {NAME}
        """,
        params=[words("NAME", "named"), limit()],
    ),
    click.Command(
        "try",
        callback=Later("trial:try_endpoint"),
        help="""
        Chat with ENDPOINT from this laptop.

        Through the tailnet, and through Funnel with the key. For each it tells how soon the first token came, and how
        many tokens a second, or which link fails: name, tailnet, Serve, gate, server or model. Exits with 0 when all
        went well or could not be asked from here, 1 otherwise.
        """,
        params=[
            words("ENDPOINT", "endpoints"),
            click.Option(
                ["--model"],
                metavar="NAME",
                help="Which model; default: one that is loaded, else the first of the spec.",
            ),
            click.Option(
                ["--timeout"],
                metavar="SECONDS",
                default="120",
                show_default=True,
                help="How long to wait for the first token.",
            ),
            click.Option(
                ["--resolver"],
                multiple=True,
                metavar="ADDRESS",
                default=RESOLVERS,
                show_default=True,
                envvar="MACSTATE_RESOLVER",
                help="Whom to ask for Funnel's public address (can be repeated).",
            ),
            limit(),
        ],
    ),
    click.Command(
        "guide",
        callback=Later("guide:show_guide"),
        help="""
        Print the guide for people and agents who use TARGET.

        It comes from the spec alone; without TARGET it is about all Macs there.
        """,
        params=[
            target(),
            click.Option(
                ["--form"], type=click.Choice([*FORMS]), default="markdown", show_default=True, help="What to print."
            ),
            limit(),
        ],
    ),
    click.Command(
        "explain",
        callback=Later("explain:show_explanation"),
        help="Explain a field of the spec: endpoints.ollama.port.",
        params=[
            click.Argument(["path"], default="", shell_complete=Later("complete:fields")),
            flag(["--reference", "whole"], help="All fields, as the Markdown of docs/reference.md."),
        ],
    ),
    click.Command(
        "schema", callback=Later("explain:show_schema"), help="Print the JSON Schema of the spec, for editors."
    ),
    click.Command(
        "completion",
        callback=Later("complete:show_completion"),
        help="""
        Print what makes a shell complete macstate's words.

        `eval "$(macstate completion zsh)"` goes into ~/.zshrc, the same with bash into ~/.bashrc.
        """,
        params=[click.Argument(["shell"], type=click.Choice(["zsh", "bash"]))],
    ),
)
