//! A stand-in for the AWS services that account assignments and controls need: IAM Identity Center, its Identity
//! Store, AWS Organizations, account access manager, AWS Control Tower and its Control Catalog; and for what permission
//! sets from real use need of IAM, STS, CloudTrail and IAM Access Analyzer. For tests and development only; it must
//! never reach a deployment.
//!
//! It is stricter than AWS if AWS is unclear: identifiers must match their documented patterns, unknown
//! members are refused, quotas hold to the request, and nothing is assigned at once. It never verifies a
//! signature or checks an IAM permission. It depends on
//! no crate of this project, so that it cannot share a mistake with what it tests.
//!
//! ```text
//! wire (HTTP, in process) ─► state ─► services::find        which operation a request names
//! forms (XML, REST) ─► state          access                roles, their use, sessions and jobs
//! control (/stand-in/...) ─► state    fault                 what goes wrong with it, on order
//!                                     services/*            what the operation does ─► ledger (assignments)
//!                                                                                   ─► enablement (controls)
//!                                                                                   ─► world (organization)
//! ```
//! `lambda` is apart from the rest: the Lambda runtime API for one function process. It is not a service that a
//! function calls: it calls the function.

#![forbid(unsafe_code)]

mod access;
mod control;
mod enablement;
mod fault;
mod forms;
mod identifier;
pub mod lambda;
mod landing_zone;
mod ledger;
mod services;
mod state;
pub mod template;
mod wire;
mod world;

pub use access::{Access, AccountAccess, Reference, SetContent};
pub use enablement::{EnabledControl, EnablementStatus, OperationType, Parameters};
pub use fault::{Fault, FaultKind};
pub use landing_zone::{Control, LandingZone, LandingZoneStatus};
pub use ledger::{Assignment, Creation, CreationStatus};
pub use state::Call;
pub use world::{
    Account, AccountState, Application, Entitlement, Group, Organization, OrganizationalUnit, PermissionSet,
    User,
};

use crate::fault::Faults;
use crate::ledger::Ledger;
use crate::state::State;
use crate::world::World;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use axum::serve::ListenerExt;
use serde::Serializer;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::Instant;

#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a creation stays IN_PROGRESS.
    pub provisioning: Duration,
    /// The most that is added to it, by chance.
    pub provisioning_jitter: Duration,
    /// How long every answer takes.
    pub latency: Duration,
    /// The quota of Identity Center, over all its operations, in any second.
    pub requests_per_second: usize,
    /// The quota of creations in progress.
    pub outstanding: usize,
    pub identity_store_requests_per_second: usize,
    /// The longest page; no page is longer than AWS would make it (100, in Organizations 20).
    pub page_size: usize,
    /// The seed of every random choice, so that a run repeats.
    pub seed: u64,
    /// Whether Organizations returns the `Paths` of an account.
    pub paths: bool,
    /// Whether ListAccountAssignmentCreationStatus begins with the oldest.
    pub history_oldest_first: bool,
    /// Whether the list of creations says IN_PROGRESS of every creation for ever, as an emulator of others does.
    pub history_in_progress: bool,
    /// Whether a creation is refused while another one in the same account is under way.
    pub one_creation_an_account: bool,
    /// How long an operation on a control takes once it runs.
    pub control_operation: Duration,
    /// How many of them run at once. The others wait.
    pub control_operations_running: usize,
    /// How many may be in progress, those that wait included.
    pub control_operations: usize,
    /// Whether an operation on a control is refused while another one on the same OU is in progress.
    pub one_control_operation_a_unit: bool,
    /// The quota of Control Tower, if it has one.
    pub control_tower_requests_per_second: Option<usize>,
    /// Whether ListEnabledControls takes a request without a target.
    pub unscoped_lists: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            provisioning: Duration::from_secs(1),
            provisioning_jitter: Duration::ZERO,
            latency: Duration::from_millis(10),
            requests_per_second: 20,
            outstanding: 10,
            identity_store_requests_per_second: 20,
            page_size: 100,
            seed: 0,
            paths: true,
            history_oldest_first: false,
            history_in_progress: false,
            one_creation_an_account: false,
            control_operation: Duration::from_secs(60),
            control_operations_running: 10,
            control_operations: 100,
            one_control_operation_a_unit: true,
            control_tower_requests_per_second: None,
            unscoped_lists: true,
        }
    }
}

#[derive(Clone)]
pub struct StandIn(Arc<Mutex<State>>);

impl StandIn {
    pub fn new(organization: Organization, settings: Settings) -> StandIn {
        StandIn(Arc::new(Mutex::new(State::new(World::new(organization), settings))))
    }

    pub fn router(&self) -> Router {
        let named = post(wire::rest_json).get(forms::get_bucket).put(forms::put_bucket_policy);
        let router = forms::routes().route("/", post(wire::aws_json)).route("/{operation}", named);
        let router =
            control::routes().into_iter().fold(router, |router, (path, method)| router.route(path, method));
        router.layer(DefaultBodyLimit::disable()).with_state(self.clone())
    }

    pub async fn serve(&self, listener: TcpListener) -> io::Result<()> {
        let listener = listener.tap_io(|connection| {
            // Without it small answers may wait for an acknowledgement. A socket that refuses it is only slower.
            let _ = connection.set_nodelay(true);
        });
        axum::serve(listener, self.router()).await
    }

    /// Serves on a free port of the loopback interface and returns the URL.
    ///
    /// # Panics
    /// If the machine has no such port.
    pub async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port on 127.0.0.1");
        let address = listener.local_addr().expect("a bound listener has an address");
        let stand_in = self.clone();
        tokio::spawn(async move { stand_in.serve(listener).await });
        format!("http://{address}")
    }

    /// Returns an HTTP client for the SDK that needs no socket, so that a paused clock rules every delay.
    pub fn http_client(&self) -> SharedHttpClient {
        wire::in_process_client(self.router())
    }

    /// Returns the assignments that are in effect, whether or not reads see them yet.
    pub fn assignments(&self) -> BTreeSet<Assignment> {
        self.settled().ledger.assignments()
    }

    pub fn put_assignment(&self, assignment: Assignment) {
        self.settled().ledger.put(assignment);
    }

    pub fn remove_assignment(&self, assignment: &Assignment) {
        self.settled().ledger.remove(assignment);
    }

    /// Returns how often each operation was called, with any answer.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.state().calls.clone()
    }

    pub fn history(&self) -> Vec<Call> {
        self.state().history.clone()
    }

    /// Returns every accepted creation, in the order of acceptance, with its status now.
    pub fn creations(&self) -> Vec<Creation> {
        let (state, now) = (self.settled(), Instant::now());
        state.ledger.creations().map(|creation| creation.seen(&state, now)).collect()
    }

    /// Does the same for deletions.
    pub fn deletions(&self) -> Vec<Creation> {
        let (state, now) = (self.settled(), Instant::now());
        state.ledger.deletions().map(|deletion| deletion.seen(&state, now)).collect()
    }

    /// Returns the controls that are listed as enabled, ordered by ARN.
    pub fn enabled_controls(&self) -> Vec<EnabledControl> {
        self.settled().enablement.enabled().cloned().collect()
    }

    /// Enables a control at once, as if by hand in the console.
    pub fn put_enabled_control(&self, control: &str, target: &str, parameters: Parameters) -> String {
        let mut state = self.settled();
        let id: String = state.uuid().replace('-', "").chars().take(16).collect();
        let organization = &state.world.organization;
        let (region, account) = (&organization.region, &organization.management_account_id);
        let arn = format!("arn:aws:controltower:{region}:{account}:enabledcontrol/{}", id.to_uppercase());
        let found = organization.landing_zone.control(control);
        let control_id = found.map_or(control, |control| &control.id).to_owned();
        // Enabled so long ago that the operation is forgotten.
        let last_operation = state.uuid();
        state.enablement.put(EnabledControl {
            arn: arn.clone(),
            control: control.to_owned(),
            control_id,
            target: target.to_owned(),
            parameters,
            status: EnablementStatus::Succeeded,
            drifted: false,
            last_operation,
        });
        arn
    }

    /// Changes the enabled controls, as something else than Control Tower would.
    pub fn edit_enabled_controls(&self, change: impl FnOnce(&mut BTreeMap<String, EnabledControl>)) {
        self.settled().enablement.edit(change);
    }

    /// Returns the most control operations that were in progress at once.
    pub fn peak_control_operations(&self) -> usize {
        self.state().enablement.peak()
    }

    /// Clears the history, the counts and the peaks.
    pub fn forget_calls(&self) {
        self.settled().forget_calls();
    }

    /// Replaces the faults.
    ///
    /// # Panics
    /// If [`Fault::check`] finds one that can never fire as it says.
    pub fn set_faults(&self, faults: Vec<Fault>) {
        for fault in &faults {
            fault.check().expect("a fault that can fire");
        }
        self.state().faults = Faults(faults);
    }

    /// Changes the world. The result is not checked: a test may want a broken one.
    pub fn edit(&self, change: impl FnOnce(&mut Organization)) {
        let mut state = self.state();
        let mut organization = state.world.organization.clone();
        change(&mut organization);
        state.world = World::new(organization);
    }

    pub fn organization(&self) -> Organization {
        self.state().world.organization.clone()
    }

    /// Replaces what is known of roles and their use, and forgets sessions and jobs.
    pub fn set_access(&self, document: Access) {
        self.state().access = access::AccessState::new(document);
    }

    /// Returns what the sets and accounts are now.
    pub fn access(&self) -> Access {
        self.state().access.document.clone()
    }

    /// Changes it as somebody else would: what is provisioned stays as it was.
    pub fn edit_access(&self, change: impl FnOnce(&mut Access)) {
        change(&mut self.state().access.document);
    }

    /// Returns what the role of a set has in an account.
    pub fn on_role(&self, account: &str, permission_set: &str) -> SetContent {
        self.settled().access.on_role(account, permission_set)
    }

    /// Returns the policy of the log bucket.
    pub fn bucket_policy(&self) -> Option<serde_json::Value> {
        self.state().access.document.trail.as_ref()?.bucket_policy.clone()
    }

    /// Changes the policy of the log bucket, as somebody else would.
    pub fn edit_bucket_policy(&self, change: impl FnOnce(&mut serde_json::Value)) {
        if let Some(trail) = self.state().access.document.trail.as_mut() {
            change(trail.bucket_policy.get_or_insert_default());
        }
    }

    /// Returns the most creations that were in progress at once.
    pub fn peak_outstanding(&self) -> usize {
        self.state().ledger.peak_outstanding()
    }

    /// Returns the most requests to Identity Center that came within one second, the refused ones too.
    pub fn peak_requests_per_second(&self) -> usize {
        self.state().peak_requests_per_second(&services::identity_center::SERVICE)
    }

    fn reset(&self) {
        self.state().faults = Faults::default();
        self.state().ledger = Ledger::default();
        self.state().enablement = enablement::Enablement::default();
        self.forget_calls();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settled(&self) -> MutexGuard<'_, State> {
        let mut state = self.state();
        let now = Instant::now();
        state.ledger.settle(now);
        state.enablement.settle(now);
        state.access.settle(now);
        state
    }
}

fn seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
