"""The template engine: text, parameters, conditions, intrinsics and order, without any account."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from embedded_account.cloudformation.conform import conform
from embedded_account.cloudformation.errors import (
    TemplateError,
    UnsupportedPropertyError,
    UnsupportedResourceTypeError,
)
from embedded_account.cloudformation.intrinsics import references, resolve
from embedded_account.cloudformation.operation import check_types
from embedded_account.cloudformation.parameters import parameter_values
from embedded_account.cloudformation.sam import transform
from embedded_account.cloudformation.scope import Resource, Scope, StackIdentity
from embedded_account.cloudformation.source_tree import source_tree_key, source_tree_path
from embedded_account.cloudformation.template import Template, load_template, resolve_outputs
from embedded_account.cloudformation.template_text import read_template
from hypothesis import given
from hypothesis import strategies as st

STACK_ID = "arn:aws-us-gov:cloudformation:us-gov-west-1:111122223333:stack/hub/id"
IDENTITY = StackIdentity("111122223333", "us-gov-west-1", "hub", STACK_ID)
QUEUE = Resource(
    logical_id="Queue",
    type="AWS::SQS::Queue",
    physical_id="https://sqs.us-gov-west-1.amazonaws.com/111122223333/q",
    attributes={"Arn": "arn:aws-us-gov:sqs:us-gov-west-1:111122223333:q", "QueueName": "q"},
    properties={},
    account="111122223333",
    region="us-gov-west-1",
    stack_name="hub",
)
SCOPE = Scope(
    IDENTITY,
    parameters={"Name": "sentinel", "Regions": ["eu-central-1", "us-east-1"], "Days": "14"},
    mappings={"Retention": {"prod": {"days": 90}, "test": {"days": 3}}},
    conditions={"IsProd": True, "HasMail": False},
    resources={"Queue": QUEUE},
)


def load(text: str, **parameters: Any) -> Template:
    return load_template(read_template(text), parameters=parameters, identity=IDENTITY)


def value(text: str) -> Any:
    """What the YAML value *text* resolves to in SCOPE."""
    return resolve(read_template(f"v: {text}"), SCOPE).get("v", "left out")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("!Ref Name", "sentinel"),
        ("!Ref Regions", ["eu-central-1", "us-east-1"]),
        ("!Ref Queue", QUEUE.physical_id),
        ("!Ref AWS::AccountId", "111122223333"),
        ("!Ref AWS::Region", "us-gov-west-1"),
        ("!Ref AWS::Partition", "aws-us-gov"),
        ("!Ref AWS::StackName", "hub"),
        ("!Ref AWS::StackId", STACK_ID),
        ("!Ref AWS::URLSuffix", "amazonaws.com"),
        ("!Ref AWS::NoValue", "left out"),
        ("[a, !Ref AWS::NoValue, b]", ["a", "b"]),
        ("!GetAtt Queue.Arn", QUEUE.attributes["Arn"]),
        ("!GetAtt [Queue, QueueName]", "q"),
        ("{Fn::GetAtt: [Queue, Arn]}", QUEUE.attributes["Arn"]),
        ("!Sub '${Name}-${AWS::Region}-${Queue.QueueName}'", "sentinel-us-gov-west-1-q"),
        ("!Sub ['${a}/${Name}', {a: !Ref Days}]", "14/sentinel"),
        ("!Sub ['${Name}', {Name: mine}]", "mine"),
        ("!Sub '${!Literal} $5 ${ Name }'", "${Literal} $5 sentinel"),
        ("!Join ['-', [a, !Ref Name, 3]]", "a-sentinel-3"),
        ("!Join [',', !Ref Regions]", "eu-central-1,us-east-1"),
        ("!Select [1, !Ref Regions]", "us-east-1"),
        ("!Select ['0', [x, y]]", "x"),
        ("!Split [':', 'a:b:c']", ["a", "b", "c"]),
        ("!Select [5, !Split [':', !GetAtt Queue.Arn]]", "q"),
        ("!If [IsProd, yes-it-is, no]", "yes-it-is"),
        ("!If [HasMail, 1, !Ref AWS::NoValue]", "left out"),
        ("!FindInMap [Retention, !If [IsProd, prod, test], days]", 90),
        ("!Base64 text", base64.b64encode(b"text").decode()),
        ("2012-10-17", "2012-10-17"),
        ("{Condition: {Bool: {'a:b': false}}}", {"Condition": {"Bool": {"a:b": False}}}),
    ],
)
def test_a_value_resolves_to_what_cloudformation_makes_of_it(text: str, expected: Any) -> None:
    assert value(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("!Nope x", "unknown intrinsic function !Nope"),
        ("{Fn::Cidr: [a, b, c]}", "Fn::Cidr is not supported"),
        ("!Ref Missing", "Ref Missing: no such"),
        ("!GetAtt Queue.Color", "AWS::SQS::Queue has no attribute Color"),
        ("!GetAtt Missing.Arn", "no such resource"),
        ("!GetAtt Queue", "takes Resource.Attribute"),
        ("!Sub '${Missing}'", "Ref Missing"),
        ("!Sub '${Regions}'", "the value is not text"),
        ("!Select [9, [a]]", "no item 9 in a list of 1"),
        ("!If [Missing, 1, 2]", "Fn::If Missing: no such condition"),
        ("!If [IsProd, 1]", "takes a list of 3"),
        ("!FindInMap [Retention, dev, days]", "no 'dev' in the mapping"),
        ("!Equals [1, 2]", "only be used in the Conditions section"),
        ("{Ref: Name, Other: 1}", "Ref must be the only key"),
        ("{a: 1, a: 2}", "the key 'a' appears twice"),
    ],
)
def test_a_value_that_cannot_be_resolved_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(TemplateError) as refusal:
        value(text)
    assert said in str(refusal.value)


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "just text"])
def test_text_that_is_no_template_is_refused(text: str) -> None:
    with pytest.raises(TemplateError, match="Template format error"):
        read_template(text)


def test_a_json_template_is_read_too() -> None:
    assert read_template('{"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}') == {
        "Resources": {"Q": {"Type": "AWS::SQS::Queue"}}
    }


@pytest.mark.parametrize(
    ("declaration", "given_value", "expected"),
    [
        ({"Type": "String", "Default": "a"}, None, "a"),
        ({"Type": "Number", "Default": 5, "MinValue": 1, "MaxValue": 9}, None, "5"),
        ({"Type": "Number"}, "7.5", "7.5"),
        ({"Type": "CommaDelimitedList"}, "a, b,c", ["a", "b", "c"]),
        ({"Type": "CommaDelimitedList", "Default": ""}, None, []),
        ({"Type": "List<Number>"}, "1,2", ["1", "2"]),
        ({"Type": "String", "AllowedValues": [True, False]}, "true", "true"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc", "abc"),
    ],
)
def test_a_parameter_has_the_value_of_its_type(
    declaration: dict[str, Any], given_value: str | None, expected: Any
) -> None:
    values = {} if given_value is None else {"P": given_value}
    assert parameter_values({"P": declaration}, values) == {"P": expected}


@pytest.mark.parametrize(
    ("declaration", "given_value", "said"),
    [
        ({"Type": "Number"}, "seven", "must be a number"),
        ({"Type": "Number", "MinValue": 3}, "2", "not less than 3"),
        ({"Type": "Number", "MaxValue": 3}, "4", "not greater than 3"),
        ({"Type": "List<Number>"}, "1,x", "must be a number"),
        ({"Type": "String", "AllowedValues": ["a", "b"]}, "c", "AllowedValues ['a', 'b']"),
        ({"Type": "CommaDelimitedList", "AllowedValues": ["a", "b"]}, "a,c", "AllowedValues"),
        ({"Type": "String", "AllowedPattern": "[a-z]+"}, "abc1", "match pattern [a-z]+"),
        ({"Type": "String", "AllowedPattern": "x", "ConstraintDescription": "be x"}, "y", "be x"),
        ({"Type": "String", "MinLength": 3}, "ab", "at least 3"),
        ({"Type": "String", "MaxLength": 3}, "abcd", "at most 3"),
        ({"Type": "AWS::EC2::VPC::Id"}, "vpc-1", "AWS::EC2::VPC::Id is not supported"),
        ({"Type": "String", "Colour": 1}, "a", "unknown attribute Colour"),
        ({"Type": "String"}, None, "must have values"),
    ],
)
def test_a_parameter_that_breaks_its_type_or_constraint_is_refused(
    declaration: dict[str, Any], given_value: str | None, said: str
) -> None:
    values = {} if given_value is None else {"P": given_value}
    with pytest.raises(TemplateError) as refusal:
        parameter_values({"P": declaration}, values)
    assert said in str(refusal.value)


def test_a_parameter_that_the_template_does_not_declare_is_refused() -> None:
    with pytest.raises(TemplateError, match="Extra"):
        parameter_values({}, {"Extra": "1"})


CONDITIONS = """
Parameters:
  Stage: {Type: String, Default: test}
  Mail: {Type: String, Default: ""}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  HasMail: !Not [!Equals [!Ref Mail, ""]]
  Both: !And [!Condition IsProd, Condition: HasMail]
  Either: !Or [!Condition IsProd, !Condition HasMail]
Resources:
  Always: {Type: "AWS::SNS::Topic"}
  Mailed: {Type: "AWS::SQS::Queue", Condition: Either}
  Full: {Type: "AWS::SQS::Queue", Condition: Both, DependsOn: Mailed}
Outputs:
  Url: {Condition: Both, Value: !Ref Full}
  Topic: {Value: !If [IsProd, !Ref AWS::Region, none]}
"""


@pytest.mark.parametrize(
    ("parameters", "made", "outputs"),
    [
        ({}, ["Always"], ["Topic"]),
        ({"Mail": "a@example.com"}, ["Always", "Mailed"], ["Topic"]),
        ({"Stage": "prod"}, ["Always", "Mailed"], ["Topic"]),
        ({"Stage": "prod", "Mail": "m"}, ["Always", "Mailed", "Full"], ["Url", "Topic"]),
    ],
)
def test_conditions_decide_what_is_made_and_told(
    parameters: dict[str, str], made: list[str], outputs: list[str]
) -> None:
    template = load(CONDITIONS, **parameters)
    assert [declaration.logical_id for declaration in template.declarations] == made
    assert [*template.outputs] == outputs


def test_outputs_are_text() -> None:
    template = load(CONDITIONS, Stage="prod")
    assert resolve_outputs(template, template.scope) == {"Topic": "us-gov-west-1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "Conditions: {A: !Condition B, B: !Condition A}",
            "Circular dependency between conditions",
        ),
        ("Conditions: {A: !Condition B}", "Condition B: no such condition"),
        ("Conditions: {A: !And [!Equals [1, 1]]}", "takes 2 to 10 conditions"),
        ("Conditions: {A: !Sub x}", "Fn::Sub is not a condition function"),
        ("Rules: {}", "Template: Rules is not supported"),
        ("Hooks: {}", "Template: Hooks is not supported"),
        ("Outputs: {O: {Value: !Ref Gone}}", "['Gone'] in the Outputs block"),
        ("Outputs: {O: {Value: 1, Export: {Name: x}}}", "Output O: Export is not supported"),
    ],
)
def test_a_template_with_a_wrong_section_is_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(TemplateError) as refusal:
        load(f"{text}\nResources: {{T: {{Type: 'AWS::SNS::Topic'}}}}")
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ("{Properties: {}}", "Resource R: Type is missing"),
        ("{Type: T, CreationPolicy: {}}", "Resource R: CreationPolicy is not supported"),
        ("{Type: T, DeletionPolicy: Snapshot}", "DeletionPolicy Snapshot is not supported"),
        ("{Type: T, DependsOn: Gone}", "DependsOn Gone: no such resource"),
        ("{Type: T, Condition: Gone}", "the condition Gone does not exist"),
        ("{Type: T, Properties: {A: !Ref Gone}}", "['Gone'] in the Resources block"),
        ("{Type: T, Properties: {A: !Sub '${Gone.Arn}'}}", "['Gone'] in the Resources block"),
        ("{Type: T, Properties: {A: !GetAtt R.Arn}}", "Circular dependency between resources: [R]"),
    ],
)
def test_a_resource_that_is_declared_wrongly_is_refused_by_name(resource: str, said: str) -> None:
    with pytest.raises(TemplateError) as refusal:
        load(f"Resources: {{R: {resource}}}")
    assert said in str(refusal.value)


def test_a_template_without_resources_is_refused() -> None:
    with pytest.raises(TemplateError, match="At least one Resources member"):
        load("Description: nothing")


def test_resources_come_after_what_they_name_in_any_way() -> None:
    template = load(
        """
        Resources:
          Sub: {Type: T, Properties: {A: !Sub "x-${Ref.Arn}"}}
          Ref: {Type: T, Properties: {A: [{B: !Ref GetAtt}]}}
          GetAtt: {Type: T, Properties: {A: !Join ["", [!GetAtt Depends.Arn]]}}
          Depends: {Type: T, DependsOn: [First]}
          First: {Type: T}
        """
    )
    order = [declaration.logical_id for declaration in template.declarations]
    assert order == ["First", "Depends", "GetAtt", "Ref", "Sub"]


def test_a_branch_that_is_not_taken_makes_no_dependency() -> None:
    template = load(
        """
        Conditions: {Never: !Equals [a, b]}
        Resources:
          A: {Type: T, Properties: {P: !If [Never, !Ref B, none]}}
          B: {Type: T, Properties: {P: !Ref A}}
        """
    )
    assert [declaration.logical_id for declaration in template.declarations] == ["A", "B"]


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14))
def test_an_order_respects_every_dependency_or_a_cycle_is_named(
    edges: list[tuple[int, int]],
) -> None:
    resources = {
        f"R{n}": {"Type": "T", "Properties": {"P": [{"Ref": f"R{b}"} for a, b in edges if a == n]}}
        for n in range(8)
    }
    try:
        template = load_template({"Resources": resources}, parameters={}, identity=IDENTITY)
    except TemplateError as refusal:
        assert "Circular dependency" in str(refusal)
        assert any(a >= b for a, b in edges)
        return
    position = {d.logical_id: n for n, d in enumerate(template.declarations)}
    assert all(position[f"R{b}"] < position[f"R{a}"] for a, b in edges)


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.text().filter(lambda key: key != "Ref" and not key.startswith("Fn::")), inner
        )
    ),
    max_leaves=12,
)


@given(PLAIN)
def test_a_value_without_intrinsics_is_left_as_it_is(plain: Any) -> None:
    assert resolve(plain, SCOPE) == plain
    assert [*references(plain)] == []


@given(st.lists(st.text(alphabet="abc:", max_size=5), min_size=1))
def test_split_undoes_join(parts: list[str]) -> None:
    joined = {"Fn::Join": ["/", parts]}
    assert resolve({"Fn::Split": ["/", joined]}, SCOPE) == parts


def test_a_type_without_provisioner_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedResourceTypeError, match=r"Vpc: .* AWS::EC2::VPC"):
        check_types(load("Resources: {Vpc: {Type: 'AWS::EC2::VPC'}}"))


def test_a_property_without_support_is_refused_by_name() -> None:
    template = load("Resources: {F: {Type: 'AWS::Lambda::Function', Properties: {VpcConfig: {}}}}")
    with pytest.raises(UnsupportedPropertyError, match=r"AWS::Lambda::Function\.VpcConfig"):
        check_types(template)


def _shape(service: str, operation: str) -> Any:
    model = Loader().load_service_model(service, "service-2")
    return ServiceModel(model, service).operation_model(operation).input_shape


def test_values_are_brought_into_the_shape_of_the_operation() -> None:
    document = {"Version": "2012-10-17", "Statement": []}
    given_values = {
        "RoleName": "r",
        "AssumeRolePolicyDocument": document,
        "MaxSessionDuration": "3600",
    }
    assert conform(given_values, _shape("iam", "CreateRole"), "T") == {
        "RoleName": "r",
        "AssumeRolePolicyDocument": '{"Version": "2012-10-17", "Statement": []}',
        "MaxSessionDuration": 3600,
    }
    machine = {"Name": "m", "TracingConfiguration": {"Enabled": "true"}}
    assert conform(machine, _shape("stepfunctions", "CreateStateMachine"), "T") == {
        "name": "m",
        "tracingConfiguration": {"enabled": True},
    }


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"Targets": [{"Id": "a", "Colour": 1}]}, r"T\.Targets\[0\]\.Colour"),
        ({"Targets": {"Id": "a"}}, r"T\.Targets: expected a list"),
        ({"Targets": ["a"]}, r"T\.Targets\[0\]: expected a mapping"),
        (
            {"Targets": [{"RetryPolicy": {"MaximumRetryAttempts": "x"}}]},
            r"T\.Targets\[0\]\.RetryPolicy\.MaximumRetryAttempts: expected a number",
        ),
    ],
)
def test_a_value_that_does_not_fit_is_refused_with_its_path(
    parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(TemplateError, match=said):
        conform(parameters, _shape("events", "PutTargets"), "T")


@given(st.text(st.characters(exclude_characters="\0/", codec="utf-8"), min_size=1))
def test_a_source_tree_key_leads_back_to_its_folder(name: str) -> None:
    folder = Path("/nowhere") / name
    assert source_tree_path(source_tree_key(folder)) == folder.resolve()


SAM = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.13, Handler: app.handler, CodeUri: shared}}
Parameters: {Wait: {Type: Number, Default: 5}}
Resources:
  Layer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildMethod: makefile}
    Properties: {ContentUri: layers/sentinel}
  Evaluate:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/evaluate
      Layers: [!Ref Layer]
      Timeout: !Ref Wait
      Policies: [{Statement: [{Effect: Allow, Action: "s3:GetObject", Resource: "*"}]}]
  Shared: {Type: "AWS::Serverless::Function"}
  Packaged: {Type: "AWS::Serverless::Function", Properties: {CodeUri: "s3://bucket/key.zip"}}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties: {DefinitionUri: functions/m.asl.json, Role: "arn:aws:iam::111122223333:role/r"}
"""


def no_client(service: str) -> Any:
    return boto3.client(
        service, region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def test_local_code_becomes_keys_of_the_source_tree(tmp_path: Path) -> None:
    for folder in ("layers/sentinel/src", "functions/evaluate", "shared"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "functions/m.asl.json").write_text("{}")
    plain = transform(
        read_template(SAM),
        parameters={},
        region="eu-central-1",
        clients=no_client,
        source_root=tmp_path,
        source_layers={"Layer": tmp_path / "layers/sentinel/src"},
    )
    resources = plain["Resources"]
    assert "Transform" not in plain
    layer = next(r for name, r in resources.items() if name.startswith("Layer"))
    code = {name: resources[name]["Properties"]["Code"] for name in ("Evaluate", "Shared")}
    location = resources["Machine"]["Properties"]["DefinitionS3Location"]

    def stored(folder: str) -> dict[str, str]:
        return {"S3Bucket": "embedded-source-tree", "S3Key": source_tree_key(tmp_path / folder)}

    assert layer["Properties"]["Content"] == stored("layers/sentinel/src")
    assert code == {"Evaluate": stored("functions/evaluate"), "Shared": stored("shared")}
    assert location["Key"] == source_tree_key(tmp_path / "functions/m.asl.json")
    assert resources["Packaged"]["Properties"]["Code"] == {"S3Bucket": "bucket", "S3Key": "key.zip"}
    assert resources["Evaluate"]["Properties"]["Timeout"] == {"Ref": "Wait"}


@pytest.mark.parametrize("region", ["eu-central-1", "us-gov-west-1", "cn-north-1"])
def test_the_transform_names_the_partition_of_its_region(region: str) -> None:
    text = """
    Transform: AWS::Serverless-2016-10-31
    Resources:
      F:
        Type: AWS::Serverless::Function
        Properties: {Runtime: python3.13, Handler: a.b, CodeUri: "s3://bucket/key"}
    """
    plain = transform(read_template(text), parameters={}, region=region, clients=no_client)
    partition = StackIdentity("111122223333", region, "s", "id").partition
    arns = plain["Resources"]["FRole"]["Properties"]["ManagedPolicyArns"]
    assert arns == [f"arn:{partition}:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Transform: Count\nResources: {}", "Transform ['Count'] is not supported"),
        (SAM, "Layer: the layer is made by a build"),
        (SAM.replace("Metadata: {BuildMethod: makefile}", ""), "layers/sentinel is a local path"),
        (
            "Transform: AWS::Serverless-2016-10-31\n"
            "Resources: {F: {Type: 'AWS::Serverless::Function', Properties: {Nope: 1}}}",
            "failed",
        ),
    ],
)
def test_a_template_that_cannot_be_transformed_is_refused(text: str, said: str) -> None:
    with pytest.raises(TemplateError) as refusal:
        transform(read_template(text), parameters={}, region="eu-central-1", clients=no_client)
    assert said in str(refusal.value)


def test_a_source_layer_that_the_template_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="no layer \\['Other'\\]"):
        transform(
            read_template(SAM),
            parameters={},
            region="eu-central-1",
            clients=no_client,
            source_layers={"Other": tmp_path},
        )
