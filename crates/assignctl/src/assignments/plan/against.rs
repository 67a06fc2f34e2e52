//! `plan --against`: what one table grants and another does not, in words for a review. Pure.
//!
//! Both tables are judged against the same facts, so the difference is that of the tables alone. The Markdown fits into
//! a comment of GitHub or GitLab: if it would not, it says how much is left out.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt::Write,
};

use assigner_core::{
    assignments::{
        PrincipalKind, Table,
        facts::Facts,
        report::{AccountReport, PermissionSetReport, PrincipalReport, StatusReport},
    },
    ids::AccountId,
    selector::Selector,
    table::TableLocation,
};
use serde::Serialize;

use crate::{
    assignments::{
        overview::{AccountAccess, Overview},
        show,
    },
    caller::Origin,
    exit::Failure,
    markdown::{MOST, code, codes, escape, first_codes, first_lines, length, notes as noted},
    terminal::plural,
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
    /// Why a review should look at it first.
    pub weights: Vec<Weight>,
    pub accounts: Vec<AccountReport>,
    /// In how many of the accounts AWS has it already.
    pub present: usize,
    /// Why it cannot be created in any of them: a name that does not exist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unresolved: Option<String>,
}

/// What makes a grant weighty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Weight {
    /// The permission set's name says that it is for administrators.
    Administrator,
    /// A row gives it in every account, now and later.
    Everywhere,
    /// It is to one user, whom no group explains.
    User,
}

impl Weight {
    const ALL: [Weight; 3] = [Weight::Administrator, Weight::Everywhere, Weight::User];

    fn word(self) -> &'static str {
        match self {
            Weight::Administrator => "administrator",
            Weight::Everywhere => "everywhere",
            Weight::User => "user",
        }
    }

    fn of(
        permission_set: &PermissionSetReport,
        principal: &PrincipalReport,
        everywhere: bool,
    ) -> Vec<Weight> {
        let name = permission_set.name.as_deref().unwrap_or_default().to_lowercase();
        let weighs = |weight: &Weight| match weight {
            Weight::Administrator => name.contains("admin"),
            Weight::Everywhere => everywhere,
            Weight::User => principal.kind == PrincipalKind::User,
        };
        Weight::ALL.into_iter().filter(weighs).collect()
    }
}

/// Returns the rows that mean every account but exceptions.
fn rows_for_all(table: &Table) -> BTreeSet<&str> {
    let for_all = table.rows.iter().filter(|row| row.accounts.only == Selector::default());
    for_all.map(|row| row.id.as_str()).collect()
}

type Compared<'t> = (&'t Table, &'t TableLocation);
/// A grant as it is compared: by ids if they are known, so that one row may give a name and another the id.
type Same = (PermissionSetReport, PrincipalReport);

impl Difference {
    pub fn new(
        facts: &Facts,
        before: Compared<'_>,
        after: Compared<'_>,
        origin: Origin,
    ) -> Result<Difference, Failure> {
        let overview = |(table, location)| Overview::new(facts, table, location, origin.clone());
        let (old, new) = (overview(before)?, overview(after)?);
        let (all_before, all_after) = (rows_for_all(before.0), rows_for_all(after.0));
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
        Ok(Difference {
            before: old.table,
            after: new.table,
            read_at: new.read_at,
            notes: new.notes,
            accounts: new.accounts.len(),
            added: weighed(added, &all_after),
            removed: weighed(removed, &all_before),
            explained_by_others: weighed(others, &all_after),
        })
    }

    /// Returns Markdown for a comment of GitHub or GitLab. If not everything fits, it is a summary with the counts of
    /// everything, and as many lines as fit, those that weigh most first.
    pub fn to_markdown(&self) -> String {
        let whole = self.whole();
        if length(&whole) <= MOST { whole } else { self.summary() }
    }

    fn head(&self) -> String {
        let Difference { before, after, read_at, notes, accounts, added, removed, .. } = self;
        let mut text = String::new();
        let _ = writeln!(text, "### Effect on access: {} → {}\n", code(before), code(after));
        let _ = writeln!(
            text,
            "{}, {} ({}, as of {read_at}).\n",
            count("**+", added),
            count("**−", removed),
            plural(*accounts, "account")
        );
        let weights = Weight::ALL.into_iter().filter_map(|weight| {
            let weighty: Vec<&Changed> =
                added.iter().filter(|changed| changed.weights.contains(&weight)).collect();
            let grants: usize = weighty.iter().map(|changed| changed.accounts.len()).sum();
            (grants > 0).then(|| format!("**{}** {grants}", weight.word()))
        });
        let weights: Vec<String> = weights.collect();
        if !weights.is_empty() {
            let _ = writeln!(text, "{WARNING_SIGN} Grants to look at first: {}.\n", weights.join(", "));
        }
        noted(&mut text, "Not everything was read", notes);
        text
    }

    fn whole(&self) -> String {
        let Difference { added, removed, explained_by_others, .. } = self;
        let mut text = self.head();
        if added.is_empty() && removed.is_empty() && explained_by_others.is_empty() {
            text.push_str("No account gains or loses a grant.\n");
            return text;
        }
        if !added.is_empty() || !removed.is_empty() {
            text.push_str(COLUMNS);
            for (sign, changed) in signed(added, removed) {
                text.push_str(&line(sign, changed, &named(&changed.accounts), &codes(&changed.rules)));
            }
        }
        if !explained_by_others.is_empty() {
            text.push_str("\nGranted as before, by other rows:\n\n");
            for changed in explained_by_others {
                let _ = writeln!(
                    text,
                    "- {} to {} in {}: {} instead of {}{}",
                    code(&show::permission_set(&changed.permission_set)),
                    code(&show::principal(&changed.principal)),
                    plural(changed.accounts.len(), "account"),
                    codes(&changed.rules),
                    codes(&changed.rules_before),
                    weights(&changed.weights, " "),
                );
            }
        }
        for (sign, changed) in signed(added, removed) {
            if changed.accounts.len() > SHOWN {
                details(&mut text, sign, changed);
            }
        }
        text
    }

    fn summary(&self) -> String {
        let Difference { added, removed, explained_by_others, .. } = self;
        let mut text = self.head();
        let _ = writeln!(
            text,
            "The whole difference does not fit into a comment of {MOST} characters. This is its summary; `assignctl \
             plan --against ... --json` has everything.\n"
        );
        if !explained_by_others.is_empty() {
            let _ =
                writeln!(text, "Granted as before, by other rows: {}.\n", count("**", explained_by_others));
        }
        text.push_str(COLUMNS);
        let all: Vec<(&str, &Changed)> = signed(added, removed).collect();
        let lines = all.iter().map(|(sign, changed)| {
            let accounts = plural(changed.accounts.len(), "account");
            line(sign, changed, &accounts, &first_codes(&changed.rules, SHOWN))
        });
        let shown = first_lines(&mut text, lines);
        let left: Vec<&Changed> = all[shown..].iter().map(|(_, changed)| *changed).collect();
        if !left.is_empty() {
            let (grants, accounts) = grants_and_accounts(left.iter().copied());
            let _ =
                writeln!(text, "\nNot shown: {} with {grants} in {accounts}.", plural(left.len(), "line"));
        }
        text
    }
}

const COLUMNS: &str =
    "| | permission set | to | row | accounts | in AWS | look at |\n|---|---|---|---|---|---|---|\n";

const WARNING_SIGN: char = '⚠';

fn signed<'c>(
    added: &'c [Changed],
    removed: &'c [Changed],
) -> impl Iterator<Item = (&'static str, &'c Changed)> {
    added.iter().map(|one| ("+", one)).chain(removed.iter().map(|one| ("−", one)))
}

/// Returns the groups with their weights. Those that weigh most come first.
fn weighed(groups: Groups, for_all: &BTreeSet<&str>) -> Vec<Changed> {
    let weighed = groups.into_values().map(|mut changed| {
        let everywhere = changed.rules.iter().any(|rule| for_all.contains(rule.as_str()));
        changed.weights = Weight::of(&changed.permission_set, &changed.principal, everywhere);
        changed
    });
    let mut all: Vec<Changed> = weighed.collect();
    // Stable, so what weighs the same stays in the order of names.
    all.sort_by_key(|changed| std::cmp::Reverse(changed.weights.len()));
    all
}

fn weights(weights: &[Weight], before: &str) -> String {
    match weights {
        [] => String::new(),
        some => {
            let words: Vec<String> = some.iter().map(|weight| format!("**{}**", weight.word())).collect();
            format!("{before}{WARNING_SIGN} {}", words.join(", "))
        }
    }
}

fn in_aws(sign: &str, changed: &Changed) -> String {
    let missing = changed.accounts.len() - changed.present;
    match (sign, &changed.unresolved, changed.present) {
        ("+", Some(reason), _) => format!("cannot be created: {}", escape(reason)),
        ("+", None, _) if missing == 0 => "there already".to_owned(),
        ("+", None, _) => format!("{missing} to create"),
        (_, _, 0) => "not there".to_owned(),
        (_, _, present) => format!("**{present} stay** until somebody deletes them"),
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
            weights: Vec::new(),
            accounts: Vec::new(),
            present: 0,
            unresolved: grant.unresolved.clone(),
        });
    changed.accounts.push(account.clone());
    changed.present += usize::from(grant.present);
}

fn count(sign: &str, changes: &[Changed]) -> String {
    let (grants, accounts) = grants_and_accounts(changes.iter());
    format!("{sign}{grants}** in {accounts}")
}

fn grants_and_accounts<'c>(changes: impl Iterator<Item = &'c Changed> + Clone) -> (String, String) {
    let grants: usize = changes.clone().map(|changed| changed.accounts.len()).sum();
    let accounts: BTreeSet<&AccountId> =
        changes.flat_map(|changed| &changed.accounts).map(|account| &account.id).collect();
    (plural(grants, "grant"), plural(accounts.len(), "account"))
}

fn named(accounts: &[AccountReport]) -> String {
    if accounts.len() > SHOWN {
        format!("{} accounts, below", accounts.len())
    } else {
        accounts.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}

fn line(sign: &str, changed: &Changed, accounts: &str, rows: &str) -> String {
    format!(
        "| {sign} | {} | {} | {rows} | {accounts} | {} | {} |\n",
        code(&show::permission_set(&changed.permission_set)),
        code(&show::principal(&changed.principal)),
        in_aws(sign, changed),
        weights(&changed.weights, ""),
    )
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
