//! A stand-in for AWS that listens, and the command in front of it.

use std::{path::Path, time::Duration};

use snapbox::cmd::Command;
use stand_in::{Assignment, Organization, Settings, StandIn};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

pub struct World {
    pub stand_in: StandIn,
    url: String,
    /// Serves until the world ends.
    _runtime: Runtime,
}

/// The command with nothing of the environment but what tests give it.
pub fn assignctl(arguments: &[&str]) -> Command {
    Command::new(env!("CARGO_BIN_EXE_assignctl"))
        .env_clear()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .timeout(Duration::from_secs(120))
        .args(arguments)
}

impl World {
    pub fn new() -> World {
        World::with(Organization::sample(), Duration::from_millis(300))
    }

    pub fn with(organization: Organization, provisioning: Duration) -> World {
        let settings = Settings {
            provisioning,
            latency: Duration::from_millis(1),
            requests_per_second: 1_000,
            identity_store_requests_per_second: 1_000,
            ..Settings::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let stand_in = StandIn::new(organization, settings);
        let url = runtime.block_on(stand_in.start());
        World { stand_in, url, _runtime: runtime }
    }

    /// What the sample organization has in AWS before: one of the wanted assignments, and one that no row explains.
    pub fn with_drift() -> World {
        let world = World::new();
        world.put("111122223333", "ReadOnlyAccess", "auditors");
        world.put("111122223333", "DatabaseAdministrator", "oncall@example.com");
        world.put("123456789012", "AdministratorAccess", "platform-admins");
        world
    }

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
        let assignment = serde_json::json!({
            "account": account, "permissionSet": set.arn, "principalType": kind, "principalId": id,
        });
        self.stand_in.put_assignment(serde_json::from_value::<Assignment>(assignment).unwrap());
    }

    pub fn run(&self, arguments: &[&str]) -> Command {
        assignctl(arguments).envs(self.environment())
    }

    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", self.url.clone()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "any".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "any".to_owned()),
            // The stand-in has a wide quota here, since these tests are not about the pace.
            ("MAX_REQUESTS_PER_SECOND", "100".to_owned()),
        ]
    }

    pub fn json(&self, arguments: &[&str], code: i32) -> serde_json::Value {
        let told = self.run(arguments).arg("--json").assert().code(code);
        serde_json::from_slice(&told.get_output().stdout).unwrap()
    }

    pub fn stdout(&self, arguments: &[&str], code: i32) -> String {
        let told = self.run(arguments).assert().code(code);
        String::from_utf8(told.get_output().stdout.clone()).unwrap()
    }

    pub fn snapshot(&self) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        self.run(&["snapshot", "--output"]).arg(file.path()).assert().success();
        file
    }

    pub fn creates(&self) -> u64 {
        self.stand_in.calls().get("CreateAccountAssignment").copied().unwrap_or(0)
    }

    pub fn file(text: &str) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }
}

pub fn path(file: &NamedTempFile) -> &str {
    let path: &Path = file.path();
    path.to_str().unwrap()
}
