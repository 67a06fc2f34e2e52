//! What the stand-in knows, and the way of every request through it: target, quota, signature, faults,
//! operation. Never waits: it returns how long the answer should take.

use crate::Settings;
use crate::access::{AccessState, allows};
use crate::enablement::Enablement;
use crate::fault::{Disturbance, Failure, Faults};
use crate::ledger::Ledger;
use crate::services::{self, Problem, Refusal, Request, Service};
use crate::world::World;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use axum::http::HeaderMap;
use fastrand::Rng;
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::Instant;

/// One request, as it was answered.
#[derive(Clone, Debug, Serialize)]
pub struct Call {
    /// Since the stand-in was made; in seconds, when serialized.
    #[serde(serialize_with = "crate::seconds")]
    pub at: Duration,
    /// The operation's name, or the whole target if that names none.
    pub operation: String,
    /// The HTTP status; 0 if the connection was cut.
    pub status: u16,
    /// The error's code; `ConnectionCut` if the connection was cut.
    pub error: Option<String>,
    /// The request's body; null if it is not JSON.
    pub request: Value,
}

pub(crate) struct Exchange {
    pub(crate) request_id: String,
    pub(crate) outcome: Result<Value, Failure>,
    pub(crate) delay: Duration,
}

pub(crate) struct State {
    pub(crate) world: World,
    pub(crate) settings: Settings,
    pub(crate) ledger: Ledger,
    pub(crate) enablement: Enablement,
    pub(crate) faults: Faults,
    pub(crate) rng: Rng,
    pub(crate) access: AccessState,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) history: Vec<Call>,
    /// Of the services that have a quota, by signing name.
    paces: HashMap<&'static str, Pace>,
    started: Instant,
    started_at: SystemTime,
}

impl State {
    pub(crate) fn new(world: World, settings: Settings) -> State {
        State {
            world,
            ledger: Ledger::default(),
            enablement: Enablement::default(),
            faults: Faults::default(),
            rng: Rng::with_seed(settings.seed),
            access: AccessState::default(),
            settings,
            calls: BTreeMap::new(),
            history: Vec::new(),
            paces: HashMap::new(),
            started: Instant::now(),
            started_at: SystemTime::now(),
        }
    }

    pub(crate) fn receive(&mut self, target: &str, headers: &HeaderMap, body: &[u8]) -> Exchange {
        self.exchange(services::find(target), target, headers, serde_json::from_slice(body))
    }

    /// Receives a request whose path names the operation. `query` has what AWS puts there: the paging of some services.
    pub(crate) fn receive_at(
        &mut self,
        path: &str,
        query: &str,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Exchange {
        let body = if body.is_empty() { b"{}" } else { body };
        let body = serde_json::from_slice::<Value>(body).map(|body| paged(body, query));
        let mut exchange = self.exchange(services::at(path), path, headers, body);
        // Control Tower writes members in small letters, and ends a list with an empty token.
        let is_list = path.starts_with("/list-") && query_of(path).is_none();
        if let (Ok(answer), true) = (&mut exchange.outcome, is_list)
            && let Some(members) = answer.as_object_mut()
        {
            let token = members.remove("NextToken").unwrap_or_else(|| Value::from(""));
            members.insert("nextToken".to_owned(), token);
        }
        exchange
    }

    fn exchange(
        &mut self,
        operation: Result<(&'static Service, &'static services::Operation), Refusal>,
        target: &str,
        headers: &HeaderMap,
        body: Result<Value, serde_json::Error>,
    ) -> Exchange {
        let at = Instant::now();
        self.ledger.settle(at);
        self.enablement.settle(at);
        self.access.settle(at);
        let request = body.as_ref().ok().cloned().unwrap_or_default();

        let mut delay = self.settings.latency;
        let name = operation.as_ref().map_or(target, |(_, operation)| operation.name).to_owned();
        let outcome = operation.map_err(Failure::from).and_then(|(service, operation)| {
            self.admit(service, operation.name, headers, at)?;
            let body =
                body.map_err(|fault| Refusal::new(400, "SerializationException", fault.to_string()))?;
            let Disturbance { before, cut_after, delay: slowness, staleness } =
                self.faults.of_call(service, operation.name, &body.to_string(), &mut self.rng);
            delay += slowness;
            if let Some(failure) = before {
                return Err(failure);
            }
            let page_size = self.settings.page_size;
            let answer = Request::new(service, operation, body, page_size, at, staleness)
                .and_then(|request| (operation.handler)(self, &request));
            if cut_after { Err(Failure::Cut) } else { answer.map_err(Failure::from) }
        });

        let (status, error) = match &outcome {
            Ok(_) => (200, None),
            Err(Failure::Refused(refusal)) => (refusal.status, Some(refusal.code.clone())),
            Err(Failure::Cut) => (0, Some("ConnectionCut".to_owned())),
        };
        *self.calls.entry(name.clone()).or_default() += 1;
        self.history.push(Call { at: self.since_start(at), operation: name, status, error, request });
        Exchange { request_id: self.uuid(), outcome, delay }
    }

    fn admit(
        &mut self,
        service: &Service,
        operation: &str,
        headers: &HeaderMap,
        at: Instant,
    ) -> Result<(), Refusal> {
        let within_quota = (service.requests_per_second)(&self.settings)
            .is_none_or(|quota| self.paces.entry(service.signing_name).or_default().admits(at, quota));
        service.authorize(headers, &self.world.organization.region)?;
        self.require_session(service, operation, headers)?;
        if within_quota { Ok(()) } else { Err(service.refuse(Problem::Throttled, "Rate exceeded")) }
    }

    /// Notes who asks. A session may do what its inline policy allows, and nothing else.
    fn require_session(
        &mut self,
        service: &Service,
        operation: &str,
        headers: &HeaderMap,
    ) -> Result<(), Refusal> {
        let (caller, region) = services::caller(headers);
        let denied = self.access.sessions.get(&caller).is_some_and(|session| {
            // IAM calls this one otherwise.
            let name =
                if operation == "GetBucketEncryption" { "GetEncryptionConfiguration" } else { operation };
            let action = format!("{}:{name}", service.signing_name);
            action != "sts:GetCallerIdentity" && !allows(&session.policy, &action)
        });
        (self.access.caller, self.access.region) = (caller, region);
        if !denied {
            return Ok(());
        }
        let what = format!("is not authorized to perform: {}:{operation}", service.signing_name);
        Err(service.refuse(Problem::AccessDenied, format!("User: operator@example.com {what}")))
    }

    /// Returns the account whose session asks; the management account if it is none.
    pub(crate) fn account_of_caller(&self) -> String {
        match self.access.sessions.get(&self.access.caller) {
            Some(session) => session.account.clone(),
            None => self.world.organization.management_account_id.clone(),
        }
    }

    /// Returns the most requests to the service that came within one second, the refused ones too.
    pub(crate) fn peak_requests_per_second(&self, service: &Service) -> usize {
        self.paces.get(service.signing_name).map_or(0, |pace| pace.peak)
    }

    /// Clears the history, the counts and the peaks.
    pub(crate) fn forget_calls(&mut self) {
        self.calls.clear();
        self.history.clear();
        self.paces.values_mut().for_each(|pace| pace.peak = 0);
        self.ledger.forget_peak();
        self.enablement.forget_peak();
    }

    pub(crate) fn since_start(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.started)
    }

    /// Returns a timestamp as AWS JSON 1.1 writes it.
    pub(crate) fn epoch_seconds(&self, instant: Instant) -> f64 {
        let time = self.started_at + self.since_start(instant);
        let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        millis as f64 / 1000.0
    }

    /// Returns a timestamp as Control Tower writes it.
    pub(crate) fn iso8601(&self, instant: Instant) -> String {
        let time = self.started_at + self.since_start(instant);
        let time = DateTime::from(time);
        time.fmt(Format::DateTime).unwrap_or_default()
    }

    pub(crate) fn uuid(&mut self) -> String {
        let digits = format!("{:032x}", self.rng.u128(..));
        [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
    }
}

/// The lists whose paging is in the query.
fn query_of(path: &str) -> Option<()> {
    ["/list-controls", "/list-control-mappings"].contains(&path).then_some(())
}

/// Returns the members with the paging as the other services write it.
fn paged(mut body: Value, query: &str) -> Value {
    let Some(members) = body.as_object_mut() else { return body };
    for (small, name) in [("nextToken", "NextToken"), ("maxResults", "MaxResults")] {
        if let Some(value) = members.remove(small) {
            members.insert(name.to_owned(), value);
        }
    }
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        match key {
            "nextToken" => _ = members.insert("NextToken".to_owned(), value.into()),
            "maxResults" => {
                let number: Value = value.parse::<u64>().map_or_else(|_| value.into(), Value::from);
                members.insert("MaxResults".to_owned(), number);
            }
            _ => {}
        }
    }
    body
}

/// Requests in the last second: those admitted, which the quota counts, and all that came.
#[derive(Default)]
struct Pace {
    admitted: VecDeque<Instant>,
    arrived: VecDeque<Instant>,
    peak: usize,
}

impl Pace {
    fn admits(&mut self, now: Instant, quota: usize) -> bool {
        for instants in [&mut self.admitted, &mut self.arrived] {
            while instants
                .front()
                .is_some_and(|&instant| now.saturating_duration_since(instant) >= Duration::from_secs(1))
            {
                instants.pop_front();
            }
        }
        self.arrived.push_back(now);
        self.peak = self.peak.max(self.arrived.len());
        let admits = self.admitted.len() < quota;
        if admits {
            self.admitted.push_back(now);
        }
        admits
    }
}
