//! A world that listens, and a program in front of it.

use std::{ops::Deref, path::Path, time::Duration};

use serde_json::{Value, json};
use snapbox::cmd::Command;
use stand_in::{Organization, Settings};
use tempfile::NamedTempFile;
use tokio::runtime::Runtime;

use crate::{REPOSITORY, World};

pub struct Served {
    world: World,
    url: String,
    program: &'static str,
    /// Serves until the world ends.
    _runtime: Runtime,
}

impl Deref for Served {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl Served {
    pub fn new(program: &'static str) -> Served {
        Served::with(program, Organization::sample(), Duration::from_millis(300))
    }

    pub fn with(program: &'static str, organization: Organization, provisioning: Duration) -> Served {
        let settings = Settings {
            provisioning,
            control_operation: provisioning,
            latency: Duration::from_millis(1),
            requests_per_second: 1_000,
            identity_store_requests_per_second: 1_000,
            ..Settings::default()
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.unwrap();
        let world = runtime.block_on(World::with(json!([]), organization, settings, &[]));
        let url = runtime.block_on(world.stand_in.start());
        Served { world, url, program, _runtime: runtime }
    }

    /// Returns a world that already has one of the wanted assignments, and one that no row explains.
    pub fn with_drift(program: &'static str) -> Served {
        let world = Served::new(program);
        world.put("111122223333", "ReadOnlyAccess", "auditors");
        world.put("111122223333", "DatabaseAdministrator", "oncall@example.com");
        world.put("123456789012", "AdministratorAccess", "platform-admins");
        world
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the program in the directory of the sample table. Its environment has only what tests give it.
    pub fn program(program: &'static str, arguments: &[&str]) -> Command {
        Command::new(program)
            .env_clear()
            .current_dir(format!("{REPOSITORY}/examples"))
            .timeout(Duration::from_secs(120))
            .args(arguments)
    }

    pub fn run(&self, arguments: &[&str]) -> Command {
        Served::program(self.program, arguments).envs(self.environment())
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

    pub fn json(&self, arguments: &[&str], code: i32) -> Value {
        let done = self.run(arguments).arg("--json").assert().code(code);
        serde_json::from_slice(&done.get_output().stdout).unwrap()
    }

    pub fn stdout(&self, arguments: &[&str], code: i32) -> String {
        let done = self.run(arguments).assert().code(code);
        String::from_utf8(done.get_output().stdout.clone()).unwrap()
    }

    pub fn snapshot(&self) -> NamedTempFile {
        self.snapshot_with(&[])
    }

    pub fn snapshot_with(&self, more: &[&str]) -> NamedTempFile {
        let file = NamedTempFile::new().unwrap();
        self.run(&["snapshot", "--output"]).arg(file.path()).args(more).assert().success();
        file
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
