"""The operator: who works on this machine, as the logs call them."""

import getpass


def operator() -> str:
    """The account that the command line runs under, as an actor."""
    try:
        return f"operator:{getpass.getuser()}"
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "operator:unknown"
