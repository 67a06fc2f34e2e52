//! The functions that are compared, and one process of them.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use stand_in::lambda::{Function, Invocation};

use crate::{
    Failure,
    world::{ACCOUNT, World},
};

/// Longer than anything that is measured.
pub const TIMEOUT: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Program {
    Function,
    Floor,
    /// Python, one creation after the other.
    Sequential,
    /// Python, ten threads.
    Pool,
}

/// Returns a path below the repository's root.
pub fn path(below: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(below)
}

impl Program {
    pub fn path(self) -> PathBuf {
        match self {
            Program::Function => path("target/release/account-assigner"),
            Program::Floor => path("target/release/floor"),
            Program::Sequential | Program::Pool => path(".venv-bench/bin/python"),
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Program::Function | Program::Floor => &[],
            Program::Sequential => &["-m", "awslambdaric", "baseline.sequential"],
            Program::Pool => &["-m", "awslambdaric", "baseline.pool"],
        }
    }

    /// Starts a process that finds `world`.
    pub async fn start(self, world: &World) -> Result<Process, Failure> {
        self.start_with(world, &[]).await
    }

    /// Starts a process that finds `world`, with other settings than it gives.
    pub async fn start_with(self, world: &World, others: &[(&str, &str)]) -> Result<Process, Failure> {
        let modules = path("bench").display().to_string();
        let mut environment: Vec<(&str, &str)> =
            world.environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        // What Lambda's own Python runtime sets; boto3 does not read AWS_REGION.
        environment.extend([("AWS_DEFAULT_REGION", "eu-west-1"), ("PYTHONPATH", &modules)]);
        environment.extend(others);
        let path = self.path();
        let function = Function::start_with(&path, self.arguments(), &environment).await;
        let function = function.map_err(|error| format!("{}: {error}; see `make bench`", path.display()))?;
        Ok(Process { program: self, function })
    }
}

/// Killed when it is dropped.
pub struct Process {
    program: Program,
    function: Function,
}

impl Process {
    /// Returns the time from the start of the process to its first request for work.
    pub async fn init(&mut self) -> Result<Duration, Failure> {
        match self.function.init().await {
            Some(init) => Ok(init),
            None => Err(self.failure("it ended before it asked for work")),
        }
    }

    /// Returns the time since the start of the process.
    pub fn age(&self) -> Duration {
        self.function.age()
    }

    /// Creates the account's grants. Every answer but `ready` is a failure of the benchmark.
    pub async fn ensure(&mut self) -> Result<Value, Failure> {
        self.ensure_account(ACCOUNT).await
    }

    /// The same for another account.
    pub async fn ensure_account(&mut self, account: &str) -> Result<Value, Failure> {
        self.invoke(&json!({ "accountId": account }), "ready").await
    }

    /// Looks up all that is needed, and creates nothing.
    pub async fn plan(&mut self) -> Result<Value, Failure> {
        self.invoke(&json!({ "accountId": ACCOUNT, "dryRun": true }), "planned").await
    }

    async fn invoke(&mut self, event: &Value, outcome: &str) -> Result<Value, Failure> {
        match self.function.invoke(&event.to_string(), TIMEOUT).await {
            Invocation::Answer(answer) if answer["outcome"] == outcome => Ok(answer),
            other => Err(self.failure(&format!("{other:?}"))),
        }
    }

    /// Returns the most memory that it has had resident so far, in bytes.
    pub fn peak_memory(&self) -> Result<u64, Failure> {
        peak_memory(self.function.id().ok_or_else(|| self.failure("it has ended"))?)
    }

    fn failure(&self, what: &str) -> Failure {
        format!("{:?}: {what}\n{}", self.program, self.function.log().join("\n")).into()
    }
}

/// Returns the most memory that a process has had resident so far, in bytes.
pub fn peak_memory(process: u32) -> Result<u64, Failure> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    let kilobytes: u64 = peak.ok_or("/proc shows no VmHWM")?.parse()?;
    Ok(kilobytes * 1024)
}
