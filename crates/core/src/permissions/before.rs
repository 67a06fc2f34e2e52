//! The file that remembers a set as it was before it was edited: the way back.

use serde::{Deserialize, Serialize};

use super::usage::PermissionSet;

/// The format of the file; another number is refused.
const VERSION: u32 = 1;

/// Every field of a set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Before {
    version: u32,
    pub permission_set: PermissionSet,
}

impl Before {
    pub fn new(permission_set: PermissionSet) -> Before {
        Before { version: VERSION, permission_set }
    }

    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn parse(text: &[u8]) -> Result<Before, String> {
        let before: Before =
            serde_json::from_slice(text).map_err(|error| format!("not a file of `apply`: {error}"))?;
        match before.version {
            VERSION => Ok(before),
            version => Err(format!("a file of version {version}; this command reads version {VERSION}")),
        }
    }

    /// Returns it as a text of JSON.
    pub fn to_text(&self) -> String {
        // Strings, lists and objects cannot fail to be written.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// Returns the name of the file next to a policy file: `x.before.json` next to `x.policy.json`.
pub fn file_name(policy: &str) -> String {
    let stem = policy.strip_suffix(".json").unwrap_or(policy);
    format!("{}.before.json", stem.strip_suffix(".policy").unwrap_or(stem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_next_to_the_policy_file() {
        for (policy, before) in [
            ("poweruser.policy.json", "poweruser.before.json"),
            ("policy.json", "policy.before.json"),
            ("draft", "draft.before.json"),
        ] {
            assert_eq!(file_name(policy), before);
        }
    }
}
