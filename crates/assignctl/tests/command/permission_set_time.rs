//! How long `permission-set usage` takes: accounts are read at the same time. In this process, on a paused clock.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use assigner_aws::{
    client::{self, Tally},
    control_tower::ControlTower,
    identity_center::{IdentityCenter, Options},
    organizations::Organizations,
    permissions::Sessions,
};
use assigner_core::{permissions::usage::Source, work::Manners};
use assigner_engine::{
    clock,
    permissions::usage::{self, Ask, Aws},
};
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use serde_json::{Value, json};
use stand_in::{Account, Organization, Settings, StandIn};
use tokio::time::Instant;

use crate::permission_set_usage::{access, account};

/// Returns how long it takes to read accounts whose jobs take so many seconds.
async fn time(seconds: &[u64]) -> Duration {
    let mut organization = Organization::sample();
    let like = organization.accounts.iter().find(|account| account.name == "class-7").unwrap().clone();
    let mut accounts = serde_json::Map::new();
    for (number, seconds) in seconds.iter().enumerate() {
        let id = format!("300000000{number:03}");
        let name = format!("lab-{number}");
        organization.accounts.push(Account { id: id.clone(), name, email: None, ..like.clone() });
        let mut document = account();
        document["jobMillis"] = json!(seconds * 1_000);
        accounts.insert(id, document);
    }
    let stand_in = StandIn::new(organization, Settings::default());
    stand_in.set_access(serde_json::from_value(access(Value::Object(accounts))).unwrap());
    let credentials = Credentials::new("test", "test", None, None, "test");
    let sdk = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(stand_in.http_client())
        .retry_config(client::until_the_deadline())
        .load()
        .await;
    let tally = Arc::new(Tally::default());
    let options = Options { max_requests_per_second: 15, manners: Manners::GoesFirst, ..Options::default() };
    let center = IdentityCenter::new(&options, &sdk, tally.clone()).unwrap();
    let organizations = Organizations::new(&sdk, tally.clone());
    let tower = ControlTower::new(&sdk, tally.clone());
    let sessions = Sessions::new(&sdk, tally);
    let ask = Ask {
        set: "PowerUserAccess".to_owned(),
        days: 90,
        sources: BTreeSet::from([Source::Generated, Source::LastAccessed]),
        role: "AWSControlTowerExecution".to_owned(),
        day: clock::day(SystemTime::now()),
    };
    let began = Instant::now();
    let aws = Aws { center: &center, organizations: &organizations, tower: &tower, sessions: &sessions };
    let read = usage::read(aws, &ask, None, &|_| {}).await.unwrap();
    assert_eq!(read.accounts.len(), seconds.len());
    let failures: Vec<_> = read.accounts.iter().flat_map(|account| &account.failures).collect();
    assert!(failures.is_empty(), "{failures:?}");
    began.elapsed()
}

#[test]
fn a_hundred_accounts_take_hardly_longer_than_the_slowest_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.unwrap();
    // A policy generation was seen to take 210 s.
    let jobs: Vec<u64> = (0..100).map(|number| 30 + number % 10 * 20).collect();
    let slowest = runtime.block_on(time(&[210]));
    let all = runtime.block_on(time(&jobs));
    assert!(all <= slowest.mul_f64(1.2), "{all:?} next to {slowest:?}");
}
