//! `assignctl permission-set apply --replace`: from the policy file to the live set. New in, old out; a canary account first,
//! proven on its role, then the others. Nothing is rolled back by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use assigner_core::{
    ids::AccountId,
    permissions::{
        apply::{Form, PolicyFile},
        change::{TooLarge, Way},
        policy::size::INLINE,
        usage::PermissionSet,
    },
};
use assigner_engine::{
    error::Error,
    permissions::{apply, edit, policies::Policies, rollout::End},
};

use super::{
    apply::{documents, read, refuse_errors, remember},
    arguments,
    live::{Live, refused},
    show::{self, Answer},
};
use crate::{
    exit::{Exit, Failure},
    session::Session,
    terminal::{STRONG, clean, plural},
};

pub async fn run(session: &Session, arguments: arguments::Apply) -> Result<Exit, Failure> {
    let arguments::Apply { policy: path, canary, customer_managed, role, yes, .. } = arguments;
    let (file, form) = read(session, &path, customer_managed.as_deref())?;
    let old = &file.permission_set;
    let wanted = file.in_place(&form);
    let way = Way::new(old, &wanted).map_err(|TooLarge { bytes }| {
        refused(&[format!(
            "while the policies are exchanged, the set must hold what denies in the old ones, and an inline policy of \
             {bytes} bytes is more than {INLINE}; make a new set with --as"
        )])
    })?;
    let canary = match &canary {
        Some(canary) => Some(session.account_id(canary, None).await?),
        None => None,
    };
    let live = Live::new(session).await?;
    let judging = judge(&live, &file, &way, canary.as_ref());
    let (now, left, accounts) = live.in_time(session, judging).await?;
    let rollout = live.rollout(session, &wanted, &accounts, &role);
    let (behind, mut ends) = live.in_time(session, live.behind(rollout, left > 0)).await?;
    let parts = match &form {
        Form::Inline => &[][..],
        Form::CustomerManaged(parts) => parts,
    };
    if behind.is_empty() {
        return Ok(show_end(session, old, 0, &ends, &Next::Nothing));
    }
    let of_accounts = if parts.is_empty() { BTreeSet::new() } else { accounts.clone() };
    let looking = Policies::look(&live.sessions, &of_accounts, live.own(), &role, parts);
    let policies = live.in_time(session, looking).await?;

    let findings = async {
        let mut findings = Vec::new();
        for document in documents(&file, parts) {
            findings.extend(apply::validate(&live.sessions, document).await?);
        }
        if !findings.iter().any(|finding| finding.is_error) {
            // Part way, the set is not what it was any more: what it was is in the file.
            let before = if left == way.edits().len() { &now } else { old };
            apply::require_no_new_access(&live.sessions, &file, before).await?;
        }
        Ok::<_, Error>(findings)
    };
    let findings = live.in_time(session, findings).await?;
    refuse_errors(&findings, &path)?;
    let before = remember(session, &path, old)?;
    let first = canary.filter(|canary| behind.contains(canary)).or_else(|| behind.first().cloned());
    if !session.json {
        session.print(&difference(&file, &way, left, &behind, first.as_ref()));
        session.print(&show::judged(&findings));
    }
    session.written()?;
    if policies.missing() > 0 {
        let accounts = plural(policies.missing(), "account");
        session.note(&format!(
            "{accounts} will get the policies that the set names; an account that gets the set later must have them \
             before, or its assignments fail"
        ));
    }
    session.note(
        "while the set is edited, an assignment that somebody makes of it publishes it as it is at that moment; nothing on \
         the way allows more than the old set does",
    );
    let question = format!(
        "{STRONG}Edit the permission set {} and provision it in {}?{STRONG:#}",
        clean(&old.name),
        plural(behind.len(), "account")
    );
    if !yes && !session.confirm(&question)? {
        session.note("nothing was written");
        return Ok(Exit::Missing);
    }
    let editing = async {
        let now = live.read_again(&old.arn, &accounts).await?;
        apply::require_on_the_way(&now, &way)?;
        let written = policies.create().await?;
        Ok::<_, Failure>(written + edit::follow(&live.aws.center, &live.sessions, &old.arn, &way).await?)
    };
    let writes = live.in_time(session, editing).await.map_err(|failure| {
        let next = format!(
            "run the same command again, it goes on where this one ended, or give back what was there: {}",
            way_back(&before)
        );
        Failure { next, ..failure }
    })?;
    ends.extend(live.provision(session, rollout, &behind, first.as_ref()).await);
    let next = match first.as_ref().and_then(|first| ends.get(first)) {
        Some(End::Provisioned | End::Present) | None => Next::Again,
        Some(_) => Next::Back(&before),
    };
    Ok(show_end(session, old, writes, &ends, &next))
}

/// Refuses whatever must not be done, and returns the set as it is, how many edits are left, and its accounts.
async fn judge(
    live: &Live,
    file: &PolicyFile,
    way: &Way,
    canary: Option<&AccountId>,
) -> Result<(PermissionSet, usize, BTreeSet<AccountId>), Failure> {
    let old = &file.permission_set;
    let now = apply::read(&live.aws.center, &live.sessions, &old.arn).await?;
    let accounts = live.require_open(&now).await?;
    let left = apply::require_on_the_way(&now, way)?;
    let mut refusals = Vec::new();
    if accounts.is_empty() {
        refusals.push(format!("the permission set {} is provisioned in no account; use --as", old.name));
    }
    let unknown: BTreeSet<AccountId> = file.unknown(&accounts).into_iter().cloned().collect();
    if !unknown.is_empty() {
        refusals.push(format!(
            "the draft knows nothing of the use in {}; read its use again, or draft it with --without",
            show::accounts(&unknown)
        ));
    }
    if let Some(canary) = canary.filter(|canary| !accounts.contains(*canary)) {
        refusals.push(format!(
            "the set is not provisioned in the canary account {canary}; name one of {}",
            show::accounts(&accounts)
        ));
    }
    if refusals.is_empty() { Ok((now, left, accounts)) } else { Err(refused(&refusals)) }
}

fn way_back(before: &Path) -> String {
    format!("`assignctl permission-set restore {}`", clean(&before.display().to_string()))
}

fn difference(
    file: &PolicyFile,
    way: &Way,
    left: usize,
    behind: &BTreeSet<AccountId>,
    first: Option<&AccountId>,
) -> String {
    let old = &file.permission_set;
    let word = match way.edits().len() - left {
        0 => "",
        _ if left == 0 => " (edited before)",
        _ => " (begun before)",
    };
    let first = first.map(|first| format!(", {first} first")).unwrap_or_default();
    let without = match file.without.is_empty() {
        true => String::new(),
        false => format!("without the use of {}\n", show::accounts(&file.without)),
    };
    format!(
        "{STRONG}{}{STRONG:#}{word}, in {}{first}\n{without}{}",
        clean(&old.name),
        show::accounts(behind),
        show::changes(way)
    )
}

/// What a person does next.
enum Next<'a> {
    Nothing,
    /// The same command goes on with the rest.
    Again,
    /// The canary failed.
    Back(&'a Path),
}

fn show_end(
    session: &Session,
    set: &PermissionSet,
    writes: usize,
    ends: &BTreeMap<AccountId, End>,
    next: &Next<'_>,
) -> Exit {
    if session.json {
        let accounts = show::in_accounts(ends);
        session.print_json(&Answer { name: &set.name, arn: &set.arn, writes, accounts });
    } else {
        session.print(&show::ended(&set.name, ends));
    }
    if show::is_everywhere(ends) {
        if let Next::Nothing = next {
            session.note("nothing was left to do, and nothing was written");
        }
        return Exit::Good;
    }
    match next {
        Next::Back(before) => session.note(&format!(
            "next: the first account failed, so that no other was begun, and the set itself is edited; give back what was \
             there with {}, or correct the cause and run the same command again",
            way_back(before)
        )),
        Next::Again | Next::Nothing => {
            session.note("next: correct what failed, then run the same command again; it goes on with the rest");
        }
    }
    Exit::Missing
}
