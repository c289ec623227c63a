"""Waiting for conditions: the only place where these tests let time pass."""

import threading
import time


def until(condition, timeout, what, interval=0.05):
    """Returns the first true value of `condition()`; fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            text = what() if callable(what) else what
            raise AssertionError(f"not within {timeout:g} s: {text}")
        pause.wait(interval)
