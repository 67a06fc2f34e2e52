"""Breaks the templates in one place after the other, and runs the tests that must notice: each mutant has to be red.

Run it by hand, after `make stack`, when a trigger or a test of it has changed; it takes some 20 minutes:

    .venv/bin/python tests/stack/mutants.py          # all of them
    .venv/bin/python tests/stack/mutants.py pipe     # those whose name has this word
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))


@dataclass
class Mutant:
    name: str
    before: str
    after: str
    tests: str
    """What `pytest -k` takes."""
    file: str = "template.yaml"


VENDED = "test_an_account_that_was_created"
BASELINES = ["EnableBaseline", "ResetEnabledBaseline", "UpdateEnabledBaseline"]
MUTANTS = [
    Mutant(
        "vending rule: CreateManagedAccount",
        "[CreateManagedAccount, UpdateManagedAccount]",
        "[UpdateManagedAccount]",
        VENDED,
    ),
    Mutant(
        "vending rule: UpdateManagedAccount",
        "[CreateManagedAccount, UpdateManagedAccount]",
        "[CreateManagedAccount]",
        VENDED,
    ),
    Mutant(
        "vending rule: SUCCEEDED only",
        "eventName: [CreateManagedAccount, UpdateManagedAccount]",
        "eventName: [CreateManagedAccount, UpdateManagedAccount]\n"
        "          serviceEventDetails: { createManagedAccountStatus: { state: [SUCCEEDED] } }",
        "test_a_vending_that_failed",
    ),
    Mutant(
        "vending rule: the wrong detail-type",
        "detail-type: [AWS Service Event via CloudTrail]",
        "detail-type: [AWS API Call via CloudTrail]",
        VENDED,
    ),
    Mutant(
        "vending rule: may not invoke",
        "SourceArn: !GetAtt VendingRule.Arn",
        "SourceArn: !GetAtt MoveAccountRule.Arn",
        VENDED,
    ),
    Mutant(
        "vending rule: another function",
        "Id: account-assigner\n          Arn: !GetAtt AccountAssigner.Arn",
        "Id: account-assigner\n          Arn: !GetAtt BackfillFunction.Arn",
        VENDED,
    ),
    Mutant(
        "vending rule: no dead-letter queue",
        "RetryPolicy: &six-hours\n"
        "            MaximumRetryAttempts: 185\n"
        "            MaximumEventAgeInSeconds: 21600\n"
        "          DeadLetterConfig:\n"
        "            Arn: !GetAtt UndeliveredEvents.Arn",
        "RetryPolicy: &six-hours\n            MaximumRetryAttempts: 185\n            MaximumEventAgeInSeconds: 21600",
        "test_an_event_that_the_function_may_not",
    ),
    *(
        Mutant(
            f"baseline rule: {name}",
            "[EnableBaseline, ResetEnabledBaseline, UpdateEnabledBaseline]",
            str([other for other in BASELINES if other != name]).replace("'", ""),
            f"test_an_account_with_a_baseline and {name}",
        )
        for name in BASELINES
    ),
    Mutant(
        "baseline rule: may not invoke",
        "SourceArn: !GetAtt BaselineRule.Arn",
        "SourceArn: !GetAtt VendingRule.Arn",
        "test_an_account_with_a_baseline",
    ),
    Mutant(
        "baseline rule: not for accounts",
        "eventName: [EnableBaseline, ResetEnabledBaseline, UpdateEnabledBaseline]",
        "eventName: [EnableBaseline, ResetEnabledBaseline, UpdateEnabledBaseline]\n"
        "          serviceEventDetails: { enableBaselineStatus: { state: [SUCCEEDED] } }",
        "test_an_account_with_a_baseline",
    ),
    Mutant(
        "baseline rule: the OUs start the function only",
        "ou/\n                      - Management",
        "account/\n                      - Management",
        "test_an_ou_with_a_baseline",
    ),
    *(
        Mutant(
            f"baseline rule: the input of {name}",
            f"{name[0].lower()}{name[1:]}Status.enabledBaselineDetails.targetIdentifier",
            f"{name[0].lower()}{name[1:]}Status.enabledBaselineDetails.arn",
            "test_an_ou_with_a_baseline",
        )
        for name in BASELINES
    ),
    Mutant(
        "baseline rule: accounts start the backfill",
        ":ou/\n                      - Management: *management-account",
        "\n                      - Management: *management-account",
        "test_an_account_with_a_baseline",
    ),
    Mutant(
        "move rule: Control Tower's own",
        "            invokedBy: [{ exists: false }, { anything-but: [controltower.amazonaws.com] }]\n"
        "          sourceIPAddress: [{ exists: false }, { anything-but: [controltower.amazonaws.com] }]\n",
        "            invokedBy: [{ exists: false }, { prefix: controltower }]\n",
        "test_a_move_that_control_tower",
    ),
    Mutant(
        "move rule: only people",
        "invokedBy: [{ exists: false }, { anything-but: [controltower.amazonaws.com] }]",
        "invokedBy: [{ anything-but: [controltower.amazonaws.com] }]",
        VENDED,
    ),
    Mutant("move rule: the wrong event", "eventName: [MoveAccount]", "eventName: [MoveAccounts]", VENDED),
    Mutant(
        "move rule: may not invoke",
        "SourceArn: !GetAtt MoveAccountRule.Arn",
        "SourceArn: !GetAtt VendingRule.Arn",
        VENDED,
    ),
    Mutant(
        "queue: the rules may not send",
        "                  - !GetAtt MoveAccountRule.Arn\n",
        "",
        "test_an_event_that_the_function_may_not",
    ),
    Mutant(
        "OU rule: the wrong input",
        "InputTemplate: '{\"ou\": <ou>}'",
        "InputTemplate: '{\"unit\": <ou>}'",
        "test_an_ou_that_was_registered",
    ),
    Mutant(
        "OU rule: the wrong state",
        "state: [SUCCEEDED]",
        "state: [SUCCESS]",
        "test_an_ou_that_was_registered or test_every_rule",
    ),
    Mutant(
        "OU rule: its role may not start",
        "Action: states:StartExecution\n                Resource: !Ref Backfill\n\n  # A change",
        "Action: states:StopExecution\n                Resource: !Ref Backfill\n\n  # A change",
        "test_an_ou_that_was_registered",
    ),
    Mutant(
        "schedule: never",
        "ScheduleExpression: !Ref Schedule",
        "ScheduleExpression: rate(365 days)",
        "test_the_schedule",
    ),
    Mutant(
        "schedule: a role nobody may assume",
        "Principal: { Service: events.amazonaws.com }\n"
        "            Action: sts:AssumeRole\n"
        "      Policies:\n"
        "        - PolicyName: start",
        "Principal: { Service: scheduler.amazonaws.com }\n"
        "            Action: sts:AssumeRole\n"
        "      Policies:\n"
        "        - PolicyName: start",
        "test_the_schedule",
    ),
    Mutant(
        "pipe: stopped",
        "Target: !Ref Backfill\n",
        "Target: !Ref Backfill\n      DesiredState: STOPPED\n",
        "test_an_edit_of_the_table",
    ),
    Mutant("pipe: its role may not read", "                  - dynamodb:GetRecords\n", "", "test_an_edit_of_the_table"),
    Mutant(
        "pipe: an input that is one OU", 'InputTemplate: "{}"', "InputTemplate: '\"{}\"'", "test_an_edit_of_the_table"
    ),
    Mutant(
        "table: the functions may not read it",
        "Action: dynamodb:Scan",
        "Action: dynamodb:Query",
        "test_a_vended_account_gets_what",
    ),
    Mutant(
        "table: not kept",
        "DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain",
        "DeletionPolicy: Delete\n    UpdateReplacePolicy: Delete",
        "test_the_table_outlives",
    ),
    Mutant("destination: no success", "event-bus/default", "event-bus/other", "test_another_rule_sees"),
    Mutant(
        "destination: may not announce",
        "Action: events:PutEvents\n",
        "Action: events:PutRule\n",
        "test_another_rule_sees",
    ),
    Mutant(
        "destination: may not keep a failure",
        "Sid: KeepFailedInvocations\n                Effect: Allow\n                Action: sqs:SendMessage",
        "Sid: KeepFailedInvocations\n                Effect: Allow\n                Action: sqs:ReceiveMessage",
        "test_an_event_that_fails_at_every",
    ),
    Mutant(
        "destination: no failure",
        "OnFailure:\n            Type: SQS\n            Destination: !GetAtt FailedInvocations.Arn",
        "OnFailure:\n            Type: SQS\n            Destination: !GetAtt UndeliveredEvents.Arn",
        "test_an_event_that_fails_at_every",
    ),
    Mutant(
        "function: one retry less",
        "MaximumRetryAttempts: 2",
        "MaximumRetryAttempts: 1",
        "test_an_event_that_fails_at_every",
    ),
    Mutant(
        "function: nothing reserved",
        "ReservedConcurrentExecutions: !If [HasReservedConcurrency, !Ref ReservedConcurrency, !Ref AWS::NoValue]",
        "",
        "test_by_default",
    ),
    Mutant("function: may not write its log", "                  - logs:PutLogEvents\n", "", "test_another_rule_sees"),
    Mutant("function: may not create", "              - sso:CreateAccountAssignment\n", "", VENDED),
    Mutant(
        "function: the management account is not denied",
        "Effect: Deny\n            Action: sso:*",
        "Effect: Deny\n            Action: sso:Nothing",
        "test_the_management_account",
    ),
    Mutant(
        "backfill: may not invoke",
        "Action: lambda:InvokeFunction\n                Resource: !GetAtt BackfillFunction.Arn",
        "Action: lambda:InvokeFunction\n                Resource: !GetAtt AccountAssigner.Arn",
        "test_started_by_hand_it_gives",
    ),
    Mutant(
        "backfill: may not list accounts",
        "Action: organizations:ListAccounts",
        "Action: organizations:ListRoots",
        "test_started_by_hand_it_gives",
    ),
    Mutant(
        "count: may not list users",
        "Action: identitystore:ListUsers",
        "Action: identitystore:GetUserId",
        "test_what_everybody_has",
    ),
    Mutant(
        "backfill: all children at once",
        "MaxConcurrencyPath: $.settings.accountsAtATime",
        "MaxConcurrency: 40",
        "test_it_fixes_one_account",
        "backfill.asl.yaml",
    ),
    Mutant(
        "backfill: the wrong OU",
        "request: { survey: true, ou.$: $.ou }",
        "request: { survey: true }",
        "test_started_by_hand_for_an_ou",
        "backfill.asl.yaml",
    ),
    Mutant(
        "backfill: takes no turn",
        "      request: { survey: true }\n      seconds: 60\n    Next: Look",
        "      request: { survey: true }\n      seconds: 60\n    Next: Begin",
        "test_executions_that_pile_up",
        "backfill.asl.yaml",
    ),
    Mutant(
        "backfill: nobody is covered",
        "        Next: Newest\n    Default",
        "        Next: WaitForTurn\n    Default",
        "test_executions_that_pile_up",
        "backfill.asl.yaml",
    ),
    Mutant(
        "backfill: covered by itself",
        "- Not: { Variable: $$.Execution.Id, StringEqualsPath: $.line.newest.ExecutionArn }",
        "- Not: { Variable: $$.Execution.Id, StringEqualsPath: $.line.nobody }",
        "test_executions_that_pile_up",
        "backfill.asl.yaml",
    ),
    Mutant(
        "backfill: may not list its executions",
        "                  - states:ListExecutions\n",
        "",
        "test_executions_that_pile_up",
    ),
    Mutant(
        "backfill: may not see what the newest is for",
        "                  - states:DescribeExecution\n                  - states:StopExecution\n                Resource:\n"
        "                  - !Sub arn:${AWS::Partition}:states:${AWS::Region}:${AWS::AccountId}:"
        "execution:${AWS::StackName}-backfill:*\n",
        "                  - states:DescribeExecution\n                  - states:StopExecution\n                Resource:\n",
        "test_executions_that_pile_up",
    ),
    Mutant(
        "backfill: an account may take all the time",
        '          ACCOUNT_SECONDS: "120"\n',
        "",
        "test_an_account_of_the_backfill",
    ),
    Mutant(
        "dry run: for one function only",
        "        DryRun: !Ref DryRun\n",
        "        DryRun: false\n",
        "test_a_dry_run",
    ),
    Mutant("alarm: nobody hears it", "AlarmActions: *alarm-actions", "", "test_every_alarm"),
    Mutant("instance: the wrong place in its ARN", "!Select [1, !Split", "!Select [0, !Split", "test_told_every_place"),
    Mutant(
        "delegated: the stack's account in its place",
        "MANAGEMENT_ACCOUNT_ID: &management-account "
        "!If [HasManagementAccountId, !Ref ManagementAccountId, !Ref AWS::AccountId]",
        "MANAGEMENT_ACCOUNT_ID: &management-account !Ref AWS::AccountId",
        "delegated",
    ),
    Mutant(
        "delegated: the bus takes nothing",
        "events:source: [aws.controltower, aws.organizations]",
        "events:source: [aws.ec2]",
        "administrator_gets",
    ),
    Mutant(
        "delegated: the bus takes anything",
        "          ForAllValues:StringEquals:\n            events:source: [aws.controltower, aws.organizations]\n",
        "",
        "bus_takes_nothing_else",
    ),
    Mutant(
        "delegated: the bus takes it from anybody",
        'Principal: { AWS: !Sub "arn:${AWS::Partition}:iam::${ManagementAccountId}:root" }',
        'Principal: "*"',
        "bus_takes_nothing_else",
    ),
    *(
        Mutant(
            f"delegated: {name} is not forwarded",
            f"            - {name}\n",
            "",
            f"administrator_gets and ({events})",
            "move-account.yaml",
        )
        for name, events in {
            "CreateManagedAccount": "create",
            "RegisterOrganizationalUnit": "register",
            "EnableBaseline": "enable",
            "UpdateEnabledBaseline": "update",
        }.items()
    ),
    Mutant(
        "delegated: moves go by way of the home Region",
        "            - Account: !If [HasDelegatedAdministrator, !Ref DelegatedAdministratorId, !Ref AWS::AccountId]\n"
        "          RoleArn",
        "            - Account: !Ref AWS::AccountId\n          RoleArn",
        "administrator_gets_the_moves",
        "move-account.yaml",
    ),
    Mutant(
        "key: by way of another service",
        "- sso.${Region}.*",
        "- s3.${Region}.*",
        "test_told_the_key",
    ),
    Mutant(
        "key: of another store",
        "kms:EncryptionContext:aws:identitystore:identitystore-arn: *identity-store",
        "kms:EncryptionContext:aws:identitystore:identitystore-arn: *instance",
        "test_told_the_key",
    ),
    Mutant(
        "architecture: what is deployed alone",
        "Architectures: [!Ref Architecture]",
        "Architectures: [x86_64]",
        "test_the_architecture",
    ),
    Mutant(
        "controls: an OU that was registered",
        "eventName: [RegisterOrganizationalUnit, SetupLandingZone,",
        "eventName: [SetupLandingZone,",
        "registered_gets_its_controls",
    ),
    *(
        Mutant(
            f"controls: {name}",
            "SetupLandingZone, UpdateLandingZone, DisableGuardrail]",
            f"{others}]",
            tests,
        )
        for name, others, tests in [
            ("a landing zone that was set up", "UpdateLandingZone, DisableGuardrail", "landing_zone_that_was and Setup"),
            ("a landing zone that was updated", "SetupLandingZone, DisableGuardrail", "landing_zone_that_was and Update"),
            ("a guardrail that was disabled", "SetupLandingZone, UpdateLandingZone", "took_away and guardrail"),
        ]
    ),
    Mutant(
        "controls: one that was disabled", "eventName: [DisableControl]", "eventName: [EnableControl]", "took_away and control"
    ),
    Mutant(
        "controls: the events of accounts",
        "- arn:${AWS::Partition}:organizations::${Management}:ou/\n                    - Management: *management-account\n"
        "      Targets:\n        - Id: controls",
        '- "arn:${AWS::Partition}:organizations::${Management}:"\n                    - Management: *management-account\n'
        "      Targets:\n        - Id: controls",
        "of_an_account_or_of",
    ),
    Mutant("controls: drift", "detail-type: [Drift Detected]", "detail-type: [Drift]", "took_away and drift"),
    Mutant(
        "controls: the schedule",
        "Input: '{\"controls\": {}}'",
        "Input: '{\"controls\": true}'",
        "schedule_checks_every_ou",
    ),
    Mutant(
        "controls: the rules may not start",
        "Action: states:StartExecution\n                Resource: !Ref KeepControls\n\n  # As with",
        "Action: states:StopExecution\n                Resource: !Ref KeepControls\n\n  # As with",
        "registered_gets_its_controls",
    ),
    Mutant(
        "controls: the queue lets a rule out",
        "                  - !If [HasControls, !GetAtt DriftRule.Arn, !Ref AWS::NoValue]\n",
        "",
        "may_not_start_it_ends and not backfill",
    ),
    Mutant(
        "controls: the pipe is stopped",
        "Target: !Ref KeepControls\n",
        "Target: !Ref KeepControls\n      DesiredState: STOPPED\n",
        "edit_of_the_table_gives_ous",
    ),
    Mutant(
        "controls: the table may not be read",
        "Action: dynamodb:Scan\n                  Resource: !GetAtt ControlsTable.Arn",
        "Action: dynamodb:Query\n                  Resource: !GetAtt ControlsTable.Arn",
        "makes_the_table_true",
    ),
    Mutant(
        "controls: may not enable", "                  - controltower:EnableControl\n", "", "makes_the_table_true"
    ),
    Mutant(
        "controls: may not attach a policy", "                  - organizations:AttachPolicy\n", "", "makes_the_table_true"
    ),
    Mutant(
        "controls: only SCPs",
        "[SERVICE_CONTROL_POLICY, RESOURCE_CONTROL_POLICY, DECLARATIVE_POLICY_EC2]",
        "[SERVICE_CONTROL_POLICY]",
        "makes_the_table_true",
    ),
    Mutant(
        "controls: disabling is not denied",
        "- Sid: NeverDisableAControl\n                Effect: Deny\n                Action:\n"
        "                  - controltower:DisableControl\n",
        "- Sid: NeverDisableAControl\n                Effect: Deny\n                Action:\n",
        "could_disable_nothing",
    ),
    Mutant(
        "controls: the machine may not invoke",
        "Action: lambda:InvokeFunction\n                Resource: !GetAtt ControlKeeper.Arn",
        "Action: lambda:InvokeFunction\n                Resource: !GetAtt AccountAssigner.Arn",
        "makes_the_table_true",
    ),
    Mutant(
        "controls: a dry run that is none",
        'DRY_RUN: !If [PlansControls, "true", "false"]',
        'DRY_RUN: "false"',
        "outlives_a_change_of_Controls",
    ),
    Mutant(
        "controls: taken by a delegated administrator",
        "          - !Equals [!Ref Controls, disabled]\n",
        "          - !Equals [!Ref Controls, enabled]\n",
        "it_is_refused_in_a_delegated",
    ),
    Mutant(
        "controls: the event is not handed over",
        "      request.$: $\n",
        "      request: { controls: {} }\n",
        "registered_gets_its_controls",
        "controls.asl.yaml",
    ),
    Mutant(
        "controls: one step is all",
        "- Not: { Variable: $.step.outcome, StringEquals: working }",
        "- Not: { Variable: $.step.outcome, StringEquals: never }",
        "makes_the_table_true",
        "controls.asl.yaml",
    ),
    Mutant(
        "second stack: the wrong bus",
        "- arn:${AWS::Partition}:events:${HomeRegion}",
        "- arn:${AWS::Partition}:events:${AWS::Region}",
        "test_a_moved_account",
        "move-account.yaml",
    ),
    Mutant(
        "second stack: taken where it does nothing",
        '      - Assert: !Or\n          - !Not [!Equals [!Ref HomeRegion, !Ref AWS::Region]]\n',
        '      - Assert: !Or\n          - !Equals [!Ref HomeRegion, !Ref AWS::Region]\n',
        "test_the_second_stack_is_refused",
        "move-account.yaml",
    ),
    Mutant(
        "second stack: may not forward",
        "Action: events:PutEvents",
        "Action: events:PutRule",
        "test_a_moved_account",
        "move-account.yaml",
    ),
    Mutant(
        "second stack: no queue",
        "          DeadLetterConfig:\n            Arn: !GetAtt UndeliveredEvents.Arn\n",
        "",
        "test_a_move_that_cannot",
        "move-account.yaml",
    ),
]


def main(words):
    chosen = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    alive = [mutant.name for mutant in chosen if not killed(mutant)]
    print(f"{len(chosen) - len(alive)} of {len(chosen)} mutants were noticed")
    return 1 if alive or not chosen else 0


def killed(mutant):
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "account-assigner"
        files = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, check=True, capture_output=True, text=True)
        for name in files.stdout.splitlines():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPOSITORY / name, copy / name)
        for name in (".venv", ".venv-stack"):
            (copy / name).symlink_to(REPOSITORY / name)
        text = (copy / mutant.file).read_text()
        if mutant.before not in text:
            print(f"STALE  {mutant.name}: {mutant.file} has no {mutant.before!r}")
            return False
        (copy / mutant.file).write_text(text.replace(mutant.before, mutant.after, 1))
        programs = {
            "ACCOUNT_ASSIGNER_BINARY": "deployed/account-assigner",
            "CONTROL_KEEPER_BINARY": "debug/control-keeper",
            "STAND_IN_BINARY": "debug/stand-in",
            "ASSIGNCTL_BINARY": "debug/assignctl",
        }
        environment = {
            **os.environ,
            **{variable: str(TARGET / name) for variable, name in programs.items()},
            "CARGO_TARGET_DIR": str(copy / "target"),
            # An effect that has not come by then does not come.
            "STACK_DEADLINE": "20",
        }
        command = [
            copy / ".venv/bin/python",
            "-m",
            "pytest",
            "-q",
            "-x",
            "--no-header",
            "-k",
            mutant.tests,
            "tests/stack",
        ]
        done = subprocess.run(
            command, cwd=copy, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600
        )
    said = [line for line in done.stdout.splitlines() if line.startswith("E   ")] or done.stdout.splitlines()[-1:]
    # 1: tests have failed. 5 would be: none was chosen. A template that cannot be deployed proves nothing of the tests.
    red = done.returncode == 1 and " deploy " not in said[0] and " build " not in said[0]
    verdict = "red  " if red else "GREEN" if done.returncode == 0 else "WRONG"
    print(f"{verdict}  {mutant.name} ({time.monotonic() - began:.0f} s): {said[0].strip()[:150]}", flush=True)
    return red


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
