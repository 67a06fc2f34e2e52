//! The stand-in as a server, for `cargo lambda watch`, `sam local`, demos and curl. Listens on the loopback
//! interface unless it is given another address of this machine.

#![forbid(unsafe_code)]

use clap::Parser;
use serde::de::DeserializeOwned;
use stand_in::{Fault, Organization, Settings, StandIn};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::net::TcpListener;

/// Stands in for IAM Identity Center, its Identity Store, AWS Organizations and Control Tower.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The address to listen on. Docker's bridge, usually 172.17.0.1, lets in containers on Linux.
    #[arg(long, default_value_t = Ipv4Addr::LOCALHOST)]
    address: Ipv4Addr,
    /// 0 takes any free port.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// A JSON document of the organization to serve; the sample if none is given.
    #[arg(long, value_name = "FILE")]
    organization: Option<PathBuf>,
    /// How long a creation stays IN_PROGRESS.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 1000)]
    provisioning_ms: u64,
    /// How long every answer takes.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 10)]
    latency_ms: u64,
    /// The quota of Identity Center, over all its operations.
    #[arg(long, default_value_t = 20)]
    requests_per_second: usize,
    /// The quota of creations in progress.
    #[arg(long, default_value_t = 10)]
    outstanding: usize,
    /// How long an operation on a control takes once it runs.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 60_000)]
    control_operation_ms: u64,
    /// A JSON array of faults.
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
    /// The seed of every random choice, so that a run repeats.
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("stand-in: {problem}");
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let Arguments {
        address,
        port,
        organization,
        provisioning_ms,
        latency_ms,
        requests_per_second,
        outstanding,
        control_operation_ms,
        faults,
        seed,
    } = arguments;
    let settings = Settings {
        provisioning: Duration::from_millis(provisioning_ms),
        latency: Duration::from_millis(latency_ms),
        requests_per_second,
        outstanding,
        control_operation: Duration::from_millis(control_operation_ms),
        seed,
        ..Settings::default()
    };
    let organization =
        organization.as_deref().map_or_else(|| Ok(Organization::sample()), read_organization)?;
    let faults = faults.as_deref().map_or_else(|| Ok(Vec::new()), read_faults)?;
    let region = organization.region.clone();
    let stand_in = StandIn::new(organization, settings);
    stand_in.set_faults(faults);

    let listener =
        TcpListener::bind((address, port)).await.map_err(|fault| format!("{address}:{port}: {fault}"))?;
    let address = listener.local_addr().map_err(|fault| fault.to_string())?;
    println!("stand-in for AWS at http://{address}");
    println!(
        "use it: AWS_ENDPOINT_URL=http://{address} AWS_REGION={region} AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any <command>"
    );
    stand_in.serve(listener).await.map_err(|fault| fault.to_string())
}

fn read_organization(path: &Path) -> Result<Organization, String> {
    let organization: Organization = read(path)?;
    report(path, organization.faults()).map(|()| organization)
}

fn read_faults(path: &Path) -> Result<Vec<Fault>, String> {
    let faults: Vec<Fault> = read(path)?;
    report(path, faults.iter().filter_map(|fault| fault.check().err()).collect()).map(|()| faults)
}

fn report(path: &Path, problems: Vec<String>) -> Result<(), String> {
    if problems.is_empty() { Ok(()) } else { Err(format!("{}: {}", path.display(), problems.join("; "))) }
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = std::fs::read(path).map_err(|fault| format!("{}: {fault}", path.display()))?;
    serde_json::from_slice(&text).map_err(|fault| format!("{}: {fault}", path.display()))
}
