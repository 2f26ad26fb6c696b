"""`python -m tests.benchmarks [names]` measures all figures, or those of some modules."""

import sys
from importlib import import_module

from eventstore.garbage import collect_seldom

MODULES = (
    "append",
    "bulk",
    "kpi",
    "views",
    "reading",
    "cube",
    "pipeline",
    "policies",
    "simulating",
    "keys",
    "sealing",
    "evidence",
    "journal",
    "erasure",
    "subject_access",
)


def main(names: list[str]) -> None:
    """Measures and prints, module by module."""
    unknown = set(names) - set(MODULES)
    if unknown:
        sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join(MODULES)}.")
    collect_seldom()  # as the command line does
    for name in names or MODULES:
        for figure in import_module(f"tests.benchmarks.{name}").run():
            print(figure, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
