//! One step: reads what is, sends what may be sent now, and answers.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use assigner_aws::{
    client::Tally, control_catalog::ControlCatalog, control_tower::ControlTower, organizations::Organizations,
};
use assigner_core::{
    cause::Cause,
    controls::{
        Table,
        catalogue::Catalogue,
        facts::{Enablement, Facts},
        picture::Picture,
        plan::{self, Kind, Plan, Rules, Verdict},
        report::{Mode, Outcome, Report, Seen},
        step::{self, Next},
        tree::{Place, Tree},
        wish::{self, Wishes},
    },
};
use aws_config::SdkConfig;
use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};

use super::{Limits, known::Known, present};
use crate::error::Error;

/// Rounds of asking for facts that a plan lacks. One follows from the other: which control an ARN means, its
/// parameters, when its operation ended, and whether there is room.
const ROUNDS: usize = 8;
/// The longest that the answer to a write may take.
const LONGEST_WRITE: Duration = Duration::from_secs(12);
/// How often a step reads again because Control Tower asked to be left alone for a while.
const AGAIN: usize = 3;

/// The clients, and what is remembered between steps.
#[derive(Debug)]
pub struct Keeper {
    pub(super) tower: ControlTower,
    pub(super) catalog: ControlCatalog,
    pub(super) organizations: Organizations,
    pub(super) known: Known,
    pub(super) tally: Arc<Tally>,
    pub(super) region: String,
}

/// What a step is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Ids of OUs, each with every OU below it; empty for all.
    pub ous: &'a [String],
    pub mode: Mode,
    pub limits: Limits,
    /// The moment of the step, by which ends of exemptions, soaks and failed operations are judged.
    pub now: OffsetDateTime,
    /// Everything is done by then.
    pub until: Instant,
}

impl Keeper {
    /// # Errors
    /// [`Error::InvalidConfig`] if no Region is set.
    pub fn new(sdk: &SdkConfig, tally: Arc<Tally>) -> Result<Keeper, Error> {
        let region = sdk.region().map(ToString::to_string);
        let region = region.ok_or_else(|| {
            Error::InvalidConfig(vec![
                "no Region is set; set AWS_REGION to Control Tower's home Region".to_owned(),
            ])
        })?;
        Ok(Keeper {
            tower: ControlTower::new(sdk, tally.clone()),
            catalog: ControlCatalog::new(sdk, tally.clone()),
            organizations: Organizations::new(sdk, tally.clone()),
            known: Known::default(),
            tally,
            region,
        })
    }

    /// Returns the OUs of the organization.
    pub async fn tree(&self) -> Result<Tree, Error> {
        Ok(self.organizations.tree().await?)
    }

    /// Reads what is, sends what may be sent now, and answers.
    ///
    /// # Errors
    /// [`Error::InvalidTable`] if catalogue and tree show faults, before anything is written; or if nothing can be
    /// decided.
    pub async fn step(&self, table: &Table, location: &str, asked: Asked<'_>) -> Result<Report, Error> {
        let began = Instant::now();
        let mut left = AGAIN;
        loop {
            let report = timeout_at(asked.until, self.once(table, location, asked, began)).await;
            let late = || Error::Late { what: "what Control Tower has", last: self.tally.last_failure() };
            let report = report.map_err(|_| late())??;
            left -= 1;
            // Control Tower asked to be left alone: what it refused is asked for again after a new read, if there is time.
            match self.tower.not_before() {
                Some(not_before) if asked.mode == Mode::Write && left > 0 && not_before < asked.until => {}
                _ => return Ok(report),
            }
        }
    }

    /// Returns everything that a decision about these tables rests on, each with its location.
    ///
    /// # Errors
    /// [`Error::InvalidTable`] if catalogue and tree show faults of a table; or if nothing can be decided.
    pub async fn picture(
        &self,
        tables: &[(&Table, &str)],
        rules: Rules,
        now: OffsetDateTime,
        until: Instant,
    ) -> Result<Picture, Error> {
        let late = || Error::Late { what: "what Control Tower has", last: self.tally.last_failure() };
        timeout_at(until, self.read(tables, rules, now)).await.map_err(|_| late())?
    }

    async fn read(
        &self,
        tables: &[(&Table, &str)],
        rules: Rules,
        now: OffsetDateTime,
    ) -> Result<Picture, Error> {
        let tree = self.organizations.tree().await?;
        let facts = present::facts(&self.tower, &self.known, &tree, now).await?;
        let partition = partition(&tree).to_owned();
        let mut picture = Picture { tree, catalogue: Catalogue::default(), facts, accounts: None };
        let mut arns: Vec<String> = Vec::new();
        for _ in 0..ROUNDS {
            for (table, _) in tables {
                picture.catalogue =
                    self.known.catalogue(&self.catalog, table, &partition, &self.region, &arns).await?;
            }
            let asks = tables.iter().any(|(table, _)| wish::asks_for_accounts(table, &picture.catalogue));
            if asks && picture.accounts.is_none() {
                picture.accounts = Some(self.organizations.members().await?);
            }
            let mut needs = BTreeSet::new();
            for (table, location) in tables {
                needs.extend(decide(&picture, table, location, rules)?.1.needs);
            }
            if needs.is_empty() {
                break;
            }
            let Picture { tree, facts, .. } = &mut picture;
            arns = present::fill(&self.tower, &self.organizations, &self.known, tree, &needs, facts).await?;
        }
        Ok(picture)
    }

    async fn once(
        &self,
        table: &Table,
        location: &str,
        asked: Asked<'_>,
        began: Instant,
    ) -> Result<Report, Error> {
        let rules = asked.limits.rules(asked.mode);
        let picture = self.read(&[(table, location)], rules, asked.now).await?;
        let Picture { tree, catalogue, facts, .. } = &picture;
        let (mut wishes, mut plan) = decide(&picture, table, location, rules)?;
        let selected = tree.selection(asked.ous);
        let mut under_way = picture.under_way(asked.ous);
        if asked.mode == Mode::Write && plan.needs.is_empty() {
            under_way += self.send(&mut plan, tree, facts, asked, selected).await;
        }
        picture.ask(table, asked.ous, &mut wishes);
        let seen = Seen { table, catalogue, tree, wishes: &wishes, plan: &plan, under_way, mode: asked.mode };
        let started = self.known.lock().started.clone();
        let report = Report::of(seen, selected, |id| started.get(id).copied(), began.elapsed()).fitting();
        // What was done is said once: the next run finds it there.
        if report.outcome != Outcome::Working {
            self.known.lock().started.clear();
        }
        Ok(report)
    }

    /// Sends what may be sent now, each write once, and writes into the plan what became of it. Returns how many
    /// operations may be under way because of it.
    async fn send(
        &self,
        plan: &mut Plan,
        tree: &Tree,
        facts: &Facts,
        asked: Asked<'_>,
        selected: impl Fn(Place) -> bool,
    ) -> usize {
        let most = asked.limits.max_operations;
        let step = step::step(plan, tree, facts, most, selected, fastrand::usize(..));
        let mut taken = 0;
        let mut excluded: Vec<usize> = Vec::new();
        'units: for queue in step.queues {
            for index in queue {
                // A write that is cut off here may have had an effect: then the next step sees it. But none is begun late.
                if taken >= step.room || Instant::now() + LONGEST_WRITE > asked.until {
                    break 'units;
                }
                let Verdict::Due(action) = plan.items[index].verdict.clone() else { continue };
                let kind = action.kind();
                if self.tower.not_before().is_some() {
                    let reason = "Control Tower asked to be left alone for a while".to_owned();
                    plan.items[index].verdict = Verdict::Held { reason, action: Some(kind) };
                    continue;
                }
                let error = match self.tower.send(&action).await {
                    Ok(operation) => {
                        taken += 1;
                        self.known.lock().started.insert(operation.clone(), kind);
                        plan.items[index].verdict = Verdict::UnderWay {
                            operation: Some(operation),
                            since: None,
                            reason: begun(kind),
                        };
                        break;
                    }
                    Err(error) => error,
                };
                tracing::warn!(%error, control = plan.items[index].name, "Control Tower did not accept a write");
                let refused = step::refused(&error, kind);
                // The control and the OU exist, so Control Tower does not govern the OU.
                if error.cause == Cause::NotFound && !plan.items[index].is_named {
                    let item = &plan.items[index];
                    plan.notes.push(format!(
                        "{} is left out on {}: {error}",
                        item.name,
                        tree.path(item.unit)
                    ));
                    excluded.push(index);
                    break;
                }
                plan.items[index].verdict = match error.cause {
                    Cause::Invalid if self.has(plan, index, tree).await => Verdict::Held {
                        reason: "somebody else has enabled it meanwhile".to_owned(),
                        action: None,
                    },
                    _ => refused.verdict,
                };
                match refused.next {
                    Next::NextOnUnit => {}
                    Next::NextUnit => break,
                    Next::CountIt => {
                        taken += 1;
                        break;
                    }
                }
            }
        }
        excluded.sort_unstable();
        excluded.into_iter().rev().for_each(|index| _ = plan.items.remove(index));
        taken
    }

    /// Whether the control is enabled on the OU after all. Only a read tells: the text of a refusal does not.
    async fn has(&self, plan: &Plan, index: usize, tree: &Tree) -> bool {
        let item = &plan.items[index];
        let Verdict::Due(plan::Action::Enable { .. }) = &item.verdict else { return false };
        let Ok(enabled) = self.tower.enabled(Some(&tree.units()[item.unit].arn)).await else { return false };
        let known = self.known.lock();
        let wanted = known.catalogue.identity(&item.arn);
        enabled.iter().any(|one| {
            one.status != Enablement::Failed
                && one.unit() == tree.units()[item.unit].id
                && known.catalogue.identity(&one.control) == wanted
        })
    }
}

/// Returns the partition of the organization's ARNs.
pub(super) fn partition(tree: &Tree) -> &str {
    tree.units().first().and_then(|unit| unit.arn.split(':').nth(1)).unwrap_or("aws")
}

fn decide<'p>(
    picture: &'p Picture,
    table: &'p Table,
    location: &str,
    rules: Rules,
) -> Result<(Wishes<'p>, Plan), Error> {
    let refused = |faults| Error::InvalidTable { table: location.to_owned(), faults };
    picture.decide(table, rules).map_err(refused)
}

fn begun(kind: Kind) -> &'static str {
    match kind {
        Kind::Enable => "it is being enabled",
        Kind::Update => "its parameters are being changed",
        Kind::Reset => "it is being reset",
    }
}
