//! What `revoke` shows, writes and prints: the plan by account, the record, and how it ended. Decides nothing.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};

use assigner_core::{
    assignments::{
        PrincipalId,
        compare::Ended,
        plan::Assignment,
        report::{AccountReport, PermissionSetReport, PrincipalReport},
        revoke::{
            Revocable, Stays,
            record::{Entry, Outcome, Record},
        },
    },
    ids::AccountId,
    outcome::{Settled, Status},
};
use serde::Serialize;

use super::Found;
use crate::{
    assignments::show,
    caller,
    exit::Exit,
    files,
    session::Session,
    terminal::{self, ERROR, FAINT, GOOD, STRONG, WARNING, clean, counted, plural},
    words,
};

/// How one assignment ended, as a document and as a line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Taken {
    account: AccountReport,
    permission_set: PermissionSetReport,
    principal: PrincipalReport,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<Ended>,
    orphaned: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<Outcome>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Stayed {
    account: AccountReport,
    permission_set: PermissionSetReport,
    principal: PrincipalReport,
    /// A stable word.
    why: &'static str,
    reason: &'static str,
}

#[derive(Clone, Copy, Default, Serialize)]
struct Counts {
    revoked: usize,
    gone: usize,
    failed: usize,
    pending: usize,
    stays: usize,
}

/// What `--json` prints.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'d> {
    outcome: &'static str,
    table: String,
    digest: &'d str,
    instance: &'d str,
    /// The file; `None` if there was nothing to take.
    record: Option<&'d str>,
    counts: Counts,
    assignments: Vec<Taken>,
    stays: Vec<Stayed>,
}

impl Found {
    pub fn head(&self, session: &Session) -> String {
        let management = self.origin.management_account.as_deref();
        let organization =
            management.map_or("not known".to_owned(), |id| format!("of management account {id}"));
        caller::lines(&[
            ("identity", caller::words(&self.origin.identity)),
            ("organization", organization),
            ("instance", self.facts.instance.clone()),
            ("table", format!("{}, sha256:{}", files::named(&session.table), self.digest)),
        ]) + "\n"
    }

    fn account(&self, id: &AccountId) -> AccountReport {
        let known = self.facts.accounts.iter().find(|account| account.id == *id);
        known.map_or_else(
            || AccountReport { id: id.clone(), name: String::new(), ou: String::new() },
            AccountReport::from,
        )
    }

    fn permission_set(&self, arn: &str) -> PermissionSetReport {
        let name = self.facts.names_by_id.permission_set(arn).map(str::to_owned);
        PermissionSetReport { name, arn: Some(arn.to_owned()) }
    }

    fn principal(&self, principal: &PrincipalId) -> PrincipalReport {
        let name = self.facts.names_by_id.principal(principal).map(str::to_owned);
        PrincipalReport { kind: principal.kind, name, id: Some(principal.id.clone()) }
    }

    fn taken(&self, one: &Revocable, settled: Option<&Settled>) -> Taken {
        let Revocable { assignment, ended, orphaned } = one;
        let (reason, remedy) = match settled.map(|settled| &settled.status) {
            Some(Status::Failed { reason, remedy } | Status::Unresolved { reason, remedy }) => {
                (Some(reason.clone()), Some(words::remedy(*remedy)))
            }
            Some(Status::Pending { reason }) => (Some(reason.clone()), None),
            Some(Status::Created | Status::Present | Status::Planned) | None => (None, None),
        };
        Taken {
            account: self.account(&assignment.account),
            permission_set: self.permission_set(&assignment.permission_set),
            principal: self.principal(&assignment.principal),
            ended: ended.clone(),
            orphaned: *orphaned,
            outcome: settled.map(|settled| outcome(&settled.status)),
            reason,
            remedy,
            request_id: settled.and_then(|settled| settled.request_id.clone()),
        }
    }

    /// Returns the record as text, with the outcomes that are known.
    pub fn record(&self, session: &Session, settled: &HashMap<Assignment, Settled>) -> String {
        let entry = |one: &Revocable| {
            let Assignment { account, permission_set, principal } = &one.assignment;
            let name = |name: String| Some(name).filter(|name| !name.is_empty());
            Entry {
                account: account.to_string(),
                account_name: name(self.account(account).name),
                permission_set: permission_set.clone(),
                permission_set_name: self.facts.names_by_id.permission_set(permission_set).map(str::to_owned),
                principal_type: principal.kind.as_str().to_owned(),
                principal_id: principal.id.clone(),
                principal_name: self.facts.names_by_id.principal(principal).map(str::to_owned),
                outcome: settled.get(&one.assignment).map(|settled| outcome(&settled.status)),
            }
        };
        let record = Record::new(
            self.facts.read_at.clone(),
            self.facts.instance.clone(),
            caller::words(&self.origin.identity),
            format!("{}, sha256:{}", files::named(&session.table), self.digest),
            self.decision.revoke.iter().map(entry).collect(),
        );
        terminal::as_it_is(&record)
    }

    /// Returns what would be taken, account by account, and what stays.
    pub fn to_take(&self) -> String {
        let lines = self.decision.revoke.iter().map(|one| self.taken(one, None));
        self.by_account(lines.collect()) + &self.staying()
    }

    fn by_account(&self, lines: Vec<Taken>) -> String {
        let mut text = String::new();
        let mut accounts: BTreeMap<AccountId, Vec<Taken>> = BTreeMap::new();
        for line in lines {
            accounts.entry(line.account.id.clone()).or_default().push(line);
        }
        for (id, lines) in accounts {
            let AccountReport { name, ou, .. } = self.account(&id);
            let _ = writeln!(text, "{STRONG}{}{STRONG:#}  {id}  {}", clean(&name), clean(&ou));
            lines.iter().for_each(|line| text.push_str(&line.text()));
            text.push('\n');
        }
        text
    }

    /// Returns what stays: one by one where a person may have expected something else, else by number.
    fn staying(&self) -> String {
        let mut text = String::new();
        let mut counts: BTreeMap<Stays, usize> = BTreeMap::new();
        for (Assignment { account, permission_set, principal }, why) in &self.decision.stays {
            if !matches!(why, Stays::OfTheCaller | Stays::LastAdministrator) {
                *counts.entry(*why).or_default() += 1;
                continue;
            }
            let set = show::permission_set(&self.permission_set(permission_set));
            let principal = show::principal(&self.principal(principal));
            let name = clean(&self.account(account).name);
            let _ = writeln!(
                text,
                "{FAINT}stays: {set} to {principal} in {name} ({account}): {}{FAINT:#}",
                why.words()
            );
        }
        for (why, count) in counts {
            let _ = writeln!(text, "{FAINT}stays: {}: {}{FAINT:#}", plural(count, "assignment"), why.words());
        }
        if text.is_empty() { text } else { text + "\n" }
    }

    /// Says how it ended.
    pub fn end(
        &self,
        session: &Session,
        record: Option<&str>,
        settled: &HashMap<Assignment, Settled>,
    ) -> Exit {
        let revoke = &self.decision.revoke;
        let lines: Vec<Taken> =
            revoke.iter().map(|one| self.taken(one, settled.get(&one.assignment))).collect();
        let mut counts = Counts { stays: self.decision.stays.len(), ..Counts::default() };
        for line in &lines {
            match line.outcome {
                Some(Outcome::Revoked) => counts.revoked += 1,
                Some(Outcome::Gone) => counts.gone += 1,
                Some(Outcome::Failed) => counts.failed += 1,
                Some(Outcome::Pending) | None => counts.pending += 1,
            }
        }
        let is_whole = counts.failed + counts.pending == 0;
        if session.json {
            let stays = self.decision.stays.iter().map(|(assignment, why)| Stayed {
                account: self.account(&assignment.account),
                permission_set: self.permission_set(&assignment.permission_set),
                principal: self.principal(&assignment.principal),
                why: why.as_str(),
                reason: why.words(),
            });
            session.print_json(&Document {
                outcome: if is_whole { "revoked" } else { "incomplete" },
                table: files::named(&session.table),
                digest: &self.digest,
                instance: &self.facts.instance,
                record,
                counts,
                assignments: lines,
                stays: stays.collect(),
            });
        } else if let Some(record) = record {
            session.print(&self.by_account(lines));
            let some = counted(&[
                (counts.revoked, "taken away"),
                (counts.gone, "gone before"),
                (counts.failed, "failed"),
                (counts.pending, "pending"),
            ]);
            session.print(&format!("{}: {some}\n", plural(revoke.len(), "assignment")));
            session.note(&format!("`assignctl apply --restore {}` gives it back", clean(record)));
            if counts.pending > 0 {
                session.note(
                    "next: run the same command again, with another record; it goes on where this one ended",
                );
            }
        } else {
            session.print("nothing to take away\n");
        }
        if is_whole { Exit::Good } else { Exit::Missing }
    }
}

impl Taken {
    fn text(&self) -> String {
        let (mark, style) = match self.outcome {
            None => ('-', WARNING),
            Some(Outcome::Revoked) => ('✓', GOOD),
            Some(Outcome::Gone) => ('=', FAINT),
            Some(Outcome::Failed) => ('!', ERROR),
            Some(Outcome::Pending) => ('…', WARNING),
        };
        let why = match (self.orphaned, self.outcome) {
            (_, Some(Outcome::Gone)) => "was gone already".to_owned(),
            (true, _) => "was deleted".to_owned(),
            (false, _) => show::unexplained(self.ended.as_ref()),
        };
        let request = self.request_id.as_ref().map_or(String::new(), |id| format!("  request {}", clean(id)));
        let (set, principal) = (show::permission_set(&self.permission_set), show::principal(&self.principal));
        let mut text = format!("  {style}{mark} {set}  {principal}{style:#}  {why}{request}\n");
        for line in self.reason.iter().map(String::as_str).chain(self.remedy) {
            let _ = writeln!(text, "      {}", clean(line));
        }
        text
    }
}

/// Returns what became of a deletion.
fn outcome(status: &Status) -> Outcome {
    match status {
        Status::Created => Outcome::Revoked,
        Status::Present => Outcome::Gone,
        Status::Failed { .. } | Status::Unresolved { .. } => Outcome::Failed,
        Status::Pending { .. } | Status::Planned => Outcome::Pending,
    }
}
