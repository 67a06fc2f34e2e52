//! Who is a member of which group: group by group, or the groups of one user by one list. What cannot be read is kept
//! with the reason, and never taken for an empty group. Decides and writes nothing.

use std::collections::BTreeMap;

use assigner_aws::identity_center::IdentityCenter;
use assigner_core::{
    assignments::{
        Principal, PrincipalId, PrincipalKind,
        members::{Belongs, Members, Memberships},
        plan::Obstacle,
        reach::find::Asked,
    },
    cause::Cause,
};
use futures_util::{StreamExt, stream};

use crate::{READS_AT_ONCE, assignments::resolve};

/// Returns the members of these groups. Takes one ListGroupMemberships for each group and 100 members. If the first groups
/// are all refused, and not for what they are, no other group is asked.
pub async fn of_groups(
    center: &IdentityCenter,
    groups: impl IntoIterator<Item = &str>,
    read: &(dyn Fn(usize) + Sync),
) -> Memberships {
    let mut groups: Vec<&str> = groups.into_iter().collect();
    groups.sort_unstable();
    groups.dedup();
    let mut found: BTreeMap<String, Members> = BTreeMap::new();
    let (mut refusals, mut refused) = (0, None);
    let mut lists = stream::iter(&groups)
        .map(async |group| (*group, center.members_of(group).await))
        .buffer_unordered(READS_AT_ONCE)
        .enumerate();
    while let Some((count, (group, list))) = lists.next().await {
        read(count + 1);
        let members = match list {
            Ok(users) => Members::Read(users),
            // A group that is gone has no members.
            Err(error) if error.cause == Cause::NotFound => Members::Read([].into()),
            Err(error) => {
                refusals += usize::from(!error.cause.may_concern_one());
                Members::Unread { unread: error.to_string() }
            }
        };
        if refusals == READS_AT_ONCE
            && found.len() + 1 == refusals
            && let Members::Unread { unread } = &members
        {
            refused = Some(unread.clone());
        }
        found.insert(group.to_owned(), members);
        if refused.is_some() {
            break;
        }
    }
    drop(lists);
    if let Some(unread) = refused {
        for group in groups {
            found.entry(group.to_owned()).or_insert_with(|| Members::Unread { unread: unread.clone() });
        }
    }
    Memberships { groups: found }
}

/// Asks who is meant by a name or an id of which not everybody could be listed. Returns everybody who is.
///
/// # Errors
/// If it cannot be found out of a group or of a user.
pub async fn look_up(center: &IdentityCenter, asked: &Asked) -> Result<Vec<PrincipalId>, Obstacle> {
    let mut found = Vec::new();
    for kind in [PrincipalKind::Group, PrincipalKind::User] {
        if asked.kind.is_some_and(|other| other != kind) {
            continue;
        }
        match resolve::principal_id(center, &Principal { kind, named: asked.named.clone() }).await {
            Ok(principal) => found.push(principal),
            Err(Obstacle::Unknown(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(found)
}

/// Returns the groups of a principal. A group is in no group.
pub async fn of_principal(center: &IdentityCenter, principal: &PrincipalId) -> Belongs {
    match principal.kind {
        PrincipalKind::Group => Belongs::default(),
        PrincipalKind::User => match center.groups_of(&principal.id).await {
            Ok(groups) => Belongs { groups, unread: Vec::new() },
            // A user who is gone is in no group.
            Err(error) if error.cause == Cause::NotFound => Belongs::default(),
            Err(error) => {
                let unread = format!("the groups of the user are not known: {error}");
                Belongs { groups: Default::default(), unread: vec![unread] }
            }
        },
    }
}
