"""Holds the JSON Schema and the reader of manifests together.

Usage: schema.py SCHEMA < LIST
Each line of the list is `accepts PATH` or `refuses PATH`: what the reader says of the manifest's
shape. Prints each file on which the schema says otherwise; exits 1 when there is one.
Needs the packages `jsonschema` and `PyYAML`.
"""

import json
import re
import sys

import jsonschema
import yaml


class Loader(yaml.SafeLoader):
    """Whole numbers, truth values and nothing; every other plain scalar is text, as in a manifest."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in [
    ("int", r"^(0|[1-9][0-9]*)$", "0123456789"),
    ("bool", r"^(true|false)$", "tf"),
    ("null", r"^(~|null|Null|NULL|)$", ["~", "n", "N", ""]),
]:
    Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(pattern), list(first))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        validator = jsonschema.Draft202012Validator(json.load(file))
    wrong = 0
    for line in sys.stdin:
        verdict, path = line.rstrip("\n").split(" ", 1)
        with open(path, encoding="utf-8-sig", newline="") as file:
            try:
                document = yaml.load(file, Loader)
            except yaml.YAMLError as error:
                # PyYAML reads YAML 1.1; a few odd files are not for it to judge.
                print(f"not read by PyYAML: {path}: {str(error).splitlines()[0]}", file=sys.stderr)
                continue
        errors = [f"{'.'.join(map(str, e.absolute_path))}: {e.message[:160]}" for e in validator.iter_errors(document)]
        if bool(errors) == (verdict == "accepts"):
            wrong += 1
            print(f"the reader {verdict} {path}; the schema: {'; '.join(errors) or 'accepts it'}")
    sys.exit(1 if wrong else 0)


main()
