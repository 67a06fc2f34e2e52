//! `plan --against`: what one table grants and another does not, in words for a review. Pure.
//!
//! Both tables are judged against the same facts, so the difference is that of the tables alone.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write,
};

use assigner_core::{
    assignments::{
        Table,
        facts::Facts,
        report::{AccountReport, PermissionSetReport, PrincipalReport, StatusReport},
    },
    ids::AccountId,
    table::TableLocation,
};
use serde::Serialize;

use crate::{
    assignments::{
        overview::{AccountAccess, Overview},
        show,
    },
    terminal::{clean, plural},
};

/// What `plan --against --json` prints.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The table before.
    pub before: String,
    pub after: String,
    pub read_at: String,
    /// What could not be read, or was not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// How many accounts were looked at.
    pub accounts: usize,
    /// Granted by the table after and not by the one before.
    pub added: Vec<Changed>,
    /// The reverse. What AWS has of these stays there until somebody deletes it.
    pub removed: Vec<Changed>,
    /// Granted by both, for other rows.
    pub explained_by_others: Vec<Changed>,
}

/// The same grant in some accounts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Changed {
    pub permission_set: PermissionSetReport,
    pub principal: PrincipalReport,
    /// The rows that cause it, or caused it.
    pub rules: Vec<String>,
    /// The rows of the table before, if both tables grant it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules_before: Vec<String>,
    pub accounts: Vec<AccountReport>,
    /// In how many of the accounts AWS has it already.
    pub present: usize,
    /// Why it cannot be created in any of them: a name that does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresolved: Option<String>,
}

type Compared<'t> = (&'t Table, &'t TableLocation);
/// A grant as it is compared: by ids if they are known, so that one row may give a name and another the id.
type Same = (PermissionSetReport, PrincipalReport);

impl Difference {
    pub fn new(facts: &Facts, before: Compared<'_>, after: Compared<'_>) -> Difference {
        let overview = |(table, location)| Overview::new(facts, table, location);
        let (old, new) = (overview(before), overview(after));
        let (mut added, mut removed, mut others) = (Groups::new(), Groups::new(), Groups::new());
        let before: HashMap<&AccountId, &AccountAccess> =
            old.accounts.iter().map(|access| (&access.account.id, access)).collect();
        for new in &new.accounts {
            let account = &new.account;
            let old = before.get(&account.id).map(|access| grants(access)).unwrap_or_default();
            let new = grants(new);
            for (same, grant) in &new {
                match old.get(same) {
                    None => add(&mut added, account, grant, &[]),
                    Some(before) if before.rules != grant.rules => {
                        add(&mut others, account, grant, &before.rules);
                    }
                    Some(_) => {}
                }
            }
            for (_, grant) in old.iter().filter(|(same, _)| !new.contains_key(*same)) {
                add(&mut removed, account, grant, &[]);
            }
        }
        Difference {
            before: old.table,
            after: new.table,
            read_at: new.read_at,
            notes: new.notes,
            accounts: new.accounts.len(),
            added: added.into_values().collect(),
            removed: removed.into_values().collect(),
            explained_by_others: others.into_values().collect(),
        }
    }

    /// Returns Markdown for GitHub and GitLab.
    pub fn to_markdown(&self) -> String {
        let Difference { before, after, read_at, notes, accounts, added, removed, explained_by_others } =
            self;
        let mut text = String::new();
        let _ = writeln!(text, "### Effect on access: {} → {}\n", code(before), code(after));
        let _ = writeln!(
            text,
            "{}, {} ({}, as of {read_at}).\n",
            count("**+", added),
            count("**−", removed),
            plural(*accounts, "account")
        );
        for note in notes {
            let _ = writeln!(text, "> Not everything was read: {}\n", escape(note));
        }
        if added.is_empty() && removed.is_empty() && explained_by_others.is_empty() {
            text.push_str("No account gains or loses a grant.\n");
            return text;
        }
        if !added.is_empty() || !removed.is_empty() {
            text.push_str("| | permission set | to | row | accounts | in AWS |\n|---|---|---|---|---|---|\n");
            for changed in added {
                line(&mut text, "+", changed, |present, all| match (&changed.unresolved, all - present) {
                    (Some(reason), _) => format!("cannot be created: {}", escape(reason)),
                    (None, 0) => "there already".to_owned(),
                    (None, missing) => format!("{missing} to create"),
                });
            }
            for changed in removed {
                line(&mut text, "−", changed, |present, _| match present {
                    0 => "not there".to_owned(),
                    present => format!("**{present} stay** until somebody deletes them"),
                });
            }
        }
        if !explained_by_others.is_empty() {
            text.push_str("\nGranted as before, by other rows:\n\n");
            for changed in explained_by_others {
                let _ = writeln!(
                    text,
                    "- {} to {} in {}: {} instead of {}",
                    code(&show::permission_set(&changed.permission_set)),
                    code(&show::principal(&changed.principal)),
                    plural(changed.accounts.len(), "account"),
                    rows(&changed.rules),
                    rows(&changed.rules_before),
                );
            }
        }
        for (sign, changed) in added.iter().map(|one| ("+", one)).chain(removed.iter().map(|one| ("−", one)))
        {
            if changed.accounts.len() > SHOWN {
                details(&mut text, sign, changed);
            }
        }
        text
    }
}

/// More accounts than this go into a list of their own below the table.
const SHOWN: usize = 5;

struct One {
    permission_set: PermissionSetReport,
    principal: PrincipalReport,
    rules: Vec<String>,
    present: bool,
    unresolved: Option<String>,
}

fn grants(access: &AccountAccess) -> BTreeMap<Same, One> {
    let grants = access.grants.iter().map(|grant| &grant.report).map(|grant| {
        let (mut permission_set, mut principal) = (grant.permission_set.clone(), grant.principal.clone());
        let one = One {
            permission_set: permission_set.clone(),
            principal: principal.clone(),
            rules: grant.rules.clone(),
            present: grant.status == StatusReport::Present,
            unresolved: match &grant.status {
                StatusReport::Unresolved { reason, .. } | StatusReport::Failed { reason, .. } => {
                    Some(reason.clone())
                }
                _ => None,
            },
        };
        permission_set.name = permission_set.name.filter(|_| permission_set.arn.is_none());
        principal.name = principal.name.filter(|_| principal.id.is_none());
        ((permission_set, principal), one)
    });
    grants.collect()
}

/// Groups by grant and rows, because a review asks "who gets what, and by which row".
type Groups = BTreeMap<(Same, Vec<String>, Vec<String>), Changed>;

fn add(groups: &mut Groups, account: &AccountReport, grant: &One, rules_before: &[String]) {
    let same = (grant.permission_set.clone(), grant.principal.clone());
    let changed =
        groups.entry((same, grant.rules.clone(), rules_before.to_vec())).or_insert_with(|| Changed {
            permission_set: grant.permission_set.clone(),
            principal: grant.principal.clone(),
            rules: grant.rules.clone(),
            rules_before: rules_before.to_vec(),
            accounts: Vec::new(),
            present: 0,
            unresolved: grant.unresolved.clone(),
        });
    changed.accounts.push(account.clone());
    changed.present += usize::from(grant.present);
}

fn count(sign: &str, changes: &[Changed]) -> String {
    let grants: usize = changes.iter().map(|changed| changed.accounts.len()).sum();
    let accounts: BTreeSet<&AccountId> =
        changes.iter().flat_map(|changed| &changed.accounts).map(|account| &account.id).collect();
    format!("{sign}{}** in {}", plural(grants, "grant"), plural(accounts.len(), "account"))
}

fn line(text: &mut String, sign: &str, changed: &Changed, in_aws: impl Fn(usize, usize) -> String) {
    let accounts = &changed.accounts;
    let named = if accounts.len() > SHOWN {
        format!("{} accounts, below", accounts.len())
    } else {
        accounts.iter().map(name).collect::<Vec<_>>().join(", ")
    };
    let _ = writeln!(
        text,
        "| {sign} | {} | {} | {} | {named} | {} |",
        code(&show::permission_set(&changed.permission_set)),
        code(&show::principal(&changed.principal)),
        rows(&changed.rules),
        in_aws(changed.present, accounts.len()),
    );
}

fn details(text: &mut String, sign: &str, changed: &Changed) {
    let _ = writeln!(
        text,
        "\n<details><summary>{sign} {} to {}: {} accounts</summary>\n",
        escape(&show::permission_set(&changed.permission_set)),
        escape(&show::principal(&changed.principal)),
        changed.accounts.len()
    );
    for account in &changed.accounts {
        let ou = if account.ou.is_empty() { String::new() } else { format!(" in {}", code(&account.ou)) };
        let _ = writeln!(text, "- {}{ou}", name(account));
    }
    text.push_str("\n</details>\n");
}

fn name(account: &AccountReport) -> String {
    if account.name.is_empty() {
        account.id.to_string()
    } else {
        format!("{} ({})", code(&account.name), account.id)
    }
}

fn rows(ids: &[String]) -> String {
    ids.iter().map(|id| code(id)).collect::<Vec<_>>().join(", ")
}

/// Returns a code span, in which names are only text: no links, no mentions, no HTML.
fn code(text: &str) -> String {
    let text = clean(text).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in clean(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            // An empty comment keeps an @ from mentioning somebody.
            '@' => escaped.push_str("@<!-- -->"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}
