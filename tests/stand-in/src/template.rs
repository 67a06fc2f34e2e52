//! The limits of the functions as `template.yaml` deploys them.

const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Returns the environment of the function for vended accounts that is about limits.
pub fn vended() -> [(&'static str, &'static str); 2] {
    [
        ("MAX_OUTSTANDING", default_of("MaxOutstanding")),
        ("MAX_REQUESTS_PER_SECOND", default_of("MaxRequestsPerSecond")),
    ]
}

/// The same of the function for the backfill.
pub fn backfill() -> [(&'static str, &'static str); 3] {
    [
        ("MAX_OUTSTANDING", default_of("BackfillMaxOutstanding")),
        ("MAX_REQUESTS_PER_SECOND", default_of("BackfillMaxRequestsPerSecond")),
        ("YIELD", "true"),
    ]
}

/// Returns the default of a parameter.
///
/// # Panics
/// If the template is not written as expected.
fn default_of(parameter: &str) -> &'static str {
    let start = format!("\n  {parameter}:\n");
    let found = TEMPLATE.split_once(&start).and_then(|(_, properties)| {
        let properties = properties.lines().take_while(|line| line.starts_with("    "));
        properties.filter_map(|line| line.strip_prefix("    Default: ")).next()
    });
    found.unwrap_or_else(|| panic!("template.yaml has no default of {parameter}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_numbers() {
        let limits = vended().into_iter().chain(backfill().into_iter().take(2));
        for (name, value) in limits {
            assert!(value.parse::<u32>().is_ok_and(|value| value > 0), "{name}: {value:?}");
        }
    }
}
