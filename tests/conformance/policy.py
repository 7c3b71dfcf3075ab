"""Judges objects by an admission policy, its expressions evaluated by an engine of CEL.

Usage: policy.py POLICY OBJECT...
Each file holds one object. Prints a line a file: `passed over` where a match condition is false,
`accepted`, or `denied:` with the messages. Needs the packages `cel-python` and `PyYAML`.
"""

import sys

import celpy
import celpy.celtypes
import yaml


def read(path):
    with open(path, encoding="utf-8") as file:
        return yaml.safe_load(file)


def main():
    policy = read(sys.argv[1])["spec"]
    environment = celpy.Environment()

    def evaluate(expression, activation):
        return environment.program(environment.compile(expression)).evaluate(activation)

    for path in sys.argv[2:]:
        variables = celpy.celtypes.MapType()
        activation = {"object": celpy.json_to_cel(read(path)), "variables": variables}
        if not all(evaluate(it["expression"], activation) for it in policy["matchConditions"]):
            print("passed over")
            continue
        for variable in policy["variables"]:
            name = celpy.celtypes.StringType(variable["name"])
            variables[name] = evaluate(variable["expression"], activation)
        messages = [
            str(evaluate(it["messageExpression"], activation))
            for it in policy["validations"]
            if not evaluate(it["expression"], activation)
        ]
        print("denied: " + "; ".join(messages) if messages else "accepted")


main()
