//! A plan as a file: what `plan --out` writes and `apply FILE` reads. It is never more than a promise of what was
//! reviewed: `apply` reads AWS and the table again, and refuses if anything is not as it was.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use assigner_core::{
    ids::AccountId,
    selector::{OrganizationalUnit, Selection},
};
use assigner_engine::files::LARGEST_SNAPSHOT;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::overview::{AccountAccess, Overview};
use crate::{
    caller,
    exit::{Exit, Failure},
    files,
    session::Session,
    table::digest::Digest,
    terminal::{clean, plural},
};

/// The format of the file; another number is refused.
const VERSION: u32 = 1;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SavedPlan {
    plan_version: u32,
    /// RFC 3339, UTC, to the second.
    read_at: String,
    /// Who made it, and in which account.
    identity: String,
    account: String,
    management_account: Option<String>,
    instance: String,
    region: Option<String>,
    table: String,
    digest: Digest,
    selected_accounts: Vec<String>,
    selected_ous: Vec<String>,
    /// Each account as it was, with what is to be created in it.
    accounts: BTreeMap<String, Value>,
}

/// Account by account, whatever has to be the same.
fn accounts(overview: &Overview) -> BTreeMap<String, Value> {
    // Strings, numbers, lists and objects cannot fail to be written.
    let access = |access: &AccountAccess| {
        (access.account.id.to_string(), serde_json::to_value(access).unwrap_or_default())
    };
    overview.accounts.iter().map(access).collect()
}

impl SavedPlan {
    /// # Errors
    /// If it is not known who made it.
    pub fn new(overview: &Overview, selection: &Selection) -> Result<SavedPlan, Failure> {
        let origin = &overview.origin;
        let Some(account) = origin.identity.account() else {
            return Err(Failure::wrong(
                format!("the plan cannot be kept: who makes it is {}", caller::words(&origin.identity)),
                "use credentials for which AWS answers sts:GetCallerIdentity",
            ));
        };
        Ok(SavedPlan {
            plan_version: VERSION,
            read_at: overview.read_at.clone(),
            identity: caller::words(&origin.identity),
            account: account.to_owned(),
            management_account: origin.management_account.clone(),
            instance: overview.instance.clone(),
            region: origin.region.clone(),
            table: overview.table.clone(),
            digest: overview.digest.clone(),
            selected_accounts: selection.accounts.iter().map(AccountId::to_string).collect(),
            selected_ous: selection.ous.iter().map(OrganizationalUnit::to_string).collect(),
            accounts: accounts(overview),
        })
    }

    pub fn read(session: &Session, path: &Path) -> Result<SavedPlan, Failure> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            plan_version: Option<u32>,
        }
        let text = session.read(path, LARGEST_SNAPSHOT)?;
        let wrong = |problem: String| {
            Failure::wrong(
                format!("{}: {problem}", path.display()),
                "make a plan with `assignctl plan --out FILE`",
            )
        };
        let not_a_plan = |error: serde_json::Error| wrong(format!("not a plan: {error}"));
        match serde_json::from_slice(&text).map_err(not_a_plan)? {
            Version { plan_version: Some(VERSION) } => serde_json::from_slice(&text).map_err(not_a_plan),
            Version { plan_version: Some(other) } => {
                Err(wrong(format!("a plan of version {other}; this command reads version {VERSION}")))
            }
            Version { plan_version: None } => Err(wrong("not a plan: it has no planVersion".to_owned())),
        }
    }

    pub fn write(&self, session: &Session, path: &Path) -> Result<(), Failure> {
        let text = serde_json::to_string_pretty(self).unwrap_or_default() + "\n";
        session.write(path, text.as_bytes())
    }

    pub fn selection(&self) -> Result<Selection, Failure> {
        let wrong = |what: &str| {
            Failure::wrong(format!("the plan selects {what:?}, which cannot be"), "make the plan again")
        };
        let account = |id: &String| AccountId::parse(id).ok_or_else(|| wrong(id));
        let ou = |ou: &String| OrganizationalUnit::parse(ou).map_err(|_| wrong(ou));
        Ok(Selection {
            accounts: self.selected_accounts.iter().map(account).collect::<Result<_, _>>()?,
            ous: self.selected_ous.iter().map(ou).collect::<Result<_, _>>()?,
        })
    }

    /// Refuses another table than the plan's, before anything is read.
    pub fn require_table(&self, session: &Session) -> Result<(), Failure> {
        let table = files::named(&session.table);
        if table == self.table {
            return Ok(());
        }
        Err(Failure::wrong(
            format!("the plan is for {}, and the table is {table}", clean(&self.table)),
            "name the plan's table with --table, or make another plan",
        ))
    }

    /// Refuses to go on if anything is not as it was when the plan was made.
    pub fn require_unchanged(&self, overview: &Overview) -> Result<(), Failure> {
        let origin = &overview.origin;
        let (account, none) = (origin.identity.account(), "not known".to_owned());
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| none.clone());
        let pairs = [
            ("the account of the credentials", self.account.clone(), account.unwrap_or(&none).to_owned()),
            (
                "the organization's management account",
                shown(&self.management_account),
                shown(&origin.management_account),
            ),
            ("the Identity Center instance", self.instance.clone(), overview.instance.clone()),
            ("its Region", shown(&self.region), shown(&origin.region)),
            ("the table's digest", self.digest.as_str().to_owned(), overview.digest.as_str().to_owned()),
        ];
        let others = pairs.into_iter().filter(|(_, then, now)| then != now);
        let others = others.map(|(what, then, now)| format!("{what} was {then} and is {now}"));
        let changed: Vec<String> = others.chain(self.changed_accounts(overview)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        Err(Failure {
            name: "PlanChanged",
            message: format!(
                "not everything is as it was when the plan was made, at {}; nothing was created:\n- {}",
                clean(&self.read_at),
                changed.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n- ")
            ),
            next: "make the plan again, and review it".to_owned(),
            exit: Exit::Missing,
        })
    }

    /// Returns what of each account differs, a line each, and how many more there are.
    fn changed_accounts(&self, overview: &Overview) -> Vec<String> {
        const MOST: usize = 20;
        let now = accounts(overview);
        let mut changed = differences(&self.accounts, &now);
        let more = changed.len().saturating_sub(MOST);
        if more > 0 {
            changed.truncate(MOST);
            changed.push(format!("and {}", plural(more, "more account")));
        }
        changed
    }
}

fn differences(then: &BTreeMap<String, Value>, now: &BTreeMap<String, Value>) -> Vec<String> {
    let gone = then.keys().filter(|id| !now.contains_key(*id)).map(|id| format!("account {id} is not there"));
    let others = now.iter().filter_map(|(id, now)| {
        let Some(then) = then.get(id) else { return Some(format!("account {id} is new")) };
        let (then, now) = (then.as_object()?, now.as_object()?);
        let names = then.keys().chain(now.keys()).collect::<BTreeSet<_>>();
        let fields: Vec<String> = names
            .into_iter()
            .filter(|name| then.get(*name) != now.get(*name))
            .map(|name| match (then.get(name), now.get(name)) {
                (Some(Value::String(then)), Some(Value::String(now))) => {
                    format!("{name} was {then:?} and is {now:?}")
                }
                _ => format!("{name} changed"),
            })
            .collect();
        (!fields.is_empty()).then(|| format!("account {id}: {}", fields.join(", ")))
    });
    gone.chain(others).collect()
}

/// Refuses to create what was agreed to if the accounts, or what is to be created in them, are not as they were shown.
pub fn require_as_shown(shown: &Overview, now: &Overview) -> Result<(), Failure> {
    let planned = shown.accounts.iter().filter(|access| access.planned().next().is_some());
    let planned: BTreeSet<String> = planned.map(|access| access.account.id.to_string()).collect();
    let of_planned = |overview: &Overview| -> BTreeMap<String, Value> {
        let mut all = accounts(overview);
        all.retain(|id, _| planned.contains(id));
        // What no row explains is left alone, whatever it is.
        all.values_mut().filter_map(Value::as_object_mut).for_each(|access| _ = access.remove("unexplained"));
        all
    };
    let mut changed = differences(&of_planned(shown), &of_planned(now));
    if shown.digest != now.digest {
        changed.push(format!("the table {} is another one", now.table));
    }
    if shown.instance != now.instance {
        changed.push(format!("the Identity Center instance is {}", now.instance));
    }
    if changed.is_empty() {
        return Ok(());
    }
    Err(Failure {
        name: "Changed",
        message: format!(
            "not everything is as it was shown; nothing was created:\n- {}",
            changed.iter().map(|line| clean(line)).collect::<Vec<_>>().join("\n- ")
        ),
        next: "run the same command again, and look at the plan".to_owned(),
        exit: Exit::Missing,
    })
}
