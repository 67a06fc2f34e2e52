//! One row of the table of controls: one control, or a set, for every OU that it names.

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    guide::{self, Set},
    parameters::Parameters,
};
use crate::day::Day;
use crate::{
    ids,
    reading::{Faults, Fields, Json, RowRef, Wrong, longer, quote},
    selector::OrganizationalUnit,
    table::{self, RowKind},
};

/// The most hours of a soak: AWS forgets operations after 90 days, and with them when they ended.
const MOST_HOURS: u32 = 90 * 24;
/// In characters. AWS's own limit of an ARN is lower.
const PRINCIPAL_LENGTH: usize = 2048;

/// One control, or the controls of a set, for every OU that `ous` names.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
pub struct Row {
    /// Names the row in reports and faults; unique in the table.
    #[cfg_attr(test, schemars(regex(pattern = r"^[a-z0-9][a-z0-9-]{0,63}$")))]
    pub id: String,
    /// Free text for people, such as what the control may break.
    pub description: Option<String>,
    /// A name of AWS's guide (`AWS-GR_RESTRICT_ROOT_USER`, `CT.S3.PV.5`), a global id or ARN, a Regional ARN, or a set
    /// (`set:strongly-recommended-preventive`).
    #[cfg_attr(test, schemars(schema_with = "schema::control"))]
    pub control: Named,
    /// OU ids (`ou-...`), paths of OU names from the root (`Workloads/Prod`), or `*` for every OU directly below the
    /// root. A control that OUs inherit is enabled on the OU that is named; any other also on every OU below it.
    #[cfg_attr(test, schemars(schema_with = "schema::targets"))]
    pub ous: Vec<Target>,
    /// OUs that a control is not enabled on. Only if OUs do not inherit the control.
    pub except: Option<Except>,
    /// The control's parameters by name, each value as AWS's guide gives it.
    #[cfg_attr(test, schemars(default, schema_with = "schema::parameters"))]
    pub parameters: Parameters,
    /// Principals that the control leaves alone for a while.
    #[cfg_attr(test, schemars(default, length(min = 1)))]
    pub exempt: Vec<Exemption>,
}

/// How a row names what it wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    Control(ControlName),
    Set(&'static Set),
}

/// How a control is named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ControlName {
    /// A name of AWS's guide, such as `CT.S3.PV.5`; also the last part of a Regional ARN that is one.
    Guide(String),
    /// The id of the catalogue, the same in every Region.
    Global(String),
    /// The last part of a Regional ARN that says nothing: 12 capital letters.
    Regional(String),
}

/// An OU, or every OU directly below the root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    EveryTop,
    Unit(OrganizationalUnit),
}

/// OUs that are taken out, each with every OU below it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
pub struct Except {
    /// OU ids (`ou-...`) or paths of OU names from the root, each with every OU below it.
    #[cfg_attr(test, schemars(schema_with = "schema::units"))]
    pub ous: Vec<OrganizationalUnit>,
}

/// A principal that the control leaves alone until a day has passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
pub struct Exemption {
    /// Joins `ExemptedPrincipalArns`: an ARN, with `*` and `?` as IAM reads them.
    #[cfg_attr(test, schemars(length(min = 1, max = 2048)))]
    pub principal: String,
    /// The last day of the exemption, UTC.
    #[cfg_attr(test, schemars(schema_with = "schema::day"))]
    pub until: Day,
    /// Free text for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// OUs that get a control before all others, and how long it must have been enabled there.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema), schemars(rename_all = "camelCase", deny_unknown_fields))]
pub struct Wave {
    /// As in a row; each with every OU below it.
    #[cfg_attr(test, schemars(schema_with = "schema::targets"))]
    pub ous: Vec<Target>,
    /// How many hours must have passed since the operation ended that enabled or changed a control there.
    #[cfg_attr(test, schemars(range(max = 2160)))]
    pub soak_hours: u32,
}

/// What the document has besides rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waves(pub Vec<Wave>);

impl RowKind for Row {
    const LIST: &'static str = "controls";
    const SCHEMA: &'static str = "./controls.schema.json";
    const FIELDS: &'static [&'static str] =
        &["id", "description", "control", "ous", "except", "parameters", "exempt"];
    const FEWER: &'static str = "name several OUs in one row";
    type Rest = Waves;
    const REST: &'static [&'static str] = &["waves"];
    const REST_ITEM: &'static str = "$waves";

    fn read(mut fields: Fields<'_>, faults: &mut Faults) -> Option<Row> {
        let before = faults.count();
        let id = table::read_id(&mut fields, faults);
        let description = fields.text("description", faults);
        let control = fields.required("control", faults).and_then(|value| named("control", value, faults));
        let ous = fields.required_list("ous", faults, Target::parse);
        let except = fields.take("except").map(|value| {
            let mut fields = Fields::open("except", value, &["ous"], faults);
            Except { ous: fields.required_list("ous", faults, unit) }
        });
        let parameters = match fields.take("parameters") {
            None => Some(Parameters::default()),
            Some(value) => Parameters::read("parameters", value, faults),
        };
        let exempt = fields.objects("exempt", &["principal", "until", "reason"], faults, exemption);
        let row =
            Row { id: id?, description, control: control?, ous, except, parameters: parameters?, exempt };
        (faults.count() == before).then_some(row)
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn read_rest(fields: &mut Fields<'_>, faults: &mut Faults) -> Waves {
        Waves(fields.objects("waves", &["ous", "soakHours"], faults, wave))
    }

    fn write_rest<M: SerializeMap>(waves: &Waves, document: &mut M) -> Result<(), M::Error> {
        if waves.0.is_empty() { Ok(()) } else { document.serialize_entry("waves", &waves.0) }
    }

    fn compare(rows: &[(RowRef, Row)], faults: &mut Faults) {
        super::apart::compare(rows, faults);
    }
}

impl Row {
    /// Returns the controls that the row means.
    pub fn controls(&self) -> Vec<ControlName> {
        match &self.control {
            Named::Control(name) => vec![name.clone()],
            Named::Set(set) => {
                set.controls.iter().map(|name| ControlName::Guide((*name).to_owned())).collect()
            }
        }
    }

    /// Returns the parameters that the row wants at that moment, the exemptions that have not ended included.
    pub fn parameters_at(&self, now: time::OffsetDateTime) -> Parameters {
        let mut parameters = self.parameters.clone();
        let standing = self.exempt.iter().filter(|exemption| !exemption.until.has_passed(now));
        parameters.exempt(standing.map(|exemption| exemption.principal.as_str()));
        parameters
    }
}

impl ControlName {
    /// Reads a name of the guide, a global id or ARN, or a Regional ARN.
    pub fn parse(text: &str) -> Option<ControlName> {
        if let Some(id) = ids::global_control(text) {
            return Some(ControlName::Global(id.to_owned()));
        }
        let last = match ids::regional_control(text) {
            Some(last) => last,
            None if ids::is_global_control_id(text) => return Some(ControlName::Global(text.to_owned())),
            None => text,
        };
        if ids::is_control_name(last) {
            Some(ControlName::Guide(last.to_owned()))
        } else {
            (last.len() < text.len()).then(|| ControlName::Regional(last.to_owned()))
        }
    }

    /// Returns the name by which two rows show that they mean one control.
    pub fn known(self) -> ControlName {
        match &self {
            ControlName::Global(id) => match guide::known_name(id) {
                Some(name) => ControlName::Guide(name.to_owned()),
                None => self,
            },
            ControlName::Guide(_) | ControlName::Regional(_) => self,
        }
    }

    pub fn as_str(&self) -> &str {
        match self {
            ControlName::Guide(name) | ControlName::Global(name) | ControlName::Regional(name) => name,
        }
    }
}

impl Target {
    pub fn parse(text: &str) -> Result<Target, Wrong> {
        if text == "*" { Ok(Target::EveryTop) } else { unit(text).map(Target::Unit) }
    }
}

/// Reads an OU. Neither a root nor an account can be given a control.
fn unit(text: &str) -> Result<OrganizationalUnit, Wrong> {
    const OUS: &str =
        "name OUs, by id or by path; `*` in a row's `ous` means every OU directly below the root";
    if ids::is_root_id(text) || text.eq_ignore_ascii_case("root") {
        return Err((format!("is {}, a root, which can have no control", quote(text)), OUS));
    }
    if ids::is_account_id(text) {
        let remedy = "name the OU that the account is in; an OU with such a name is given by its id";
        return Err((format!("is {}, an account; controls belong to OUs", quote(text)), remedy));
    }
    if text.starts_with("arn:") {
        return Err((format!("is {}, an ARN", quote(text)), "write the OU's id, such as ou-ab12-33333333"));
    }
    OrganizationalUnit::parse(text)
}

fn named(at: &str, value: &Json, faults: &mut Faults) -> Option<Named> {
    const RIGHT: &str = "write a name of AWS's guide such as CT.S3.PV.5, a global id or ARN, a Regional ARN, or a set \
                         such as set:strongly-recommended-preventive";
    let text = faults.string(at, value, RIGHT)?;
    if let Some(name) = text.strip_prefix("set:") {
        let known: Vec<String> = guide::SETS.iter().map(|set| format!("set:{}", set.name)).collect();
        let found = guide::set(name);
        if found.is_none() {
            let remedy = format!("the sets are {}", known.join(", "));
            faults.add(at, format!("is {}, which is not a set", quote(text)), &remedy);
        }
        return found.map(Named::Set);
    }
    let Some(control) = ControlName::parse(text) else {
        faults.add(at, format!("is {}", quote(text)), RIGHT);
        return None;
    };
    if let Some(forbidden) = guide::forbidden(control.clone().known().as_str()) {
        faults.add(at, format!("{} {}", control.as_str(), forbidden.problem()), forbidden.remedy());
    }
    Some(Named::Control(control))
}

fn exemption(mut fields: Fields<'_>, faults: &mut Faults) -> Option<Exemption> {
    const RIGHT: &str = "write an ARN such as arn:aws:iam::*:role/legacy-sync";
    let at = fields.place("principal");
    let principal = fields.required("principal", faults).and_then(|value| {
        let text = faults.string(&at, value, RIGHT)?;
        if text.is_empty() || longer(text, PRINCIPAL_LENGTH) || text.contains(char::is_whitespace) {
            faults.add(&at, format!("is {}", quote(text)), RIGHT);
            return None;
        }
        Some(text.to_owned())
    });
    let at = fields.place("until");
    let until = fields.required("until", faults).and_then(|value| {
        let right = "write a day such as 2027-03-31; what lasts belongs in parameters.ExemptedPrincipalArns";
        let text = faults.string(&at, value, right)?;
        let day = Day::parse(text);
        if day.is_none() {
            faults.add(&at, format!("is {}, which is not a day", quote(text)), right);
        }
        day
    });
    let reason = fields.text("reason", faults);
    Some(Exemption { principal: principal?, until: until?, reason })
}

fn wave(mut fields: Fields<'_>, faults: &mut Faults) -> Option<Wave> {
    let ous = fields.required_list("ous", faults, Target::parse);
    let at = fields.place("soakHours");
    let hours = fields.required("soakHours", faults).and_then(|value| {
        let right = format!("write a whole number from 0 to {MOST_HOURS}");
        match value {
            Json::Number(hours) if hours.fract() == 0.0 && (0.0..=f64::from(MOST_HOURS)).contains(hours) => {
                Some(*hours as u32)
            }
            Json::Number(hours) => {
                faults.add(&at, format!("is {hours}"), &right);
                None
            }
            other => {
                faults.add(&at, format!("is {}", other.kind()), &right);
                None
            }
        }
    });
    Some(Wave { ous, soak_hours: hours? })
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Row { id, description, control, ous, except, parameters, exempt } = self;
        let mut row = serializer.serialize_map(None)?;
        row.serialize_entry("id", id)?;
        if let Some(description) = description {
            row.serialize_entry("description", description)?;
        }
        row.serialize_entry("control", control)?;
        row.serialize_entry("ous", ous)?;
        if let Some(Except { ous }) = except {
            let ous: Vec<String> = ous.iter().map(OrganizationalUnit::to_string).collect();
            row.serialize_entry("except", &std::collections::BTreeMap::from([("ous", ous)]))?;
        }
        if !parameters.0.is_empty() {
            row.serialize_entry("parameters", parameters)?;
        }
        if !exempt.is_empty() {
            row.serialize_entry("exempt", exempt)?;
        }
        row.end()
    }
}

impl Serialize for Wave {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut wave = serializer.serialize_map(Some(2))?;
        wave.serialize_entry("ous", &self.ous)?;
        wave.serialize_entry("soakHours", &self.soak_hours)?;
        wave.end()
    }
}

impl Serialize for Named {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Named::Set(set) => serializer.collect_str(&format_args!("set:{}", set.name)),
            // A Regional ARN of any Region names the control as well as that of the home Region.
            Named::Control(ControlName::Regional(last)) => {
                serializer.collect_str(&format_args!("arn:aws:controltower:us-east-1::control/{last}"))
            }
            // An id of an unusual length is recognized in an ARN only.
            Named::Control(ControlName::Global(id)) if !ids::is_global_control_id(id) => {
                serializer.collect_str(&format_args!("arn:aws:controlcatalog:::control/{id}"))
            }
            Named::Control(name) => serializer.serialize_str(name.as_str()),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::EveryTop => f.write_str("*"),
            Target::Unit(unit) => write!(f, "{unit}"),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The parts of the JSON Schema that the types cannot say by themselves.
#[cfg(test)]
mod schema {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

    use crate::{day, ids};

    /// A sound table.
    #[derive(JsonSchema)]
    #[schemars(rename_all = "camelCase", deny_unknown_fields)]
    #[allow(dead_code, reason = "only its schema is read")]
    pub struct Table {
        /// The controls, one row each. The order means nothing, except that reports keep it.
        #[schemars(length(max = 10_000))]
        controls: Vec<super::Row>,
        /// OUs that get each control first. An OU in a later wave, or in none, waits.
        #[schemars(default, length(min = 1))]
        waves: Vec<super::Wave>,
    }

    pub fn control(_: &mut SchemaGenerator) -> Schema {
        let sets: Vec<String> =
            crate::controls::guide::SETS.iter().map(|set| format!("set:{}", set.name)).collect();
        json_schema!({ "type": "string", "anyOf": [
            { "pattern": ids::CONTROL_NAME }, { "pattern": ids::GLOBAL_CONTROL_ID },
            { "pattern": ids::GLOBAL_CONTROL_ARN }, { "pattern": ids::REGIONAL_CONTROL_ARN }, { "enum": sets } ] })
    }

    pub fn units(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1, "items": { "type": "string", "anyOf": [
            { "pattern": ids::ORGANIZATIONAL_UNIT_ID },
            { "pattern": r"^(?!ou-|r-|arn:|[0-9]{12}$)[^/*?]+(/[^/*?]+)*$" } ] } })
    }

    pub fn targets(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "array", "minItems": 1, "items": { "type": "string", "anyOf": [
            { "const": "*" },
            { "pattern": ids::ORGANIZATIONAL_UNIT_ID },
            { "pattern": r"^(?!ou-|r-|arn:|[0-9]{12}$)[^/*?]+(/[^/*?]+)*$" } ] } })
    }

    pub fn parameters(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "minProperties": 1, "maxProperties": super::super::parameters::MOST,
            "properties": { "ExemptAssumeRoot": { "enum": [true, "true"] } },
            "additionalProperties": { "anyOf": [ { "type": "boolean" }, { "type": "string" },
                { "type": "array", "items": { "type": "string" } } ] } })
    }

    pub fn day(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": day::SHAPE })
    }
}

#[cfg(test)]
mod tests;
