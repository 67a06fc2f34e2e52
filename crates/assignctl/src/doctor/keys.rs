//! The customer managed KMS keys that Identity Center, the tables and the queues are encrypted with: whether each can be
//! used, and whether the roles that need it may. Keys of AWS's own need nothing.
//!
//! IAM's simulator knows the roles' policies, and not the key's own, which has to allow them as well.

use std::collections::BTreeMap;

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};
use serde::Deserialize;
use serde_json::json;

use super::{
    Examined,
    check::{Check, Status, Topic, ask},
    deployment::{Stack, deployed},
    identity::Caller,
    resources::{Finding, together},
    signed::{self, Operation},
    simulation::{self, Decisions},
};

const DESCRIBE_INSTANCE: Operation = Operation {
    name: "sso:DescribeInstance",
    service: "sso",
    target: "SWBExternalService.DescribeInstance",
    content_type: "application/x-amz-json-1.1",
};
const DESCRIBE_TABLE: Operation = Operation {
    name: "dynamodb:DescribeTable",
    service: "dynamodb",
    target: "DynamoDB_20120810.DescribeTable",
    content_type: "application/x-amz-json-1.0",
};
const DESCRIBE_KEY: Operation = Operation {
    name: "kms:DescribeKey",
    service: "kms",
    target: "TrentService.DescribeKey",
    content_type: "application/x-amz-json-1.1",
};

pub fn topic() -> Topic {
    deployed("keys", "customer managed keys")
}

/// What is encrypted with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Encrypted {
    what: String,
    /// An ARN, an id or an alias.
    key: String,
    needs: Vec<Need>,
    /// What to do if a role lacks a need.
    remedy: &'static str,
}

/// A role that has to decrypt.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Need {
    role: String,
    /// The service that asks in the role's name.
    via: String,
    /// What the service encrypts for: the name of the condition key, and its value.
    context: Option<(String, String)>,
}

pub async fn look(examined: &Examined<'_>, instance: bool, stack: &Stack) -> Check {
    let (center, tables) = tokio::join!(
        async {
            match instance {
                true => of_center(examined, stack).await,
                false => Ok(None),
            }
        },
        of_tables(examined, stack)
    );
    let not_found = (!instance).then_some("the instance of Identity Center");
    let mut findings: Vec<Finding> = not_found.into_iter().chain(stack.unread()).map(not_looked_at).collect();
    let mut encrypted = Vec::new();
    for found in [center].into_iter().chain(tables) {
        match found {
            Ok(found) => encrypted.extend(found),
            Err(finding) => findings.push(finding),
        }
    }
    let queues = stack.queue_keys.iter().filter_map(|(what, key)| Some((what, key.as_ref()?)));
    encrypted.extend(queues.map(|(what, key)| Encrypted {
        what: (*what).to_owned(),
        key: key.clone(),
        needs: Vec::new(),
        remedy: "",
    }));
    let mut keys: BTreeMap<String, Result<Key, Finding>> = BTreeMap::new();
    for one in &encrypted {
        if !keys.contains_key(&one.key) {
            keys.insert(one.key.clone(), describe(examined, &one.key).await);
        }
        match &keys[&one.key] {
            // AWS looks after it and lets everybody of the account use it by way of the service.
            Ok(key) if key.key_manager == "AWS" => {}
            Ok(key) => {
                findings.push(judge_key(&one.what, key));
                for need in &one.needs {
                    findings.push(may_decrypt(examined, one, key, need).await);
                }
            }
            Err(finding) => {
                findings.push(Finding { text: format!("{}: {}", one.what, finding.text), ..finding.clone() });
            }
        }
    }
    match findings.is_empty() {
        true => topic().ok("there is none: Identity Center, tables and queues use keys of AWS's own"),
        false => together(topic(), &findings),
    }
}

/// Returns the finding of what another check did not find. That it has no key must not be assumed.
fn not_looked_at(what: &str) -> Finding {
    let text = format!("{what} was not read, so its keys are not known");
    Finding::is(Status::Unknown, text, "fix what its own check says first")
}

/// Returns the finding after a call that did not succeed.
fn unread(error: &assigner_core::cause::CallError) -> Finding {
    let check = topic().not_answered(error, Status::Unknown);
    Finding::is(check.status, check.detail, check.remedy.unwrap_or_default())
}

async fn of_center(examined: &Examined<'_>, stack: &Stack) -> Result<Option<Encrypted>, Finding> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        encryption_configuration_details: Option<Details>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Details {
        key_type: Option<String>,
        kms_key_arn: Option<String>,
    }
    let Examined { session, sdk, center, .. } = examined;
    let Some(instance) = center.instance_arn() else { return Ok(None) };
    let asked = json!({ "InstanceArn": instance });
    let region = center.region();
    let call = signed::call::<Answer>(sdk, &DESCRIBE_INSTANCE, region.as_deref(), &asked);
    let answer = ask(session, DESCRIBE_INSTANCE.name, call).await.map_err(|error| unread(&error))?;
    let details = answer.encryption_configuration_details;
    let Some(Details { key_type: Some(kind), kms_key_arn: key }) = details else { return Ok(None) };
    if kind != "CUSTOMER_MANAGED_KEY" {
        return Ok(None);
    }
    let Some(key) = key else {
        let text = "Identity Center has a customer managed key, and does not say which";
        return Err(Finding::is(Status::Unknown, text, "see the instance in the console"));
    };
    let region = region_of(&key).unwrap_or_default().to_owned();
    let context = |name: &str, value: Option<String>| {
        value.map(|value| (format!("kms:EncryptionContext:{name}"), value))
    };
    let partition = examined.caller.as_ref().map_or("aws", Caller::partition);
    let store = center.identity_store().zip(examined.management.as_ref()).map(|(store, management)| {
        format!("arn:{partition}:identitystore::{management}:identitystore/{store}")
    });
    let needs = stack.roles().flat_map(|role| {
        [
            ("sso", context("aws:sso:instance-arn", Some(instance.clone()))),
            ("identitystore", context("aws:identitystore:identitystore-arn", store.clone())),
        ]
        .map(|(service, context)| Need { role: role.clone(), via: via(service, &region), context })
    });
    Ok(Some(Encrypted {
        what: "Identity Center".to_owned(),
        key,
        needs: needs.collect(),
        remedy: "give the key's ARN as the parameter IdentityCenterKmsKeyArn, and deploy the stack again",
    }))
}

async fn of_tables(examined: &Examined<'_>, stack: &Stack) -> Vec<Result<Option<Encrypted>, Finding>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        table: Table,
    }
    #[derive(Deserialize)]
    struct Table {
        #[serde(rename = "SSEDescription")]
        encryption: Option<Encryption>,
    }
    #[derive(Deserialize)]
    struct Encryption {
        #[serde(rename = "KMSMasterKeyArn")]
        key: Option<String>,
    }
    let mut found = Vec::new();
    for (name, roles) in stack.dynamodb_tables() {
        let asked = json!({ "TableName": name });
        let call = signed::call::<Answer>(&examined.sdk, &DESCRIBE_TABLE, None, &asked);
        let answer = ask(examined.session, DESCRIBE_TABLE.name, call).await;
        found.push(match answer {
            Ok(answer) => Ok(answer.table.encryption.and_then(|encryption| encryption.key).map(|key| {
                let region = region_of(&key).unwrap_or_default().to_owned();
                let need = |role: String| Need { role, via: via("dynamodb", &region), context: None };
                Encrypted {
                    what: format!("the DynamoDB table {name}"),
                    needs: roles.into_iter().map(need).collect(),
                    key,
                    remedy: "allow the role kms:Decrypt with the key, by way of DynamoDB (kms:ViaService)",
                }
            })),
            Err(error) => Err(unread(&error)),
        });
    }
    found
}

fn via(service: &str, region: &str) -> String {
    let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
    format!("{service}.{region}.{suffix}")
}

/// Returns the Region of a key's ARN.
fn region_of(key: &str) -> Option<&str> {
    // arn:<partition>:kms:<Region>:<account>:key/<id>
    key.starts_with("arn:").then(|| key.split(':').nth(3)).flatten()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Key {
    arn: String,
    key_state: String,
    #[serde(default)]
    key_manager: String,
}

async fn describe(examined: &Examined<'_>, key: &str) -> Result<Key, Finding> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        key_metadata: Key,
    }
    let asked = json!({ "KeyId": key });
    let call = signed::call::<Answer>(&examined.sdk, &DESCRIBE_KEY, region_of(key), &asked);
    match ask(examined.session, DESCRIBE_KEY.name, call).await {
        Ok(answer) => Ok(answer.key_metadata),
        Err(error) if error.cause == assigner_core::cause::Cause::NotFound => Err(Finding::is(
            Status::Failed,
            format!("there is no key {key}"),
            "what was encrypted with it is lost; set it up with another key",
        )),
        Err(error) => Err(unread(&error)),
    }
}

fn judge_key(what: &str, key: &Key) -> Finding {
    let Key { arn, key_state, .. } = key;
    let text = format!("{what}: the key {arn} is {key_state}");
    match key_state.as_str() {
        "Enabled" => Finding::ok(text),
        "Disabled" => Finding::is(
            Status::Failed,
            format!("{text}: nothing can be read"),
            format!("`aws kms enable-key --key-id {arn}`"),
        ),
        "PendingDeletion" | "PendingReplicaDeletion" => Finding::is(
            Status::Failed,
            format!("{text}: nothing can be read, and soon nothing ever again"),
            format!("`aws kms cancel-key-deletion --key-id {arn}`, then `aws kms enable-key --key-id {arn}`"),
        ),
        "Creating" | "Updating" => Finding::is(Status::Warning, text, "wait for it, and run this again"),
        _ => Finding::is(Status::Failed, text, "see the key in the console"),
    }
}

/// Simulates that the role decrypts by way of the service.
async fn may_decrypt(examined: &Examined<'_>, encrypted: &Encrypted, key: &Key, need: &Need) -> Finding {
    let Need { role, via, context } = need;
    let entry = |name: &str, value: &str| {
        ContextEntry::builder()
            .context_key_name(name)
            .context_key_type(ContextKeyTypeEnum::String)
            .context_key_values(value)
            .build()
    };
    let mut entries = vec![entry("kms:ViaService", via)];
    entries.extend(context.iter().map(|(name, value)| entry(name, value)));
    let resources = vec![key.arn.clone()];
    match simulation::ask_for(examined, role, &["kms:Decrypt"], resources, entries).await {
        Ok(results) => {
            let Decisions { each, .. } = Decisions::of(&results);
            judge_need(encrypted, need, &each.iter().map(|one| one.decision).collect::<Vec<_>>())
        }
        Err(error) => unread(&error),
    }
}

fn judge_need(encrypted: &Encrypted, need: &Need, decisions: &[&PolicyEvaluationDecisionType]) -> Finding {
    let Need { role, via, .. } = need;
    let Encrypted { what, remedy, .. } = encrypted;
    match decisions {
        [] => Finding::is(Status::Unknown, "the simulator answered nothing", "run it again later"),
        [PolicyEvaluationDecisionType::Allowed] => {
            Finding::ok(format!("{what}: {role} may decrypt by way of {via}"))
        }
        _ => Finding::is(
            Status::Failed,
            format!("{what}: {role} may not decrypt by way of {via}"),
            format!("{remedy}; the key's own policy must allow the role, too"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_judged_by_its_state() {
        for (state, expected) in [
            ("Enabled", Status::Ok),
            ("Disabled", Status::Failed),
            ("PendingDeletion", Status::Failed),
            ("PendingReplicaDeletion", Status::Failed),
            ("Unavailable", Status::Failed),
            ("PendingImport", Status::Failed),
            ("Updating", Status::Warning),
        ] {
            let key = Key { arn: "k".into(), key_state: state.into(), key_manager: "CUSTOMER".into() };
            assert_eq!(judge_key("x", &key).status, expected, "{state}");
        }
    }

    #[test]
    fn a_service_is_named_as_its_partition_does() {
        assert_eq!(via("sso", "eu-west-1"), "sso.eu-west-1.amazonaws.com");
        assert_eq!(via("sso", "cn-north-1"), "sso.cn-north-1.amazonaws.com.cn");
        assert_eq!(region_of("arn:aws:kms:eu-west-1:123456789012:key/x"), Some("eu-west-1"));
        assert_eq!(region_of("alias/mine"), None);
    }
}
