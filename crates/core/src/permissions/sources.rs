//! What the sources of use say, as the usage file has it. It does not ask them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    policy::{Actions, Document, Effect, is_action, pattern::Pattern},
    today::Today,
    usage::{Account, Action, Failure, LeftOut, Service, Source},
};
use crate::day::Day;

/// What a policy generation found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Generated {
    pub actions: BTreeSet<String>,
    /// Services of which only the whole is named, as the service-level template has them.
    pub services: BTreeSet<String>,
}

impl Generated {
    /// Reads the policies of a generation. Each is a text of JSON.
    ///
    /// # Errors
    /// If one cannot be read, or names something that is neither an action nor a service.
    pub fn read<'p>(policies: impl IntoIterator<Item = &'p str>) -> Result<Generated, String> {
        let mut generated = Generated::default();
        for text in policies {
            let document: Document = serde_json::from_str(text)
                .map_err(|error| format!("a generated policy that cannot be read: {error}"))?;
            for statement in document.statements {
                let (Effect::Allow, Actions::These(actions)) = (statement.effect, statement.actions) else {
                    return Err("a generated policy with more than allowed actions".to_owned());
                };
                for action in actions {
                    match action.strip_suffix(":*") {
                        _ if is_action(&action) => _ = generated.actions.insert(action),
                        Some(service) if !service.is_empty() && !service.contains(['*', '?']) => {
                            generated.services.insert(service.to_owned());
                        }
                        _ => return Err(format!("a generated policy with {action:?}, which is no action")),
                    }
                }
            }
        }
        Ok(generated)
    }

    /// Whether every action is named, given what AWS says of it. A service of which only the whole is named lacks its
    /// actions, whatever AWS says.
    pub fn is_complete(&self, said: Option<bool>) -> Option<bool> {
        if self.services.is_empty() { said } else { Some(false) }
    }
}

/// A service of IAM's last-accessed data by actions.
#[derive(Clone, Debug, PartialEq)]
pub struct Accessed {
    /// Its prefix in actions.
    pub service: String,
    /// `None`: nobody used it in the time that AWS looks at, 400 days.
    pub last: Option<Day>,
    /// The actions that AWS tracks, with the last day of use. Empty if it tracks none.
    pub actions: Vec<(String, Option<Day>)>,
}

/// Adds what last-accessed data says of one role since a day. What was used before that day was not used.
pub fn add_accessed(account: &mut Account, accessed: &[Accessed], since: Day) {
    let used = |last: Option<Day>| last.filter(|last| *last >= since);
    for Accessed { service, last, actions } in accessed {
        add_service(account, service, used(*last), !actions.is_empty());
        for (name, last) in actions {
            let action = format!("{service}:{name}");
            match used(*last) {
                Some(last) => add_action(account, &action, Some(last), Source::LastAccessed),
                None => _ = account.unused.insert(action),
            }
        }
    }
    forget_unused(account);
}

/// Adds what a policy generation found for one role.
pub fn add_generated(account: &mut Account, generated: &Generated) {
    for action in &generated.actions {
        add_action(account, action, None, Source::Generated);
    }
    forget_unused(account);
}

/// Takes out the actions that the set does not allow today: generated policies also have calls that were refused.
pub fn leave_out(account: &mut Account, today: &Today) {
    let (id, left_out) = (account.id.clone(), &mut account.left_out);
    account.actions.retain(|action| match today.allowing(&Pattern::action(&action.action), &id) {
        Ok(_) => true,
        Err(reason) => {
            left_out.push(LeftOut { action: action.action.clone(), reason });
            false
        }
    });
}

/// Adds a failure for a source that was asked for and named no action: nothing seen is not nothing used.
pub fn require_actions(account: &mut Account, source: Source) {
    let named = account.actions.iter().any(|action| action.sources.contains(&source));
    let failed = account.failures.iter().any(|failure| failure.source == Some(source));
    if named || failed {
        return;
    }
    let (cause, remedy) = match source {
        Source::Generated => (
            "the policy generation named no action",
            "look into the log bucket whether the trail writes for this account, or ask for more days",
        ),
        Source::LastAccessed => (
            "last-accessed data names no action",
            "ask for more days, or leave the account out if nobody works there with this set",
        ),
    };
    account.failures.push(Failure {
        source: Some(source),
        cause: cause.to_owned(),
        remedy: remedy.to_owned(),
    });
}

fn add_action(account: &mut Account, action: &str, last: Option<Day>, source: Source) {
    let known = account.actions.iter().position(|known| known.action.eq_ignore_ascii_case(action));
    match known.and_then(|position| account.actions.get_mut(position)) {
        Some(known) => {
            known.last = known.last.max(last);
            known.sources.insert(source);
        }
        None => {
            account.actions.push(Action {
                action: action.to_owned(),
                last,
                sources: BTreeSet::from([source]),
            });
            account.actions.sort_by(|one, other| one.action.cmp(&other.action));
        }
    }
}

fn add_service(account: &mut Account, service: &str, last: Option<Day>, by_action: bool) {
    let mut services: BTreeMap<String, Service> =
        account.services.drain(..).map(|known| (known.service.clone(), known)).collect();
    let known = services.entry(service.to_owned()).or_insert_with(|| Service {
        service: service.to_owned(),
        last: None,
        by_action,
    });
    known.last = known.last.max(last);
    known.by_action |= by_action;
    account.services = services.into_values().collect();
}

/// What one role or source used is not unused.
fn forget_unused(account: &mut Account) {
    let used: BTreeSet<String> =
        account.actions.iter().map(|action| action.action.to_ascii_lowercase()).collect();
    account.unused.retain(|action| !used.contains(&action.to_ascii_lowercase()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AccountId;

    fn account() -> Account {
        Account {
            id: AccountId::parse("111122223333").unwrap(),
            name: String::new(),
            roles: BTreeSet::new(),
            sources: Vec::new(),
            actions: Vec::new(),
            services: Vec::new(),
            unused: BTreeSet::new(),
            left_out: Vec::new(),
            failures: Vec::new(),
        }
    }

    fn day(text: &str) -> Day {
        Day::parse(text).unwrap()
    }

    #[test]
    fn generated_policies_are_read_as_actions() {
        let policy = |action: &str, more: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Sid":"SupportedServiceSid0","Effect":"Allow","Action":{action},"Resource":"arn:aws:s3:::${{BucketName}}"{more}}}]}}"#
            )
        };
        let (one, other) =
            (policy(r#""s3:ListBucket""#, ""), policy(r#"["ec2:RunInstances","athena:*"]"#, ""));
        let read = Generated::read([one.as_str(), other.as_str()]).unwrap();
        assert_eq!(read.actions, ["ec2:RunInstances", "s3:ListBucket"].map(str::to_owned).into());
        assert_eq!(read.services, ["athena".to_owned()].into());
        assert_eq!(Generated::read([]), Ok(Generated::default()));
        let only = Generated::read([one.as_str()]).unwrap();
        for (generated, said, complete) in [
            (&read, Some(true), Some(false)),
            (&read, None, Some(false)),
            (&only, Some(true), Some(true)),
            (&only, None, None),
        ] {
            assert_eq!(generated.is_complete(said), complete, "{said:?}");
        }
        for (bad, problem) in [
            ("{", "cannot be read"),
            (&*policy(r#""s3:List*""#, ""), "\"s3:List*\", which is no action"),
            (&*policy(r#""*""#, ""), "which is no action"),
            (&*policy(r#""*:*""#, ""), "which is no action"),
            (&*policy(r#""s3:ListBucket""#, "").replace("Allow", "Deny"), "more than allowed actions"),
            (&*policy(r#""s3:ListBucket""#, r#","Principal":"*""#), "Principal"),
        ] {
            let error = Generated::read([bad]).expect_err(bad);
            assert!(error.contains(problem), "{problem}: {error}");
        }
    }

    #[test]
    fn sources_and_roles_of_an_account_are_one_list() {
        let mut account = account();
        let accessed = |service: &str, last, actions: &[(&str, Option<Day>)]| Accessed {
            service: service.to_owned(),
            last,
            actions: actions.iter().map(|(name, last)| ((*name).to_owned(), *last)).collect(),
        };
        let (recent, older, before) = (day("2026-11-20"), day("2026-10-01"), day("2026-08-28"));
        let since = day("2026-08-29");
        add_accessed(
            &mut account,
            &[
                accessed(
                    "s3",
                    Some(recent),
                    &[("ListBucket", Some(older)), ("PutBucketPolicy", None), ("GetBucketAcl", Some(before))],
                ),
                accessed("sqs", Some(older), &[]),
                accessed("glue", Some(before), &[("GetJob", None)]),
            ],
            since,
        );
        add_accessed(
            &mut account,
            &[accessed("s3", Some(recent), &[("ListBucket", Some(recent)), ("GetBucketAcl", Some(since))])],
            since,
        );
        add_generated(
            &mut account,
            &Generated {
                actions: ["s3:listbucket".to_owned(), "ec2:RunInstances".to_owned()].into(),
                services: BTreeSet::new(),
            },
        );
        let actions: Vec<(&str, Option<Day>, usize)> = account
            .actions
            .iter()
            .map(|action| (action.action.as_str(), action.last, action.sources.len()))
            .collect();
        let expected = [
            ("ec2:RunInstances", None, 1),
            ("s3:GetBucketAcl", Some(since), 1),
            ("s3:ListBucket", Some(recent), 2),
        ];
        assert_eq!(actions, expected);
        assert_eq!(account.unused, ["glue:GetJob", "s3:PutBucketPolicy"].map(str::to_owned).into());
        let services: Vec<(&str, Option<Day>, bool)> =
            account.services.iter().map(|of| (of.service.as_str(), of.last, of.by_action)).collect();
        assert_eq!(services, [("glue", None, true), ("s3", Some(recent), true), ("sqs", Some(older), false)]);
    }

    #[test]
    fn a_source_that_names_no_action_fails_its_account() {
        let mut account = account();
        require_actions(&mut account, Source::Generated);
        require_actions(&mut account, Source::Generated);
        assert_eq!(account.failures.len(), 1, "once");
        require_actions(&mut account, Source::LastAccessed);
        assert_eq!(account.failures.len(), 2);
        add_generated(
            &mut account,
            &Generated { actions: ["s3:ListBucket".to_owned()].into(), services: BTreeSet::new() },
        );
        account.failures.clear();
        require_actions(&mut account, Source::Generated);
        assert_eq!(account.failures, []);
    }
}
