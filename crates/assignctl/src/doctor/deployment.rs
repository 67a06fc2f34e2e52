//! The deployed stack: its functions and its queues, read with the template's names.

use std::collections::BTreeMap;

use assigner_aws::client::call_error;
use assigner_core::{
    assignments::{Row, Table},
    cause::{CallError, Cause},
    table::TableLocation,
};
use assigner_engine::settings::EMBEDDED;
use aws_config::SdkConfig;
use aws_sdk_sqs::types::QueueAttributeName;

use super::{
    Examined,
    check::{Check, Group, MUCH_PATIENCE, Status, Topic, ask, topic, within},
    compared::Read,
    controls::{Controls, Keeper},
    resources::{self, Part},
    settings::{self, Deployed, Expected},
};
use crate::session::Session;

/// A function by its output, its id here, and what it is called.
const FUNCTIONS: [(&str, &str, &str); 2] = [
    ("FunctionName", "function", "function for vended accounts"),
    ("BackfillFunctionName", "backfill-function", "function of the backfill"),
];

/// A queue by its output, its id here, and what it is called.
const QUEUES: [(&str, &str, &str); 2] = [
    ("UndeliveredEventsQueueUrl", "undelivered-events", "queue of undelivered events"),
    ("FailedInvocationsQueueUrl", "failed-invocations", "queue of failed invocations"),
];

pub fn deployed(id: impl Into<String>, title: impl Into<String>) -> Topic {
    topic(Group::Deployment, id, title)
}

fn of_stack(stack: &str) -> Topic {
    deployed("stack", format!("stack {stack}"))
}

fn of_settings(id: &str, title: &str) -> Topic {
    deployed(format!("{id}-settings"), format!("settings of the {title}"))
}

fn of_limits() -> Topic {
    deployed("limits", "limits of both functions")
}

pub fn topics(stack: &str) -> Vec<Topic> {
    let mut topics = vec![of_stack(stack)];
    for (_, id, title) in FUNCTIONS {
        topics.extend([deployed(id, title), of_settings(id, title)]);
    }
    topics.push(of_limits());
    topics.extend(QUEUES.map(|(_, id, title)| deployed(id, title)));
    topics.extend(Part::Assignments.topics());
    topics
}

/// What lies in a queue, and which key encrypts it.
struct Queue {
    messages: Option<u64>,
    key: Option<String>,
}

/// What was found of the stack.
pub struct Stack {
    checks: Vec<Check>,
    functions: Vec<(&'static str, &'static str, Deployed)>,
    queues: Vec<Check>,
    /// What starts the functions, and how that went.
    resources: Vec<Check>,
    /// The tables that the functions read.
    tables: Vec<Read>,
    /// What a queue is called, with the key that it is encrypted with, of each queue that was read.
    pub queue_keys: Vec<(&'static str, Option<String>)>,
    /// What it has for controls.
    pub controls: Controls,
    /// Whether there is anything to judge.
    found: bool,
}

impl Stack {
    /// Returns the roles of the functions that assign, as far as they are known.
    pub fn roles(&self) -> impl Iterator<Item = &String> {
        self.functions.iter().filter_map(|(_, _, function)| function.role.as_ref())
    }

    /// Returns what was not read, so that nobody knows which table, role or key it has.
    pub fn unread(&self) -> Vec<&'static str> {
        if !self.found {
            return vec!["the stack"];
        }
        let is_known = |title| {
            let function = self.functions.iter().find(|(_, of, _)| *of == title);
            function.is_some_and(|(_, _, function)| function.table().is_some() && function.role.is_some())
        };
        let functions = FUNCTIONS.iter().map(|(_, _, title)| *title).filter(|title| !is_known(*title));
        let is_read = |title: &&str| self.queue_keys.iter().any(|(of, _)| of == title);
        let queues = QUEUES.iter().map(|(_, _, title)| *title).filter(|title| !is_read(title));
        let keeper = match &self.controls {
            Controls::Enabled(keeper) => keeper.table_and_role().is_none_or(|(table, _)| table.is_none()),
            Controls::NotKnown | Controls::Disabled => false,
        };
        functions.chain(queues).chain(keeper.then_some("function control-keeper")).collect()
    }

    /// Returns the DynamoDB tables that functions read, each with the roles that do.
    pub fn dynamodb_tables(&self) -> BTreeMap<String, Vec<String>> {
        let keeper = match &self.controls {
            Controls::Enabled(keeper) => keeper.table_and_role(),
            Controls::NotKnown | Controls::Disabled => None,
        };
        let of_assignments = self.functions.iter().map(|(_, _, function)| (function.table(), &function.role));
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (location, role) in of_assignments.chain(keeper) {
            if let Some(TableLocation::DynamoDb(name)) = location {
                tables.entry(name).or_default().extend(role.clone());
            }
        }
        tables
    }
}

pub async fn look(examined: &Examined<'_>, stack: &str) -> Stack {
    let Examined { session, sdk, .. } = examined;
    let (check, outputs) = outputs(session, sdk, stack).await;
    let found = outputs.is_some();
    let mut looked = Stack {
        checks: vec![check],
        functions: Vec::new(),
        queues: Vec::new(),
        resources: Vec::new(),
        tables: Vec::new(),
        queue_keys: Vec::new(),
        controls: Controls::NotKnown,
        found,
    };
    let Some(outputs) = outputs else {
        looked.checks.extend(topics(stack).into_iter().skip(1).map(|topic| topic.depends_on("stack")));
        return looked;
    };
    let (lambda, sqs) = (aws_sdk_lambda::Client::new(sdk), aws_sdk_sqs::Client::new(sdk));
    let lacks = |topic: Topic, output: &str| {
        topic.unknown(
            format!("the stack {stack} has no output {output}"),
            "name the stack of this repository's template.yaml by --stack, or deploy its present version",
        )
    };
    let functions = async {
        let mut checks = Vec::new();
        let mut functions = Vec::new();
        for (output, id, title) in FUNCTIONS {
            let topic = deployed(id, title);
            let Some(name) = outputs.get(output) else {
                checks.push(lacks(topic, output));
                checks.push(of_settings(id, title).depends_on(title));
                continue;
            };
            match function(session, &lambda, name).await {
                Ok(found) => {
                    checks.push(settings::state(topic, &found));
                    functions.push((id, title, found));
                }
                Err(error) => {
                    checks.push(not_looked_at(topic, &error));
                    checks.push(of_settings(id, title).depends_on(title));
                }
            }
        }
        (checks, functions)
    };
    let queues = async {
        let (mut checks, mut keys) = (Vec::new(), Vec::new());
        for (output, id, title) in QUEUES {
            let topic = deployed(id, title);
            checks.push(match outputs.get(output) {
                None => lacks(topic, output),
                Some(url) => match queue(session, &sqs, url).await {
                    Ok(Queue { messages, key }) => {
                        keys.push((title, key));
                        settings::queue(topic, id, url, messages)
                    }
                    Err(error) => not_looked_at(topic, &error),
                },
            });
        }
        (checks, keys)
    };
    let listed = resources::list(session, sdk, stack).await;
    let controls = async {
        let Some(name) = outputs.get("ControlKeeperFunctionName") else { return Controls::Disabled };
        let (function, (resources, table)) = tokio::join!(
            function(session, &lambda, name),
            resources::look(examined, Part::Controls, &listed)
        );
        Controls::Enabled(Box::new(Keeper { function, resources, table }))
    };
    let ((checks, functions), (queues, queue_keys), (resources, embedded), controls) =
        tokio::join!(functions, queues, resources::look(examined, Part::Assignments, &listed), controls);
    looked.checks.extend(checks);
    let tables = tables(examined, &functions, embedded).await;
    Stack { functions, queues, queue_keys, resources, tables, controls, ..looked }
}

/// Reads the tables that the functions read. What is compiled in shows only in what the state machine reports.
async fn tables(
    examined: &Examined<'_>,
    functions: &[(&'static str, &'static str, Deployed)],
    embedded: Result<String, String>,
) -> Vec<Read> {
    let mut tables = vec![Read { location: TableLocation::Embedded(EMBEDDED), digest: embedded }];
    for (_, _, function) in functions {
        let Some(location) = function.table() else { continue };
        if matches!(location, TableLocation::DynamoDb(_))
            && tables.iter().all(|read| read.location != location)
        {
            let read = async {
                let source = examined.session.source(&location).await.map_err(|failure| failure.message)?;
                let read = within(examined.session, MUCH_PATIENCE, source.load::<Row>()).await;
                let table = read.ok_or("it was not read in time")?.map_err(|error| error.to_string())?;
                Ok::<_, String>(table.digest())
            };
            let digest = read.await;
            tables.push(Read { location, digest });
        }
    }
    tables
}

/// Judges the settings, after it is known what they should agree with.
pub fn judge(examined: &Examined<'_>, stack: Stack) -> Vec<Check> {
    let Stack { mut checks, functions, queues, queue_keys: _, resources, tables, controls: _, found } = stack;
    let instance = examined.center.instance_arn();
    let digest = examined.table.as_ref().map(Table::digest);
    let table = Read {
        location: examined.session.table.clone(),
        digest: digest.ok_or_else(|| "it is not sound, or was not read".to_owned()),
    };
    let expected = Expected {
        table: &table,
        theirs: &tables,
        instance: instance.as_deref(),
        instance_region: examined.center.region(),
        management: examined.management.as_deref(),
    };
    for (id, title, function) in &functions {
        let check = settings::settings(of_settings(id, title), function, &expected);
        // It comes after its function.
        let place = checks.iter().position(|check| check.id == *id).map_or(checks.len(), |place| place + 1);
        checks.insert(place, check);
    }
    if found {
        let deployed: Vec<&Deployed> = functions.iter().map(|(_, _, function)| function).collect();
        checks.push(match deployed.len() == FUNCTIONS.len() {
            true => settings::limits(of_limits(), &deployed),
            false => of_limits().depends_on("function"),
        });
    }
    checks.extend(queues);
    checks.extend(resources);
    checks
}

/// Returns a check that could not look. If this identity may not look, that says nothing about the deployment.
pub fn not_looked_at(topic: Topic, error: &CallError) -> Check {
    if error.cause == Cause::NotFound
        || error.code.as_deref().is_some_and(|code| code.contains("NonExistent"))
    {
        return topic.failed(error.to_string(), "it was deleted: deploy the stack again");
    }
    topic.not_answered(error, Status::Unknown)
}

async fn outputs(
    session: &Session,
    sdk: &SdkConfig,
    stack: &str,
) -> (Check, Option<BTreeMap<String, String>>) {
    const OPERATION: &str = "cloudformation:DescribeStacks";
    let topic = of_stack(stack);
    let client = aws_sdk_cloudformation::Client::new(sdk);
    let call = async {
        let answer = client.describe_stacks().stack_name(stack).send().await;
        answer.map_err(|error| call_error(OPERATION, error))
    };
    let deploy = "deploy it, or name it by --stack; it is looked for in this Region";
    let found = match ask(session, OPERATION, call).await {
        Ok(answer) => answer.stacks.unwrap_or_default().into_iter().next(),
        Err(error) if error.message.contains("does not exist") => None,
        Err(error) => return (topic.not_answered(&error, Status::Unknown), None),
    };
    let Some(found) = found else {
        return (topic.failed("there is no stack of this name", deploy), None);
    };
    let status = found.stack_status.as_ref().map_or("", |status| status.as_str()).to_owned();
    let outputs = found.outputs.unwrap_or_default().into_iter();
    let outputs = outputs.filter_map(|output| output.output_key.zip(output.output_value)).collect();
    (settings::stack(topic, &status, found.stack_status_reason.as_deref()), Some(outputs))
}

async fn function(
    session: &Session,
    client: &aws_sdk_lambda::Client,
    name: &str,
) -> Result<Deployed, CallError> {
    const OPERATION: &str = "lambda:GetFunctionConfiguration";
    let call = async {
        let answer = client.get_function_configuration().function_name(name).send().await;
        answer.map_err(|error| call_error(OPERATION, error))
    };
    let concurrency = async {
        let answer = client.get_function_concurrency().function_name(name).send().await;
        answer.map_err(|error| call_error("lambda:GetFunctionConcurrency", error))
    };
    let (found, concurrency) = tokio::join!(
        ask(session, OPERATION, call),
        ask(session, "lambda:GetFunctionConcurrency", concurrency)
    );
    let found = found?;
    let environment =
        found.environment.unwrap_or_else(|| aws_sdk_lambda::types::EnvironmentResponse::builder().build());
    Ok(Deployed {
        // arn:aws:lambda:<region>:<account>:function:<name>
        region: found.function_arn.as_deref().and_then(|arn| arn.split(':').nth(3)).map(str::to_owned),
        name: name.to_owned(),
        state: found.state.map(|state| state.as_str().to_owned()),
        state_reason: found.state_reason,
        last_update: found.last_update_status.map(|status| status.as_str().to_owned()),
        last_update_reason: found.last_update_status_reason,
        timeout: found.timeout,
        memory: found.memory_size,
        role: found.role,
        environment: match environment.error {
            Some(error) => Err(error.message.unwrap_or_else(|| "they cannot be read".to_owned())),
            None => Ok(environment.variables.unwrap_or_default().into_iter().collect()),
        },
        reserved: concurrency
            .map(|answer| answer.reserved_concurrent_executions)
            .map_err(|error| error.to_string()),
    })
}

/// Returns how many messages are in it and its key. Those that somebody is looking at count.
async fn queue(session: &Session, client: &aws_sdk_sqs::Client, url: &str) -> Result<Queue, CallError> {
    const OPERATION: &str = "sqs:GetQueueAttributes";
    let names = [
        QueueAttributeName::ApproximateNumberOfMessages,
        QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        QueueAttributeName::ApproximateNumberOfMessagesDelayed,
    ];
    let call = async {
        let call = client.get_queue_attributes().queue_url(url).set_attribute_names(Some(names.to_vec()));
        let call = call.attribute_names(QueueAttributeName::KmsMasterKeyId);
        call.send().await.map_err(|error| call_error(OPERATION, error))
    };
    let attributes = ask(session, OPERATION, call).await?.attributes.unwrap_or_default();
    // A number that is missing must not count as none.
    let counts = names.iter().map(|name| attributes.get(name)?.parse::<u64>().ok());
    let key = attributes.get(&QueueAttributeName::KmsMasterKeyId).filter(|key| !key.is_empty()).cloned();
    Ok(Queue { messages: counts.sum(), key })
}
