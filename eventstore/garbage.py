"""Garbage: how often Python looks for objects in cycles, which hardly any of ours are."""

import gc

OBJECTS = 200_000
"""So many objects more than were let go, before it is looked at all; the default of 700 is for small programs."""
GENERATIONS = (5, 5)
"""After so many looks at the young ones the middle-aged are looked at as well, and after so many of these the old."""


def collect_seldom() -> None:
    """Has this process look for cyclic garbage seldom, and never among what is there already.

    A batch of events is hundreds of thousands of objects: to walk them again and again takes half of the time in which
    policies decide about it, and stops everybody else meanwhile.
    """
    gc.freeze()
    gc.set_threshold(OBJECTS, *GENERATIONS)
