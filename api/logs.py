"""Logs: what whoever runs a house reads on its standard error, from each of its processes alike."""

import logging

NOISY = ("apscheduler", "psycopg.pool", "asyncio", "httpx")


def tell_the_operator() -> None:
    """What an operator should read, and no more."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.ERROR)
