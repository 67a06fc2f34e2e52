//! `assignctl apply --restore FILE`: gives back exactly what `revoke` took, by its record, whatever the table says.
//! Deletes nothing.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fmt::Write,
    path::Path,
};

use assigner_core::{
    assignments::{
        plan::Assignment,
        report::{PermissionSetReport, PrincipalReport, StatusReport},
        revoke::record::{Entry, Record, Taken},
    },
    ids::AccountId,
    outcome::{Counts, Settled, Status},
};
use assigner_engine::{
    assignments::{
        create::{self, Batch, Limits},
        restore,
    },
    error::Error,
    files::LARGEST_SNAPSHOT,
};
use serde::Serialize;
use tokio::time::timeout_at;

use super::{show, watched::watched};
use crate::{
    exit::{Exit, Failure},
    facts::Aws,
    session::Session,
    terminal::{ERROR, FAINT, GOOD, STRONG, WARNING, clean, counted, plural},
    words,
};

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    outcome: &'static str,
    record: String,
    counts: Counts,
    assignments: Vec<Given>,
}

/// How one assignment ended.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Given {
    account: AccountId,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_name: Option<String>,
    permission_set: PermissionSetReport,
    principal: PrincipalReport,
    #[serde(flatten)]
    status: StatusReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

pub async fn run(
    session: &Session,
    path: &Path,
    yes: bool,
    max_outstanding: Option<u16>,
) -> Result<Exit, Failure> {
    let name = clean(&path.display().to_string());
    let record = Record::parse(&session.read(path, LARGEST_SNAPSHOT)?).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(|fault| clean(fault)).collect();
        Failure::wrong(
            format!("{name} cannot be given back:\n- {}", faults.join("\n- ")),
            "name the file that `assignctl revoke --record FILE` wrote",
        )
    })?;
    let taken = record.taken();
    if taken.is_empty() {
        session.note("nothing was taken away, by this record");
    }
    let aws = session.aws().await?;
    aws.require_writes("created")?;
    aws.center.find_instance().await.map_err(Error::from)?;
    require_the_same(session, &aws, &record, &taken).await?;
    // Before anything is read, as `apply` does it.
    let in_progress = aws.center.creations_in_progress().await.unwrap_or_default();
    let all: Vec<Assignment> = taken.iter().map(|(assignment, _)| assignment.clone()).collect();
    if !restore::until_none_is_taken(&aws.center, &all, session.until).await? {
        return Err(Failure {
            name: "StillTaken",
            message: "a deletion of what is to be given back is still under way; nothing was created"
                .to_owned(),
            next: "run the same command again later".to_owned(),
            exit: Exit::Missing,
        });
    }
    let present = timeout_at(session.until, restore::present(&aws.center, &all)).await;
    let present =
        present.map_err(|_| Error::Late { what: "AWS", last: aws.center.tally().last_failure() })?;
    let mut settled: HashMap<Assignment, Settled> = HashMap::new();
    let mut missing: HashSet<Assignment> = HashSet::new();
    for (assignment, taken) in taken {
        match (present.get(&assignment), taken) {
            (Some(Ok(true)), Taken::Certainly) => _ = settled.insert(assignment, Status::Present.into()),
            (Some(Err(error)), _) => _ = settled.insert(assignment, Status::of(error).into()),
            // A list can lag behind what was taken a moment ago, and what is there can be asked for again.
            (Some(Ok(_)) | None, _) => _ = missing.insert(assignment),
        }
    }
    if !missing.is_empty() {
        if !session.json {
            session.print(&shown(&record, &settled, &missing));
        }
        session.written()?;
        let accounts: BTreeSet<&AccountId> = missing.iter().map(|one| &one.account).collect();
        let question = format!(
            "{STRONG}Give back {} in {}?{STRONG:#}",
            plural(missing.len(), "assignment"),
            plural(accounts.len(), "account")
        );
        if !yes && !session.confirm(&question)? {
            session.note("nothing was created");
            return Ok(Exit::Missing);
        }
        let max_outstanding = max_outstanding.map_or(aws.settings.max_outstanding, usize::from);
        let limits = Limits { max_outstanding, manners: aws.settings.manners, until: session.until };
        let created = watched(session, missing.len(), async |observer| {
            let others = create::describe(&aws.center, &in_progress, limits.until).await;
            create::create(&aws.center, Batch { missing, others }, None, limits, Some(observer)).await
        });
        settled.extend(created.await);
    }
    Ok(end(session, name, &record, &settled))
}

/// Refuses a record of another instance, and one that has the management account, which nothing may touch.
async fn require_the_same(
    session: &Session,
    aws: &Aws,
    record: &Record,
    taken: &[(Assignment, Taken)],
) -> Result<(), Failure> {
    let instance = aws.center.instance_arn().unwrap_or_default();
    if instance != record.instance {
        return Err(Failure::wrong(
            format!("the record is of the instance {}, and this one is {instance}", clean(&record.instance)),
            "use credentials and the Region of the record's instance",
        ));
    }
    let management = match &aws.settings.management_account {
        Some(id) => id.to_string(),
        None => {
            let asked = timeout_at(session.until, aws.organizations.management_account()).await;
            asked.map_err(|_| Error::Late { what: "AWS", last: aws.center.tally().last_failure() })??
        }
    };
    match taken.iter().any(|(assignment, _)| assignment.account.as_str() == management) {
        false => Ok(()),
        true => Err(Failure::wrong(
            format!(
                "the record has account {management}, the management account, which never receives an assignment"
            ),
            "take it out of the record; `assignctl revoke` never writes it",
        )),
    }
}

/// Returns the record's entries, each once, with what became of it.
fn given(record: &Record, settled: &HashMap<Assignment, Settled>) -> Vec<Given> {
    let mut seen = HashSet::new();
    let given = |entry: &Entry| {
        let assignment = entry.assignment()?;
        let Settled { status, request_id, .. } = settled.get(&assignment)?.clone();
        let Assignment { account, permission_set, principal } = assignment.clone();
        seen.insert(assignment).then(|| Given {
            account,
            account_name: entry.account_name.clone(),
            permission_set: PermissionSetReport {
                name: entry.permission_set_name.clone(),
                arn: Some(permission_set),
            },
            principal: PrincipalReport {
                kind: principal.kind,
                name: entry.principal_name.clone(),
                id: Some(principal.id),
            },
            status: StatusReport::new(status, words::remedy),
            request_id,
        })
    };
    record.assignments.iter().filter_map(given).collect()
}

/// Returns what will be given back.
fn shown(record: &Record, settled: &HashMap<Assignment, Settled>, missing: &HashSet<Assignment>) -> String {
    let planned = missing.iter().map(|one| (one.clone(), Status::Planned.into()));
    let all = planned.chain(settled.iter().map(|(one, settled)| (one.clone(), settled.clone())));
    text(&given(record, &all.collect()))
}

fn text(given: &[Given]) -> String {
    let mut text = String::new();
    for Given { account, account_name, permission_set, principal, status, request_id } in given {
        let (mark, style) = match status {
            StatusReport::Planned => ('+', GOOD),
            StatusReport::Created => ('✓', GOOD),
            StatusReport::Present => ('=', FAINT),
            StatusReport::Failed { .. } => ('!', ERROR),
            StatusReport::Unresolved { .. } => ('?', WARNING),
            StatusReport::Pending { .. } => ('…', WARNING),
        };
        let name = account_name.as_deref().map_or(String::new(), |name| format!("{} ", clean(name)));
        let request = request_id.as_ref().map_or(String::new(), |id| format!("  request {}", clean(id)));
        let (set, principal) = (show::permission_set(permission_set), show::principal(principal));
        let _ = writeln!(text, "{style}{mark} {set}  {principal}{style:#}  in {name}{account}{request}");
        if let Some(reason) = status.reason() {
            let _ = writeln!(text, "    {}", clean(reason));
        }
    }
    text + "\n"
}

fn end(
    session: &Session,
    record_name: String,
    record: &Record,
    settled: &HashMap<Assignment, Settled>,
) -> Exit {
    let counts = Counts::of(settled.values().map(|settled| &settled.status));
    let given = given(record, settled);
    let is_whole = counts.not_in_place() == 0;
    if session.json {
        let outcome = if is_whole { "ready" } else { "incomplete" };
        session.print_json(&Document { outcome, record: record_name, counts, assignments: given });
    } else {
        session.print(&text(&given));
        let some = counted(&[
            (counts.created, "given back"),
            (counts.present, "there already"),
            (counts.failed, "failed"),
            (counts.unresolved, "unresolved"),
            (counts.pending, "pending"),
        ]);
        session.print(&format!("{}: {some}\n", plural(counts.all(), "assignment")));
        if counts.pending > 0 {
            session.note("next: run the same command again; it goes on where this one ended");
        }
    }
    if is_whole { Exit::Good } else { Exit::Missing }
}
