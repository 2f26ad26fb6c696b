"""Privacy on the command line: what the data protection officer does."""

import typer

app = typer.Typer(
    help="What the data protection officer does: copies of people's data, erasure, who read what.", no_args_is_help=True
)
