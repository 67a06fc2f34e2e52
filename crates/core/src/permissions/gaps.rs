//! What no source of use can show, by name: a draft that was made from use lacks it unless somebody adds it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    policy::{Document, Effect, Statement, data_events::DATA_EVENTS, pattern::Pattern},
    today::Today,
    usage::{Account, Source},
};
use crate::day::Day;
use crate::ids::AccountId;

/// Something that was perhaps used, and that the draft does not allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Gap {
    /// An action that hands a role to a service. That needs `iam:PassRole`, which is never logged.
    #[serde(rename_all = "camelCase")]
    PassRole { actions: BTreeSet<String>, passed_to_service: String },
    /// Actions on data, which CloudTrail does not log unless a trail asks for them.
    #[serde(rename_all = "camelCase")]
    DataEvents { service: String, actions: BTreeSet<String> },
    /// A service that was used, without a source that names the actions.
    #[serde(rename_all = "camelCase")]
    ServiceWithoutActions { service: String, last: Option<Day>, accounts: BTreeSet<AccountId> },
    /// Access Analyzer says that it could not name every action.
    #[serde(rename_all = "camelCase")]
    Incomplete { accounts: BTreeSet<AccountId> },
    /// A policy generation read the log of some Regions only, because all of them were too much.
    #[serde(rename_all = "camelCase")]
    Regions { regions: BTreeSet<String>, accounts: BTreeSet<AccountId> },
}

impl Gap {
    /// Returns what is not known, and what to do.
    pub fn sentence(&self) -> String {
        let list = |all: &BTreeSet<String>| all.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match self {
            Gap::PassRole { actions, passed_to_service } => format!(
                "iam:PassRole to {passed_to_service}: {} may pass a role, and no log shows iam:PassRole; if a role is \
                 passed, keep iam:PassRole on that role with the condition iam:PassedToService {passed_to_service}",
                list(actions)
            ),
            Gap::DataEvents { service, actions } => {
                format!("data events of {service}: no source shows {}; keep what is used", list(actions))
            }
            Gap::ServiceWithoutActions { service, last, accounts } => {
                let last = last.map(|day| format!(", last on {day},")).unwrap_or_default();
                let accounts: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
                format!(
                    "{service}: used{last} in {}, and no source names the actions; keep what is used",
                    accounts.join(", ")
                )
            }
            Gap::Regions { regions, accounts } => {
                let accounts: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
                format!(
                    "other Regions: the policy generation read {} only in {}, because the whole log is too much; keep \
                     what is used elsewhere",
                    list(regions),
                    accounts.join(", ")
                )
            }
            Gap::Incomplete { accounts } => {
                let accounts: Vec<&str> = accounts.iter().map(AccountId::as_str).collect();
                format!(
                    "policy generation: incomplete in {}, as Access Analyzer says; compare the services with what the \
                     people do, and keep what is used",
                    accounts.join(", ")
                )
            }
        }
    }
}

/// Actions that take a role, and the service that they hand it to.
const PASSES_ROLE: &[(&str, &str)] = &[
    ("amplify:CreateApp", "amplify.amazonaws.com"),
    ("apigateway:POST", "apigateway.amazonaws.com"),
    ("application-autoscaling:RegisterScalableTarget", "application-autoscaling.amazonaws.com"),
    ("appsync:CreateDataSource", "appsync.amazonaws.com"),
    ("autoscaling:CreateAutoScalingGroup", "autoscaling.amazonaws.com"),
    ("backup:StartBackupJob", "backup.amazonaws.com"),
    ("backup:StartRestoreJob", "backup.amazonaws.com"),
    ("batch:CreateComputeEnvironment", "batch.amazonaws.com"),
    ("batch:RegisterJobDefinition", "ecs-tasks.amazonaws.com"),
    ("bedrock:CreateAgent", "bedrock.amazonaws.com"),
    ("bedrock:CreateKnowledgeBase", "bedrock.amazonaws.com"),
    ("cloudformation:CreateChangeSet", "cloudformation.amazonaws.com"),
    ("cloudformation:CreateStack", "cloudformation.amazonaws.com"),
    ("cloudformation:CreateStackSet", "cloudformation.amazonaws.com"),
    ("cloudformation:UpdateStack", "cloudformation.amazonaws.com"),
    ("cloudtrail:CreateTrail", "cloudtrail.amazonaws.com"),
    ("cloudtrail:UpdateTrail", "cloudtrail.amazonaws.com"),
    ("codebuild:CreateProject", "codebuild.amazonaws.com"),
    ("codebuild:UpdateProject", "codebuild.amazonaws.com"),
    ("codedeploy:CreateDeploymentGroup", "codedeploy.amazonaws.com"),
    ("codepipeline:CreatePipeline", "codepipeline.amazonaws.com"),
    ("codepipeline:UpdatePipeline", "codepipeline.amazonaws.com"),
    ("config:PutConfigurationRecorder", "config.amazonaws.com"),
    ("datasync:CreateLocationS3", "datasync.amazonaws.com"),
    ("dms:CreateEndpoint", "dms.amazonaws.com"),
    ("ec2:AssociateIamInstanceProfile", "ec2.amazonaws.com"),
    ("ec2:CreateFlowLogs", "vpc-flow-logs.amazonaws.com"),
    ("ec2:ReplaceIamInstanceProfileAssociation", "ec2.amazonaws.com"),
    ("ec2:RequestSpotFleet", "spotfleet.amazonaws.com"),
    ("ec2:RequestSpotInstances", "ec2.amazonaws.com"),
    ("ec2:RunInstances", "ec2.amazonaws.com"),
    ("ecs:CreateService", "ecs.amazonaws.com"),
    ("ecs:RegisterTaskDefinition", "ecs-tasks.amazonaws.com"),
    ("ecs:RunTask", "ecs-tasks.amazonaws.com"),
    ("eks:CreateCluster", "eks.amazonaws.com"),
    ("eks:CreateFargateProfile", "eks-fargate-pods.amazonaws.com"),
    ("eks:CreateNodegroup", "eks.amazonaws.com"),
    ("elasticbeanstalk:CreateEnvironment", "elasticbeanstalk.amazonaws.com"),
    ("elasticmapreduce:RunJobFlow", "elasticmapreduce.amazonaws.com"),
    ("events:PutTargets", "events.amazonaws.com"),
    ("firehose:CreateDeliveryStream", "firehose.amazonaws.com"),
    ("glue:CreateCrawler", "glue.amazonaws.com"),
    ("glue:CreateJob", "glue.amazonaws.com"),
    ("glue:UpdateCrawler", "glue.amazonaws.com"),
    ("glue:UpdateJob", "glue.amazonaws.com"),
    ("iot:CreateTopicRule", "iot.amazonaws.com"),
    ("kinesisanalytics:CreateApplication", "kinesisanalytics.amazonaws.com"),
    ("lambda:CreateFunction", "lambda.amazonaws.com"),
    ("lambda:UpdateFunctionConfiguration", "lambda.amazonaws.com"),
    ("logs:PutDestination", "logs.amazonaws.com"),
    ("logs:PutSubscriptionFilter", "logs.amazonaws.com"),
    ("medialive:CreateChannel", "medialive.amazonaws.com"),
    ("pipes:CreatePipe", "pipes.amazonaws.com"),
    ("rds:AddRoleToDBCluster", "rds.amazonaws.com"),
    ("rds:AddRoleToDBInstance", "rds.amazonaws.com"),
    ("rds:CreateDBInstance", "monitoring.rds.amazonaws.com"),
    ("rds:ModifyDBInstance", "monitoring.rds.amazonaws.com"),
    ("rds:StartExportTask", "export.rds.amazonaws.com"),
    ("redshift:CreateCluster", "redshift.amazonaws.com"),
    ("redshift:ModifyClusterIamRoles", "redshift.amazonaws.com"),
    ("s3:PutBucketReplication", "s3.amazonaws.com"),
    ("s3:PutReplicationConfiguration", "s3.amazonaws.com"),
    ("sagemaker:CreateModel", "sagemaker.amazonaws.com"),
    ("sagemaker:CreateNotebookInstance", "sagemaker.amazonaws.com"),
    ("sagemaker:CreateProcessingJob", "sagemaker.amazonaws.com"),
    ("sagemaker:CreateTrainingJob", "sagemaker.amazonaws.com"),
    ("scheduler:CreateSchedule", "scheduler.amazonaws.com"),
    ("scheduler:UpdateSchedule", "scheduler.amazonaws.com"),
    ("ssm:RegisterTaskWithMaintenanceWindow", "ssm.amazonaws.com"),
    ("ssm:SendCommand", "ssm.amazonaws.com"),
    ("ssm:StartAutomationExecution", "ssm.amazonaws.com"),
    ("states:CreateStateMachine", "states.amazonaws.com"),
    ("states:UpdateStateMachine", "states.amazonaws.com"),
    ("transfer:CreateServer", "transfer.amazonaws.com"),
    ("transfer:CreateUser", "transfer.amazonaws.com"),
];

/// Returns the gaps of a draft. What `policy` allows is no gap, and what the set does not allow today is none.
pub fn gaps(
    accounts: &[&Account],
    today: &Today,
    ids: &BTreeSet<AccountId>,
    policy: &Document,
    kept: &BTreeSet<String>,
) -> Vec<Gap> {
    let allows = |action: &str| today.in_some(&Pattern::action(action), ids).is_ok();
    let mut gaps = Vec::new();
    if allows("iam:PassRole") {
        let kept: Vec<Pattern> = kept.iter().map(|kept| Pattern::action(kept)).collect();
        let mut candidates: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (action, service) in PASSES_ROLE {
            let pattern = Pattern::action(action);
            let is_kept = kept.iter().any(|kept| kept.meets(&pattern));
            if is_kept && !passes_to(policy, service) {
                candidates.entry(service).or_default().insert((*action).to_owned());
            }
        }
        gaps.extend(
            candidates
                .into_iter()
                .map(|(service, actions)| Gap::PassRole { actions, passed_to_service: service.to_owned() }),
        );
    }
    let is_kept = |service: &str| kept.iter().any(|action| is_of(action, service));
    for (service, actions) in DATA_EVENTS {
        let used = accounts.iter().any(|account| {
            account.services.iter().any(|of| of.last.is_some() && of.service.eq_ignore_ascii_case(service))
        });
        if !used && !is_kept(service) {
            continue;
        }
        let missing: BTreeSet<String> = actions
            .iter()
            .map(|name| format!("{service}:{name}"))
            .filter(|action| allows(action) && !touched(policy, action))
            .collect();
        if !missing.is_empty() {
            gaps.push(Gap::DataEvents { service: (*service).to_owned(), actions: missing });
        }
    }
    let mut without_actions: BTreeMap<String, (Option<Day>, BTreeSet<AccountId>)> = BTreeMap::new();
    for account in accounts {
        for service in &account.services {
            if service.last.is_some() && !service.by_action && !is_kept(&service.service) {
                let (last, ids) = without_actions.entry(service.service.to_ascii_lowercase()).or_default();
                *last = (*last).max(service.last);
                ids.insert(account.id.clone());
            }
        }
    }
    gaps.extend(without_actions.into_iter().map(|(service, (last, accounts))| Gap::ServiceWithoutActions {
        service,
        last,
        accounts,
    }));
    let incomplete = |account: &&&Account| account.sources.iter().any(|of| of.complete == Some(false));
    let incomplete: BTreeSet<AccountId> =
        accounts.iter().filter(incomplete).map(|account| account.id.clone()).collect();
    if !incomplete.is_empty() {
        gaps.push(Gap::Incomplete { accounts: incomplete });
    }
    let mut regions: BTreeMap<BTreeSet<String>, BTreeSet<AccountId>> = BTreeMap::new();
    for account in accounts {
        let generated = || account.sources.iter().filter(|of| of.source == Source::Generated);
        if generated().count() > 0 && generated().all(|of| !of.regions.is_empty()) {
            let read = generated().flat_map(|of| of.regions.iter().cloned()).collect();
            regions.entry(read).or_default().insert(account.id.clone());
        }
    }
    gaps.extend(regions.into_iter().map(|(regions, accounts)| Gap::Regions { regions, accounts }));
    gaps
}

fn is_of(action: &str, service: &str) -> bool {
    action.split_once(':').is_some_and(|(prefix, _)| prefix.eq_ignore_ascii_case(service))
}

fn allowing<'d>(policy: &'d Document, action: &str) -> impl Iterator<Item = &'d Statement> {
    let pattern = Pattern::action(action);
    policy
        .statements
        .iter()
        .filter(move |statement| statement.effect == Effect::Allow && statement.touches(&pattern))
}

fn touched(policy: &Document, action: &str) -> bool {
    allowing(policy, action).next().is_some()
}

/// Whether the policy allows some role to be passed to this service.
fn passes_to(policy: &Document, service: &str) -> bool {
    allowing(policy, "iam:PassRole").any(|statement| {
        let mut services = statement
            .condition
            .values()
            .flatten()
            .filter(|(key, _)| key.eq_ignore_ascii_case("iam:PassedToService"))
            .map(|(_, services)| services);
        services.all(|services| {
            services.iter().any(|pattern| Pattern::resource(pattern).covers(&Pattern::resource(service)))
        })
    })
}
