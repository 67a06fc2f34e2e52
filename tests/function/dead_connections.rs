//! Connections that a firewall or a NAT gateway has forgotten: what is sent over them vanishes. Over the wire, because
//! the pool of connections is what is tested.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use stand_in::{
    Settings, StandIn,
    lambda::{Function, Invocation},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::Instant,
};
use world::{CLASS_7, rows_for, table_of, with_permission_sets};

const ROWS: usize = 20;
/// What one timeout of a read takes, in `aws::client`.
const ONE_TIMEOUT: Duration = Duration::from_secs(10);

/// A forwarder that can forget the connections it has.
#[derive(Default)]
struct Gateway {
    opened: usize,
    /// Connections with a lower number are forgotten.
    forgotten: usize,
    /// The connection and the time of everything that vanished.
    vanished: Vec<(usize, Instant)>,
}

type Shared = Arc<Mutex<Gateway>>;

impl Gateway {
    async fn start(behind: &str) -> (String, Shared) {
        let (gateway, behind) = (Shared::default(), behind.trim_start_matches("http://").to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = gateway.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = shared.lock().unwrap().opened;
                shared.lock().unwrap().opened += 1;
                tokio::spawn(forward(number, client, behind.clone(), shared.clone()));
            }
        });
        (url, gateway)
    }
}

async fn forward(number: usize, client: TcpStream, behind: String, gateway: Shared) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = TcpStream::connect(behind).await.unwrap().into_split();
    tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
    let mut bytes = [0; 65_536];
    while let Ok(read @ 1..) = from_client.read(&mut bytes).await {
        let forgotten = {
            let mut gateway = gateway.lock().unwrap();
            let forgotten = number < gateway.forgotten;
            if forgotten {
                gateway.vanished.push((number, Instant::now()));
            }
            forgotten
        };
        if !forgotten && to_server.write_all(&bytes[..read]).await.is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn forgotten_connections_cost_one_timeout_and_not_one_each() {
    let settings = Settings {
        provisioning: Duration::from_millis(100),
        // Slow enough that requests at the same time take a connection each.
        latency: Duration::from_millis(100),
        requests_per_second: 1_000,
        identity_store_requests_per_second: 1_000,
        outstanding: 100,
        ..Settings::default()
    };
    let stand_in = StandIn::new(with_permission_sets(ROWS), settings);
    let (url, gateway) = Gateway::start(&stand_in.start().await).await;
    let table = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(table.path(), table_of(rows_for(ROWS)).to_string()).unwrap();
    let environment = [
        ("AWS_ENDPOINT_URL", url.as_str()),
        ("ASSIGNMENTS_FILE", table.path().to_str().unwrap()),
        ("MAX_OUTSTANDING", "15"),
        ("MAX_REQUESTS_PER_SECOND", "100"),
    ];
    let program = Path::new(env!("CARGO_BIN_EXE_account-assigner"));
    let mut function = Function::start(program, &environment).await.unwrap();

    let first = json!({ "accountId": CLASS_7 }).to_string();
    let first = function.invoke(&first, Duration::from_secs(60)).await;
    assert!(matches!(first, Invocation::Answer(_)), "{first:?}");
    let opened = {
        let mut gateway = gateway.lock().unwrap();
        gateway.forgotten = gateway.opened;
        gateway.opened
    };
    assert!(opened > 5, "the pool has {opened} connections");

    let second = json!({ "accountId": "222233334444" }).to_string();
    let second = function.invoke(&second, Duration::from_secs(100)).await;
    let Invocation::Answer(second) = second else { panic!("{second:?}") };
    assert_eq!(second["counts"]["created"], ROWS, "{second}");

    let gateway = gateway.lock().unwrap();
    let used: BTreeSet<usize> = gateway.vanished.iter().map(|(number, _)| *number).collect();
    let (first, last) = (gateway.vanished[0].1, gateway.vanished.last().unwrap().1);
    assert!(used.len() < opened, "the pool is given up before all of its {opened} connections are tried");
    assert!(
        last - first < ONE_TIMEOUT,
        "{} of {opened} old connections were used, the last one {:?} after the first",
        used.len(),
        last - first
    );
}
