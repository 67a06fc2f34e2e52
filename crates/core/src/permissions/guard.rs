//! Which permission sets are never edited or provisioned, whoever asks.

use std::collections::BTreeSet;

use super::{role, usage::PermissionSet};
use crate::ids::AccountId;

/// A set with this tag, whatever its value, is the way in when everything else fails.
pub const BREAK_GLASS: &str = "assignctl:break-glass";

/// The sets that Control Tower makes. To change one is drift.
const OF_CONTROL_TOWER: [&str; 4] =
    ["AWSAdministratorAccess", "AWSOrganizationsFullAccess", "AWSPowerUserAccess", "AWSReadOnlyAccess"];
const OF_CONTROL_TOWER_BEGINS: &str = "AWSServiceCatalog";

/// What decides.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    pub set: &'a PermissionSet,
    /// The accounts in which it is provisioned.
    pub accounts: &'a BTreeSet<AccountId>,
    pub management: &'a AccountId,
    /// The ARN of who asks. It may have the name of a person, so that it is in no sentence.
    pub caller: &'a str,
}

/// Returns why the set must stay as it is, one sentence each; empty if it may be edited.
pub fn refusals(of: Circumstances<'_>) -> Vec<String> {
    let Circumstances { set, accounts, management, caller } = of;
    let name = &set.name;
    let mut refusals = Vec::new();
    if accounts.contains(management) {
        refusals.push(format!(
            "the permission set {name} is provisioned in the management account {management}; only a set that is not is \
             edited here"
        ));
    }
    if OF_CONTROL_TOWER.contains(&name.as_str()) || name.starts_with(OF_CONTROL_TOWER_BEGINS) {
        refusals.push(format!(
            "the permission set {name} is Control Tower's own, and editing it would be drift; make a new set with --as"
        ));
    }
    if set.tags.contains_key(BREAK_GLASS) {
        refusals.push(format!(
            "the permission set {name} has the tag {BREAK_GLASS}; it is not edited while it has it"
        ));
    }
    if runs_under(caller, name) {
        refusals.push(format!(
            "your own session runs under the permission set {name}, and could lose what it needs half way; use another \
             identity"
        ));
    }
    refusals
}

/// Whether the ARN is that of a session of the set's role.
fn runs_under(caller: &str, set: &str) -> bool {
    let role = caller.split_once(":assumed-role/").and_then(|(_, rest)| rest.split('/').next());
    role.is_some_and(|role| role::is_of_set(role::PATH, role, set))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn set(name: &str, tag: Option<&str>) -> PermissionSet {
        PermissionSet {
            arn: String::new(),
            name: name.to_owned(),
            description: None,
            session_duration: None,
            relay_state: None,
            tags: tag.map(|tag| (tag.to_owned(), String::new())).into_iter().collect::<BTreeMap<_, _>>(),
            inline_policy: None,
            managed_policies: Vec::new(),
            customer_managed_policies: Vec::new(),
            boundary: None,
        }
    }

    #[test]
    fn a_set_that_must_stay_is_refused_with_the_reason() {
        const MANAGEMENT: &str = "123456789012";
        const MEMBER: &str = "111122223333";
        let session = |role: &str| format!("arn:aws:sts::{MANAGEMENT}:assumed-role/{role}/op@example.com");
        let admin = session("AWSReservedSSO_Admin_0123456789abcdef");
        let cases = [
            ("Power", None, MEMBER, admin.clone(), None),
            ("Power", None, MANAGEMENT, admin.clone(), Some("management account")),
            ("Power", Some(BREAK_GLASS), MEMBER, admin.clone(), Some("break-glass")),
            ("Power", Some("assignctl:made-from"), MEMBER, admin.clone(), None),
            ("AWSPowerUserAccess", None, MEMBER, admin.clone(), Some("Control Tower's own")),
            ("AWSServiceCatalogEndUserAccess", None, MEMBER, admin.clone(), Some("Control Tower's own")),
            ("Admin", None, MEMBER, admin.clone(), Some("your own session")),
            ("Admin", None, MEMBER, session("AWSReservedSSO_Admin_X_0123456789abcdef"), None),
            ("Admin", None, MEMBER, session("Admin"), None),
            ("Admin", None, MEMBER, format!("arn:aws:iam::{MANAGEMENT}:user/Admin"), None),
        ];
        for (name, tag, account, caller, expected) in cases {
            let accounts = BTreeSet::from([AccountId::parse(account).unwrap()]);
            let management = AccountId::parse(MANAGEMENT).unwrap();
            let set = set(name, tag);
            let of =
                Circumstances { set: &set, accounts: &accounts, management: &management, caller: &caller };
            let refused = refusals(of);
            assert_eq!(refused.len(), usize::from(expected.is_some()), "{name}: {refused:?}");
            if let Some(expected) = expected {
                assert!(refused[0].contains(expected) && !refused[0].contains("op@"), "{refused:?}");
            }
        }
    }
}
