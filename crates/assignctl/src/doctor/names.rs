//! The table: is it sound, does every name in it mean something, and may its permission sets be assigned?

use std::{
    collections::{BTreeMap, BTreeSet},
    time::SystemTime,
};

use assigner_aws::organizations::Member;
use assigner_core::{
    assignments::{
        Table, facts,
        plan::{self, Grant, Obstacle},
    },
    cause::{CallError, Retry},
    ids::AccountId,
    organization::Needs,
    table::TableLocation,
};
use assigner_engine::{clock, error::Error, units};

use super::{
    Examined,
    check::{Check, Group, MUCH_PATIENCE, Status, Topic, ask, topic, within},
    identity::Administrator,
};
use crate::{session::Session, terminal::plural, words};

fn of_table(id: &str, title: &str) -> Topic {
    topic(Group::Table, id, title)
}

pub fn topics() -> Vec<Topic> {
    vec![
        of_table("names", "names"),
        of_table("ous", "OUs of the table"),
        of_table("pinned", "permission sets of the management account"),
    ]
}

/// Reads the table. The third part says whether it may be read, if it is a DynamoDB table.
pub async fn table(session: &Session) -> (Check, Option<Table>, Option<Check>) {
    let topic = of_table("table", "table");
    let location = &session.table;
    let scan = match location {
        TableLocation::DynamoDb(_) => Some(super::actions::action("dynamodb:Scan")),
        TableLocation::Embedded(_) | TableLocation::File(_) => None,
    };
    let source = match session.source(location).await {
        Ok(source) => source,
        Err(failure) => {
            return (
                topic.failed(failure.message, failure.next),
                None,
                scan.map(|scan| scan.depends_on("Region")),
            );
        }
    };
    let read = within(session, MUCH_PATIENCE, source.load_rows()).await;
    let error = match read {
        Some(Ok(table)) => {
            let table: Table = table;
            let check = topic.ok(format!("{location}: {}", plural(table.rows.len(), "row")));
            return (check, Some(table), scan.map(|scan| scan.ok("called")));
        }
        None => {
            let check = topic.unknown(format!("{location} was not read in time"), "run it again later");
            return (check, None, scan.map(|scan| scan.depends_on("table")));
        }
        Some(Err(error)) => error,
    };
    let message = error.to_string();
    let status = match &error {
        Error::Call(call) if call.cause.retry() == Retry::Again => Status::Unknown,
        _ => Status::Failed,
    };
    let (remedy, scan) = match (&error, location) {
        (Error::InvalidTable { .. }, _) => {
            (words::next(&error).to_owned(), scan.map(|scan| scan.ok("called")))
        }
        (_, TableLocation::DynamoDb(name)) => {
            let remedy = format!(
                "see that the table {name} is in this Region, and allow this identity dynamodb:Scan on it"
            );
            (remedy.clone(), scan.map(|scan| scan.is(status, message.clone(), remedy)))
        }
        _ => ("name the table by --table FILE or --table dynamodb:NAME".to_owned(), None),
    };
    (topic.is(status, message, remedy), None, scan)
}

/// The ARNs of the table's permission sets, as far as they are known, each with the rows that name it.
pub type Sets = BTreeMap<String, BTreeSet<String>>;

pub async fn resolve(examined: &Examined<'_>, instance: bool) -> (Check, Option<Sets>) {
    let topic = of_table("names", "names");
    let Some(table) = &examined.table else { return (topic.depends_on("table"), None) };
    if !instance {
        return (topic.depends_on("Identity Center instance"), None);
    }
    // What a row that has ended names may be gone.
    let standing = plan::standing(table, clock::day(SystemTime::now()));
    let grants: Vec<Grant<'_>> = standing.map(Grant::from).collect();
    let Examined { session, center, resolver, .. } = examined;
    let looked_up = resolver.names(center, &grants);
    let Some(names) = within(session, MUCH_PATIENCE, looked_up).await else {
        return (topic.unknown("they were not all looked up in time", "run it again later"), None);
    };
    let (mut sets, mut missing, mut unread) = (Sets::new(), Vec::new(), Vec::new());
    let mut add = |obstacle: &Obstacle, grant: &Grant<'_>| {
        let rows = rows(&grant.rules);
        match obstacle {
            Obstacle::Unknown(reason) => missing.push(format!("{rows}: {reason}")),
            Obstacle::Failed(error) => unread.push(format!("{rows}: {error}")),
            Obstacle::NotRead(reason) => unread.push(format!("{rows}: {reason}")),
            Obstacle::NotListed(reason) => unread.push(format!("{rows}: {reason}")),
        }
    };
    for one in names.resolve(grants) {
        if let Err(obstacle) = &one.principal {
            add(obstacle, &one.grant);
        }
        match &one.permission_set {
            Err(obstacle) => add(obstacle, &one.grant),
            Ok(arn) => {
                let rows = one.grant.rules.iter().map(|row| (*row).to_owned());
                sets.entry(arn.clone()).or_default().extend(rows);
            }
        }
    }
    let check = if !missing.is_empty() {
        missing.append(&mut unread);
        topic.failed(missing.join("\n"), "create what they name, or correct the rows")
    } else if !unread.is_empty() {
        topic.unknown(unread.join("\n"), "see which action is denied below, or run it again later")
    } else {
        topic.ok("every permission set, group and user of the table exists")
    };
    (check, Some(sets))
}

/// Looks for the OUs that the table names. An account shows where the root is.
pub async fn units(examined: &Examined<'_>, account: Option<&Member>) -> Check {
    let topic = of_table("ous", "OUs of the table");
    let Some(table) = &examined.table else { return topic.depends_on("table") };
    let named: BTreeSet<_> =
        table.rows.iter().flat_map(|row| row.accounts.units()).map(|(_, unit)| unit).collect();
    if named.is_empty() {
        return topic.ok("no row names an OU");
    }
    let Some(Member { id, .. }) = account else {
        return topic
            .unknown("not looked for: an account of the organization is needed", "see the checks below");
    };
    let Examined { session, organizations, .. } = examined;
    let needs = Needs { organizational_unit_names: true, tags: false };
    let looked_for = async {
        let account = organizations.account(id, needs, &[]).await?;
        Ok::<_, CallError>(units::look(organizations, account.as_slice(), &named).await)
    };
    let tree = match within(session, MUCH_PATIENCE, looked_for).await {
        Some(Ok(tree)) => tree,
        Some(Err(error)) => return topic.not_answered(&error, Status::Unknown),
        None => return topic.unknown("they were not all looked for in time", "run it again later"),
    };
    let (mut missing, mut unread) = (Vec::new(), Vec::new());
    for obstacle in facts::missing_units(table, &tree, clock::day(SystemTime::now())) {
        match obstacle {
            Obstacle::Unknown(reason) => missing.push(reason),
            Obstacle::Failed(error) => unread.push(error.to_string()),
            Obstacle::NotRead(reason) => unread.push(reason.to_owned()),
            Obstacle::NotListed(reason) => unread.push(reason),
        }
    }
    unread.sort();
    unread.dedup();
    if !missing.is_empty() {
        missing.append(&mut unread);
        topic.failed(missing.join("\n"), "write the names of OUs from the root down, or correct the id")
    } else if !unread.is_empty() {
        topic.unknown(unread.join("\n"), "see which action is denied below, or run it again later")
    } else {
        topic.ok("every OU that a row names exists")
    }
}

/// Looks for permission sets that only the management account may assign, because they are provisioned there.
pub async fn pinned(examined: &Examined<'_>, sets: Option<Sets>, administrator: Administrator) -> Check {
    let topic = of_table("pinned", "permission sets of the management account");
    let Some(sets) = sets else { return topic.depends_on("names") };
    let Some(management) = examined.management.as_deref().and_then(AccountId::parse) else {
        return topic.depends_on("organization");
    };
    let call = examined.center.provisioned_permission_sets(&management);
    let provisioned = match ask(examined.session, "sso:ListPermissionSetsProvisionedToAccount", call).await {
        Ok(provisioned) => provisioned,
        Err(error) => return topic.not_answered(&error, Status::Unknown),
    };
    let pinned: Vec<String> = sets
        .iter()
        .filter(|(arn, _)| provisioned.contains(arn))
        .map(|(arn, ids)| format!("{arn} ({})", rows(&ids.iter().map(String::as_str).collect::<Vec<_>>())))
        .collect();
    judge_pinned(topic, &pinned, administrator)
}

fn judge_pinned(topic: Topic, pinned: &[String], administrator: Administrator) -> Check {
    let are = format!(
        "{} of the table are provisioned in the management account too: {}",
        plural(pinned.len(), "permission set"),
        pinned.join(", ")
    );
    let remedy = "run in the management account, or give these rows a permission set that the management account \
                  does not use";
    match administrator {
        _ if pinned.is_empty() => topic.ok("none of the table's is provisioned there"),
        Administrator::Management => topic.ok(format!("{are}; this account may assign them")),
        Administrator::Delegated => {
            topic.failed(format!("{are}; a delegated administrator cannot assign them"), remedy)
        }
        Administrator::Neither | Administrator::Unknown => {
            topic.is(Status::Warning, format!("{are}; a delegated administrator cannot assign them"), remedy)
        }
    }
}

fn rows(ids: &[&str]) -> String {
    const MOST: usize = 5;
    let more = ids.len().saturating_sub(MOST);
    let named = ids.iter().take(MOST).copied().collect::<Vec<_>>().join(", ");
    let word = if ids.len() == 1 { "row" } else { "rows" };
    if more > 0 { format!("{word} {named} and {more} more") } else { format!("{word} {named}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_permission_set_stops_a_delegated_administrator_only() {
        let one = ["arn (row a)".to_owned()];
        let cases: [(&[String], Administrator, Status); 5] = [
            (&[], Administrator::Delegated, Status::Ok),
            (&one, Administrator::Management, Status::Ok),
            (&one, Administrator::Delegated, Status::Failed),
            (&one, Administrator::Neither, Status::Warning),
            (&one, Administrator::Unknown, Status::Warning),
        ];
        for (pinned, administrator, expected) in cases {
            let check = judge_pinned(of_table("pinned", "pinned"), pinned, administrator);
            assert_eq!(check.status, expected, "{pinned:?} {administrator:?}");
        }
    }
}
