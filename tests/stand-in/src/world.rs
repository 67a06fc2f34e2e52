//! The world that the stand-in serves: one organization and its Identity Center, as a document and as
//! an index for quick look-ups. Knows no operation, and never holds assignments.

use crate::identifier::{
    AccountId, IdentityStoreId, InstanceArn, OrganizationId, OrganizationalUnitId, PermissionSetArn,
    PermissionSetName, PrincipalId, Region, RootId,
};
use crate::landing_zone::LandingZone;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Organization {
    pub id: String,
    pub management_account_id: String,
    /// The Region of the Identity Center instance.
    pub region: String,
    pub root_id: String,
    pub instance_arn: String,
    pub identity_store_id: String,
    pub permission_sets: Vec<PermissionSet>,
    pub groups: Vec<Group>,
    pub users: Vec<User>,
    pub organizational_units: Vec<OrganizationalUnit>,
    pub accounts: Vec<Account>,
    #[serde(default)]
    pub landing_zone: LandingZone,
    /// Of account access manager.
    #[serde(default)]
    pub applications: Vec<Application>,
}

/// An application of account access manager, with its entitlements.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    pub arn: String,
    pub entitlements: Vec<Entitlement>,
}

/// Links a principal to an IAM role in an account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entitlement {
    pub id: String,
    /// `GROUP` or `USER`.
    pub principal_type: String,
    pub principal_id: String,
    pub role_arn: String,
    pub account: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PermissionSet {
    pub name: String,
    pub arn: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    pub name: String,
    pub id: String,
    /// Ids of users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    pub name: String,
    #[serde(default)]
    pub emails: Vec<String>,
    pub id: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrganizationalUnit {
    pub id: String,
    pub name: String,
    /// The id of the root or of another organizational unit.
    pub parent: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub email: Option<String>,
    /// The id of the root or of an organizational unit.
    pub parent: String,
    #[serde(default)]
    pub state: AccountState,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AccountState {
    PendingActivation,
    #[default]
    Active,
    Suspended,
    PendingClosure,
    Closed,
}

impl AccountState {
    /// Returns the older `Status`, which is coarser: it calls an account active before its activation.
    pub(crate) fn status(self) -> &'static str {
        match self {
            AccountState::PendingActivation | AccountState::Active => "ACTIVE",
            AccountState::PendingClosure => "PENDING_CLOSURE",
            AccountState::Suspended | AccountState::Closed => "SUSPENDED",
        }
    }

    pub(crate) fn can_be_provisioned(self) -> bool {
        matches!(self, AccountState::Active | AccountState::PendingClosure)
    }
}

impl Organization {
    /// Returns a small organization with an account of every kind that matters.
    pub fn sample() -> Organization {
        serde_json::from_str(include_str!("../organization.json")).expect("the sample organization is sound")
    }

    /// Returns everything that AWS would not allow, one sentence each.
    pub fn faults(&self) -> Vec<String> {
        let mut faults: Vec<String> = [
            OrganizationId::check(&self.id),
            AccountId::check(&self.management_account_id),
            Region::check(&self.region),
            RootId::check(&self.root_id),
            InstanceArn::check(&self.instance_arn),
            IdentityStoreId::check(&self.identity_store_id),
        ]
        .into_iter()
        .chain(
            self.permission_sets
                .iter()
                .flat_map(|set| [PermissionSetName::check(&set.name), PermissionSetArn::check(&set.arn)]),
        )
        .chain(self.principals().map(|(_, id)| PrincipalId::check(id)))
        .chain(self.organizational_units.iter().map(|unit| OrganizationalUnitId::check(&unit.id)))
        .chain(self.accounts.iter().map(|account| AccountId::check(&account.id)))
        .filter_map(Result::err)
        .collect();

        let Organization { permission_sets, groups, users, organizational_units, accounts, .. } = self;
        let named: [(&str, Vec<&str>); 7] = [
            ("permission set name", permission_sets.iter().map(|set| &*set.name).collect()),
            ("permission set ARN", permission_sets.iter().map(|set| &*set.arn).collect()),
            ("group name", groups.iter().map(|group| &*group.name).collect()),
            ("user name", users.iter().map(|user| &*user.name).collect()),
            ("principal id", self.principals().map(|(_, id)| id).collect()),
            ("OU id", organizational_units.iter().map(|unit| &*unit.id).collect()),
            ("account id", accounts.iter().map(|account| &*account.id).collect()),
        ];
        for (kind, values) in named {
            let mut seen = HashSet::new();
            let repeated = values.into_iter().filter(|value| !seen.insert(*value));
            faults.extend(repeated.map(|value| format!("{kind} {value:?} is there twice")));
        }

        let instance = self.instance_arn.rsplit('/').next().unwrap_or_default();
        faults.extend(
            self.permission_sets.iter().filter(|set| set.arn.split('/').nth(1) != Some(instance)).map(
                |set| format!("permission set {:?} belongs to another instance than {instance}", set.name),
            ),
        );
        let world = World::new(self.clone());
        let units = organizational_units.iter().map(|unit| (&unit.id, &unit.parent));
        let placed = units.chain(accounts.iter().map(|account| (&account.id, &account.parent)));
        for group in groups {
            let strangers = group.members.iter().filter(|id| !world.has_principal("USER", id));
            faults.extend(
                strangers.map(|id| format!("group {:?} has a member {id} who is no user", group.name)),
            );
        }
        let astray = placed.filter(|(_, parent)| world.path(parent).is_none());
        faults.extend(
            astray.map(|(id, parent)| format!("{id}: its parent {parent:?} does not lead to the root")),
        );
        match world.account(&self.management_account_id) {
            Some(account) if account.parent == self.root_id => {}
            Some(_) => faults.push("the management account must be in the root".to_owned()),
            None => faults.push(format!(
                "the management account {} is not among the accounts",
                self.management_account_id
            )),
        }
        faults
    }

    fn principals(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let groups = self.groups.iter().map(|group| ("GROUP", group.id.as_str()));
        groups.chain(self.users.iter().map(|user| ("USER", user.id.as_str())))
    }
}

/// An organization with its indexes. It is recreated when the organization is edited.
pub(crate) struct World {
    pub(crate) organization: Organization,
    accounts: HashMap<String, usize>,
    units: HashMap<String, usize>,
    children: HashMap<String, Vec<usize>>,
    permission_sets: HashMap<String, usize>,
    groups: HashMap<String, usize>,
    users: HashMap<String, usize>,
    emails: HashMap<String, usize>,
    principals: HashSet<(&'static str, String)>,
}

impl World {
    pub(crate) fn new(organization: Organization) -> World {
        fn index<T>(items: &[T], key: impl Fn(&T) -> &String) -> HashMap<String, usize> {
            items.iter().enumerate().map(|(position, item)| (key(item).clone(), position)).collect()
        }
        let mut children: HashMap<String, Vec<usize>> = HashMap::new();
        for (position, unit) in organization.organizational_units.iter().enumerate() {
            children.entry(unit.parent.clone()).or_default().push(position);
        }
        let users = organization.users.iter().enumerate();
        World {
            accounts: index(&organization.accounts, |account| &account.id),
            units: index(&organization.organizational_units, |unit| &unit.id),
            children,
            permission_sets: index(&organization.permission_sets, |set| &set.arn),
            groups: index(&organization.groups, |group| &group.name),
            users: index(&organization.users, |user| &user.name),
            emails: users
                .flat_map(|(position, user)| user.emails.iter().map(move |email| (email.clone(), position)))
                .collect(),
            principals: organization.principals().map(|(kind, id)| (kind, id.to_owned())).collect(),
            organization,
        }
    }

    pub(crate) fn account(&self, id: &str) -> Option<&Account> {
        self.accounts.get(id).map(|&position| &self.organization.accounts[position])
    }

    pub(crate) fn unit(&self, id: &str) -> Option<&OrganizationalUnit> {
        self.units.get(id).map(|&position| &self.organization.organizational_units[position])
    }

    pub(crate) fn units_in<'a>(&'a self, parent: &str) -> impl Iterator<Item = &'a OrganizationalUnit> {
        let positions = self.children.get(parent).map_or(&[][..], Vec::as_slice);
        positions.iter().map(|&position| &self.organization.organizational_units[position])
    }

    pub(crate) fn permission_set(&self, arn: &str) -> Option<&PermissionSet> {
        self.permission_sets.get(arn).map(|&position| &self.organization.permission_sets[position])
    }

    pub(crate) fn group(&self, name: &str) -> Option<&Group> {
        self.groups.get(name).map(|&position| &self.organization.groups[position])
    }

    pub(crate) fn user_named(&self, name: &str) -> Option<&User> {
        self.users.get(name).map(|&position| &self.organization.users[position])
    }

    pub(crate) fn user_with_email(&self, email: &str) -> Option<&User> {
        self.emails.get(email).map(|&position| &self.organization.users[position])
    }

    pub(crate) fn has_principal(&self, principal_type: &str, id: &str) -> bool {
        let principals: &HashSet<(&str, String)> = &self.principals;
        principals.contains(&(principal_type, id.to_owned()))
    }

    /// Returns the path of a root or organizational unit, `o-.../r-.../ou-.../`, or `None` if its parents do
    /// not lead to the root.
    pub(crate) fn path(&self, id: &str) -> Option<String> {
        let mut chain = Vec::new();
        let mut place = id;
        while place != self.organization.root_id {
            let unit = self.unit(place)?;
            if chain.len() > self.units.len() {
                return None;
            }
            chain.push(place);
            place = &unit.parent;
        }
        let mut path = format!("{}/{}/", self.organization.id, self.organization.root_id);
        path.extend(chain.iter().rev().flat_map(|id| [id, "/"]));
        Some(path)
    }
}
