"""Registers generated files with an ECS and an ELB endpoint, and writes what they then describe.

Usage: ecs.py OUTPUT DIRECTORY...
Starts a `moto_server` on a free port of this machine, and ends it. Each DIRECTORY holds what
`lifecycle gen ecs` wrote. OUTPUT/as-generated/NAME/ gets the endpoint's answers; then somebody changes
the service by hand, and OUTPUT/changed/NAME/ gets the answers to the same questions.
Prints one line a directory. Needs the package `moto[server]`.
"""

import json
import pathlib
import sys

import boto3
from moto.server import ThreadedMotoServer


def parameters(path):
    return json.loads(path.read_text(encoding="utf-8"))


class Account:
    """The clients of one account, and what a service stands on there."""

    def __init__(self, url):
        def client(service):
            return boto3.client(
                service,
                endpoint_url=url,
                region_name="eu-central-1",
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )

        self.ecs, self.elb, ec2 = client("ecs"), client("elbv2"), client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnet = ec2.create_subnet(VpcId=self.vpc, CidrBlock="10.0.1.0/24")
        self.subnet = subnet["Subnet"]["SubnetId"]
        group = ec2.create_security_group(GroupName="tasks", Description="tasks", VpcId=self.vpc)
        self.security_group = group["GroupId"]
        self.groups = 0

    def target_group(self):
        self.groups += 1
        group = self.elb.create_target_group(
            Name=f"group-{self.groups}", Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip"
        )
        return group["TargetGroups"][0]["TargetGroupArn"]


def register(directory, account):
    """Sends the files as they are, but for the names of what only this account has."""
    group = None
    attributes = directory / "target-group-attributes.json"
    if attributes.exists():
        group = account.target_group()
        given = parameters(attributes) | {"TargetGroupArn": group}
        account.elb.modify_target_group_attributes(**given)
    definition = parameters(directory / "task-definition.json")
    account.ecs.register_task_definition(**definition)
    service = parameters(directory / "service.json")
    cluster = service.get("cluster", "default")
    account.ecs.create_cluster(clusterName=cluster)
    network = service.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if network:
        network["subnets"] = [account.subnet]
        # The endpoint asks for them, where AWS takes the network's own.
        network["securityGroups"] = [account.security_group]
    if group:
        container = definition["containerDefinitions"][0]
        binding = {
            "containerName": container["name"],
            "containerPort": container["portMappings"][0]["containerPort"],
        }
        service["loadBalancers"] = [binding | {"targetGroupArn": group}]
    account.ecs.create_service(**service)
    return cluster, service["serviceName"], definition, group


def describe(output, account, registered):
    cluster, service, definition, group = registered
    ecs = account.ecs
    services = ecs.describe_services(cluster=cluster, services=[service])
    running = services["services"][0]["taskDefinition"]
    answers = {
        "task-definition.json": ecs.describe_task_definition(
            taskDefinition=running, include=["TAGS"]
        ),
        "service.json": services,
    }
    if group:
        attributes = account.elb.describe_target_group_attributes(TargetGroupArn=group)
        answers["target-group.json"] = attributes
    output.mkdir(parents=True)
    for name, answer in answers.items():
        answer.pop("ResponseMetadata", None)
        (output / name).write_text(json.dumps(answer, default=str, indent=2), encoding="utf-8")


def change(account, registered):
    """What somebody does in a hurry: less time to stop, the delay as AWS has it, one task."""
    cluster, service, definition, group = registered
    container = definition["containerDefinitions"][0]
    container["stopTimeout"] -= 1
    revision = account.ecs.register_task_definition(**definition)["taskDefinition"]
    account.ecs.update_service(
        cluster=cluster,
        service=service,
        taskDefinition=revision["taskDefinitionArn"],
        desiredCount=1,
    )
    if group:
        delay = {"Key": "deregistration_delay.timeout_seconds", "Value": "300"}
        account.elb.modify_target_group_attributes(TargetGroupArn=group, Attributes=[delay])


def main():
    output = pathlib.Path(sys.argv[1])
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        account = Account(f"http://{host}:{port}")
        for name in sys.argv[2:]:
            directory = pathlib.Path(name)
            registered = register(directory, account)
            describe(output / "as-generated" / directory.name, account, registered)
            change(account, registered)
            describe(output / "changed" / directory.name, account, registered)
            print(f"registered {directory}")
    finally:
        server.stop()


main()
