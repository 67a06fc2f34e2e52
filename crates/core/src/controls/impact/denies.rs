//! What a control denies, as data: of AWS's guide, or of a policy as it stands on an OU. And whether a recorded call is
//! one of those, as far as the record tells.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::record::{Caller, Record};
use crate::{
    controls::{ControlName, guide, parameters::covers},
    policy::{
        Actions, Condition, Document, Effect, Resources, Statement, Strictness,
        data_events::DATA_EVENTS,
        pattern::{Pattern, segments},
    },
    reading::Fault,
};

/// What CloudTrail and other sources can tell about a control.
#[derive(Clone, Debug)]
pub enum Basis {
    /// The index of its [`Deny`].
    Denies(usize),
    /// It is a setting of each account. The account status report tells the present one.
    Setting(Setting),
    /// Why nothing can be told.
    Unknown(String),
}

/// A setting that a declarative policy makes.
#[derive(Clone, Debug, Deserialize)]
pub struct Setting {
    /// As the account status report calls it.
    pub attribute: String,
    /// With which values of it the control changes nothing.
    pub values: Vec<String>,
    /// What no source here records.
    pub what: String,
    /// What is possible once the control is disabled.
    pub undone: String,
}

/// The statements by which a control denies calls.
#[derive(Clone, Debug)]
pub struct Deny {
    pub control: String,
    statements: Vec<(Statement, Vec<Pattern>)>,
    /// Whether it guards resources against everybody, also from other accounts. Otherwise it restricts the principals
    /// of accounts.
    pub is_of_resources: bool,
    /// Some of the actions that only data events record. Empty if it denies every action.
    pub data_events: Vec<String>,
}

/// What a record shows of a deny.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Denied {
    No,
    Yes,
    /// It depends on this, which CloudTrail does not record.
    Unknown(String),
}

#[derive(Deserialize)]
struct Embedded {
    controls: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    control: String,
    #[serde(default)]
    of_resources: bool,
    denies: Option<serde_json::Value>,
    setting: Option<Setting>,
}

/// Every deny that is known.
#[derive(Clone, Debug, Default)]
pub struct Denies {
    pub all: Vec<Deny>,
    settings: BTreeMap<String, Setting>,
}

impl Denies {
    /// Returns those of AWS's guide, as of the day that `denies.json` names.
    pub fn of_the_guide() -> Denies {
        // A test reads it whole.
        let embedded: Embedded = serde_json::from_str(include_str!("denies.json"))
            .unwrap_or_else(|_| Embedded { controls: Vec::new() });
        let mut denies = Denies::default();
        for Entry { control, of_resources, denies: statement, setting } in embedded.controls {
            if let Some(setting) = setting {
                denies.settings.insert(control.clone(), setting);
            }
            let Some(statement) = statement else { continue };
            let document =
                serde_json::json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
            let statements = Document::parse(document.as_bytes(), Strictness::AsRead);
            denies.add(control, statements.unwrap_or_default().statements, of_resources);
        }
        denies
    }

    /// Takes the statements of a service control policy for those of the controls whose names their Sids are. Returns
    /// the controls.
    ///
    /// # Errors
    /// Every fault of the policy.
    pub fn read(&mut self, text: &[u8], names: &[ControlName]) -> Result<Vec<String>, Vec<Fault>> {
        let document = Document::parse(text, Strictness::AsRead)?;
        let mut found: BTreeMap<String, Vec<Statement>> = BTreeMap::new();
        for statement in document.statements.into_iter().filter(|one| one.effect == Effect::Deny) {
            let Some(sid) = statement.sid.clone() else { continue };
            let of = names
                .iter()
                .map(|name| name.clone().known())
                .find(|name| guide::sid_of(name.as_str()) == sid);
            if let Some(name) = of {
                found.entry(name.as_str().to_owned()).or_default().push(statement);
            }
        }
        let names = found.keys().cloned().collect();
        for (control, statements) in found {
            self.all.retain(|deny| deny.control != control);
            self.add(control, statements, false);
        }
        Ok(names)
    }

    fn add(&mut self, control: String, statements: Vec<Statement>, is_of_resources: bool) {
        let patterns = |statement: &Statement| {
            let (Actions::These(actions) | Actions::AllBut(actions)) = &statement.actions;
            actions.iter().map(|action| Pattern::action(action)).collect()
        };
        let data_events = statements.iter().flat_map(of_data_events).collect();
        let statements = statements.into_iter().map(|one| (one.clone(), patterns(&one))).collect();
        self.all.push(Deny { control, statements, is_of_resources, data_events });
    }

    /// Returns what can be told about a control.
    pub fn basis(&self, name: &ControlName) -> Basis {
        let name = name.clone().known();
        let name = name.as_str();
        if let Some(index) = self.all.iter().position(|deny| deny.control == name) {
            return Basis::Denies(index);
        }
        if let Some(setting) = self.settings.get(name) {
            return Basis::Setting(setting.clone());
        }
        Basis::Unknown(match guide::is_inherited(name) {
            Some(false) => {
                "it denies no call: it looks at what is there, or at what CloudFormation makes".to_owned()
            }
            _ => "what it denies is not known here; give the policy of an OU that has it with --policy"
                .to_owned(),
        })
    }
}

fn words(statement: &Statement) -> String {
    let list = |items: &BTreeSet<String>| items.iter().cloned().collect::<Vec<_>>().join(", ");
    let mut text = match &statement.actions {
        Actions::These(actions) if actions.contains("*") => "every action".to_owned(),
        Actions::These(actions) => list(actions),
        Actions::AllBut(actions) => format!("every action but {}", list(actions)),
    };
    let conditions = statement.condition.iter().flat_map(|(operator, keys)| {
        keys.iter().map(move |(key, values)| format!("{key} {operator} {}", list(values)))
    });
    let conditions: Vec<String> = conditions.collect();
    if !conditions.is_empty() {
        text = format!("{text}, if {}", conditions.join(" and "));
    }
    text
}

/// Returns the actions of a statement that only data events record, unless it is about all actions of all services.
fn of_data_events(statement: &Statement) -> Vec<String> {
    let Actions::These(actions) = &statement.actions else { return Vec::new() };
    let patterns: Vec<Pattern> =
        actions.iter().filter(|action| *action != "*").map(|action| Pattern::action(action)).collect();
    let all = DATA_EVENTS
        .iter()
        .flat_map(|(service, names)| names.iter().map(move |name| format!("{service}:{name}")));
    all.filter(|action| patterns.iter().any(|own| own.covers(&Pattern::action(action)))).collect()
}

impl Deny {
    /// Returns what each statement denies, for a person.
    pub fn words(&self) -> Vec<String> {
        self.statements.iter().map(|(statement, _)| words(statement)).collect()
    }

    /// Whether it is about this action, such as `s3:PutBucketLogging`.
    pub fn is_about(&self, action: &str) -> bool {
        let action = Pattern::action(action);
        self.statements.iter().any(|(statement, patterns)| is_about(statement, patterns, &action))
    }

    /// Returns what a record of such an action shows.
    pub fn judge(&self, action: &str, record: &Record<'_>, caller: Option<&Caller<'_>>) -> Denied {
        let mut unknown = None;
        let action = (self.statements.len() > 1).then(|| Pattern::action(action));
        for (statement, patterns) in &self.statements {
            if action.as_ref().is_some_and(|action| !is_about(statement, patterns, action)) {
                continue;
            }
            match about_resources(&statement.resources, record)
                .and(|| holds(&statement.condition, record, caller))
            {
                Denied::Yes => return Denied::Yes,
                Denied::Unknown(of) => unknown = Some(of),
                Denied::No => {}
            }
        }
        unknown.map_or(Denied::No, Denied::Unknown)
    }
}

fn is_about(statement: &Statement, patterns: &[Pattern], action: &Pattern) -> bool {
    let named = patterns.iter().any(|pattern| pattern.covers(action));
    named == matches!(statement.actions, Actions::These(_))
}

impl Denied {
    fn of(yes: bool) -> Denied {
        if yes { Denied::Yes } else { Denied::No }
    }

    /// Both have to hold.
    fn and(self, other: impl FnOnce() -> Denied) -> Denied {
        match self {
            Denied::No => Denied::No,
            Denied::Yes => other(),
            unknown => match other() {
                Denied::No => Denied::No,
                _ => unknown,
            },
        }
    }
}

fn about_resources(resources: &Resources, record: &Record<'_>) -> Denied {
    let Resources::These(patterns) = resources else {
        return Denied::Unknown("the resource".to_owned());
    };
    let is_all = |pattern: &String| {
        pattern == "*" || matches!(segments(pattern)[..], [_, _, _, "" | "*", "" | "*", "*"])
    };
    if patterns.iter().any(is_all) {
        return Denied::Yes;
    }
    let named = record.resources.iter().flatten().map(|resource| &*resource.arn);
    let mut named = named.filter(|arn| !arn.is_empty()).peekable();
    if named.peek().is_none() || patterns.iter().any(|pattern| pattern.contains("${")) {
        return Denied::Unknown("the resource".to_owned());
    }
    Denied::of(named.any(|arn| patterns.iter().any(|pattern| covers(pattern, arn))))
}

/// What a record tells of a condition key.
enum Value {
    Is(String),
    Absent,
    NotRecorded,
}

fn value(key: &str, record: &Record<'_>, caller: Option<&Caller<'_>>) -> Value {
    let of = |found: Option<String>| found.map_or(Value::NotRecorded, Value::Is);
    match key.to_ascii_lowercase().as_str() {
        "aws:principalarn" => of(caller.map(|caller| caller.arn.to_string())),
        "aws:principalaccount" => of(caller.map(|caller| format!("{:012}", caller.account))),
        "aws:principalisawsservice" => of(caller.map(|_| "false".to_owned())),
        "aws:assumedroot" => match caller {
            Some(caller) if caller.is_assumed_root => Value::Is("true".to_owned()),
            Some(_) => Value::Absent,
            None => Value::NotRecorded,
        },
        "aws:requestedregion" => of((!record.aws_region.is_empty()).then(|| record.aws_region.to_string())),
        "aws:securetransport" => of(record.is_encrypted().map(|yes| yes.to_string())),
        _ => Value::NotRecorded,
    }
}

fn holds(condition: &Condition, record: &Record<'_>, caller: Option<&Caller<'_>>) -> Denied {
    let mut all = Denied::Yes;
    for (operator, keys) in condition {
        for (key, values) in keys {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            all = all.and(|| test(operator, key, &values, record, caller));
        }
    }
    all
}

fn test(
    operator: &str,
    key: &str,
    values: &[&str],
    record: &Record<'_>,
    caller: Option<&Caller<'_>>,
) -> Denied {
    let unknown = || Denied::Unknown(key.to_owned());
    let name = operator.to_ascii_lowercase();
    let for_all = name.strip_prefix("forallvalues:");
    let name = for_all.or_else(|| name.strip_prefix("foranyvalue:")).unwrap_or(&name);
    let (name, if_exists) = match name.strip_suffix("ifexists") {
        Some(name) => (name, true),
        None => (name, for_all.is_some()),
    };
    let found = match value(key, record, caller) {
        Value::NotRecorded => return unknown(),
        found if name == "null" => {
            let is_absent = matches!(found, Value::Absent);
            return Denied::of(values.iter().any(|value| value.eq_ignore_ascii_case("true")) == is_absent);
        }
        // A key that is absent meets what wants it to differ.
        Value::Absent => return Denied::of(if_exists || name.contains("not")),
        Value::Is(found) => found,
    };
    if values.iter().any(|value| value.contains("${")) {
        return unknown();
    }
    let any = |like: fn(&str, &str) -> bool| values.iter().any(|value| like(value, &found));
    match name {
        "stringequals" => Denied::of(any(|value, found| value == found)),
        "stringnotequals" => Denied::of(!any(|value, found| value == found)),
        "stringequalsignorecase" | "bool" => Denied::of(any(str::eq_ignore_ascii_case)),
        "stringnotequalsignorecase" => Denied::of(!any(str::eq_ignore_ascii_case)),
        "stringlike" => Denied::of(any(covers)),
        "stringnotlike" => Denied::of(!any(covers)),
        "arnlike" | "arnequals" => Denied::of(any(arn_covers)),
        "arnnotlike" | "arnnotequals" => Denied::of(!any(arn_covers)),
        _ => unknown(),
    }
}

/// Whether an ARN matches a pattern whose wildcards do not reach past a colon.
pub fn arn_covers(pattern: &str, arn: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.splitn(6, ':'), arn.splitn(6, ':'));
    if pattern == "*" {
        return true;
    }
    loop {
        match (patterns.next(), parts.next()) {
            (None, None) => return true,
            (Some(pattern), Some(part)) if covers(pattern, part) => {}
            _ => return false,
        }
    }
}
