//! One account: its session, its roles, and both sources of what they did. What fails is named, with its remedy.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use assigner_aws::{
    identity_center::{BoundaryReference, PermissionSetContent, PolicyReference},
    permissions::{Generation, GenerationStatus, Member, Sessions, Trail},
};
use assigner_core::{
    cause::{CallError, Cause},
    ids::AccountId,
    permissions::{
        access_role,
        generation::{Answer, Plan, Regions},
        narrow,
        policy::Document,
        role, sources,
        sources::Generated,
        usage::{Account, Coverage, Failure, Source},
        way::Diagnosis,
    },
};
use tokio::time::sleep;

use super::{access_role::AccessRoles, usage::Ask, way::LogBucket};

const FIRST_POLL: Duration = Duration::from_secs(1);
const LONGEST_POLL: Duration = Duration::from_secs(15);
/// IAM says that a new role takes some seconds until it is known everywhere.
const UNTIL_A_NEW_ROLE_IS_KNOWN: Duration = Duration::from_secs(8);
const TRIES_OF_A_NEW_ROLE: u32 = 3;

/// What was seen in an account.
pub struct Seen {
    pub account: Account,
    /// What it has under the names of the set's customer managed policies.
    pub policies: BTreeMap<PolicyReference, Document>,
}

impl Seen {
    pub fn new(id: AccountId, name: String) -> Seen {
        let account = Account {
            id,
            name,
            roles: BTreeSet::new(),
            sources: Vec::new(),
            actions: Vec::new(),
            services: Vec::new(),
            unused: BTreeSet::new(),
            left_out: Vec::new(),
            failures: Vec::new(),
        };
        Seen { account, policies: BTreeMap::new() }
    }

    fn fail(&mut self, source: Option<Source>, cause: impl Into<String>, remedy: impl Into<String>) {
        self.account.failures.push(Failure { source, cause: cause.into(), remedy: remedy.into() });
    }

    fn fail_call(&mut self, source: Option<Source>, error: &CallError) {
        let remedy = match error.cause {
            Cause::Denied => "allow the role in the account this action, also in SCPs",
            _ => error.remedy().in_general(),
        };
        self.fail(source, error.to_string(), remedy);
    }
}

/// How a generation comes to the log.
#[derive(Clone, Copy)]
pub struct Log<'l> {
    pub bucket: &'l LogBucket<'l>,
    /// Makes the role that reads it, where it is missing. `None`: none is made.
    pub roles: Option<&'l AccessRoles>,
}

/// Reads an account. `own`: it is the one that the caller is in, so that no role is assumed.
pub async fn read(
    sessions: &Sessions,
    (id, name): (AccountId, String),
    own: bool,
    content: &PermissionSetContent,
    log: Log<'_>,
    ask: &Ask,
) -> Seen {
    let mut seen = Seen::new(id, name);
    let session = if own {
        Ok(sessions.own())
    } else {
        sessions
            .assume(
                &seen.account.id,
                &ask.role,
                &narrow::usage(&ask.sources, log.roles.map(|_| access_role::NAME)),
            )
            .await
    };
    let mut member = match session {
        Ok(member) => member,
        Err(error) => {
            let remedy = format!(
                "let the role {} in the account trust this identity, or name another one with --role",
                ask.role
            );
            seen.fail(None, error.to_string(), remedy);
            return seen;
        }
    };
    match member.roles(role::PATH).await {
        Ok(roles) => {
            let of_set =
                roles.into_iter().filter(|found| role::is_of_set(&found.path, &found.name, &content.name));
            seen.account.roles = of_set.map(|found| found.arn).collect();
        }
        Err(error) => {
            seen.fail_call(None, &error);
            return seen;
        }
    }
    if seen.account.roles.is_empty() {
        seen.fail(
            None,
            format!("the account has no role of the set, AWSReservedSSO_{}_*", content.name),
            "provision the set in the account, then read its use again",
        );
        return seen;
    }
    policies(&member, content, &mut seen).await;
    if ask.sources.contains(&Source::LastAccessed) {
        if let Err(error) = last_accessed(&member, ask, &mut seen).await {
            seen.fail_call(Some(Source::LastAccessed), &error);
        }
        sources::require_actions(&mut seen.account, Source::LastAccessed);
    }
    if ask.sources.contains(&Source::Generated) {
        if let Err(error) = generated(&mut member, own, log, ask, &mut seen).await {
            seen.fail_call(Some(Source::Generated), &error);
        }
        sources::require_actions(&mut seen.account, Source::Generated);
    }
    seen
}

/// Reads what the account has under the names of the set's customer managed policies.
async fn policies(member: &Member, content: &PermissionSetContent, seen: &mut Seen) {
    let boundary = match &content.boundary {
        Some(BoundaryReference::CustomerManaged(of)) => Some(of),
        Some(BoundaryReference::Managed(_)) | None => None,
    };
    // The partition is that of the set's roles.
    let partition =
        seen.account.roles.first().and_then(|arn| arn.split(':').nth(1)).unwrap_or("aws").to_owned();
    for of in content.customer_managed_policies.iter().chain(boundary) {
        let arn = format!("arn:{partition}:iam::{}:policy{}{}", seen.account.id, of.path, of.name);
        match member.policy(&arn).await {
            Ok(Some(document)) => _ = seen.policies.insert(of.clone(), document),
            Ok(None) => seen.fail(
                None,
                format!("the set names the policy {}{}, which the account does not have", of.path, of.name),
                "create it in the account, or take it out of the set",
            ),
            Err(error) => seen.fail_call(None, &error),
        }
    }
}

async fn last_accessed(member: &Member, ask: &Ask, seen: &mut Seen) -> Result<(), CallError> {
    let since = ask.day.back(ask.days);
    for role in seen.account.roles.clone() {
        let job = member.ask_last_accessed(&role).await?;
        let mut pause = FIRST_POLL;
        let accessed = loop {
            if let Some(accessed) = member.last_accessed(&job).await? {
                break accessed;
            }
            wait(&mut pause).await;
        };
        sources::add_accessed(&mut seen.account, &accessed, since);
    }
    seen.account.sources.push(Coverage {
        source: Source::LastAccessed,
        from: since,
        to: ask.day,
        regions: BTreeSet::new(),
        complete: None,
        job: None,
    });
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "waits between polls; the caller's deadline may drop it")]
async fn wait(pause: &mut Duration) {
    sleep(*pause).await;
    *pause = pause.mul_f64(1.5).min(LONGEST_POLL);
}

/// Waits until nothing of the account is being generated: there is one generation at a time.
async fn idle(member: &Member) -> Result<(), CallError> {
    let mut pause = FIRST_POLL;
    loop {
        let jobs = member.generations().await?;
        if jobs.iter().all(|job| job.status != GenerationStatus::InProgress) {
            return Ok(());
        }
        wait(&mut pause).await;
    }
}

async fn generated(
    member: &mut Member,
    own: bool,
    log: Log<'_>,
    ask: &Ask,
    seen: &mut Seen,
) -> Result<(), CallError> {
    let Some(trail) = trail(member, seen).await? else { return Ok(()) };
    if let Some(region) = &trail.home_region {
        member.analyze_in(region);
    }
    let member = &*member;
    idle(member).await?;
    let finished = member.generations().await?;
    let access_roles = member.roles(narrow::ACCESS_ROLE_PATH).await?;
    if let Some(roles) =
        log.roles.filter(|_| access_roles.iter().any(|found| found.name == access_role::NAME))
    {
        roles.take_over(&seen.account.id, own);
    }
    // One that is not ours comes first.
    let access_role = access_roles
        .into_iter()
        .filter(|found| found.name.starts_with(narrow::ACCESS_ROLE_NAME))
        .min_by_key(|found| found.name == access_role::NAME);
    let mut access_role = access_role.filter(|found| log.roles.is_none() || found.name != access_role::NAME);
    let mut is_new = false;
    for role in seen.account.roles.clone() {
        let of_role = |job: &&assigner_aws::permissions::Found| {
            job.role == role && job.status == GenerationStatus::Succeeded
        };
        let mut taken = false;
        for job in finished.iter().filter(of_role) {
            if let Generation::Done { from, to, regions, .. } = member.generation(&job.id).await?
                // Long enough, and over all Regions.
                && regions.is_empty()
                && from <= to.back(ask.days)
            {
                taken = take(member, &job.id, seen).await?;
                break;
            }
        }
        if taken {
            continue;
        }
        if let (None, Some(roles)) = (&access_role, log.roles) {
            match roles.make(member, &seen.account.id, own, &trail).await {
                Ok(made) => (access_role, is_new) = (Some(made), true),
                Err(Diagnosis { cause, remedy }) => {
                    seen.fail(Some(Source::Generated), cause, remedy);
                    return Ok(());
                }
            }
        }
        let denied = match &access_role {
            Some(access_role) => {
                let tries = if is_new { TRIES_OF_A_NEW_ROLE } else { 1 };
                generate_with(member, ask, &role, (&trail, &access_role.arn), tries, seen).await?
            }
            None => Some(String::new()),
        };
        if let Some(message) = denied {
            let way = log.bucket.diagnose(member, &seen.account.id, &trail, access_role.as_ref(), &message);
            let Diagnosis { cause, remedy } = way.await;
            seen.fail(Some(Source::Generated), cause, remedy);
            return Ok(());
        }
    }
    Ok(())
}

/// Returns the trail whose log is read: the organization's, or one of the account.
async fn trail(member: &Member, seen: &mut Seen) -> Result<Option<Trail>, CallError> {
    let mut trails = member.trails().await?;
    trails.sort_by_key(|trail| !trail.of_organization);
    let trail = trails.into_iter().next();
    if trail.is_none() {
        seen.fail(
            Some(Source::Generated),
            "the account has no trail, of its own or of the organization",
            "use --source last-accessed, which needs no trail",
        );
    }
    Ok(trail)
}

/// Generates as often as it may take until other services know a role that was just made.
#[expect(clippy::disallowed_methods, reason = "waits for IAM; the caller's deadline may drop it")]
async fn generate_with(
    member: &Member,
    ask: &Ask,
    role: &str,
    (trail, access_role): (&Trail, &str),
    tries: u32,
    seen: &mut Seen,
) -> Result<Option<String>, CallError> {
    for _ in 1..tries {
        match generate(member, ask, role, trail, access_role, seen).await {
            Ok(Some(_)) => {}
            Err(error) if error.cause == Cause::Invalid => {}
            other => return other,
        }
        sleep(UNTIL_A_NEW_ROLE_IS_KNOWN).await;
    }
    generate(member, ask, role, trail, access_role, seen).await
}

/// Generates until everything that can be read has been read. Returns AWS's message if one was not allowed to read the log.
async fn generate(
    member: &Member,
    ask: &Ask,
    role: &str,
    trail: &Trail,
    access_role: &str,
    seen: &mut Seen,
) -> Result<Option<String>, CallError> {
    let mut plan = Plan::new(ask.days, trail.home_region.clone());
    while let Some(next) = plan.next().cloned() {
        let region = match &next.regions {
            Regions::All => "all",
            Regions::One(region) => region,
        };
        // What is known already counts: after a failure the same ask is another generation.
        let known = member.generations().await?.len();
        let token = token(role, ask, (next.days, region), known);
        let job = match member.start_generation(role, &trail.arn, access_role, (&next, ask.day), &token).await
        {
            Ok(job) => job,
            Err(error) if error.cause == Cause::Quota => {
                let busy = member.generations().await?;
                if busy.iter().any(|job| job.status == GenerationStatus::InProgress) {
                    idle(member).await?;
                    continue;
                }
                seen.fail(
                    Some(Source::Generated),
                    format!("the policy generations of the day are used up: {error}"),
                    "run it again tomorrow; what is finished is taken then",
                );
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let mut pause = FIRST_POLL;
        let outcome = loop {
            match member.generation(&job).await? {
                Generation::InProgress => wait(&mut pause).await,
                other => break other,
            }
        };
        let answer = match outcome {
            Generation::TooMuch => Answer::TooMuch,
            Generation::Denied(message) => return Ok(Some(message)),
            Generation::Failed(message) => {
                seen.fail(
                    Some(Source::Generated),
                    format!("the policy generation failed: {message}"),
                    "run it again; if it fails again, use --source last-accessed",
                );
                return Ok(None);
            }
            Generation::InProgress | Generation::Done { .. } => {
                take(member, &job, seen).await?;
                Answer::Read
            }
        };
        if let Err(unread) = plan.answer(answer) {
            seen.fail(
                Some(Source::Generated),
                format!("the log of {} days in {} is too much for one generation", unread.days, region),
                "ask for fewer days, or use --source last-accessed",
            );
        }
    }
    Ok(None)
}

/// Returns the token of a generation: the same for the same ask in the same state, so that a request that is repeated, or
/// comes from two at once, starts one.
fn token(role: &str, ask: &Ask, (days, region): (u32, &str), known: usize) -> String {
    let suffix = role.rsplit('_').next().unwrap_or_default();
    format!("assignctl-{suffix}-{}-{days}-{region}-{known}", ask.day)
}

/// Adds what a finished generation found. Returns whether it had something.
async fn take(member: &Member, job: &str, seen: &mut Seen) -> Result<bool, CallError> {
    let Generation::Done { policies, complete, from, to, regions } = member.generation(job).await? else {
        return Ok(false);
    };
    let found = match Generated::read(policies.iter().map(String::as_str)) {
        Ok(found) => found,
        Err(problem) => {
            seen.fail(Some(Source::Generated), problem, "use --source last-accessed");
            return Ok(true);
        }
    };
    sources::add_generated(&mut seen.account, &found);
    seen.account.sources.push(Coverage {
        source: Source::Generated,
        from,
        to,
        regions,
        complete: found.is_complete(complete),
        job: Some(job.to_owned()),
    });
    Ok(true)
}
