//! AWS Control Catalog: which controls there are, in both forms of their ARN, and which exclude each other.

use std::sync::Arc;

use assigner_core::{
    cause::{CallError, Cause},
    controls::catalogue::{Behavior, Control, Parameter},
};
use aws_config::{SdkConfig, retry::RetryConfig};
use aws_sdk_controlcatalog::{
    Client,
    operation::{list_control_mappings::ListControlMappingsOutput, list_controls::ListControlsOutput},
    types::{
        ControlBehavior, ControlFilter, ControlMapping, ControlMappingFilter, ControlParameterRequirement,
        ControlRelationType, ControlSummary, ImplementationFilter, Mapping, MappingType,
        ParameterRequirementSummary,
    },
};

use crate::{
    calls::{Calls, Patience},
    client::{self, Tally, Watch},
};

/// A control in AWS's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    pub name: String,
    pub description: String,
    /// Names of the guide.
    pub aliases: Vec<String>,
}

/// That a control serves an item of a framework.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serves {
    /// The ARN of the control.
    pub control: String,
    pub framework: String,
    pub item: String,
}

/// A client of AWS Control Catalog.
#[derive(Debug)]
pub struct ControlCatalog {
    client: Client,
    calls: Calls,
}

impl ControlCatalog {
    pub fn new(sdk: &SdkConfig, tally: Arc<Tally>) -> ControlCatalog {
        let config = aws_sdk_controlcatalog::config::Builder::from(sdk)
            .retry_config(RetryConfig::disabled())
            .timeout_config(client::timeouts())
            .interceptor(Watch { pace: None, tally: tally.clone() })
            .build();
        ControlCatalog { client: Client::from_conf(config), calls: Calls::new(sdk, tally) }
    }

    /// Returns the controls of a type of implementation, or all of them. Parameters are known only if there are none.
    pub async fn controls(&self, implementation: Option<&str>) -> Result<Vec<Control>, CallError> {
        let filter = implementation.map(|kind| {
            ControlFilter::builder()
                .implementations(ImplementationFilter::builder().types(kind).build())
                .build()
        });
        let call = self.client.list_controls().set_filter(filter).max_results(100);
        let page = |token| call.clone().set_next_token(token).send();
        let found = self.calls.list(
            "controlcatalog:ListControls",
            Patience::Needed,
            page,
            |page: ListControlsOutput| (page.controls, page.next_token),
        );
        Ok(found.await?.into_iter().map(summarized).collect())
    }

    /// Returns the control that an ARN names in either form; `None` if there is none.
    pub async fn control(&self, arn: &str) -> Result<Option<Control>, CallError> {
        let call = self.client.get_control().control_arn(arn);
        let send = || call.clone().send();
        let answer = match self.calls.ask("controlcatalog:GetControl", Patience::OfOne, send).await {
            Ok(answer) => answer,
            // An ARN of a form that the catalogue does not take names nothing either.
            Err(CallError { cause: Cause::NotFound | Cause::Invalid, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let parameters = answer.parameters.map(|parameters| {
            let read = |one: aws_sdk_controlcatalog::types::ControlParameter| Parameter {
                name: one.name,
                is_required: one.requirement == Some(ControlParameterRequirement::Required),
            };
            parameters.into_iter().map(read).collect::<Vec<_>>()
        });
        let summary = answer.parameter_requirement_summary.as_ref();
        let none = || (summary == Some(&ParameterRequirementSummary::None)).then(Vec::new);
        Ok(Some(Control {
            arn: answer.arn,
            aliases: answer.aliases.unwrap_or_default(),
            behavior: behavior(Some(&answer.behavior)),
            implementation: answer.implementation.map(|one| one.r#type).unwrap_or_default(),
            parameters: parameters.or_else(none),
        }))
    }

    /// Returns what the catalogue says of a control for a person, by either form of its ARN; `None` if it has none.
    pub async fn described(&self, arn: &str) -> Result<Option<Described>, CallError> {
        let call = self.client.get_control().control_arn(arn);
        let send = || call.clone().send();
        match self.calls.ask("controlcatalog:GetControl", Patience::OfOne, send).await {
            Ok(answer) => Ok(Some(Described {
                name: answer.name,
                description: answer.description,
                aliases: answer.aliases.unwrap_or_default(),
            })),
            Err(CallError { cause: Cause::NotFound | Cause::Invalid, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns every item of every framework, with the control that serves it.
    pub async fn frameworks(&self) -> Result<Vec<Serves>, CallError> {
        let serves = |mapping: ControlMapping| match mapping.mapping {
            Some(Mapping::Framework(of)) => {
                Some(Serves { control: mapping.control_arn, framework: of.name, item: of.item })
            }
            _ => None,
        };
        Ok(self.mappings(MappingType::Framework).await?.into_iter().filter_map(serves).collect())
    }

    async fn mappings(&self, kind: MappingType) -> Result<Vec<ControlMapping>, CallError> {
        let filter = ControlMappingFilter::builder().mapping_types(kind).build();
        let call = self.client.list_control_mappings().filter(filter).max_results(1_000);
        let page = |token| call.clone().set_next_token(token).send();
        let found = self.calls.list(
            "controlcatalog:ListControlMappings",
            Patience::Needed,
            page,
            |page: ListControlMappingsOutput| (page.control_mappings, page.next_token),
        );
        found.await
    }

    /// Returns the ARNs of controls that exclude each other.
    pub async fn exclusive(&self) -> Result<Vec<(String, String)>, CallError> {
        let related = self.mappings(MappingType::RelatedControl).await?;
        let exclusive = related.into_iter().filter_map(|mapping| match mapping.mapping {
            Some(Mapping::RelatedControl(related))
                if related.relation_type == ControlRelationType::MutuallyExclusive =>
            {
                Some((mapping.control_arn, related.control_arn?))
            }
            _ => None,
        });
        Ok(exclusive.collect())
    }
}

fn summarized(summary: ControlSummary) -> Control {
    let none = summary.parameter_requirement_summary == Some(ParameterRequirementSummary::None);
    Control {
        arn: summary.arn,
        aliases: summary.aliases.unwrap_or_default(),
        behavior: behavior(summary.behavior.as_ref()),
        implementation: summary.implementation.map(|one| one.r#type).unwrap_or_default(),
        parameters: none.then(Vec::new),
    }
}

fn behavior(behavior: Option<&ControlBehavior>) -> Behavior {
    match behavior {
        Some(ControlBehavior::Preventive) => Behavior::Preventive,
        Some(ControlBehavior::Detective) => Behavior::Detective,
        Some(ControlBehavior::Proactive) => Behavior::Proactive,
        _ => Behavior::Other,
    }
}
