"""Holds reports against the schemas of their formats.

Usage: reports.py json|json-strict|xml SCHEMA FILE...
Prints what is wrong, a line each; exits 1 when there is anything. `json-strict` also refuses fields
that the schema does not name. Needs the packages `jsonschema` and `xmlschema`.
"""

import json
import sys

import jsonschema
import xmlschema


def close(schema):
    """No fields beside those that are named."""
    if isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for part in schema.values():
            close(part)
    elif isinstance(schema, list):
        for part in schema:
            close(part)


def json_errors(schema_path, strict):
    with open(schema_path, encoding="utf-8-sig") as file:
        schema = json.load(file)
    if strict:
        close(schema)
    validator = jsonschema.validators.validator_for(schema)
    validator.check_schema(schema)

    def errors(path):
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
        for error in validator(schema).iter_errors(document):
            yield f"{error.json_path}: {error.message[:200]}"

    return errors


def xml_errors(schema_path):
    schema = xmlschema.XMLSchema(schema_path)

    def errors(path):
        for error in schema.iter_errors(path):
            yield f"{error.path}: {str(error.reason)[:200]}"

    return errors


def main():
    kind, schema, *files = sys.argv[1:]
    errors = xml_errors(schema) if kind == "xml" else json_errors(schema, kind == "json-strict")
    wrong = 0
    for path in files:
        for error in errors(path):
            wrong += 1
            print(f"{path}: {error}")
    sys.exit(1 if wrong else 0)


main()
