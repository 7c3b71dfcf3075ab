"""Reads TOML with Python's own parser: a line a file, `accepted` or `refused`, and what it read."""

import json
import sys
import tomllib

for file in sys.argv[1:]:
    try:
        with open(file, "rb") as opened:
            print("accepted", json.dumps(tomllib.load(opened), default=str))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        print("refused", json.dumps(str(error)))
