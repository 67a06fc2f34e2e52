//! Provisions a permission set in its accounts, and proves on each role that it is there: a canary first, then the others.
//! What fails in one account stops no other, unless it is the canary. Nothing is rolled back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use assigner_aws::{
    identity_center::IdentityCenter,
    permissions::{Member, Sessions},
};
use assigner_core::{
    cause::CallError,
    ids::AccountId,
    outcome::{Settled, Status},
    permissions::{
        narrow, role,
        usage::{Boundary, CustomerManaged, PermissionSet},
    },
    work::{Answer, Ask, Bounds, Count, Evidence, Manners, Scope, Wish, Work},
};
use futures_util::{FutureExt, StreamExt, stream};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout_at},
};

use crate::drive::{self, Call, Observer};

/// The name of the inline policy on a role of Identity Center.
const INLINE: &str = "AwsSSOInlinePolicy";
/// Accounts whose roles are read at the same time. Each waits for AWS nearly all of its time.
const ACCOUNTS_AT_ONCE: usize = 256;
const FIRST_LOOK: Duration = Duration::from_millis(500);
const LONGEST_LOOK: Duration = Duration::from_secs(5);
/// How long a role may take to show what was provisioned.
const SHOWS_WITHIN: Duration = Duration::from_secs(60);

/// A set, and where it shall be.
#[derive(Clone, Copy)]
pub struct Rollout<'a> {
    pub center: &'a IdentityCenter,
    pub sessions: &'a Sessions,
    /// As it shall be on the roles.
    pub set: &'a PermissionSet,
    pub accounts: &'a BTreeSet<AccountId>,
    /// The account that the caller is in.
    pub own: Option<&'a AccountId>,
    /// The name of the role that is assumed in the others.
    pub role: &'a str,
    /// Accounts in which it is being provisioned at once.
    pub max_outstanding: usize,
    pub manners: Manners,
    pub until: Instant,
}

/// Who looks on.
#[derive(Clone)]
pub struct Watch<'a> {
    pub wish: watch::Receiver<Wish>,
    pub progress: &'a (dyn Fn(Count) + Sync),
}

/// What became of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Provisioned now, and seen on the role.
    Provisioned,
    /// It was on the role before.
    Present,
    Failed {
        reason: String,
        remedy: String,
    },
    /// Not finished in time.
    Pending,
    /// The canary failed before.
    NotBegun,
}

/// Why a role is not proven to be as the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// What differs.
    Differs(String),
    Unread {
        reason: String,
        remedy: String,
    },
}

impl Rollout<'_> {
    /// Looks at every role once. Writes nothing.
    pub async fn look(&self) -> BTreeMap<AccountId, Result<(), Doubt>> {
        self.prove(self.accounts, Duration::ZERO).await
    }

    /// Provisions the set in these accounts, of which `canary` goes first, and proves it on their roles.
    pub async fn provision(
        &self,
        accounts: &BTreeSet<AccountId>,
        canary: Option<&AccountId>,
        watch: Watch<'_>,
    ) -> BTreeMap<AccountId, End> {
        let mut ends = BTreeMap::new();
        let mut others = accounts.clone();
        if let Some(canary) = canary.filter(|canary| accounts.contains(*canary)) {
            others.remove(canary);
            ends = self.provision_in(BTreeSet::from([canary.clone()]), watch.clone()).await;
            if ends.values().any(|end| *end != End::Provisioned) {
                ends.extend(others.into_iter().map(|account| (account, End::NotBegun)));
                return ends;
            }
        }
        ends.extend(self.provision_in(others, watch).await);
        ends
    }

    async fn provision_in(
        &self,
        accounts: BTreeSet<AccountId>,
        watch: Watch<'_>,
    ) -> BTreeMap<AccountId, End> {
        if accounts.is_empty() {
            return BTreeMap::new();
        }
        let accounts: Vec<AccountId> = accounts.into_iter().collect();
        let began = Instant::now();
        let bounds = Bounds { max_outstanding: self.max_outstanding, until: drive::until(began, self.until) };
        // Accounts do not disturb each other.
        let groups: Vec<usize> = (0..accounts.len()).collect();
        let work = Work::new(&groups, bounds, fastrand::f64).shared(self.manners, std::iter::empty());
        let call = |ask, work: &Work| {
            if let Some(part) = work.share_of_requests() {
                self.center.share_requests(part);
            }
            call(self.center, &self.set.arn, &accounts, ask)
        };
        let observer = Observer { wish: watch.wish, progress: watch.progress };
        let settled = drive::drive(work, began, call, Some(observer), None).await;
        let mut ends: BTreeMap<AccountId, End> =
            accounts.iter().cloned().zip(settled.into_iter().map(end)).collect();
        let done = ends.iter().filter(|(_, end)| **end == End::Provisioned).map(|(id, _)| id.clone());
        for (account, proof) in self.prove(&done.collect(), SHOWS_WITHIN).await {
            let failed = match proof {
                Ok(()) => continue,
                Err(Doubt::Differs(what)) => End::Failed {
                    reason: format!("it was provisioned, and {what}"),
                    remedy: "see who else changes the role, then run the same command again".to_owned(),
                },
                Err(Doubt::Unread { reason, remedy }) => End::Failed {
                    reason: format!("it was provisioned, and nothing proves it: {reason}"),
                    remedy,
                },
            };
            ends.insert(account, failed);
        }
        ends
    }

    /// Looks at the roles until they are as the set, for `within` at most.
    async fn prove(
        &self,
        accounts: &BTreeSet<AccountId>,
        within: Duration,
    ) -> BTreeMap<AccountId, Result<(), Doubt>> {
        let until = self.until.min(Instant::now() + within);
        stream::iter(accounts)
            .map(async |account| {
                let late = Doubt::Unread {
                    reason: "the time ran out while its role was read".to_owned(),
                    remedy: "run the same command again".to_owned(),
                };
                let proof = timeout_at(self.until, self.prove_in(account, until)).await;
                (account.clone(), proof.unwrap_or(Err(late)))
            })
            .buffer_unordered(ACCOUNTS_AT_ONCE)
            .collect()
            .await
    }

    #[expect(clippy::disallowed_methods, reason = "waits until a role shows what was provisioned")]
    async fn prove_in(&self, account: &AccountId, until: Instant) -> Result<(), Doubt> {
        let member = match self.own == Some(account) {
            true => self.sessions.own(),
            false => self.sessions.assume(account, self.role, &narrow::roles()).await.map_err(|error| {
                Doubt::Unread {
                    reason: error.to_string(),
                    remedy: format!(
                        "let the role {} in the account trust this identity, or name another one with --role",
                        self.role
                    ),
                }
            })?,
        };
        let mut pause = FIRST_LOOK;
        loop {
            let doubt = match differs(&member, account, self.set).await {
                Ok(None) => return Ok(()),
                Ok(Some(what)) => Doubt::Differs(what),
                Err(error) => return Err(unread(&error)),
            };
            if Instant::now() + pause > until {
                return Err(doubt);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_LOOK);
        }
    }
}

fn unread(error: &CallError) -> Doubt {
    let remedy = match error.cause {
        assigner_core::cause::Cause::Denied => "allow the role in the account this action, also in SCPs",
        _ => error.remedy().in_general(),
    };
    Doubt::Unread { reason: error.to_string(), remedy: remedy.to_owned() }
}

/// Returns in what the role of the set differs, in a person's words. Of a set that was recreated, an old role may be there
/// too: one role that is right is enough.
async fn differs(
    member: &Member,
    account: &AccountId,
    set: &PermissionSet,
) -> Result<Option<String>, CallError> {
    let mut first = None;
    let roles = member.roles(role::PATH).await?;
    for found in roles.into_iter().filter(|found| role::is_of_set(&found.path, &found.name, &set.name)) {
        let partition = found.arn.split(':').nth(1).unwrap_or("aws");
        let of_account =
            |of: &CustomerManaged| format!("arn:{partition}:iam::{account}:policy{}{}", of.path, of.name);
        let own = set.customer_managed_policies.iter().map(of_account);
        let wanted: BTreeSet<String> =
            set.managed_policies.iter().map(|policy| policy.arn.clone()).chain(own).collect();
        let attached = member.attached_policies(&found.name).await?;
        let inline = member.role_policy(&found.name, INLINE).await?;
        // A list has no boundary.
        let details = member.role(&found.name).await?;
        let boundary = details.and_then(|details| details.boundary);
        let wanted_boundary = set.boundary.as_ref().map(|boundary| match boundary {
            Boundary::Managed(policy) => policy.arn.clone(),
            Boundary::CustomerManaged(of) => of_account(of),
        });
        let what = match (attached == wanted, inline == set.inline_policy, boundary == wanted_boundary) {
            (true, true, true) => return Ok(None),
            (false, _, _) => "has other managed policies",
            (true, false, _) => "has another inline policy",
            (true, true, false) => "has another permissions boundary",
        };
        first.get_or_insert_with(|| format!("the role {} {what}", found.name));
    }
    Ok(Some(first.unwrap_or_else(|| format!("the account has no role of the set {}", set.name))))
}

fn end(settled: Settled) -> End {
    match settled.status {
        Status::Created | Status::Present | Status::Planned => End::Provisioned,
        Status::Failed { reason, remedy } | Status::Unresolved { reason, remedy } => {
            End::Failed { reason, remedy: remedy.in_general().to_owned() }
        }
        Status::Pending { .. } => End::Pending,
    }
}

fn call<'a>(center: &'a IdentityCenter, arn: &'a str, accounts: &'a [AccountId], ask: Ask) -> Call<'a> {
    match ask {
        Ask::Start { item, again } => {
            if again {
                center.tally().retried();
            }
            let account = &accounts[item];
            async move { Answer::Started { item, answer: center.provision(arn, account).await } }.boxed()
        }
        Ask::Look { item } => {
            let account = &accounts[item];
            let look = async move {
                let lagging = center.accounts_that_lag(arn).await?;
                Ok(if lagging.contains(account) { Evidence::Absent } else { Evidence::Present })
            };
            async move { Answer::Looked { item, answer: look.await } }.boxed()
        }
        Ask::List(scope) => async move {
            Answer::Listed(match scope {
                Scope::Page(page) => center.some_provisionings(page).await,
                Scope::InProgress => center.provisionings_under_way().await,
            })
        }
        .boxed(),
        Ask::Others => async move { Answer::Others(center.provisionings_under_way().await) }.boxed(),
        Ask::Describe { item, request_id } => async move {
            let answer = center.provisioning(&request_id).await;
            Answer::Described { item, request_id, answer }
        }
        .boxed(),
    }
}
