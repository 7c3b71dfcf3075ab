"""Reads generated files as their platforms' own client libraries do.

Usage: validate.py FILE...
A .yaml file is held against the Kubernetes schemas, strictly; a .json file against the parameters of
the AWS call that takes it, by its name. Prints one line a file; exits 1 when one is refused.
Needs the packages `kubernetes-validate` and `botocore`.
"""

import json
import pathlib
import sys

import botocore.session
import kubernetes_validate
import yaml
from botocore.validate import ParamValidator

KUBERNETES_VERSIONS = ["1.34", "1.36", "1.37"]

AWS_CALLS = {
    "task-definition.json": ("ecs", "RegisterTaskDefinition", []),
    "service.json": ("ecs", "CreateService", []),
    # The target group may be named on the command line instead.
    "target-group-attributes.json": ("elbv2", "ModifyTargetGroupAttributes", ["TargetGroupArn"]),
}


def kubernetes(path):
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        for version in KUBERNETES_VERSIONS:
            kubernetes_validate.validate(document, version, strict=True)


def aws(path, session):
    service, call, elsewhere = AWS_CALLS[path.name]
    shape = session.get_service_model(service).operation_model(call).input_shape
    parameters = json.loads(path.read_text(encoding="utf-8"))
    for name in elsewhere:
        parameters.setdefault(name, "given on the command line")
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise ValueError(report.generate_report())


def main():
    session = botocore.session.get_session()
    refused = 0
    for name in sys.argv[1:]:
        path = pathlib.Path(name)
        try:
            kubernetes(path) if path.suffix == ".yaml" else aws(path, session)
            print(f"accepted {path}")
        except Exception as error:  # whatever the reader says is the result
            refused += 1
            print(f"refused {path}: {error}")
    sys.exit(1 if refused else 0)


main()
