//! What `who`, `what` and `why` share: the facts of one account, whom a person means, memberships, and how a way into an
//! account is shown. Reads only.

use std::{fmt::Write, path::Path, sync::Arc};

use anstyle::Style;
use assigner_core::{
    assignments::{
        Named, PrincipalId, PrincipalKind, Table,
        access::AccountAccess,
        facts::{Facts, NamesById},
        members::{Belongs, Memberships},
        reach::{
            Gives, LinkState, Standing, Way,
            find::{Asked, Unclear},
        },
        report::{AccountReport, PrincipalReport},
    },
    ids::AccountId,
    organization::Account,
    outcome::Status,
    selector::Selection,
};
use assigner_engine::{assignments::members, error::Error, facts::Tags};
use tokio::time::timeout_at;

use super::show;
use crate::{
    exit::{Exit, Failure},
    facts::{Aws, Kept},
    session::Session,
    terminal::{ERROR, FAINT, GOOD, STRONG, WARNING, clean},
};

/// Where more can be asked after the facts were read.
pub enum Source {
    Aws(Arc<Aws>),
    /// A snapshot, with the members of groups if it has them.
    File(Option<Memberships>),
}

/// One account as it was read.
pub struct Looked {
    pub facts: Facts,
    pub account: Account,
    pub access: Option<AccountAccess>,
    pub source: Source,
}

/// What a snapshot without members is told.
const NO_MEMBERS: &str = "the snapshot does not have the members of groups";
const WITH_MEMBERS: &str = "write one with `assignctl snapshot --members`";

impl Session {
    /// Reads one account, from the snapshot if there is one.
    pub async fn look_at(
        &self,
        id: &AccountId,
        table: &Table,
        snapshot: Option<&Path>,
        tags: Tags,
    ) -> Result<Looked, Failure> {
        let selection = Selection { accounts: vec![id.clone()], ous: Vec::new() };
        let (facts, access, source) = match snapshot {
            Some(path) => {
                let Kept { facts, access, members } = self.kept_in_snapshot(path, &selection, &[table])?;
                (facts, access, Source::File(members))
            }
            None => {
                let aws = self.aws().await?;
                let access = async { Ok(self.account_access(&aws).await) };
                let tables = [table];
                let facts = self.facts_from_aws(&aws, &selection, &tables, tags);
                let (facts, access) = tokio::try_join!(facts, access)?;
                (facts, Some(access), Source::Aws(Arc::new(aws)))
            }
        };
        match facts.accounts.iter().find(|account| account.id == *id).cloned() {
            Some(account) => Ok(Looked { facts, account, access, source }),
            // It was there when it was looked for.
            None => Err(Error::AccountNotReady(format!("account {id} went away while it was read")).into()),
        }
    }

    /// Returns whom a person means. Where not everybody could be listed, AWS is asked for the name.
    pub async fn principal(
        &self,
        asked: &Asked,
        names: &NamesById,
        source: &Source,
    ) -> Result<PrincipalId, Failure> {
        let unclear = match asked.find(names) {
            Ok(found) => return Ok(found),
            Err(unclear) => unclear,
        };
        let unclear = match (unclear, source) {
            (Unclear::NotListed { .. }, Source::Aws(aws)) => {
                let late = Error::Late { what: "groups and users", last: aws.center.tally().last_failure() };
                let found = timeout_at(self.until, members::look_up(&aws.center, asked)).await;
                let mut found =
                    found.map_err(|_| late)?.map_err(|obstacle| not_found_out(asked, &obstacle.status()))?;
                match (found.pop(), found.is_empty()) {
                    (Some(one), true) => return Ok(one),
                    (Some(one), false) => {
                        found.push(one);
                        Unclear::Several(found)
                    }
                    (None, _) => Unclear::Nobody { near: None },
                }
            }
            (unclear, _) => unclear,
        };
        Err(refused(asked, unclear))
    }

    /// Returns the groups of a principal, or why they are not all known.
    pub async fn belongs(
        &self,
        principal: &PrincipalId,
        names: &NamesById,
        source: &Source,
    ) -> Result<Belongs, Failure> {
        match (source, principal.kind) {
            (_, PrincipalKind::Group) => Ok(Belongs::default()),
            (Source::Aws(aws), PrincipalKind::User) => {
                let late =
                    Error::Late { what: "the groups of a user", last: aws.center.tally().last_failure() };
                let read = timeout_at(self.until, members::of_principal(&aws.center, principal)).await;
                Ok(read.map_err(|_| late)?)
            }
            (Source::File(Some(members)), PrincipalKind::User) => Ok(members.of_user(&principal.id, names)),
            (Source::File(None), PrincipalKind::User) => {
                let unread = vec![format!("{NO_MEMBERS}; {WITH_MEMBERS}")];
                Ok(Belongs { unread, ..Belongs::default() })
            }
        }
    }

    /// Returns the members of these groups as AWS has them now.
    pub async fn members(&self, aws: &Aws, groups: &[String]) -> Result<Memberships, Failure> {
        let bar =
            self.progress(groups.len(), "Reading members of groups {bar:30} {pos} of {len}, {eta} left");
        let watch = |read| bar.set_position(u64::try_from(read).unwrap_or(u64::MAX));
        let read = members::of_groups(&aws.center, groups.iter().map(String::as_str), &watch);
        let read = timeout_at(self.until, read).await;
        bar.finish_and_clear();
        let late = Error::Late { what: "the members of groups", last: aws.center.tally().last_failure() };
        Ok(read.map_err(|_| late)?)
    }

    /// Returns the members of these groups.
    ///
    /// # Errors
    /// If they come from a snapshot that does not have them.
    pub async fn members_from(&self, source: &Source, groups: &[String]) -> Result<Memberships, Failure> {
        match source {
            Source::Aws(aws) => self.members(aws, groups).await,
            Source::File(Some(members)) => Ok(members.clone()),
            Source::File(None) => Err(Failure::wrong(NO_MEMBERS, WITH_MEMBERS)),
        }
    }
}

fn asked_for(asked: &Asked) -> String {
    let name = match &asked.named {
        Named::Name(name) => format!("named {:?}", clean(name)),
        Named::Id(id) => format!("with the id {id}"),
    };
    match asked.kind {
        Some(kind) => format!("{} {name}", kind.field()),
        None => format!("group or user {name}"),
    }
}

fn not_found_out(asked: &Asked, status: &Status) -> Failure {
    let reason = match status {
        Status::Failed { reason, .. } | Status::Unresolved { reason, .. } | Status::Pending { reason } => {
            reason.as_str()
        }
        Status::Created | Status::Present | Status::Planned => "",
    };
    Failure {
        name: "NotKnown",
        message: format!("whether there is a {} is not known: {}", asked_for(asked), clean(reason)),
        next: "let this identity list groups and users, or give the id with its kind, such as group:ID"
            .to_owned(),
        exit: Exit::Missing,
    }
}

fn refused(asked: &Asked, unclear: Unclear) -> Failure {
    let with_kind = |kind: PrincipalKind, name: &str| format!("{}:{}", kind.field(), clean(name));
    match unclear {
        Unclear::Nobody { near } => {
            let near = near.map(|(kind, name)| format!("did you mean {}? ", with_kind(kind, &name)));
            Failure::wrong(
                format!("there is no {}", asked_for(asked)),
                format!(
                    "{}write user: and the user name, group: and the display name, or an id",
                    near.unwrap_or_default()
                ),
            )
        }
        Unclear::Several(found) => {
            let name = match &asked.named {
                Named::Name(name) | Named::Id(name) => name,
            };
            let kinds: Vec<PrincipalKind> = found.iter().map(|one| one.kind).collect();
            let ways: Vec<String> = match kinds.as_slice() {
                [one, other] if one != other => kinds.iter().map(|kind| with_kind(*kind, name)).collect(),
                _ => found.iter().map(|one| with_kind(one.kind, &one.id)).collect(),
            };
            Failure::wrong(
                format!("there is more than one {}", asked_for(asked)),
                format!("write {}", ways.join(" or ")),
            )
        }
        Unclear::NotListed { kind, why } => Failure::wrong(
            format!(
                "whether there is a {} is not known: {}s could not be listed: {}",
                asked_for(asked),
                kind.field(),
                clean(&why)
            ),
            "write user:NAME or group:NAME, or the id with its kind, such as group:ID",
        ),
    }
}

/// Returns the name of an account, its id and its place.
pub fn account(AccountReport { id, name, ou }: &AccountReport) -> String {
    let mut text = format!("{STRONG}{}{STRONG:#}", clean(name));
    let _ = write!(text, "{}{id}", if name.is_empty() { "" } else { "  " });
    if !ou.is_empty() {
        let _ = write!(text, "  {}", clean(ou));
    }
    text
}

/// One line: what somebody has, who, and why.
pub struct Line<'l> {
    pub gives: &'l Gives,
    pub who: String,
    pub state: &'l LinkState,
}

impl<'l> Line<'l> {
    /// Returns the line of a way, with the group through which it goes.
    pub fn of_way(Way { through, gives, state }: &'l Way) -> Line<'l> {
        let who = through
            .as_ref()
            .map_or("directly".to_owned(), |group| format!("through {}", show::principal(group)));
        Line { gives, who, state }
    }
}

/// Returns lines with aligned columns.
pub fn lines(lines: &[Line<'_>], indent: &str) -> String {
    let gives: Vec<String> = lines.iter().map(|line| clean(line.gives.name())).collect();
    let width = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let of_gives = width(&mut gives.iter().map(|text| text.chars().count()));
    let of_who = width(&mut lines.iter().map(|line| line.who.chars().count()));
    let mut text = String::new();
    for (Line { who, state, .. }, gives) in lines.iter().zip(&gives) {
        let (mark, style) = mark(state.status);
        let _ = writeln!(
            text,
            "{indent}{style}{mark} {gives:of_gives$}{style:#}  {who:of_who$}{}{}",
            if of_who == 0 { "" } else { "  " },
            because(state)
        );
    }
    text
}

/// The signs are those of `assignctl plan` and of the report.
fn mark(status: Standing) -> (char, Style) {
    match status {
        Standing::Present => ('=', GOOD),
        Standing::Missing => ('+', WARNING),
        Standing::Unexplained => ('~', WARNING),
        Standing::Orphaned => ('†', WARNING),
        Standing::Unresolved => ('?', WARNING),
        Standing::Failed => ('!', ERROR),
        Standing::Outside => ('○', FAINT),
        Standing::Entitlement => ('◇', WARNING),
    }
}

/// Returns the rows that want it, and what else is to be said.
pub fn because(state: &LinkState) -> String {
    let LinkState { status, held, rows, reason, ended } = state;
    let rows = || clean(&show::rows(rows));
    match status {
        Standing::Present => rows(),
        Standing::Missing => format!("{}; AWS does not have it yet", rows()),
        Standing::Unexplained => clean(&show::unexplained(ended.as_ref())),
        Standing::Orphaned => "was deleted; AWS still lists it".to_owned(),
        Standing::Unresolved | Standing::Failed => {
            let held = if *held { "; AWS has it" } else { "" };
            format!("{}: {}{held}", rows(), clean(reason.as_deref().unwrap_or_default()))
        }
        Standing::Outside => "is there, but the table does not apply".to_owned(),
        Standing::Entitlement => "account access manager; no table decides about it".to_owned(),
    }
}

/// Returns who it is, such as `group students`.
pub fn principal(principal: Option<&PrincipalReport>) -> String {
    principal.map_or("a principal of another kind".to_owned(), show::principal)
}

/// Returns what could not be read, a line each.
pub fn unread(unread: &[String]) -> String {
    if unread.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{WARNING}Not everything was read{WARNING:#}, so there may be more:\n");
    for why in unread {
        let _ = writeln!(text, "  {}", clean(why));
    }
    text
}

/// What could not be read counts as a failure.
pub fn exit(unread: &[String]) -> Exit {
    if unread.is_empty() { Exit::Good } else { Exit::Missing }
}
