//! `assignctl permission-set apply --as NAME`: from the policy file to a set next to the old one. It assigns nobody, and
//! leaves the old set as it is.

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use assigner_aws::{
    client::Tally,
    permissions::{Finding, Sessions},
};
use assigner_core::{
    assignments::row,
    permissions::{
        apply::{Form, PolicyFile, bare},
        before::{Before, file_name},
        change::{TooLarge, Way},
        policy::{
            Document,
            size::{INLINE, size},
        },
        usage::{Boundary, PermissionSet},
    },
};
use assigner_engine::{
    error::Error,
    files::LARGEST_SNAPSHOT,
    permissions::{
        apply::{self, Made, State},
        policies::Policies,
    },
};
use serde::Serialize;
use tokio::time::timeout_at;

use super::{arguments, show};
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::{FAINT, GOOD, STRONG, WARNING, clean, plural},
};

pub async fn run(session: &Session, arguments: arguments::Apply) -> Result<Exit, Failure> {
    let arguments::Apply { policy, name, customer_managed, role, yes, .. } = arguments;
    let Some(name) = name else {
        return Err(Failure::wrong("neither --as nor --replace is given", "give one of them"));
    };
    let (file, form) = read(session, &policy, customer_managed.as_deref())?;
    let wanted = file.beside(&name, &form);
    let way = Way::new(&bare(&wanted), &wanted).map_err(|TooLarge { bytes }| {
        Failure::wrong(format!("the policy has {bytes} bytes inline"), "draft a smaller one")
    })?;
    let parts = match &form {
        Form::Inline => &[][..],
        Form::CustomerManaged(parts) => parts,
    };
    let aws = session.aws().await?;
    if aws.settings.dry_run {
        return Err(Failure::wrong("DRY_RUN is true, so nothing may be created", "unset DRY_RUN"));
    }
    aws.center.find_instance().await.map_err(Error::from)?;
    let sessions = Sessions::new(&aws.sdk, Arc::new(Tally::default()));
    let late = || Error::Late { what: "the permission set", last: aws.center.tally().last_failure() };
    let judging = async {
        let now = apply::require_unchanged(&aws.center, &sessions, &file).await?;
        let state = apply::state(&aws.center, &sessions, &wanted, &way).await?;
        if let State::Begun { arn, left: 0 } = &state {
            return Ok(Err(arn.clone()));
        }
        let mut findings = Vec::new();
        for document in documents(&file, parts) {
            findings.extend(apply::validate(&sessions, document).await?);
        }
        if !findings.iter().any(|finding| finding.is_error) {
            apply::require_no_new_access(&sessions, &file, &now).await?;
        }
        Ok::<_, Error>(Ok((state, findings)))
    };
    let judged = timeout_at(session.until, judging).await.map_err(|_| late())??;
    let (state, findings) = match judged {
        Ok(judged) => judged,
        Err(arn) => {
            show_made(session, &wanted, &Made { arn, writes: 0 });
            show_rows(session, &file, &name).await;
            return Ok(Exit::Good);
        }
    };
    refuse_errors(&findings, &policy)?;
    remember(session, &policy, &file.permission_set)?;
    if !session.json {
        session.print(&difference(&file, &wanted, &state, &findings));
    }
    session.written()?;
    if !parts.is_empty() {
        session.note(
            "the accounts of which the use is known get the policies that the set names; another account must have them \
             before somebody is assigned there, or the assignment fails",
        );
    }
    if !yes && !session.confirm(&format!("{STRONG}Make the permission set {}?{STRONG:#}", clean(&name)))? {
        session.note("nothing was written");
        return Ok(Exit::Missing);
    }
    let made = timeout_at(session.until, async {
        // A person may have taken long to answer.
        apply::require_unchanged(&aws.center, &sessions, &file).await?;
        if !parts.is_empty() {
            let own = sessions.own_account().await?;
            let policies = Policies::look(&sessions, &file.accounts, own.as_ref(), &role, parts).await?;
            policies.create().await?;
        }
        apply::make(&aws.center, &sessions, &wanted, &way).await
    });
    let made = made.await.map_err(|_| late())?.map_err(|error| {
        let failure = Failure::from(error);
        let next = format!("{}; run the same command again, it goes on where this one ended", failure.next);
        Failure { next, ..failure }
    })?;
    show_made(session, &wanted, &made);
    show_rows(session, &file, &name).await;
    Ok(Exit::Good)
}

/// Reads the policy file, and in which form a set holds its policy.
pub fn read(
    session: &Session,
    path: &Path,
    customer_managed: Option<&str>,
) -> Result<(PolicyFile, Form), Failure> {
    let refused = |problems: Vec<String>| Failure {
        name: "InvalidPolicy",
        message: format!("{} is refused:{}", clean(&path.display().to_string()), list(&problems)),
        next: "correct these, or draft it again with `assignctl permission-set draft`".to_owned(),
        exit: Exit::Wrong,
    };
    let file = PolicyFile::parse(&session.read(path, LARGEST_SNAPSHOT)?).map_err(refused)?;
    let form = file.form(customer_managed).map_err(refused)?;
    Ok((file, form))
}

/// Returns the documents that AWS gets to see.
pub fn documents<'a>(file: &'a PolicyFile, parts: &'a [(String, Document)]) -> Vec<&'a Document> {
    match parts {
        [] => vec![&file.policy],
        parts => parts.iter().map(|(_, document)| document).collect(),
    }
}

/// Writes every field of the set next to the policy file. What an earlier run wrote stays.
pub fn remember(session: &Session, policy: &Path, set: &PermissionSet) -> Result<PathBuf, Failure> {
    let name = policy.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let path = policy.with_file_name(file_name(&name));
    let before = Before::new(set.clone());
    if !path.exists() {
        session.write_new(&path, before.to_text().as_bytes())?;
        session.note(&format!("what the set was is written to {}", clean(&path.display().to_string())));
        return Ok(path);
    }
    match Before::parse(&session.read(&path, LARGEST_SNAPSHOT)?) {
        Ok(found) if found == before => Ok(path),
        Ok(_) | Err(_) => Err(Failure::wrong(
            format!(
                "{} is there already, and has another state of the set or something else; it is not overwritten",
                clean(&path.display().to_string())
            ),
            "keep it under another name, or give the policy file another name",
        )),
    }
}

fn list(problems: &[String]) -> String {
    problems.iter().map(|problem| format!("\n- {}", clean(problem))).collect()
}

/// Refuses a policy that AWS would refuse.
pub fn refuse_errors(findings: &[Finding], path: &Path) -> Result<(), Failure> {
    let errors = findings.iter().filter(|finding| finding.is_error);
    let errors: Vec<String> =
        errors.map(|finding| format!("{}: {}", finding.code, finding.details)).collect();
    if errors.is_empty() {
        return Ok(());
    }
    Err(Failure {
        name: "InvalidPolicy",
        message: format!(
            "ValidatePolicy finds errors in {}, and nothing was written:{}",
            clean(&path.display().to_string()),
            list(&errors)
        ),
        next: "correct the policy file, or draft it again".to_owned(),
        exit: Exit::Wrong,
    })
}

/// Returns what is about to be made, and instead of what.
fn difference(file: &PolicyFile, wanted: &PermissionSet, state: &State, findings: &[Finding]) -> String {
    let old = &file.permission_set;
    let mut text = String::new();
    let word = if *state == State::Absent { "new" } else { "begun before" };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{STRONG}{}{STRONG:#} ({word}), from {} {FAINT}{}{FAINT:#}",
        clean(&wanted.name),
        clean(&old.name),
        clean(&old.arn)
    );
    let mut line = |sign: &str, what: &str| {
        let colour = if sign == "-" { WARNING } else { GOOD };
        let _ = writeln!(text, "{colour}{sign} {}{colour:#}", clean(what));
    };
    if old.inline_policy.is_some() {
        line("-", "the inline policy of the old set");
    }
    for policy in &old.managed_policies {
        line("-", &policy.arn);
    }
    for policy in &old.customer_managed_policies {
        line("-", &format!("customer managed policy {}{}", policy.path, policy.name));
    }
    if let Some(policy) = &wanted.inline_policy {
        let statements = plural(policy.statements.len(), "statement");
        line("+", &format!("inline policy, {statements}, {} of {INLINE} bytes", size(policy)));
    }
    for policy in &wanted.customer_managed_policies {
        line("+", &format!("customer managed policy {}{}", policy.path, policy.name));
    }
    match &wanted.boundary {
        None => {}
        Some(Boundary::Managed(policy)) => line("=", &format!("boundary {}", policy.arn)),
        Some(Boundary::CustomerManaged(of)) => line("=", &format!("boundary {}{}", of.path, of.name)),
    }
    let same = [
        ("description", &wanted.description),
        ("session duration", &wanted.session_duration),
        ("relay state", &wanted.relay_state),
    ];
    for (what, value) in same {
        if let Some(value) = value {
            line("=", &format!("{what} {value}"));
        }
    }
    for (key, value) in &wanted.tags {
        line(if old.tags.contains_key(key) { "=" } else { "+" }, &format!("tag {key} = {value}"));
    }
    text + &show::judged(findings)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    name: &'a str,
    arn: &'a str,
    writes: usize,
    made_from: &'a str,
}

fn show_made(session: &Session, wanted: &PermissionSet, made: &Made) {
    let made_from = wanted.tags.get(assigner_core::permissions::apply::MADE_FROM);
    if session.json {
        session.print_json(&Answer {
            name: &wanted.name,
            arn: &made.arn,
            writes: made.writes,
            made_from: made_from.map(String::as_str).unwrap_or_default(),
        });
        return;
    }
    let word = if made.writes == 0 { "is there already; nothing was written" } else { "is made" };
    session.print(&format!("{GOOD}{}{GOOD:#} {word}: {}\n", clean(&wanted.name), clean(&made.arn)));
}

/// Shows the rows of the table that name the old set. Nobody has the new set before a row names it.
async fn show_rows(session: &Session, file: &PolicyFile, name: &str) {
    let old = &file.permission_set;
    session.note(&format!(
        "nobody has it yet: name it in the table, then run `assignctl apply`; assignments of {} stay until somebody takes \
         them away",
        clean(&old.name)
    ));
    let table = match session.table(&session.table).await {
        Ok(table) => table,
        Err(failure) => {
            session.note(&format!("the rows to change are not shown: {}", failure.message));
            return;
        }
    };
    for row in &table.rows {
        let (row::PermissionSet::Name(named) | row::PermissionSet::Arn(named)) = &row.permission_set;
        if *named == old.name || *named == old.arn {
            session.note(&format!(
                "row {}:\n- \"permissionSet\": \"{}\"\n+ \"permissionSet\": \"{}\"",
                clean(&row.id),
                clean(named),
                clean(name)
            ));
        }
    }
}
