//! The main job on a laptop: a lifecycle event through the real handler and real SDK clients, over HTTP,
//! against the stand-in for AWS. Shows which assignments appear, and what a second delivery does. An event that
//! `control-keeper` works off, such as that of an OU that was registered, shows which controls appear instead.
//!
//! `cargo run --example demo [EVENT.json]`, with `ASSIGNMENTS_FILE`, `CONTROLS_FILE` and the other settings as the
//! functions read them.

mod controls;

use std::{collections::BTreeMap, error::Error, path::Path, time::Duration};

use account_assigner::{Function, words};
use assigner_aws::{client, http::Trust};
use assigner_core::{
    controls::event::{Request, parse},
    table::TableLocation,
};
use assigner_engine::{
    files::{self, LARGEST_EVENT},
    settings::Settings,
};
use aws_config::Region;
use aws_sdk_ssoadmin::config::{Credentials, SharedCredentialsProvider};
use serde_json::Value;
use stand_in::{Organization, StandIn};
use tokio::time::Instant;

/// The embedded table is empty until somebody writes his own.
const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/assignments.json");

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/events/create-succeeded.json").to_owned();
    let path = std::env::args().nth(1).unwrap_or(sample);
    let text = files::whole(Path::new(&path), LARGEST_EVENT).map_err(|error| format!("{path}: {error}"))?;
    let event: Value = serde_json::from_slice(&text).map_err(|error| format!("{path}: {error}"))?;

    let organization = Organization::sample();
    let is_about_controls = matches!(parse(&event), Ok(Request::Step { .. }));
    let stand_in = match is_about_controls {
        true => controls::stand_in(),
        false => StandIn::new(organization.clone(), stand_in::Settings::default()),
    };
    let sdk = client::load(client::until_the_deadline(), Trust::default())
        .await
        .into_builder()
        .endpoint_url(stand_in.start().await)
        .region(Region::new(organization.region.clone()))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
            "any", "any", None, None, "demo",
        )))
        .build();
    if is_about_controls {
        return controls::run(&stand_in, &sdk, &event, &path).await;
    }
    let mut settings = Settings::from_environment().map_err(|faults| faults.join("; "))?;
    if let TableLocation::Embedded(_) = settings.table {
        settings.table = TableLocation::File(SAMPLE.into());
    }
    let function = Function::new(settings, &sdk)?;

    let name_of = names(&organization);
    let show = |title: &str| {
        println!("{title}");
        let assignments = stand_in.assignments();
        if assignments.is_empty() {
            println!("  (none)");
        }
        for one in assignments {
            let name = |id: &str| name_of.get(id).cloned().unwrap_or_else(|| id.to_owned());
            let (account, set, principal) =
                (name(&one.account), name(&one.permission_set), name(&one.principal_id));
            println!("  {} {account:<12} {set:<22} {} {principal}", one.account, one.principal_type);
        }
        println!();
    };

    show("Assignments before:");
    for delivery in ["First", "Second"] {
        println!("{delivery} delivery of {path}");
        stand_in.forget_calls();
        match function.handle(&event, Instant::now() + Duration::from_secs(60)).await.answer {
            Ok(report) => println!("{}", serde_json::to_string_pretty(&report)?),
            Err(error) => println!("{}: {}", error.name(), words::message(&error)),
        }
        let creates = stand_in.calls().get("CreateAccountAssignment").copied().unwrap_or(0);
        println!("CreateAccountAssignment calls: {creates}\n");
        show("Assignments now:");
    }
    Ok(())
}

/// Returns names by id, ARN and account id.
fn names(organization: &Organization) -> BTreeMap<String, String> {
    let accounts = organization.accounts.iter().map(|one| (one.id.clone(), one.name.clone()));
    let sets = organization.permission_sets.iter().map(|one| (one.arn.clone(), one.name.clone()));
    let groups = organization.groups.iter().map(|one| (one.id.clone(), one.name.clone()));
    let users = organization.users.iter().map(|one| (one.id.clone(), one.name.clone()));
    accounts.chain(sets).chain(groups).chain(users).collect()
}
