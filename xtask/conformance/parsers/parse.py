"""Reads lines of JSON strings, reads the JSON in each with the module that is named, and writes what it says."""

import importlib
import json
import sys

read = importlib.import_module(sys.argv[1]).loads
for line in sys.stdin:
    try:
        answer = json.dumps(read(json.loads(line)))
    except ValueError as error:
        answer = "!" + str(error).replace("\n", " ")
    print(answer, flush=True)
