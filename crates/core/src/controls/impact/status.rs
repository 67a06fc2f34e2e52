//! The account status report of EC2's declarative policies: which setting each account has at present, in each Region.
//!
//! AWS documents that it is CSV and what it tells, not its columns, so both forms that can be meant are read: a column
//! for each attribute, or a column of attributes next to one of values.

use std::collections::{BTreeMap, BTreeSet};

use super::{denies::Setting, record::account};

/// Values by attribute and account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    values: BTreeMap<String, BTreeMap<u64, BTreeSet<String>>>,
}

/// Where in a line what is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    account: usize,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    Each(Vec<(usize, String)>),
    Named { attribute: usize, value: usize },
}

impl Columns {
    /// Reads the first line.
    ///
    /// # Errors
    /// Says what it lacks.
    pub fn read<'t>(names: impl Iterator<Item = &'t str>) -> Result<Columns, String> {
        let names: Vec<String> = names.map(plain).collect();
        let find = |wanted: &[&str]| names.iter().position(|name| wanted.contains(&name.as_str()));
        let account = find(&["account_id", "account", "accountid", "aws_account_id"])
            .ok_or("its first line names no column account_id")?;
        let value = find(&["value", "attribute_value", "state", "current_value", "status"]);
        if let (Some(attribute), Some(value)) = (find(&["attribute", "attribute_name"]), value) {
            return Ok(Columns { account, form: Form::Named { attribute, value } });
        }
        let each: Vec<(usize, String)> =
            names.into_iter().enumerate().filter(|(_, name)| name.contains("block_public_access")).collect();
        match each.is_empty() {
            true => Err("its first line names no attribute such as snapshot_block_public_access".into()),
            false => Ok(Columns { account, form: Form::Each(each) }),
        }
    }
}

impl Status {
    /// Adds a line. Returns false if it names no account.
    pub fn add<'t>(&mut self, columns: &Columns, fields: &impl Fn(usize) -> Option<&'t str>) -> bool {
        let Some(account) = fields(columns.account).and_then(|text| account(text.trim())) else {
            return false;
        };
        match &columns.form {
            Form::Each(each) => {
                for (column, name) in each {
                    if let Some(value) = fields(*column) {
                        self.note(name, account, value);
                    }
                }
            }
            Form::Named { attribute, value } => {
                if let (Some(name), Some(value)) = (fields(*attribute), fields(*value)) {
                    self.note(&plain(name), account, value);
                }
            }
        }
        true
    }

    fn note(&mut self, attribute: &str, account: u64, value: &str) {
        let values = self.values.entry(attribute.to_owned()).or_default().entry(account).or_default();
        values.insert(plain(value));
    }

    /// Whether an account has a setting already, wherever the report shows it; `None` if it shows nothing of it.
    pub fn has(&self, setting: &Setting, account: u64) -> Option<bool> {
        // AWS may call it `ec2_snapshot_block_public_access`, or add `_state`.
        let of = self.values.iter().filter(|(name, _)| name.contains(&setting.attribute));
        let mut values = of.filter_map(|(_, accounts)| accounts.get(&account)).flatten().peekable();
        values.peek()?;
        // A value that is more than what the control sets, such as all sharing instead of new sharing, has it too.
        Some(values.all(|value| setting.values.contains(value) || value == "block_all_sharing"))
    }
}

/// Returns a name as it is compared: `Snapshot Block Public Access` is `snapshot_block_public_access`.
fn plain(text: &str) -> String {
    let word = |one: char| if one.is_ascii_alphanumeric() { one.to_ascii_lowercase() } else { '_' };
    text.trim().trim_start_matches('\u{feff}').chars().map(word).collect()
}
