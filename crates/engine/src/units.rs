//! Which OUs there are: read only as far as the OUs that tables name ask for it. Remembers nothing, because a name can
//! move to another OU at any time.
//!
//! **Calls.** None for an OU that an account's parents show; one DescribeOrganizationalUnit for an id; one
//! ListOrganizationalUnitsForParent for 20 OUs of each level of a path that no account shows.

use std::collections::BTreeSet;

use assigner_aws::organizations::Organizations;
use assigner_core::{
    cause::CallError,
    organization::Account,
    selector::{
        OrganizationalUnit,
        tree::{Look, Tree, Unit},
    },
};
use futures_util::{StreamExt, stream};

use crate::READS_AT_ONCE;

const MOST_LEVELS: usize = 10;

/// Returns a tree that can say of each of these OUs whether it exists. What cannot be read is an answer, too.
pub async fn look(
    organizations: &Organizations,
    accounts: &[Account],
    units: &BTreeSet<&OrganizationalUnit>,
) -> Tree {
    let mut tree = Tree::default();
    accounts.iter().for_each(|account| tree.add_parents(&account.parents));
    loop {
        let mut asks = BTreeSet::new();
        for unit in units {
            match tree.look(unit) {
                Look::Unlisted(parent) => _ = asks.insert(Ask::List(parent.to_owned())),
                Look::Unasked(id) => _ = asks.insert(Ask::Describe(id)),
                Look::There | Look::Absent { .. } | Look::Failed(_) | Look::Rootless => {}
            }
        }
        if asks.is_empty() {
            return tree;
        }
        // Each answer settles what was asked, so the next round asks for less or for the next level.
        let answers: Vec<Answer> = stream::iter(asks)
            .map(async |ask| match ask {
                Ask::List(parent) => {
                    let listed = organizations.units_directly_in(&parent).await;
                    Answer::Listed(parent, listed)
                }
                Ask::Describe(id) => {
                    let exists = organizations.has_unit(&id).await;
                    Answer::Described(id, exists)
                }
            })
            .buffer_unordered(READS_AT_ONCE)
            .collect()
            .await;
        for answer in answers {
            match answer {
                Answer::Listed(parent, listed) => tree.add_listed(&parent, listed),
                Answer::Described(id, exists) => tree.add_answer(&id, exists),
            }
        }
    }
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Ask {
    /// The OUs of a parent.
    List(String),
    /// Whether an id exists.
    Describe(String),
}

enum Answer {
    Listed(String, Result<Vec<Unit>, CallError>),
    Described(String, Result<bool, CallError>),
}

/// Returns every OU below the root, by one list for each.
pub async fn all(organizations: &Organizations, root: &str) -> Result<Vec<Unit>, CallError> {
    let (mut all, mut parents) = (Vec::new(), vec![root.to_owned()]);
    // An organization is at most five OUs deep; the bound keeps a circle from going on.
    for _ in 0..MOST_LEVELS {
        let mut lists = stream::iter(parents)
            .map(async |parent| organizations.units_directly_in(&parent).await)
            .buffer_unordered(READS_AT_ONCE);
        let mut found = Vec::new();
        while let Some(listed) = lists.next().await {
            found.extend(listed?);
        }
        parents = found.iter().map(|unit: &Unit| unit.id.clone()).collect();
        all.extend(found);
        if parents.is_empty() {
            break;
        }
    }
    all.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(all)
}
