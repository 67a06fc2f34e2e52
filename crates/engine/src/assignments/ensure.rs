//! One account's grants, from names to what became of each: reads, and creates only what is missing.
//!
//! Every grant that goes in comes out with a status, whatever happens and however little time there is.

use std::collections::BTreeSet;

use tokio::time::{Instant, timeout_at};

use crate::{
    apply::{self, Limits},
    failure::CallError,
    identity_center::IdentityCenter,
    ids::AccountId,
    names::Names,
    plan::{Assignment, Grant, Obstacle, Resolved},
    report::{Settled, Status},
};

/// Makes the account have the grants. A dry run stops before anything is created.
pub async fn ensure<'t>(
    center: &IdentityCenter,
    names: &Names,
    account: &AccountId,
    grants: Vec<Grant<'t>>,
    dry_run: bool,
    limits: Limits,
) -> Vec<(Resolved<'t>, Settled)> {
    if grants.is_empty() {
        return Vec::new();
    }
    let read = timeout_at(limits.until, read(center, names, account, &grants)).await;
    let Ok((grants, in_progress)) = read else {
        return grants.into_iter().map(not_read).collect();
    };
    let missing: Vec<Assignment> = grants.iter().filter_map(|(_, state)| state.missing().cloned()).collect();
    let created = if dry_run || missing.is_empty() {
        missing.into_iter().map(|_| Status::Planned.into()).collect()
    } else {
        apply::create(center, missing, in_progress, limits, None).await
    };
    let mut created = created.into_iter();
    let settled = grants.into_iter().map(|(resolved, state)| match state {
        State::Settled(status) => (resolved, status.into()),
        State::Missing(_) => (resolved, created.next().unwrap_or_else(|| pending("nothing came of it"))),
    });
    let settled: Vec<(Resolved<'t>, Settled)> = settled.collect();
    for (resolved, settled) in &settled {
        if let (Ok(arn), Status::Failed { .. } | Status::Unresolved { .. }) =
            (&resolved.permission_set, &settled.status)
        {
            names.forget(arn);
        }
    }
    settled
}

/// A grant after reading.
enum State {
    Settled(Status),
    Missing(Assignment),
}

impl State {
    fn missing(&self) -> Option<&Assignment> {
        match self {
            State::Missing(assignment) => Some(assignment),
            State::Settled(_) => None,
        }
    }
}

/// Looks up the names and what is present. Also the creations that were under way before that.
async fn read<'t>(
    center: &IdentityCenter,
    names: &Names,
    account: &AccountId,
    grants: &[Grant<'t>],
) -> (Vec<(Resolved<'t>, State)>, Vec<String>) {
    let started = Instant::now();
    loop {
        // What is under way is read before what is there, so that a creation which ends in between is seen.
        let there = async {
            let in_progress = center.creations_in_progress().await;
            (in_progress, center.provisioned_permission_sets(account).await)
        };
        let (resolved, (in_progress, provisioned)) =
            tokio::join!(names.resolve(center, grants.to_vec()), there);
        let read = presence(center, account, resolved, provisioned).await;
        let missing: BTreeSet<&str> = read
            .iter()
            .filter_map(|(_, state)| state.missing())
            .map(|assignment| assignment.permission_set.as_str())
            .collect();
        match names.confirm(center, missing, started).await {
            // What was wrong is forgotten, and what is looked up now needs no confirmation.
            Ok(false) => {}
            // Where AWS does not say, creating will.
            Ok(true) | Err(_) => return (read, in_progress),
        }
    }
}

async fn presence<'t>(
    center: &IdentityCenter,
    account: &AccountId,
    resolved: Vec<Resolved<'t>>,
    provisioned: Result<Vec<String>, CallError>,
) -> Vec<(Resolved<'t>, State)> {
    let wanted: Vec<_> = resolved.iter().map(|grant| grant.assignment(account)).collect();
    let known: Vec<&Assignment> = wanted.iter().flatten().collect();
    let mut present = apply::present(center, account, &known, provisioned).await.into_iter();
    let states: Vec<State> = wanted
        .into_iter()
        .map(|wanted| match wanted {
            Err(obstacle) => State::Settled(apply::obstructed(&obstacle)),
            Ok(assignment) => match present.next() {
                Some(Ok(true)) => State::Settled(Status::Present),
                Some(Err(error)) => State::Settled(apply::settle(&error)),
                Some(Ok(false)) | None => State::Missing(assignment),
            },
        })
        .collect();
    resolved.into_iter().zip(states).collect()
}

fn not_read(grant: Grant<'_>) -> (Resolved<'_>, Settled) {
    let reason = "the time ran out while names and present assignments were looked up";
    let unread = Obstacle::Unknown(reason.to_owned());
    let resolved = Resolved {
        grant,
        permission_set_name: None,
        permission_set: Err(unread.clone()),
        principal: Err(unread),
    };
    (resolved, pending(reason))
}

fn pending(reason: &str) -> Settled {
    Status::Pending { reason: reason.to_owned() }.into()
}
