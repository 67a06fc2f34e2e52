//! A selector as the JSON that `parse` reads, fields in the order of the documentation.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};

use super::{Accounts, Glob, OrganizationalUnit, Selector};

impl Serialize for Accounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            #[serde(flatten)]
            only: &'a Selector,
            #[serde(skip_serializing_if = "Option::is_none")]
            except: Option<&'a Selector>,
        }
        Fields { only: &self.only, except: self.except.as_ref() }.serialize(serializer)
    }
}

impl Serialize for Selector {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Fields<'a> {
            #[serde(skip_serializing_if = "Vec::is_empty")]
            ids: Vec<&'a str>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            names: Vec<&'a str>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            ous: Vec<String>,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            tags: BTreeMap<&'a str, &'a str>,
        }
        let Selector { ids, names, ous, tags } = self;
        Fields {
            ids: ids.iter().map(|id| id.as_str()).collect(),
            names: names.iter().map(Glob::as_str).collect(),
            ous: ous.iter().map(OrganizationalUnit::to_string).collect(),
            tags: tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        }
        .serialize(serializer)
    }
}

impl fmt::Display for OrganizationalUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OrganizationalUnit::Id(id) => f.write_str(id),
            OrganizationalUnit::Path(names) => f.write_str(&names.join("/")),
        }
    }
}
