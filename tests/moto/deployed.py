"""The templates as CloudFormation reads them."""

import json
import re

import yaml
from conftest import REPOSITORY

ACCOUNT = "123456789012"
STACK = "account-assigner"


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref X` is {"Ref": "X"}, `!Sub X` is {"Fn::Sub": "X"}."""


def short_form(loader, tag, node):
    construct = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda node: loader.construct_sequence(node, deep=True),
        yaml.MappingNode: lambda node: loader.construct_mapping(node, deep=True),
    }
    value = construct[type(node)](node)
    return {tag if tag in ("Ref", "Condition") else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", short_form)

TEMPLATE = yaml.load((REPOSITORY / "template.yaml").read_text(), Loader)
MOVE_ACCOUNT = yaml.load((REPOSITORY / "move-account.yaml").read_text(), Loader)
NO_VALUE = object()


class Deployed:
    """A template as CloudFormation would read it, with these parameters."""

    def __init__(self, parameters, template=TEMPLATE, region="eu-west-1", partition="aws"):
        self.conditions = template["Conditions"]
        defaults = {
            name: parameter["Default"] for name, parameter in template["Parameters"].items() if "Default" in parameter
        }
        self.names = {
            **{name: str(value) for name, value in (defaults | parameters).items()},
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": partition,
            "AWS::Region": region,
            "AWS::StackName": STACK,
            "AWS::NoValue": NO_VALUE,
        }
        self.resources = {
            name: self.value(resource)
            for name, resource in template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }
        self.refusals = [
            assertion["AssertDescription"]
            for rule in template.get("Rules", {}).values()
            for assertion in rule["Assertions"]
            if not self.holds(assertion["Assert"])
        ]
        """What the rules of the template say against these parameters here. CloudFormation then deploys nothing."""
        shared = self.value(template.get("Globals", {})).get("Function", {})
        for function in self.of_type("AWS::Serverless::Function").values():
            own = function["Properties"]
            variables = shared["Environment"]["Variables"] | own["Environment"]["Variables"]
            function["Properties"] = shared | own | {"Environment": {"Variables": variables}}

    def value(self, node):
        if isinstance(node, list):
            return [value for item in node if (value := self.value(item)) is not NO_VALUE]
        if not isinstance(node, dict):
            return node
        match list(node.items()):
            case [("Ref", name)]:
                return self.names.get(name, name)
            case [("Fn::GetAtt", name)]:
                return name if isinstance(name, str) else ".".join(name)
            case [("Fn::If", [condition, yes, no])]:
                return self.value(yes if self.holds(condition) else no)
            case [("Fn::Select", [index, items])]:
                return self.value(items)[index]
            case [("Fn::Split", [separator, text])]:
                return self.value(text).split(separator)
            case [("Fn::Sub", [text, names])]:
                return self.substitute(text, {name: self.value(value) for name, value in names.items()})
            case [("Fn::Sub", text)]:
                return self.substitute(text, {})
            case [(function, _)] if function.startswith("Fn::"):
                raise NotImplementedError(f"{function}: teach it to {__name__}")
        return {key: value for key, item in node.items() if (value := self.value(item)) is not NO_VALUE}

    def substitute(self, text, names):
        names = self.names | names
        return re.sub(r"\$\{([^!}]+)\}", lambda found: names.get(found[1], found[1]), text)

    def holds(self, condition):
        match condition:
            case str(name):
                return self.holds(self.conditions[name])
            case {"Fn::Not": [inner]}:
                return not self.holds(inner)
            case {"Fn::And": conditions}:
                return all(self.holds(condition) for condition in conditions)
            case {"Fn::Or": conditions}:
                return any(self.holds(condition) for condition in conditions)
            case {"Condition": name}:
                return self.holds(name)
            case {"Fn::Equals": [one, other]}:
                return str(self.value(one)) == str(self.value(other))
            case {"Fn::Contains": [values, value]}:
                return self.value(value) in self.value(values)
        raise NotImplementedError(f"{condition}: teach it to {__name__}")

    def of_type(self, type):
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == type}

    def properties(self, name):
        return self.resources[name]["Properties"]

    def statements(self, effect, role=None):
        """Every statement of every role, or of one; those of the policies of this stack that it has among them."""
        roles = [role] if role else self.of_type("AWS::IAM::Role")
        properties = [self.properties(name) for name in roles]
        shared = dict.fromkeys(policy for role in properties for policy in role.get("ManagedPolicyArns", []))
        documents = [
            *(self.properties(policy)["PolicyDocument"] for policy in shared),
            *(policy["PolicyDocument"] for role in properties for policy in role.get("Policies", [])),
        ]
        return [
            {**statement, "Action": listed(statement["Action"]), "Resource": listed(statement["Resource"])}
            for document in documents
            for statement in document["Statement"]
            if statement["Effect"] == effect
        ]

    def definition(self, name="Backfill"):
        """A state machine's definition, as Step Functions gets it.

        CloudFormation puts the values into the text of the file, and then reads it as YAML.
        """
        machine = self.properties(name)
        definition = (REPOSITORY / machine["DefinitionUri"]).read_text()
        for place, value in machine["DefinitionSubstitutions"].items():
            definition = definition.replace(f"${{{place}}}", value)
        return json.dumps(yaml.safe_load(definition))


def listed(value):
    return value if isinstance(value, list) else [value]
