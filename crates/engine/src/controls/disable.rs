//! Disables the enabled controls that a person named, and follows each to its end. A write is sent once, and never again
//! before Control Tower was read. One OU's failure never stops the others.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use assigner_aws::{client::Tally, control_disable::ControlDisabler, control_tower::ControlTower};
use assigner_core::{
    cause::{CallError, Cause},
    controls::{
        disable::Doomed,
        facts::{Fate, OperationKind, OperationStatus},
    },
    ids,
};
use aws_config::SdkConfig;
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, sleep, timeout_at};

/// The first polls are quick, because a small OU takes seconds.
const FIRST_POLL: Duration = Duration::from_secs(1);
const LONGEST_POLL: Duration = Duration::from_secs(10);
/// Until Control Tower is asked again that was busy.
const BUSY: Duration = Duration::from_secs(5);
/// How often a write is sent again that nobody answered and that had no effect.
const UNANSWERED: u32 = 5;

/// What became of one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// It is not enabled any more. Without an operation, it was gone when it was looked for.
    Disabled { operation: Option<String> },
    /// `message` is AWS's own.
    Failed { operation: Option<String>, message: String },
    /// It was not at its end when the time ran out.
    Pending,
}

#[derive(Debug)]
pub struct Disabling {
    tower: ControlTower,
    disabler: ControlDisabler,
}

impl Disabling {
    pub fn new(sdk: &SdkConfig) -> Disabling {
        let tally: Arc<Tally> = Arc::default();
        Disabling { tower: ControlTower::new(sdk, tally.clone()), disabler: ControlDisabler::new(sdk, tally) }
    }

    /// Disables all of them, on at most so many OUs at once and one after the other on each. `ended` hears of each end, by
    /// its index; of those that it does not hear of, none has ended.
    pub async fn run(
        &self,
        doomed: &[Doomed],
        at_once: usize,
        until: Instant,
        ended: &(dyn Fn(usize, Ended) + Sync),
    ) {
        let mut of_unit: BTreeMap<&str, Vec<(usize, &Doomed)>> = BTreeMap::new();
        for (index, one) in doomed.iter().enumerate() {
            of_unit.entry(&one.target).or_default().push((index, one));
        }
        stream::iter(of_unit.into_values())
            .for_each_concurrent(at_once.max(1), async |chain| {
                for (index, one) in chain {
                    let end = timeout_at(until, self.one(one)).await;
                    ended(index, end.unwrap_or(Ended::Pending));
                }
            })
            .await;
    }

    async fn one(&self, one: &Doomed) -> Ended {
        let mut known = one.under_way.clone();
        let mut unanswered = 0;
        loop {
            let operation = match known.take() {
                Some(operation) => operation,
                None => match self.disabler.disable(&one.arn).await {
                    Ok(operation) => operation,
                    Err(error) => match error.cause {
                        Cause::Unavailable if unanswered == UNANSWERED => return failed(None, &error),
                        Cause::Unavailable
                        | Cause::Throttled
                        | Cause::Conflict
                        | Cause::Quota
                        | Cause::NotFound => {
                            unanswered += u32::from(error.cause == Cause::Unavailable);
                            match self.after(one).await {
                                Ok(Seen::Gone) => return Ended::Disabled { operation: None },
                                Ok(Seen::UnderWay(operation)) => known = Some(operation),
                                Ok(Seen::There) if error.cause == Cause::NotFound => {
                                    return failed(None, &error);
                                }
                                Ok(Seen::There) => pause(BUSY).await,
                                Err(error) => return failed(None, &error),
                            }
                            continue;
                        }
                        _ => return failed(None, &error),
                    },
                },
            };
            return self.follow(one, operation).await;
        }
    }

    /// Returns what is true of it after a write that was not accepted, or that nobody answered.
    async fn after(&self, one: &Doomed) -> Result<Seen, CallError> {
        let is_it = |control: &str, target: &str| {
            ids::last_part(control) == ids::last_part(&one.control) && target == one.target
        };
        let under_way = self.tower.under_way().await?;
        let own = under_way
            .into_iter()
            .find(|found| found.kind == OperationKind::Disable && is_it(&found.control, &found.target));
        if let Some(operation) = own {
            return Ok(Seen::UnderWay(operation.id));
        }
        Ok(if self.is_there(one).await? { Seen::There } else { Seen::Gone })
    }

    async fn is_there(&self, one: &Doomed) -> Result<bool, CallError> {
        let enabled = self.tower.enabled(Some(&one.target)).await?;
        Ok(enabled.iter().any(|found| found.arn == one.arn))
    }

    async fn follow(&self, one: &Doomed, operation: String) -> Ended {
        let mut wait = FIRST_POLL;
        loop {
            pause(wait).await;
            wait = (wait * 2).min(LONGEST_POLL);
            let fate = match self.tower.operation(&operation).await {
                Ok(fate) => fate,
                Err(CallError { cause: Cause::Unavailable | Cause::Throttled, .. }) => continue,
                Err(error) => return failed(Some(operation), &error),
            };
            match fate {
                Fate::Known(found) => match found.status {
                    OperationStatus::InProgress => {}
                    OperationStatus::Succeeded => return Ended::Disabled { operation: Some(operation) },
                    OperationStatus::Failed => {
                        let message = found.message.unwrap_or_else(|| "AWS gave no reason".to_owned());
                        return Ended::Failed { operation: Some(operation), message };
                    }
                },
                Fate::Forgotten => {
                    return match self.is_there(one).await {
                        Ok(false) => Ended::Disabled { operation: Some(operation) },
                        Ok(true) => Ended::Failed {
                            operation: Some(operation),
                            message: "AWS does not know the operation, and the control is still enabled"
                                .to_owned(),
                        },
                        Err(error) => failed(Some(operation), &error),
                    };
                }
            }
        }
    }
}

enum Seen {
    Gone,
    UnderWay(String),
    There,
}

fn failed(operation: Option<String>, error: &CallError) -> Ended {
    Ended::Failed { operation, message: error.to_string() }
}

#[expect(clippy::disallowed_methods, reason = "waits between polls; the caller's deadline may drop it")]
async fn pause(time: Duration) {
    sleep(time).await;
}
