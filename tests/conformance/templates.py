"""Reads generated templates as CloudFormation's linter and as Terraform's language do.

Usage: templates.py DIRECTORY...
Each DIRECTORY holds what `lifecycle gen ecs --patch` wrote. Prints one JSON object a directory: what
`cfn-lint` objects to, and the image and the stop timeout that a reader of each template ends up with.
Needs the packages `cfn-lint` and `tfparse`.
"""

import json
import pathlib
import sys

import tfparse
from cfnlint import api
from cfnlint.config import ManualArgs


def linted(text):
    # A text with `${…}` in it is meant as it stands, which the linter cannot know.
    config = ManualArgs(ignore_checks=["E1029"])
    return [f"{it.rule.id} {it.message}" for it in api.lint(text, config=config)]


def cloudformation(text):
    resources = json.loads(text)["Resources"].values()
    (definition,) = [it for it in resources if it["Type"] == "AWS::ECS::TaskDefinition"]
    (container,) = definition["Properties"]["ContainerDefinitions"]
    return {"image": container["Image"], "stopTimeout": container["StopTimeout"]}


def terraform(directory):
    parsed = tfparse.load_from_path(str(directory))
    (definition,) = parsed["aws_ecs_task_definition"]
    (container,) = json.loads(definition["container_definitions"])
    groups = parsed.get("aws_lb_target_group", [])
    return {
        "image": container["image"],
        "stopTimeout": container["stopTimeout"],
        "delays": [group["deregistration_delay"] for group in groups],
    }


def main():
    for name in sys.argv[1:]:
        directory = pathlib.Path(name)
        (template,) = directory.glob("*.cloudformation.json")
        text = template.read_text(encoding="utf-8")
        print(
            json.dumps(
                {
                    "objections": linted(text),
                    "cloudformation": cloudformation(text),
                    "terraform": terraform(directory),
                }
            )
        )


main()
