//! A framework of the Control Catalog, such as one of NIST: its items, and the controls that serve them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use assigner_aws::control_catalog::Serves;
use assigner_core::{ids, organization::likest};

use crate::{exit::Failure, terminal::clean};

#[derive(Debug)]
pub struct Framework {
    pub name: String,
    /// The items in order, with the ids of the controls that serve each.
    pub items: BTreeMap<String, BTreeSet<String>>,
}

impl Framework {
    /// Returns the framework of this name; capitals do not matter.
    ///
    /// # Errors
    /// If there is none, with the name that was probably meant and all that there are.
    pub fn new(asked: &str, serves: Vec<Serves>) -> Result<Framework, Failure> {
        let names: BTreeSet<&str> = serves.iter().map(|one| one.framework.as_str()).collect();
        let is_meant = |name: &&&str| name.eq_ignore_ascii_case(asked.trim());
        let Some(name) = names.get(asked).or_else(|| names.iter().find(is_meant)) else {
            let near = likest(asked, names.iter().copied());
            let near = near.map(|near| format!("did you mean {}? ", clean(near))).unwrap_or_default();
            let all: Vec<String> = names.iter().map(|name| clean(name)).collect();
            return Err(Failure::wrong(
                format!("the Control Catalog has no framework {}", clean(asked)),
                match &all[..] {
                    [] => "it names no framework at all in this Region; leave --framework out".to_owned(),
                    all => format!("{near}these exist: {}", all.join(", ")),
                },
            ));
        };
        let name = (*name).to_owned();
        let mut items: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for one in serves.iter().filter(|one| one.framework == name) {
            let id = ids::last_part(&one.control).to_owned();
            items.entry(one.item.clone()).or_default().insert(id);
        }
        Ok(Framework { name, items })
    }

    /// Returns the items that a control serves.
    pub fn of(&self, control: &str) -> Vec<String> {
        let served = self.items.iter().filter(|(_, controls)| controls.contains(control));
        served.map(|(item, _)| item.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serves() -> Vec<Serves> {
        [("a", "NIST-800-53", "AC-2"), ("b", "NIST-800-53", "AC-2"), ("b", "PCI-DSS", "1.1")]
            .map(|(id, framework, item)| Serves {
                control: format!("arn:aws:controlcatalog:::control/{id}"),
                framework: framework.to_owned(),
                item: item.to_owned(),
            })
            .to_vec()
    }

    #[test]
    fn a_framework_is_found_by_its_name_or_refused_with_those_that_exist() {
        for asked in ["NIST-800-53", "nist-800-53"] {
            let framework = Framework::new(asked, serves()).unwrap();
            assert_eq!(framework.of("b"), ["AC-2"], "only its own");
            assert_eq!(framework.items["AC-2"].len(), 2);
        }
        let refused = Framework::new("NIST-800-35", serves()).unwrap_err();
        assert!(refused.message.contains("NIST-800-35"), "{}", refused.message);
        assert!(refused.next.starts_with("did you mean NIST-800-53? these exist: NIST-800-53, PCI-DSS"));
        assert!(Framework::new("x", Vec::new()).unwrap_err().next.contains("no framework at all"));
    }
}
