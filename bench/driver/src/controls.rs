//! Control Tower's controls: how many calls it takes to see that there is nothing to do, how long many operations take,
//! and how fast the files of CloudTrail are read.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use stand_in::{
    Organization, OrganizationalUnit, Settings, StandIn,
    lambda::{Function, Invocation},
};
use tempfile::TempDir;

use crate::{
    Failure,
    measure::Runs,
    program::{self, TIMEOUT, peak_memory},
};

/// Everything but the latency is a tenth of what it is in AWS: an operation takes a minute there, and the state machine
/// waits for five seconds between two steps.
const OPERATION: Duration = Duration::from_secs(6);
const WAIT: Duration = Duration::from_millis(500);
/// Of Control Tower.
const AT_ONCE: usize = 10;
const CONTROLS: usize = 8;

const FILES: usize = 400;
const RECORDS: usize = 1_000;
const RUNS: usize = 5;

#[derive(Debug)]
pub struct Controls {
    /// Calls to Control Tower and the catalogue by a step of a warm process, if 30 OUs have all of their 8 controls.
    pub calls: u64,
    /// Of 160 operations.
    pub operations: Runs,
    pub impact: Runs,
    /// One process that unpacks the same files.
    pub gunzip: Runs,
    /// The most memory of `assignctl controls impact`, in bytes.
    pub peak: u64,
    /// What the files have when they are unpacked, in bytes.
    pub read: usize,
}

impl Controls {
    /// Returns the least time that Control Tower needs for the operations.
    pub fn least() -> f64 {
        (20 * CONTROLS).div_ceil(AT_ONCE).max(CONTROLS) as f64 * OPERATION.as_secs_f64()
    }
}

pub async fn calls_and_operations() -> Result<(u64, Runs), Failure> {
    let mut few = Keeper::start(30, Duration::from_millis(1)).await?;
    few.run().await?;
    few.stand_in.forget_calls();
    let report = few.step().await?;
    let present = report["counts"]["present"].as_u64();
    if present != Some(30 * CONTROLS as u64) {
        return Err(format!("{present:?} controls are present").into());
    }
    let calls = few.calls();
    let mut many = Keeper::start(20, OPERATION).await?;
    let mut operations = Runs::default();
    let started = Instant::now();
    many.run().await?;
    operations.add(started.elapsed());
    Ok((calls, operations))
}

/// `control-keeper` and an organization whose OUs shall have each of the sample's controls.
struct Keeper {
    stand_in: StandIn,
    function: Function,
    _table: TempDir,
}

impl Keeper {
    async fn start(units: usize, operation: Duration) -> Result<Keeper, Failure> {
        let unit = |n: usize| OrganizationalUnit {
            id: format!("ou-ab12-a{n:07}"),
            name: format!("U{n}"),
            parent: "r-ab12".to_owned(),
        };
        let mut organization =
            Organization { organizational_units: (0..units).map(unit).collect(), ..Organization::sample() };
        organization.accounts.retain(|account| account.parent == "r-ab12");
        let mut table: Value = serde_json::from_slice(&fs::read(program::path("controls.json"))?)?;
        for row in table["controls"].as_array_mut().ok_or("the sample has no controls")? {
            row["ous"] = (0..units).map(|n| Value::from(format!("U{n}"))).collect();
        }
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("controls.json");
        fs::write(&path, table.to_string())?;
        let settings = Settings { control_operation: operation, ..Settings::default() };
        let stand_in = StandIn::new(organization, settings);
        let url = stand_in.start().await;
        let path = path.display().to_string();
        let environment = [("AWS_ENDPOINT_URL", url.as_str()), ("CONTROLS_FILE", path.as_str())];
        let program = program::path("target/release/control-keeper");
        let function = Function::start(&program, &environment).await;
        let function =
            function.map_err(|error| format!("{}: {error}; see `make bench`", program.display()))?;
        Ok(Keeper { stand_in, function, _table: directory })
    }

    async fn step(&mut self) -> Result<Value, Failure> {
        match self.function.invoke(&json!({ "controls": {} }).to_string(), TIMEOUT).await {
            Invocation::Answer(report) => Ok(report),
            other => Err(format!("control-keeper: {other:?}\n{}", self.function.log().join("\n")).into()),
        }
    }

    /// Steps until everything is there, as the state machine does.
    async fn run(&mut self) -> Result<(), Failure> {
        loop {
            let report = self.step().await?;
            match report["outcome"].as_str() {
                Some("working") => tokio::time::sleep(WAIT).await,
                Some("ready") => return Ok(()),
                _ => return Err(format!("control-keeper: {report:#}").into()),
            }
        }
    }

    /// Returns the calls to Control Tower and the catalogue.
    fn calls(&self) -> u64 {
        let of_organizations =
            ["ListRoots", "ListOrganizationalUnitsForParent", "ListPoliciesForTarget", "ListAccounts"];
        let calls = self.stand_in.calls();
        let others = calls.iter().filter(|(name, _)| !of_organizations.contains(&name.as_str()));
        others.map(|(_, count)| count).sum()
    }
}

/// Returns the times of `assignctl controls impact`, those of `gzip` for the same files, the most memory, and how much
/// was read.
pub async fn impact() -> Result<(Runs, Runs, u64, usize), Failure> {
    let directory = tempfile::tempdir()?;
    let events = directory.path().join("events");
    fs::create_dir(&events)?;
    let (files, read) = write_trail(&events)?;
    let snapshot = directory.path().join("org.json");
    let stand_in = StandIn::new(Organization::sample(), Settings::default());
    let url = stand_in.start().await;
    let program = program::path("target/release/assignctl");
    let mut taking = Command::new(&program);
    taking.args(["snapshot", "--output"]).arg(&snapshot).env_clear().envs([
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "any"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
    ]);
    let taken = tokio::task::spawn_blocking(move || taking.output()).await?;
    let taken = taken.map_err(|error| format!("{}: {error}; see `make bench`", program.display()))?;
    if !taken.status.success() {
        return Err(format!("snapshot: {}", String::from_utf8_lossy(&taken.stderr)).into());
    }
    let (mut ours, mut unpacking, mut peak) = (Runs::default(), Runs::default(), 0);
    for _ in 0..RUNS {
        let mut impact = Command::new(&program);
        impact.args(["controls", "impact", "--json", "--snapshot"]).arg(&snapshot);
        impact.arg("--events").arg(&events).arg("--table").arg(program::path("controls.json"));
        let (took, most) = run(impact.env_clear(), &[0, 1]).await?;
        ours.add(took);
        peak = peak.max(most);
        let (took, _) = run(Command::new("gzip").arg("-dc").args(&files), &[0]).await?;
        unpacking.add(took);
    }
    Ok((ours, unpacking, peak, read))
}

/// Runs a command whose answer goes nowhere, and returns its time and the most memory that it has had.
async fn run(command: &mut Command, codes: &[i32]) -> Result<(Duration, u64), Failure> {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    loop {
        // It may have ended since, and then has none.
        peak = peak.max(peak_memory(child.id()).unwrap_or(0));
        if let Some(status) = child.try_wait()? {
            let took = started.elapsed();
            return match status.code().filter(|code| codes.contains(code)) {
                Some(_) => Ok((took, peak)),
                None => Err(format!("{command:?}: {status}").into()),
            };
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Writes files as CloudTrail does: calls of all kinds, of which few would be denied. Returns their paths, and how much
/// they have unpacked.
fn write_trail(directory: &Path) -> Result<(Vec<PathBuf>, usize), Failure> {
    const CALLS: [(&str, &str); 6] = [
        ("ec2.amazonaws.com", "DescribeInstances"),
        ("sts.amazonaws.com", "AssumeRole"),
        ("kms.amazonaws.com", "Decrypt"),
        ("s3.amazonaws.com", "GetBucketAcl"),
        ("logs.amazonaws.com", "CreateLogStream"),
        ("dynamodb.amazonaws.com", "DescribeTable"),
    ];
    let accounts: Vec<String> =
        Organization::sample().accounts.into_iter().map(|account| account.id).collect();
    let (mut files, mut read) = (Vec::new(), 0);
    for file in 0..FILES {
        let account = &accounts[file % accounts.len()];
        let record = |number: usize| {
            let of = file * RECORDS + number;
            let (source, name) = match of % 5_000 {
                0 => ("ec2.amazonaws.com", "CreateInternetGateway"),
                _ => CALLS[of % CALLS.len()],
            };
            // What is random in a record is random here, or the files would be packed better than real ones.
            let id = of.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let role = format!("arn:aws:iam::{account}:role/service-{}", of % 40);
            json!({
                "eventVersion": "1.11", "eventID": format!("{id:016x}-{:08x}", id >> 7), "eventType": "AwsApiCall",
                "eventTime": format!("2026-11-{:02}T{:02}:{:02}:{:02}Z", 1 + of % 28, of % 24, of % 60, id % 60),
                "eventCategory": "Management", "eventSource": source, "eventName": name,
                "awsRegion": "eu-west-1", "recipientAccountId": account, "managementEvent": true, "readOnly": true,
                "sourceIPAddress": format!("10.{}.{}.{}", id % 256, (id >> 8) % 256, (id >> 16) % 256),
                "userAgent": "aws-sdk-rust/1.3.10 os/linux lang/rust/1.95.0",
                "requestID": format!("{:032x}", u128::from(id as u64) << 40),
                "requestParameters": { "filterSet": { "items": [{ "name": "vpc-id", "value": format!("vpc-{id:016x}") }] } },
                "responseElements": null,
                "tlsDetails": { "tlsVersion": "TLSv1.3", "cipherSuite": "TLS_AES_128_GCM_SHA256" },
                "userIdentity": {
                    "type": "AssumedRole", "accountId": account, "accessKeyId": format!("ASIA{id:016X}"),
                    "principalId": format!("AROA{:016X}:session-{id:08x}", of % 40),
                    "arn": format!("arn:aws:sts::{account}:assumed-role/service-{}/session-{id:08x}", of % 40),
                    "sessionContext": { "sessionIssuer": { "type": "Role", "arn": role, "accountId": account } },
                },
            })
        };
        let text = json!({ "Records": (0..RECORDS).map(record).collect::<Vec<_>>() }).to_string();
        read += text.len();
        let path = directory.join(format!("{account}_CloudTrail_eu-west-1_{file:04}.json.gz"));
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(text.as_bytes())?;
        fs::write(&path, packer.finish()?)?;
        files.push(path);
    }
    Ok((files, read))
}
