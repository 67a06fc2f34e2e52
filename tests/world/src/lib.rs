//! The world of the tests: a stand-in for AWS, a table, and a program under test in front of them.
//!
//! [`World`] has the function with real SDK clients in the same process. There is no socket between them, so a paused
//! clock rules every delay. [`Served`] is a world that listens, for a program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a world is part of tests: what goes wrong in it fails the test"
)]

mod served;

use std::{collections::BTreeSet, path::Path, time::Duration};

use account_assigner::{Answer, Function};
use assigner_aws::client;
use assigner_core::assignments::{report::Report, survey::Survey};
use assigner_engine::{error::Error, settings::Settings};
use aws_config::{BehaviorVersion, Region};
use aws_sdk_ssoadmin::config::Credentials;
use serde_json::{Value, json};
use stand_in::{Assignment, Organization, StandIn};
use tempfile::NamedTempFile;
use tokio::time::Instant;

pub use served::{Served, path};

pub const CLASS_7: &str = "111122223333";

/// What the function may take unless a test says otherwise, as in the template.
pub const TIMEOUT: Duration = Duration::from_secs(300);

pub struct World {
    pub stand_in: StandIn,
    pub function: Function,
    table: NamedTempFile,
}

impl World {
    pub async fn new(rows: Value) -> World {
        World::with(rows, Organization::sample(), stand_in::Settings::default(), &[]).await
    }

    pub async fn with(
        rows: Value,
        organization: Organization,
        settings: stand_in::Settings,
        environment: &[(&str, &str)],
    ) -> World {
        let stand_in = StandIn::new(organization, settings);
        let table = NamedTempFile::new().unwrap();
        let world = World { function: function(&stand_in, &table, environment).await, stand_in, table };
        world.write_table(&table_of(rows).to_string());
        world
    }

    /// Gives a principal, by name, a permission set in an account.
    pub fn put(&self, account: &str, permission_set: &str, principal: &str) {
        let organization = self.stand_in.organization();
        let set = organization.permission_sets.iter().find(|set| set.name == permission_set).unwrap();
        let group = organization.groups.iter().find(|group| group.name == principal);
        let user = organization.users.iter().find(|user| user.name == principal);
        let (kind, id) = match (group, user) {
            (Some(group), _) => ("GROUP", &group.id),
            (None, Some(user)) => ("USER", &user.id),
            (None, None) => panic!("nobody is named {principal}"),
        };
        let assignment =
            json!({ "account": account, "permissionSet": set.arn, "principalType": kind, "principalId": id });
        self.stand_in.put_assignment(serde_json::from_value::<Assignment>(assignment).unwrap());
    }

    pub fn table(&self) -> &Path {
        self.table.path()
    }

    pub fn write_table(&self, text: &str) {
        std::fs::write(self.table.path(), text).unwrap();
    }

    /// Returns a second instance of the function, in front of the same stand-in and with the same table.
    pub async fn another(&self) -> Function {
        self.another_with(&[]).await
    }

    pub async fn another_with(&self, environment: &[(&str, &str)]) -> Function {
        function(&self.stand_in, &self.table, environment).await
    }

    pub async fn handle(&self, payload: Value) -> Result<Report, Error> {
        handle(&self.function, &payload).await
    }

    pub async fn survey(&self, payload: Value) -> Result<Survey, Error> {
        match self.function.handle(&payload, Instant::now() + TIMEOUT).await.answer? {
            Answer::Organization(survey) => Ok(survey),
            other => panic!("expected a survey, got {other:?}"),
        }
    }

    pub async fn ensure(&self, account: &str) -> Result<Report, Error> {
        self.handle(json!({ "accountId": account })).await
    }

    /// Returns account, permission set and principal of every assignment, by name.
    pub fn assignments(&self) -> BTreeSet<String> {
        let organization = self.stand_in.organization();
        let named = |id: &str| {
            let groups = organization.groups.iter().map(|group| (&group.id, &group.name));
            let users = organization.users.iter().map(|user| (&user.id, &user.name));
            let sets = organization.permission_sets.iter().map(|set| (&set.arn, &set.name));
            groups
                .chain(users)
                .chain(sets)
                .find(|(other, _)| *other == id)
                .map_or(id.to_owned(), |(_, name)| name.clone())
        };
        let line = |one: &Assignment| {
            format!("{} {} {}", one.account, named(&one.permission_set), named(&one.principal_id))
        };
        self.stand_in.assignments().iter().map(line).collect()
    }

    pub fn calls(&self, operation: &str) -> u64 {
        self.stand_in.calls().get(operation).copied().unwrap_or(0)
    }

    pub fn creates(&self) -> u64 {
        self.calls("CreateAccountAssignment")
    }

    /// Returns the calls to Identity Center, without those to the identity store and to Organizations.
    pub fn identity_center_calls(&self) -> u64 {
        const OTHERS: &[&str] = &["GetGroupId", "GetUserId"];
        const ORGANIZATIONS: &[&str] =
            &["DescribeAccount", "DescribeOrganizationalUnit", "ListParents", "ListTagsForResource"];
        let calls = self.stand_in.calls();
        let all: u64 = calls.values().sum();
        let others = OTHERS.iter().chain(ORGANIZATIONS).filter_map(|name| calls.get(*name)).sum::<u64>();
        all - others
    }
}

pub async fn handle(function: &Function, payload: &Value) -> Result<Report, Error> {
    match function.handle(payload, Instant::now() + TIMEOUT).await.answer? {
        Answer::Account(report) => Ok(report),
        other => panic!("expected the report of an account, got {other:?}"),
    }
}

pub fn table_of(rows: Value) -> Value {
    json!({ "assignments": rows })
}

async fn function(stand_in: &StandIn, table: &NamedTempFile, environment: &[(&str, &str)]) -> Function {
    let path = table.path().to_str().unwrap().to_owned();
    let settings = Settings::read(|name| match environment.iter().find(|(key, _)| *key == name) {
        Some((_, value)) => Some((*value).to_owned()),
        None => (name == "ASSIGNMENTS_FILE").then(|| path.clone()),
    });
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(stand_in.http_client())
        .retry_config(client::until_the_deadline())
        .load()
        .await;
    Function::new(settings.unwrap(), &sdk).unwrap()
}

/// The top of the repository.
pub const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Returns a sample payload.
pub fn event(name: &str) -> Value {
    let path = format!("{REPOSITORY}/events/{name}.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Returns the status of each grant by its first rule.
pub fn statuses(report: &Report) -> Vec<(String, String)> {
    let report = serde_json::to_value(report).unwrap();
    let grants = report["grants"].as_array().unwrap().iter();
    grants
        .map(|grant| {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            (text(&grant["rules"][0]), text(&grant["status"]))
        })
        .collect()
}

/// Returns the report that an incomplete invocation carries.
pub fn incomplete(answer: Result<Report, Error>) -> Report {
    match answer {
        Err(Error::AssignmentsIncomplete(report)) => *report,
        other => panic!("expected AssignmentsIncomplete, got {other:?}"),
    }
}

/// Returns an organization with this many permission sets, P-0 and so on, besides those of the sample.
pub fn with_permission_sets(count: usize) -> Organization {
    let mut organization: Value = serde_json::to_value(Organization::sample()).unwrap();
    let sets = organization["permissionSets"].as_array_mut().unwrap();
    for n in 0..count {
        let arn = format!("arn:aws:sso:::permissionSet/ssoins-7223f7eef79824e1/ps-{n:016x}");
        sets.push(json!({ "name": format!("P-{n}"), "arn": arn }));
    }
    serde_json::from_value(organization).unwrap()
}

/// Returns one row for each of these permission sets, all for the group auditors.
pub fn rows_for(count: usize) -> Value {
    (0..count)
        .map(|n| json!({ "id": format!("row-{n}"), "permissionSet": format!("P-{n}"), "group": "auditors" }))
        .collect()
}
