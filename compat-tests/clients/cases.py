"""Runs one case of a client's file by its name; a case is a function whose name begins with `case_`."""

import inspect
import sys
import time
import traceback


def main(functions):
    cases = {name[5:]: function for name, function in functions.items() if name.startswith("case_")}
    if sys.argv[1:] == ["--list"]:
        print("\n".join(cases))
        return
    try:
        cases[sys.argv[1]]()
    except BaseException:
        traceback.print_exc()
        sys.exit(1)


def eventually(what, condition, seconds=60):
    """Waits until the condition holds, and gives what it gave."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)
    return value


def raises(kind, call, words):
    """Checks that a call fails, and how."""
    try:
        call()
    except kind as error:
        assert words.lower() in str(error).lower(), f"{error} lacks {words!r}"
        return error
    raise AssertionError(f"no {kind.__name__} from {inspect.getsource(call).strip()}")
