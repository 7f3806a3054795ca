#!/usr/bin/env python3
"""Attacks the gateway's binary, one way after the other, and says of each whether it holds.

    run.py --gateway target/debug/gateway-server [--only PATTERN] [--long]

`--long` repeats every attack five times. A line for each, and a last line that counts.
"""
import argparse
import os
import re
import sys
import time
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import callers  # noqa: E402
import providers  # noqa: E402
import world  # noqa: E402


def attack(check):
    started = time.monotonic()
    try:
        check()
        problem = None
    except world.Failed as failed:
        problem = str(failed)
    except Exception as error:  # Whatever breaks the attacker is for somebody to look at.
        problem = "%s: %s (%s)" % (type(error).__name__, error, traceback.extract_tb(error.__traceback__)[-1].line)
    name = check.__name__.replace("_", " ")
    print("%s %5.1f s  %s%s" % ("not ok" if problem else "ok    ", time.monotonic() - started, name, ": " + problem if problem else ""), flush=True)
    return problem is None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--long", action="store_true")
    args = parser.parse_args()
    world.Gateway.binary = os.path.abspath(args.gateway)
    checks = [check for check in callers.ALL + providers.ALL if re.search(args.only, check.__name__)]
    outcomes = [attack(check) for _ in range(5 if args.long else 1) for check in checks]
    print("total: %d passed, %d failed" % (outcomes.count(True), outcomes.count(False)))
    sys.exit(0 if all(outcomes) else 1)


main()
