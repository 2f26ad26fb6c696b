"""The auditor's commands: what the log says of what happened, and whether it says so still."""

import typer

app = typer.Typer(
    help="Look into the log: search it, ask why, compare two moments, show a screen again, take a slice away.",
    no_args_is_help=True,
)
