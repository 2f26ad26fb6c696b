"""Helping: a process of its own that decides about half of what is due, where much is. Begun by whoever works (see `apart`)."""

import sys

from api.apart import hear
from api.house import open_house
from eventstore.garbage import collect_seldom
from processes import POLICIES
from processes.calendar import Calendar
from processes.clock import wall_clock
from processes.firing import Firing
from processes.hands import lend


def main() -> None:
    """The process: reads its settings from the standard input, then what it is asked, and stops when that ends."""
    sys.stdout = sys.stderr  # what is answered there is no text
    with open_house(hear()) as house, open(1, "wb", buffering=0, closefd=False) as answers:
        Calendar().allowed(wall_clock())  # the holidays of a country take a while, the first time
        collect_seldom()
        lend(Firing(house.log, house.engine, POLICIES).fire_share, sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
