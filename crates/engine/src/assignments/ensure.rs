//! One account's grants, from names to what became of each: reads, and creates only what is missing.
//!
//! Every grant that goes in comes out with a status, whatever happens and however little time there is.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use assigner_aws::identity_center::IdentityCenter;
use assigner_core::{
    assignments::plan::{Assignment, Grant, Resolved},
    cause::CallError,
    ids::AccountId,
    outcome::{Settled, Status},
    work,
};
use tokio::time::{Instant, timeout_at};

use super::{
    create::{self, Limits, Others},
    present,
    resolve::Resolver,
};

/// Somebody else who is about the same account is followed for this long. One creation that never ends must not keep the
/// account's other grants waiting.
const FOLLOWED_FOR: Duration = Duration::from_secs(30);

/// Makes the account have the grants. A dry run stops before anything is created.
pub async fn ensure<'t>(
    center: &IdentityCenter,
    resolver: &Resolver,
    account: &AccountId,
    grants: Vec<Grant<'t>>,
    dry_run: bool,
    limits: Limits,
) -> Vec<(Resolved<'t>, Settled)> {
    if grants.is_empty() {
        return Vec::new();
    }
    let followed = Limits { until: limits.until.min(Instant::now() + FOLLOWED_FOR), ..limits };
    let mut others = Others::default();
    let (grants, mut created) = loop {
        let read = timeout_at(limits.until, read(center, resolver, account, &grants, limits)).await;
        let Ok((read, in_progress)) = read else {
            let reason = "the time ran out while names and present assignments were looked up";
            let not_read = |grant| (Resolved::not_read(grant, reason), Status::pending(reason).into());
            return grants.into_iter().map(not_read).collect();
        };
        let missing: HashSet<Assignment> =
            read.iter().filter_map(|(_, state)| state.missing().cloned()).collect();
        if dry_run || missing.is_empty() {
            break (read, HashMap::new());
        }
        let others = others.look(center, in_progress, &missing, limits.until).await;
        // Otherwise two events of one vending would create most of it twice.
        if Instant::now() >= followed.until || !create::follow(center, &missing, &others, followed).await {
            break (read, create::create(center, missing, &others, limits, None).await);
        }
    };
    let settled = grants.into_iter().map(|(resolved, state)| match state {
        State::Settled(status) => (resolved, status.into()),
        State::Missing(_) if dry_run => (resolved, Status::Planned.into()),
        State::Missing(assignment) => {
            let settled = created.remove(&assignment);
            (resolved, settled.unwrap_or_else(|| Status::pending("it has no outcome").into()))
        }
    });
    let settled: Vec<(Resolved<'t>, Settled)> = settled.collect();
    for (resolved, settled) in &settled {
        if let (Ok(arn), Status::Failed { .. } | Status::Unresolved { .. }) =
            (&resolved.permission_set, &settled.status)
        {
            resolver.forget(arn);
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
    resolver: &Resolver,
    account: &AccountId,
    grants: &[Grant<'t>],
    limits: Limits,
) -> (Vec<(Resolved<'t>, State)>, (Vec<String>, Instant)) {
    let started = Instant::now();
    loop {
        // What is under way is read before what is there, so that a creation that ends in between is seen.
        let there = async {
            let in_progress = center.creations_in_progress().await;
            if let Some(in_progress) = &in_progress {
                center.share_requests(work::while_reading(limits.manners, in_progress.len()));
            }
            let in_progress = (in_progress.unwrap_or_default(), Instant::now());
            (in_progress, center.provisioned_permission_sets(account).await)
        };
        let (resolved, (in_progress, provisioned)) =
            tokio::join!(resolver.resolve(center, grants.to_vec()), there);
        let read = states(center, account, resolved, provisioned).await;
        let missing: BTreeSet<&str> = read
            .iter()
            .filter_map(|(_, state)| state.missing())
            .map(|assignment| assignment.permission_set.as_str())
            .collect();
        match resolver.confirm(center, missing, started).await {
            // What was wrong is forgotten, and what is looked up now needs no confirmation.
            Ok(false) => {}
            // If AWS does not say, creating will.
            Ok(true) | Err(_) => return (read, in_progress),
        }
    }
}

async fn states<'t>(
    center: &IdentityCenter,
    account: &AccountId,
    resolved: Vec<Resolved<'t>>,
    provisioned: Result<Vec<String>, CallError>,
) -> Vec<(Resolved<'t>, State)> {
    let wanted: Vec<_> = resolved
        .into_iter()
        .map(|resolved| {
            let assignment = resolved.assignment(account);
            (resolved, assignment)
        })
        .collect();
    let known: Vec<&Assignment> = wanted.iter().filter_map(|(_, wanted)| wanted.as_ref().ok()).collect();
    let there = present::wanted_in(center, account, &known, provisioned).await;
    let state = |(resolved, wanted)| {
        let state = match wanted {
            Err(obstacle) => State::Settled(assigner_core::assignments::plan::Obstacle::status(&obstacle)),
            Ok(assignment) => match there.get(&assignment) {
                Some(Ok(true)) => State::Settled(Status::Present),
                Some(Err(error)) => State::Settled(Status::of(error)),
                Some(Ok(false)) | None => State::Missing(assignment),
            },
        };
        (resolved, state)
    };
    wanted.into_iter().map(state).collect()
}
