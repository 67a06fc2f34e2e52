//! One account's grants, from names to what became of each: reads, and creates only what is missing.
//!
//! Every grant that goes in comes out with a status, whatever happens and however little time there is.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use assigner_aws::identity_center::IdentityCenter;
use assigner_core::{
    assignments::{
        PermissionSet, Principal,
        plan::{Assignment, Grant, Resolved},
    },
    cause::CallError,
    ids::AccountId,
    outcome::{Settled, Status},
    work,
};
use futures_util::{
    FutureExt,
    future::{LocalBoxFuture, Shared, select_all},
};
use tokio::time::{Instant, timeout_at};

use super::{
    create::{self, Batch, Limits, Others},
    present,
    resolve::Resolver,
};

/// Somebody else who is about the same account is followed for this long. One creation that never ends must not keep the
/// account's other grants waiting.
const FOLLOWED_FOR: Duration = Duration::from_secs(30);

/// Makes the account have the grants. A dry run stops before anything is created.
///
/// To find a permission set by its name, all of the instance are described, which takes a minute if there are a thousand,
/// and principals are looked up at the pace of the identity store. Grants whose names are soon known wait for neither.
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
    let job = Job { center, resolver, account, dry_run, limits };
    let (soon, later) = resolver.known_soon(&grants);
    let settled = match soon.is_empty() || later.is_empty() {
        true => job.ensure(grants).await,
        false => {
            let places: HashMap<_, usize> =
                grants.iter().enumerate().map(|(place, grant)| (names(grant), place)).collect();
            let place = |grant: &Grant<'t>| places.get(&names(grant)).copied();
            job.ensure_in_two([soon, later], place).await
        }
    };
    for (resolved, settled) in &settled {
        if let (Ok(arn), Status::Failed { .. } | Status::Unresolved { .. }) =
            (&resolved.permission_set, &settled.status)
        {
            resolver.forget(arn);
        }
    }
    settled
}

/// Returns what tells a grant of an account from others.
fn names<'t>(grant: &Grant<'t>) -> (&'t PermissionSet, &'t Principal) {
    (grant.permission_set, grant.principal)
}

/// What the account is to have, and by which means.
#[derive(Clone, Copy)]
struct Job<'a> {
    center: &'a IdentityCenter,
    resolver: &'a Resolver,
    account: &'a AccountId,
    dry_run: bool,
    limits: Limits,
}

/// What was under way and when it was read, and which permission sets were in the account after that.
#[derive(Clone)]
struct There {
    in_progress: (Vec<String>, Instant),
    provisioned: Result<Vec<String>, CallError>,
}

/// Grants after reading, and what of it is to be created.
struct Prepared<'t> {
    grants: Vec<(Resolved<'t>, State)>,
    batch: Batch,
}

impl<'a> Job<'a> {
    async fn ensure<'t>(self, grants: Vec<Grant<'t>>) -> Vec<(Resolved<'t>, Settled)> {
        let Prepared { grants, batch } = self.prepare(grants, self.there()).await;
        let created = self.create(batch, None).await;
        self.settle(grants, created)
    }

    /// Whichever part is read first is created first. The other is added as soon as it is read. `place` is where a grant
    /// comes in the answer.
    async fn ensure_in_two<'t>(
        self,
        parts: [Vec<Grant<'t>>; 2],
        place: impl Fn(&Grant<'t>) -> Option<usize>,
    ) -> Vec<(Resolved<'t>, Settled)> {
        let there = self.there();
        let [soon, not_soon] = parts.clone();
        let reading = parts.map(|grants| self.prepare(grants, there.clone()).boxed_local());
        let (Prepared { mut grants, batch }, first, mut others) = select_all(reading).await;
        let mut second = None;
        let later = async {
            let Some(other) = others.pop() else { return Batch::default() };
            let Prepared { grants, batch } = other.await;
            second = Some(grants);
            batch
        };
        let created = self.create(batch, Some(later.boxed_local())).await;
        grants.extend(second.unwrap_or_else(|| not_read(if first == 0 { not_soon } else { soon })));
        grants.sort_by_key(|(resolved, _)| place(&resolved.grant));
        self.settle(joined(grants), created)
    }

    async fn create(
        self,
        batch: Batch,
        later: Option<LocalBoxFuture<'_, Batch>>,
    ) -> HashMap<Assignment, Settled> {
        if self.dry_run {
            if let Some(later) = later {
                later.await;
            }
            return HashMap::new();
        }
        create::create(self.center, batch, later, self.limits, None).await
    }

    fn settle<'t>(
        self,
        grants: Vec<(Resolved<'t>, State)>,
        mut created: HashMap<Assignment, Settled>,
    ) -> Vec<(Resolved<'t>, Settled)> {
        let settled = grants.into_iter().map(|(resolved, state)| match state {
            State::Settled(status) => (resolved, status.into()),
            State::Missing(_) if self.dry_run => (resolved, Status::Planned.into()),
            State::Missing(assignment) => {
                let settled = created.remove(&assignment);
                (resolved, settled.unwrap_or_else(|| Status::pending("it has no outcome").into()))
            }
        });
        settled.collect()
    }

    /// Reads what there is until nobody else is about the same grants, or the time is over.
    async fn prepare<'t>(
        self,
        grants: Vec<Grant<'t>>,
        there: Shared<LocalBoxFuture<'a, There>>,
    ) -> Prepared<'t> {
        let until = self.limits.until;
        let followed = Limits { until: until.min(Instant::now() + FOLLOWED_FOR), ..self.limits };
        let (mut others, mut there) = (Others::default(), Some(there));
        loop {
            let there = there.take().unwrap_or_else(|| self.there());
            let reading = timeout_at(until, self.read(&grants, there)).await;
            let Ok((read, in_progress)) = reading else {
                return Prepared { grants: not_read(grants), batch: Batch::default() };
            };
            let missing: HashSet<Assignment> =
                read.iter().filter_map(|(_, state)| state.missing().cloned()).collect();
            if self.dry_run || missing.is_empty() {
                return Prepared { grants: read, batch: Batch::default() };
            }
            let others = others.look(self.center, in_progress, &missing, until).await;
            // Otherwise two events of one vending would create most of it twice.
            if Instant::now() >= followed.until
                || !create::follow(self.center, &missing, &others, followed).await
            {
                return Prepared { grants: read, batch: Batch { missing, others } };
            }
        }
    }

    /// Reads what is under way before what is there, so that a creation that ends in between is seen.
    fn there(self) -> Shared<LocalBoxFuture<'a, There>> {
        let Job { center, account, limits, .. } = self;
        let there = async move {
            let in_progress = center.creations_in_progress().await;
            if let Some(in_progress) = &in_progress {
                center.share_requests(work::while_reading(limits.manners, in_progress.len()));
            }
            let in_progress = (in_progress.unwrap_or_default(), Instant::now());
            There { in_progress, provisioned: center.provisioned_permission_sets(account).await }
        };
        there.boxed_local().shared()
    }

    /// Looks up the names and what is present. Also the creations that were under way before that.
    async fn read<'t>(
        self,
        grants: &[Grant<'t>],
        there: Shared<LocalBoxFuture<'a, There>>,
    ) -> (Vec<(Resolved<'t>, State)>, (Vec<String>, Instant)) {
        let started = Instant::now();
        let mut there = Some(there);
        loop {
            let there = there.take().unwrap_or_else(|| self.there());
            // Names that the table gives an account are probably of what it has, unless it is new.
            let likely = async { there.clone().await.provisioned.unwrap_or_default() };
            let resolving = self.resolver.resolve(self.center, grants.to_vec(), likely.boxed_local());
            let (resolved, There { in_progress, provisioned }) = tokio::join!(resolving, there.clone());
            let read = states(self.center, self.account, resolved, provisioned).await;
            let missing: BTreeSet<&str> = read
                .iter()
                .filter_map(|(_, state)| state.missing())
                .map(|assignment| assignment.permission_set.as_str())
                .collect();
            match self.resolver.confirm(self.center, missing, started).await {
                // What was wrong is forgotten, and what is looked up now needs no confirmation.
                Ok(false) => {}
                // If AWS does not say, creating will.
                Ok(true) | Err(_) => return (read, in_progress),
            }
        }
    }
}

/// Grants for which the time ran out before it was known what they are.
fn not_read<'t>(grants: Vec<Grant<'t>>) -> Vec<(Resolved<'t>, State)> {
    let reason = "the time ran out while names and present assignments were looked up";
    let not_read = |grant| (Resolved::not_read(grant, reason), State::Settled(Status::pending(reason)));
    grants.into_iter().map(not_read).collect()
}

/// Makes one of grants that turn out to be the same, with the rules of both.
fn joined<'t>(grants: Vec<(Resolved<'t>, State)>) -> Vec<(Resolved<'t>, State)> {
    let mut joined: Vec<(Resolved<'t>, State)> = Vec::with_capacity(grants.len());
    for (resolved, state) in grants {
        match joined.iter_mut().find(|(first, _)| first.is_same(&resolved)) {
            Some((first, of_first)) => {
                first.join(resolved);
                // One that is certain is enough, and what is created is created for both.
                if state.weight() > of_first.weight() {
                    *of_first = state;
                }
            }
            None => joined.push((resolved, state)),
        }
    }
    joined
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

    /// Returns how much is known by it.
    fn weight(&self) -> u8 {
        match self {
            State::Missing(_) => 2,
            State::Settled(Status::Present) => 1,
            State::Settled(_) => 0,
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
