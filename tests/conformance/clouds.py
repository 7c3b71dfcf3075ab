"""Reads generated files as the client libraries of Google Cloud Run and Azure Container Apps do.

Usage: clouds.py RUN.V1.JSON FILE...
A file with an `apiVersion` is held against the API's discovery document, strictly: every key is known
there, and every value has the type it has there. Any other file is read by Azure's own models, as
strictly. Prints one line a file; exits 1 when one is refused.
Needs the packages `azure-mgmt-appcontainers` and `pyyaml`, and `run.v1.json` from the package
`google-api-python-client`.
"""

import enum
import json
import sys
import typing

import yaml
from azure.mgmt.appcontainers import models

SCALARS = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}


def by_discovery(schemas, schema, value, path):
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kind = schema["type"]
    if kind == "object":
        require(isinstance(value, dict), path, "a mapping", value)
        for key, inner in value.items():
            here = f"{path}.{key}"
            known = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
            if known is None:
                raise ValueError(f"{here} is not known")
            by_discovery(schemas, known, inner, here)
    elif kind == "array":
        require(isinstance(value, list), path, "a list", value)
        for at, inner in enumerate(value):
            by_discovery(schemas, schema["items"], inner, f"{path}[{at}]")
    else:
        right = isinstance(value, SCALARS[kind]) and (kind == "boolean" or not isinstance(value, bool))
        require(right, path, kind, value)
        if schema.get("format") == "int64":
            int(value)


def cloud_run(schemas, document):
    kinds = {
        ("serving.knative.dev/v1", "Service"),
        ("run.googleapis.com/v1", "Job"),
        ("run.googleapis.com/v1", "WorkerPool"),
    }
    kind = document["kind"]
    if (document["apiVersion"], kind) not in kinds:
        raise ValueError(f"{document['apiVersion']} {kind} is no kind of Cloud Run's")
    by_discovery(schemas, {"$ref": kind}, document, kind)


def by_model(model, path):
    fields = {field._rest_name: name for name, field in model._attr_to_rest_field.items()}
    hints = typing.get_type_hints(type(model), vars(models._models) | {"_models": models})
    for key in model.keys():
        here = f"{path}.{key}"
        if key not in fields:
            raise ValueError(f"{here} is not known")
        name = fields[key]
        # What is read, and what stands there: the models take text for a number.
        by_hint(hints[name], getattr(model, name), model[key], here)


def by_hint(hint, value, raw, path):
    inner = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin is typing.Union:
        enums = [it for it in inner if isinstance(it, type) and issubclass(it, enum.Enum)]
        if enums:
            words = [word.value for it in enums for word in it]
            # The service takes them in whatever case.
            require(value.lower() in [word.lower() for word in words], path, f"one of {words}", value)
            return
        (hint,) = [it for it in inner if it is not type(None)]
        by_hint(hint, value, raw, path)
    elif origin is list:
        require(isinstance(value, list), path, "a list", value)
        for at, (item, raw) in enumerate(zip(value, raw)):
            by_hint(inner[0], item, raw, f"{path}[{at}]")
    elif origin is dict:
        require(isinstance(value, dict), path, "a mapping", value)
    elif hasattr(hint, "_attr_to_rest_field"):
        require(isinstance(value, hint), path, hint.__name__, value)
        by_model(value, path)
    else:
        wanted = (int, float) if hint is float else hint
        right = isinstance(raw, wanted) and (hint is bool or not isinstance(raw, bool))
        require(right, path, hint.__name__, raw)


def require(right, path, what, value):
    if not right:
        raise ValueError(f"{path} takes {what}, and this is {value!r}")


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        schemas = json.load(file)["schemas"]
    refused = 0
    for name in sys.argv[2:]:
        try:
            with open(name, encoding="utf-8") as file:
                document = yaml.safe_load(file)
            if "apiVersion" in document:
                cloud_run(schemas, document)
            else:
                by_model(models.ContainerApp(document), "app")
            print(f"accepted {name}")
        except Exception as error:  # whatever the reader says is the result
            refused += 1
            print(f"refused {name}: {type(error).__name__}: {error}")
    sys.exit(1 if refused else 0)


main()
