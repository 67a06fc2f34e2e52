//! One item of work: its stage, and what it remembers of the answers so far.

use std::time::Duration;

use super::{Deed, End};
use crate::{
    cause::Remedy,
    outcome::{Settled, Status},
};

const FIRST_BACKOFF: Duration = Duration::from_millis(400);
const LONGEST_BACKOFF: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Item {
    /// Items of the same group may disturb each other.
    pub group: usize,
    pub stage: Stage,
    /// When it was first asked for.
    pub asked: Option<Duration>,
    /// Answers that said "not now", in a row.
    pub refusals: u32,
    pub failures: u32,
    /// A request may have had an effect that its answer did not report.
    pub may_have_effect: bool,
    /// How its last request ended, if that is worth another try.
    pub ended: Option<Settled>,
    /// The last answer that was not the wanted one, for the report.
    last: Option<String>,
}

/// Whether to look for evidence before an item is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LookFirst {
    No,
    Yes,
    /// Unless it is known by then what conflicts of its group are with.
    IfUnexplained,
}

#[derive(Debug)]
pub(super) enum Stage {
    Waiting {
        from: Duration,
        look_first: LookFirst,
    },
    /// A call about it is in flight.
    Calling,
    Outstanding {
        request_id: String,
        since: Duration,
        /// The greatest age at which it was seen in progress.
        in_progress_at: Option<Duration>,
        /// When it was last described although a list has it, and when it was last looked at.
        described_at: Duration,
        looked_at: Duration,
    },
    Done(Settled),
}

impl Item {
    pub fn new(group: usize) -> Item {
        Item {
            group,
            stage: Stage::Waiting { from: Duration::ZERO, look_first: LookFirst::No },
            asked: None,
            refusals: 0,
            failures: 0,
            may_have_effect: false,
            ended: None,
            last: None,
        }
    }

    pub fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Calling | Stage::Outstanding { .. })
    }

    pub fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done(_))
    }

    pub fn is_waiting(&self) -> bool {
        matches!(self.stage, Stage::Waiting { .. })
    }

    /// Returns the request id of what was started, also after it has ended.
    pub fn request_id(&self) -> Option<&str> {
        match &self.stage {
            Stage::Outstanding { request_id, .. } => Some(request_id),
            Stage::Done(settled) => settled.request_id.as_deref(),
            Stage::Waiting { .. } | Stage::Calling => {
                self.ended.as_ref().and_then(|ended| ended.request_id.as_deref())
            }
        }
    }

    pub fn done(&mut self, settled: Settled) {
        self.stage = Stage::Done(settled);
    }

    /// Tries again later, after a random part of a bound that doubles. The random part keeps two callers that collided
    /// from colliding again. Returns when.
    pub fn wait(
        &mut self,
        now: Duration,
        random: fn() -> f64,
        last: String,
        look_first: LookFirst,
    ) -> Duration {
        let bound = FIRST_BACKOFF.saturating_mul(1 << self.refusals.min(10)).min(LONGEST_BACKOFF);
        self.refusals += 1;
        self.last = Some(last);
        let from = now + bound.mul_f64(random());
        self.stage = Stage::Waiting { from, look_first };
        from
    }

    /// Waits some seconds after the next refusal, not some tenths.
    pub fn be_patient(&mut self) {
        self.refusals = self.refusals.max(3);
    }

    /// `signed_out`: the answer that there are no credentials any more.
    pub fn settled(self, deed: Deed, end: End, signed_out: Option<&str>) -> Settled {
        let end = match (end, signed_out) {
            (End::Late, _) => "the time ran out".to_owned(),
            (End::Stopped, _) => "it was stopped".to_owned(),
            (End::SignedOut, error) => format!("the credentials ended ({})", error.unwrap_or_default()),
        };
        let (mut reason, request_id) = match self.stage {
            Stage::Done(settled) => return settled,
            Stage::Outstanding { request_id, .. } => {
                (format!("its {} was IN_PROGRESS when {end}", deed.noun()), Some(request_id))
            }
            Stage::Calling => (format!("no answer had come when {end}"), None),
            Stage::Waiting { .. } => match (signed_out, self.ended) {
                (Some(_), None) if self.may_have_effect => {
                    (format!("it is not known whether it was accepted before {end}"), None)
                }
                (Some(error), _) => {
                    let reason = format!("it was not {}: {error}", deed.participle());
                    return Status::Failed { reason, remedy: Remedy::SignIn }.into();
                }
                // AWS said how it ended, and what has to be done is known.
                (None, Some(ended)) => return ended,
                (None, None) => (format!("it was not {} when {end}", deed.participle()), None),
            },
        };
        if let Some(last) = self.last {
            reason = format!("{reason}; the last answer before: {last}");
        }
        Settled { request_id, ..Status::pending(reason).into() }
    }
}
