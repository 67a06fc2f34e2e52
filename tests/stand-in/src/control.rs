//! The control endpoints under `/stand-in/`: plain JSON for people with curl and for tests in other
//! languages. Never signed, and no part of AWS.

use crate::{Access, Assignment, Call, Creation, EnabledControl, Fault, Organization, StandIn};
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::routing::{MethodRouter, get, post, put};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

type Reply = Result<StatusCode, (StatusCode, Json<Value>)>;

pub(crate) fn routes() -> [(&'static str, MethodRouter<StandIn>); 9] {
    [
        ("/stand-in/assignments", get(assignments)),
        ("/stand-in/calls", get(calls)),
        ("/stand-in/history", get(history)),
        ("/stand-in/creations", get(creations)),
        ("/stand-in/controls", get(controls)),
        ("/stand-in/faults", post(set_faults)),
        ("/stand-in/reset", post(reset)),
        ("/stand-in/access", put(put_access)),
        ("/stand-in/organization", get(organization).put(put_organization)),
    ]
}

async fn assignments(State(stand_in): State<StandIn>) -> Json<BTreeSet<Assignment>> {
    Json(stand_in.assignments())
}

async fn calls(State(stand_in): State<StandIn>) -> Json<BTreeMap<String, u64>> {
    Json(stand_in.calls())
}

async fn history(State(stand_in): State<StandIn>) -> Json<Vec<Call>> {
    Json(stand_in.history())
}

async fn creations(State(stand_in): State<StandIn>) -> Json<Vec<Creation>> {
    Json(stand_in.creations())
}

async fn controls(State(stand_in): State<StandIn>) -> Json<Vec<EnabledControl>> {
    Json(stand_in.enabled_controls())
}

async fn set_faults(State(stand_in): State<StandIn>, Json(faults): Json<Vec<Fault>>) -> Reply {
    let problems: Vec<String> = faults.iter().filter_map(|fault| fault.check().err()).collect();
    accept(problems, || stand_in.set_faults(faults))
}

async fn reset(State(stand_in): State<StandIn>) -> StatusCode {
    stand_in.reset();
    StatusCode::NO_CONTENT
}

async fn organization(State(stand_in): State<StandIn>) -> Json<Organization> {
    Json(stand_in.organization())
}

async fn put_organization(State(stand_in): State<StandIn>, Json(organization): Json<Organization>) -> Reply {
    accept(organization.faults(), || stand_in.edit(|current| *current = organization))
}

async fn put_access(State(stand_in): State<StandIn>, Json(access): Json<Access>) -> StatusCode {
    stand_in.set_access(access);
    StatusCode::NO_CONTENT
}

fn accept(problems: Vec<String>, change: impl FnOnce()) -> Reply {
    if problems.is_empty() {
        change();
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err((StatusCode::BAD_REQUEST, Json(json!({ "problems": problems }))))
    }
}
