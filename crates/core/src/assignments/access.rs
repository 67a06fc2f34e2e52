//! What account access manager has: the second way into an account. An entitlement links a group or user to an IAM role.
//! No table decides about it.

use serde::{Deserialize, Serialize};

use super::{PrincipalId, PrincipalKind};

/// What account access manager has, or why that is not known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum AccountAccess {
    Read {
        /// How many applications there are. Without one there is no entitlement.
        applications: usize,
        entitlements: Vec<Entitled>,
    },
    Unread {
        unread: String,
    },
}

/// An entitlement, by ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entitled {
    pub account: String,
    pub role_arn: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    pub application_arn: String,
}

impl Entitled {
    /// `principal` is `None` if AWS names a kind of principal that is not known here.
    pub fn new(
        account: String,
        role_arn: String,
        principal: Option<PrincipalId>,
        application_arn: String,
    ) -> Entitled {
        let of = |kind: PrincipalKind| {
            principal
                .as_ref()
                .filter(|principal| principal.kind == kind)
                .map(|principal| principal.id.clone())
        };
        let (group, user) = (of(PrincipalKind::Group), of(PrincipalKind::User));
        Entitled { account, role_arn, group, user, application_arn }
    }

    pub fn principal(&self) -> Option<PrincipalId> {
        let group = self.group.as_ref().map(PrincipalId::group);
        group.or_else(|| self.user.as_ref().map(PrincipalId::user))
    }
}
