//! What the names, ids and ARNs of a table mean: permission sets and principals, already looked up.
//!
//! It never guesses: what was not looked up resolves to an obstacle, and nothing is granted.

use std::collections::{BTreeMap, HashMap};

use super::{
    Named, PermissionSet, Principal, PrincipalId,
    facts::NamesById,
    plan::{Grant, Obstacle, Resolved},
};

/// The names of a table, or of some of its rows, with what was found for each.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The ARN of each permission set.
    pub permission_sets: HashMap<PermissionSet, Result<String, Obstacle>>,
    /// The name of an ARN, if it is known.
    pub permission_set_names: HashMap<String, String>,
    pub principals: BTreeMap<Principal, Result<PrincipalId, Obstacle>>,
}

impl Names {
    /// Resolves grants. Two that turn out to be the same become one, with the rules of both: one row may give a name
    /// and another the id.
    pub fn resolve<'t>(&self, grants: Vec<Grant<'t>>) -> Vec<Resolved<'t>> {
        let mut merged: Vec<Resolved<'t>> = Vec::new();
        let mut position: HashMap<(String, PrincipalId), usize> = HashMap::new();
        for one in grants.into_iter().map(|grant| self.look_up(grant)) {
            if let (Ok(permission_set), Ok(principal)) = (&one.permission_set, &one.principal) {
                let index =
                    *position.entry((permission_set.clone(), principal.clone())).or_insert(merged.len());
                if let Some(same) = merged.get_mut(index) {
                    same.join(one);
                    continue;
                }
            }
            merged.push(one);
        }
        merged
    }

    /// Adds, to each name that does not exist, the known one that was probably meant.
    pub fn suggest(&mut self, known: &NamesById) {
        let add = |obstacle: &mut Obstacle, suggestion: Option<String>| {
            if let (Obstacle::Unknown(reason), Some(suggestion)) = (obstacle, suggestion) {
                *reason = format!("{reason}; {suggestion}");
            }
        };
        for (permission_set, found) in &mut self.permission_sets {
            if let (PermissionSet::Name(name), Err(obstacle)) = (permission_set, found) {
                add(obstacle, known.suggestion(None, name));
            }
        }
        for (principal, found) in &mut self.principals {
            if let (Named::Name(name), Err(obstacle)) = (&principal.named, found) {
                add(obstacle, known.suggestion(Some(principal.kind), name));
            }
        }
    }

    fn look_up<'t>(&self, grant: Grant<'t>) -> Resolved<'t> {
        let permission_set_name = match grant.permission_set {
            PermissionSet::Name(name) => Some(name.clone()),
            PermissionSet::Arn(arn) => self.permission_set_names.get(arn).cloned(),
        };
        let permission_set =
            self.permission_sets.get(grant.permission_set).cloned().unwrap_or_else(not_asked);
        let principal = self.principals.get(grant.principal).cloned().unwrap_or_else(not_asked);
        Resolved { grant, permission_set_name, permission_set, principal }
    }
}

/// Returns an obstacle that cannot occur if every name was asked for. If it does, nothing is granted.
fn not_asked<T>() -> Result<T, Obstacle> {
    Err(Obstacle::NotRead("it was not looked up"))
}
