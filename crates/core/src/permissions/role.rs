//! Which roles of an account are those of a permission set.

/// Below which path Identity Center makes its roles. The home Region may follow, or nothing.
pub const PATH: &str = "/aws-reserved/sso.amazonaws.com/";

const PREFIX: &str = "AWSReservedSSO_";
const SUFFIX: usize = 16;

/// Whether a role, by its path and name, is one of the permission set of this name. A set that was deleted and
/// recreated may have two in one account, with different suffixes.
pub fn is_of_set(path: &str, role: &str, set: &str) -> bool {
    let region = |rest: &str| rest.is_empty() || rest.strip_suffix('/').is_some_and(crate::ids::is_region);
    let suffix = role
        .strip_prefix(PREFIX)
        .and_then(|rest| rest.strip_prefix(set))
        .and_then(|rest| rest.strip_prefix('_'));
    path.strip_prefix(PATH).is_some_and(region)
        && suffix.is_some_and(|suffix| {
            suffix.len() == SUFFIX && suffix.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_of_a_set_by_its_whole_name_and_path() {
        let name = "AWSReservedSSO_Power_0123456789abcdef";
        let good = [
            (PATH, name),
            ("/aws-reserved/sso.amazonaws.com/eu-west-1/", name),
            ("/aws-reserved/sso.amazonaws.com/us-gov-west-1/", "AWSReservedSSO_Power_fedcba9876543210"),
        ];
        for (path, role) in good {
            assert!(is_of_set(path, role, "Power"), "{path}{role}");
        }
        let bad = [
            ("/", name),
            ("/aws-reserved/sso.amazonaws.com", name),
            ("/aws-reserved/sso.amazonaws.com/team/", name),
            ("/aws-reserved/sso.amazonaws.com/eu-west-1", name),
            (PATH, "AWSReservedSSO_PowerUser_0123456789abcdef"),
            (PATH, "AWSReservedSSO_Power_User_0123456789abcdef"),
            (PATH, "AWSReservedSSO_Power_0123456789ABCDEF"),
            (PATH, "AWSReservedSSO_Power_0123456789abcde"),
            (PATH, "awsreservedsso_Power_0123456789abcdef"),
            (PATH, "Power"),
        ];
        for (path, role) in bad {
            assert!(!is_of_set(path, role, "Power"), "{path}{role}");
        }
        assert!(is_of_set(PATH, "AWSReservedSSO_Power_User_0123456789abcdef", "Power_User"));
    }
}
