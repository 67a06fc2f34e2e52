//! The stand-in over sockets: the wire itself, the control endpoints, and the binary.

use crate::support::{CLASS_7, authorization, create, stand_in, target};
use serde_json::{Value, json};
use stand_in::{Fault, FaultKind, StandIn};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Returns the bytes of the answer to one HTTP request, as far as they come.
async fn exchange(url: &str, request: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.expect("a connection");
    let length = body.len();
    let text = format!(
        "{request} HTTP/1.1\r\nhost: stand-in\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await.expect("a sent request");
    let mut answer = Vec::new();
    // A reset connection is one of the answers that a cut may give.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("text")
}

async fn create_over_http(url: &str, account: &str) -> String {
    let target = target("CreateAccountAssignment");
    let headers = format!("x-amz-target: {target}\r\nauthorization: {}\r\n", authorization(&target));
    exchange(url, "POST /", &headers, &create(account).to_string()).await
}

async fn control(url: &str, request: &str, body: &Value) -> (u16, Value) {
    let answer = exchange(url, request, "", &body.to_string()).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, serde_json::from_str(body).unwrap_or_default())
}

#[tokio::test]
async fn a_cut_connection_gives_no_whole_answer_and_the_next_one_works() {
    for (kind, creations) in [(FaultKind::CutBefore, 0), (FaultKind::CutAfter, 1)] {
        let stand_in = stand_in();
        let url = stand_in.start().await;
        stand_in.set_faults(vec![Fault::on("*", kind).times(1)]);
        let cut = create_over_http(&url, CLASS_7).await;
        assert!(!cut.contains("RequestId"), "{cut}");
        assert!(cut.is_empty() || cut.contains("content-length: 1000"), "{cut}");
        assert_eq!(stand_in.creations().len(), creations);
        let whole = create_over_http(&url, "222233334444").await;
        assert!(whole.starts_with("HTTP/1.1 200"), "{whole}");
        assert!(whole.contains("content-type: application/x-amz-json-1.1"), "{whole}");
    }
}

#[tokio::test]
async fn the_control_endpoints_show_and_set_everything() {
    let stand_in = stand_in();
    let url = stand_in.start().await;
    create_over_http(&url, CLASS_7).await;
    let (_, creations) = control(&url, "GET /stand-in/creations", &Value::Null).await;
    assert_eq!(creations[0]["status"], "IN_PROGRESS");
    assert_eq!(creations[0]["assignment"]["account"], CLASS_7);
    let (_, history) = control(&url, "GET /stand-in/history", &Value::Null).await;
    assert_eq!(history[0]["operation"], "CreateAccountAssignment");
    assert!(history[0]["at"].is_f64());

    let faults = json!([
        { "operation": "*", "kind": { "Slow": { "millis": 1 } }, "probability": 0.5 },
        { "operation": "CreateAccountAssignment", "kind": "Conflict", "count": 1 },
    ]);
    assert_eq!(control(&url, "POST /stand-in/faults", &faults).await.0, 204);
    assert!(create_over_http(&url, "222233334444").await.starts_with("HTTP/1.1 409"));
    let typo = json!([{ "operation": "CreateAccountAssignmet", "kind": "Conflict" }]);
    let (status, answer) = control(&url, "POST /stand-in/faults", &typo).await;
    assert_eq!((status, answer["problems"].as_array().map(Vec::len)), (400, Some(1)));
    let (_, calls) = control(&url, "GET /stand-in/calls", &Value::Null).await;
    assert_eq!(calls, json!({ "CreateAccountAssignment": 2 }));

    assert_eq!(control(&url, "POST /stand-in/reset", &Value::Null).await.0, 204);
    for list in ["assignments", "creations", "history"] {
        assert_eq!(control(&url, &format!("GET /stand-in/{list}"), &Value::Null).await.1, json!([]));
    }
    let (_, mut organization) = control(&url, "GET /stand-in/organization", &Value::Null).await;
    organization["groups"][0]["name"] = json!("inspectors");
    assert_eq!(control(&url, "PUT /stand-in/organization", &organization).await.0, 204);
    assert_eq!(stand_in.organization().groups[0].name, "inspectors");
    organization["rootId"] = json!("root");
    assert_eq!(control(&url, "PUT /stand-in/organization", &organization).await.0, 400);
}

#[tokio::test]
async fn an_organization_with_ten_thousand_accounts_can_be_put() {
    let stand_in: StandIn = stand_in();
    let url = stand_in.start().await;
    let mut organization = stand_in.organization();
    let template = organization.accounts[1].clone();
    organization.accounts.extend(
        (0..10_000u64).map(|number| stand_in::Account { id: format!("8{number:011}"), ..template.clone() }),
    );
    let organization = serde_json::to_value(organization).expect("JSON");
    assert_eq!(control(&url, "PUT /stand-in/organization", &organization).await.0, 204);
    assert_eq!(stand_in.organization().accounts.len(), 10_008);
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn binary(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stand-in"));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[tokio::test]
async fn the_binary_prints_its_url_and_serves_there() {
    let mut process = Killed(binary(&["--port", "0", "--provisioning-ms", "0"]).spawn().expect("a process"));
    let mut lines =
        BufReader::new(process.0.stdout.take().expect("its output")).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    let url = first.rsplit(' ').next().unwrap_or_default().to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{first}");
    assert!(lines.next().unwrap_or_default().contains(&format!("AWS_ENDPOINT_URL={url}")));
    assert!(create_over_http(&url, CLASS_7).await.starts_with("HTTP/1.1 200"));
    let (_, assignments) = control(&url, "GET /stand-in/assignments", &Value::Null).await;
    assert_eq!(assignments[0]["account"], CLASS_7);
}

#[test]
fn bad_input_to_the_binary_is_one_line_and_status_2() {
    let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = |name: &str, text: &str| {
        let path = directory.join(name);
        std::fs::write(&path, text).expect("a written file");
        path.to_str().expect("a path in UTF-8").to_owned()
    };
    let sample = include_str!("../../organization.json");
    let faulty = file("faulty.json", &sample.replace("\"rootId\": \"r-ab12\"", "\"rootId\": \"R\""));
    let misspelt = file("misspelt.json", &sample.replace("\"groups\"", "\"group\""));
    let faults = file("faults.json", r#"[{ "operation": "Nothing", "kind": "Throttle" }]"#);
    let cases = [
        (["--organization", "/nonexistent"], "/nonexistent: "),
        (["--organization", &faulty], "RootId \"R\" must match"),
        (["--organization", &misspelt], "unknown field `group`"),
        (["--faults", &faults], "no operation is named \"Nothing\""),
    ];
    for (arguments, expected) in cases {
        let Output { status, stdout, stderr } = binary(&arguments).output().expect("a process");
        let stderr = String::from_utf8_lossy(&stderr);
        assert_eq!(status.code(), Some(2), "{arguments:?}");
        assert!(stdout.is_empty() && stderr.lines().count() == 1 && stderr.contains(expected), "{stderr}");
    }
}
