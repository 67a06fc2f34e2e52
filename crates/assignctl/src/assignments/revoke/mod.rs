//! `assignctl revoke --unexplained`: takes away what no row explains. It reads first, shows what would be taken by
//! account, asks, looks again, and writes the record before the first call. The only verb that deletes an assignment.

mod show;

use std::collections::{BTreeSet, HashMap};

use assigner_core::{
    assignments::{
        PrincipalId, Table,
        facts::Facts,
        revoke::{self, Caller, Decision, Whose},
    },
    ids::AccountId,
    selector::Selection,
};
use assigner_engine::{
    assignments::{create::Limits, delete},
    error::Error,
    facts::Tags,
};
use tokio::time::timeout_at;

use super::watched::watched;
use crate::{
    assignments::arguments,
    caller::{Identity, Origin},
    exit::{Exit, Failure},
    facts::Aws,
    session::Session,
    terminal::{STRONG, clean, plural},
};

pub async fn run(session: &Session, arguments: arguments::Revoke) -> Result<Exit, Failure> {
    let arguments::Revoke { unexplained: _, selection, record, max, yes, all_principals, max_outstanding } =
        arguments;
    let is_agreed = yes && max.is_some();
    if !is_agreed && !session.can_ask() {
        return Err(Failure::wrong(
            "cannot ask: standard input is not a terminal, or --json was given",
            "look at `assignctl plan` first, then add --yes and --max NUMBER",
        ));
    }
    session.require_new(&record)?;
    let whose = if all_principals { Whose::Everyone } else { Whose::NamedByTheTable };
    let selection = session.selection(selection, None).await?;
    let table = session.table(&session.table).await?;
    let mut aws = session.aws().await?;
    aws.require_writes("taken away")?;
    aws.center.find_instance().await.map_err(Error::from)?;
    // Before anything is read: what an interrupted run has asked for is waited for, not asked for again.
    let others = delete::under_way(&aws.center, session.until).await?;
    let found = Found::read(session, &aws, &selection, &table, whose).await?;
    let all = found.decision.revoke.len();
    if !session.json {
        session.print(&found.head(session));
        session.print(&found.to_take());
    }
    if all == 0 {
        return Ok(found.end(session, None, &HashMap::new()));
    }
    if let Some(max) = max.and_then(|max| usize::try_from(max).ok()).filter(|max| all > *max) {
        return Err(Failure {
            name: "TooMany",
            message: format!(
                "{} would be taken away, more than --max {max}; nothing was",
                plural(all, "assignment")
            ),
            next: "look at what is shown, then choose fewer accounts, or a higher --max".to_owned(),
            exit: Exit::Wrong,
        });
    }
    // Nothing is taken on the strength of what nobody can read.
    session.written()?;
    if !yes {
        let accounts: BTreeSet<&AccountId> =
            found.decision.revoke.iter().map(|one| &one.assignment.account).collect();
        let question = format!(
            "{STRONG}Type {all} to take away {} in {}:{STRONG:#}",
            plural(all, "assignment"),
            plural(accounts.len(), "account")
        );
        if !session.confirm_by_number(&question, all)? {
            session.note("nothing was taken away");
            return Ok(Exit::Missing);
        }
        // A person may have taken long to answer.
        aws = look_again(session, &found, whose).await?;
    }
    session.write_new(&record, found.record(session, &HashMap::new()).as_bytes())?;
    let max_outstanding = max_outstanding.map_or(aws.settings.max_outstanding, usize::from);
    let limits = Limits { max_outstanding, manners: aws.settings.manners, until: session.until };
    let doomed = found.decision.revoke.iter().map(|one| one.assignment.clone()).collect();
    let settled = watched(session, all, async |observer| {
        delete::delete(&aws.center, doomed, &others, limits, Some(observer)).await
    });
    let settled = settled.await;
    // If this fails, the record still has everything, as after a kill.
    let written = session.write(&record, found.record(session, &settled).as_bytes());
    let exit = found.end(session, Some(&record.display().to_string()), &settled);
    written.map(|()| exit)
}

/// Reads the accounts once more, by new clients that remember nothing, and refuses to go on if anything is not as it was
/// shown.
async fn look_again(session: &Session, shown: &Found, whose: Whose) -> Result<Aws, Failure> {
    let table = session.table(&session.table).await?;
    let aws = session.aws().await?;
    let accounts: BTreeSet<AccountId> =
        shown.decision.revoke.iter().map(|one| one.assignment.account.clone()).collect();
    let selection = Selection { accounts: accounts.into_iter().collect(), ous: Vec::new() };
    let now = Found::read(session, &aws, &selection, &table, whose).await?;
    let same = shown.digest == now.digest
        && shown.facts.instance == now.facts.instance
        && shown.decision.revoke == now.decision.revoke;
    if same {
        return Ok(aws);
    }
    Err(Failure {
        name: "Changed",
        message: "not everything is as it was shown; nothing was taken away".to_owned(),
        next: "run the same command again, and look at what it shows".to_owned(),
        exit: Exit::Missing,
    })
}

/// What was read, and what follows from it.
struct Found {
    facts: Facts,
    origin: Origin,
    digest: String,
    decision: Decision,
}

impl Found {
    async fn read(
        session: &Session,
        aws: &Aws,
        selection: &Selection,
        table: &Table,
        whose: Whose,
    ) -> Result<Found, Failure> {
        let (facts, origin) = session.facts_for_a_plan(aws, selection, &[table], Tags::ThatDecide).await?;
        let doubts = revoke::doubts(table, &facts);
        if !doubts.is_empty() {
            let doubts: Vec<String> = doubts.iter().map(|doubt| clean(doubt)).collect();
            return Err(Failure {
                name: "Doubtful",
                message: format!(
                    "what no row explains is not certain, so nothing was taken away:\n- {}",
                    doubts.join("\n- ")
                ),
                next: "correct the table, or run it again when all of this can be read".to_owned(),
                exit: Exit::Missing,
            });
        }
        let caller = who_asks(session, aws, &origin, &facts).await?;
        let administrators = administrators(session, aws, table, &facts, &caller, whose).await;
        let decision = revoke::decide(table, &facts, &caller, &administrators, whose);
        Ok(Found { facts, origin, digest: table.digest(), decision })
    }
}

/// Returns who asks, as far as Identity Center knows.
///
/// # Errors
/// If it is not known: then the caller's own access is not known either.
async fn who_asks(session: &Session, aws: &Aws, origin: &Origin, facts: &Facts) -> Result<Caller, Failure> {
    let not_known = |why: &str| {
        Failure {
        name: "CallerNotKnown",
        message: format!("your own access is not known, so nothing was taken away: {}", clean(why)),
        next: "let this identity call sts:GetCallerIdentity, identitystore:ListUsers and ListGroupMembershipsForMember"
            .to_owned(),
        exit: Exit::Missing,
    }
    };
    let arn = match &origin.identity {
        Identity::Known { arn, .. } => arn,
        Identity::Unknown { unknown } => return Err(not_known(unknown)),
    };
    // Whoever does not come by Identity Center has nothing from it.
    let Some(of) = revoke::Session::of(arn) else { return Ok(Caller::default()) };
    let users = of.users(facts);
    if users.is_empty() {
        return Err(not_known(&format!("no user is named {:?}, as the session is", of.user)));
    }
    let mut principals: BTreeSet<PrincipalId> = users.iter().map(|id| PrincipalId::user(*id)).collect();
    for user in users {
        let groups = timeout_at(session.until, aws.center.groups_of(user)).await;
        let groups = groups.map_err(|_| not_known("no answer in time"))?;
        let groups = groups.map_err(|error| not_known(&error.to_string()))?;
        principals.extend(groups.into_iter().map(PrincipalId::group));
    }
    let permission_sets = of.permission_sets(facts);
    Ok(Caller { principals, session: Some((of.account, permission_sets)) })
}

/// Returns the permission sets, of those that would be taken, that make an administrator. One that cannot be read counts
/// as one.
async fn administrators(
    session: &Session,
    aws: &Aws,
    table: &Table,
    facts: &Facts,
    caller: &Caller,
    whose: Whose,
) -> BTreeSet<String> {
    let first = revoke::decide(table, facts, caller, &BTreeSet::new(), whose);
    let sets: BTreeSet<String> = first.revoke.into_iter().map(|one| one.assignment.permission_set).collect();
    let mut administrators = BTreeSet::new();
    for arn in sets {
        let content = timeout_at(session.until, aws.center.permission_set_content(&arn)).await;
        let content = match content {
            Ok(content) => content.map_err(|error| error.to_string()),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let is_one = match content {
            Ok(Some(content)) => revoke::makes_an_administrator(
                content.managed_policies.iter().map(String::as_str),
                content.inline_policy.as_ref(),
            ),
            Ok(None) => false,
            Err(why) => {
                let name = facts.names_by_id.permission_set(&arn).unwrap_or(&arn);
                session.note(&clean(&format!(
                    "note: what {name} allows is not known, so it counts as an administrator's: {why}"
                )));
                true
            }
        };
        if is_one {
            administrators.insert(arn);
        }
    }
    administrators
}
