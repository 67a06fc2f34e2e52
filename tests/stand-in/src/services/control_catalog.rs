//! The operations of AWS Control Catalog that read controls and what they map to.

use crate::identifier::ControlArn;
use crate::landing_zone::Control;
use crate::services::{Answer, Operation, Problem, Request, Service, SignedIn, members};
use crate::state::State;
use serde::Deserialize;
use serde_json::{Value, json};

pub(crate) static SERVICE: Service = Service {
    target_prefix: "/",
    signing_name: "controlcatalog",
    signed_in: SignedIn::AnyRegion,
    requests_per_second: |_| None,
    error: own_error,
    operations: &[
        Operation::single("GetControl", get_control),
        Operation::paged("ListControls", 100, list_controls),
        Operation::paged("ListControlMappings", 1000, list_control_mappings),
    ],
};

fn own_error(problem: Problem) -> (u16, &'static str) {
    match problem {
        Problem::AccessDenied => (403, "AccessDeniedException"),
        Problem::Conflict => (409, "ConflictException"),
        Problem::Internal => (500, "InternalServerException"),
        Problem::Invalid => (400, "ValidationException"),
        Problem::NotFound => (404, "ResourceNotFoundException"),
        Problem::Throttled => (429, "ThrottlingException"),
    }
}

fn get_control(state: &mut State, request: &Request) -> Answer {
    let members = members!(request { control_arn: ControlArn });
    let arn = &*members.control_arn;
    let found = state.world.organization.landing_zone.control(arn);
    let found = found.ok_or_else(|| request.missing(format_args!("the control {arn}")))?;
    let mut described = summary(found);
    described["RegionConfiguration"] = json!({ "Scope": "GLOBAL" });
    if !found.parameters.is_empty() {
        let parameter = |(name, required): (&str, bool)| json!({ "Name": name, "Requirement": if required { "REQUIRED" } else { "OPTIONAL" } });
        described["Parameters"] = found.parameters().map(parameter).collect();
    }
    Ok(described)
}

fn list_controls(state: &mut State, request: &Request) -> Answer {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
    struct Implementations {
        types: Option<[String; 1]>,
        identifiers: Option<[String; 1]>,
    }
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
    struct Filter {
        implementations: Implementations,
    }
    let members = members!(request {
        #[serde(default)]
        filter: Filter,
    });
    let Implementations { types, identifiers } = members.filter.implementations;
    let listed = |control: &&Control| {
        types.as_ref().is_none_or(|[kind]| control.implementation == *kind) && identifiers.is_none()
    };
    let controls = state.world.organization.landing_zone.controls.iter().filter(listed);
    request.page("Controls", controls, summary)
}

fn summary(control: &Control) -> Value {
    let requirement = match control.parameters().map(|(_, required)| required).max() {
        None => "NONE",
        Some(false) => "OPTIONAL",
        Some(true) => "REQUIRED",
    };
    json!({
        "Arn": control.arn(),
        "Aliases": control.aliases,
        // Names change: nobody may tell a control by one.
        "Name": "Disallow something",
        "Description": "A control",
        "Behavior": control.behavior,
        "Severity": "HIGH",
        "Implementation": { "Type": control.implementation },
        "ParameterRequirementSummary": requirement,
    })
}

fn list_control_mappings(state: &mut State, request: &Request) -> Answer {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
    struct Filter {
        control_arns: Option<[ControlArn; 1]>,
        common_control_arns: Option<[String; 1]>,
        mapping_types: Option<[String; 1]>,
    }
    let members = members!(request {
        #[serde(default)]
        filter: Filter,
    });
    let zone = &state.world.organization.landing_zone;
    let arn = |id: &str| format!("arn:aws:controlcatalog:::control/{id}");
    let related = zone.exclusive.iter().flat_map(|(one, other)| [(one, other), (other, one)]).map(|(one, other)| {
        json!({
            "ControlArn": arn(one),
            "MappingType": "RELATED_CONTROL",
            "Mapping": { "RelatedControl": { "ControlArn": arn(other), "RelationType": "MUTUALLY_EXCLUSIVE" } },
        })
    });
    let framework = zone.controls.iter().map(|control| {
        json!({
            "ControlArn": control.arn(),
            "MappingType": "FRAMEWORK",
            "Mapping": { "Framework": { "Name": "Example-Framework", "Item": format!("Item {}", &control.id[..4]) } },
        })
    });
    let Filter { control_arns, common_control_arns, mapping_types } = members.filter;
    let mappings = related.chain(framework).filter(|mapping| {
        control_arns.as_ref().is_none_or(|[arn]| mapping["ControlArn"] == json!(**arn))
            && mapping_types.as_ref().is_none_or(|[kind]| mapping["MappingType"] == json!(kind))
            && common_control_arns.is_none()
    });
    request.page("ControlMappings", mappings.collect::<Vec<_>>(), |mapping| mapping)
}
