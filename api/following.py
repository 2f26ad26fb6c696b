"""Following: a process of its own that keeps the views up to date. Begun by whoever works (see `apart`)."""

import os

from api.apart import hear, until_the_end
from api.house import open_house
from eventstore.garbage import collect_seldom
from projections import VIEWS
from projections.engine import Engine
from projections.touchpoints import due

FOLLOWED = tuple(view for view in VIEWS if view is not due.view)
"""All but the sheet of what is due, which is kept by whoever works from it."""
PRIORITY = 10
"""How much less urgent it is than to answer and to decide, as `nice` counts."""


def main() -> None:
    """The process: reads its settings from the standard input, and stops when that ends."""
    settings = hear()
    os.nice(PRIORITY)
    with open_house(settings) as house:
        stop = until_the_end()
        collect_seldom()
        Engine(house.log, house.engine.pool, FOLLOWED).follow(house.dsn, stop)


if __name__ == "__main__":
    main()
