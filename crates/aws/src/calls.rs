//! How a call is repeated, and how a list is read page by page. The SDK's own retries are off: they cannot tell a
//! service that throttles everybody from one thing that is sick, and would wait for both until the deadline.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use assigner_core::cause::{CallError, Cause};
use aws_config::SdkConfig;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::time::{Instant, sleep};

use crate::client::{Tally, call_error, retry_after};

const FIRST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);
/// Between attempts about one thing of many, and at an answer that nobody depends on.
const SHORT_BACKOFF: Duration = Duration::from_millis(400);
const SHORTEST_BACKOFF: Duration = Duration::from_millis(200);
/// The fewest attempts at a call about one thing of many. With the backoffs above they take some five seconds.
const ATTEMPTS_OF_ONE: u32 = 6;
/// One thing is taken as sick if it is this unlikely that what fails all calls at times has failed all of its attempts.
const CHANCE: f64 = 1e-4;
/// Or if it has failed for this long.
const SICK_AFTER: Duration = Duration::from_secs(60);
const ATTEMPTS_OF_OPTIONAL: u32 = 3;
/// A service that answers nothing at all for this long cannot be reached. Trying on until the deadline would not help,
/// and would keep other events waiting.
const UNREACHABLE_AFTER: Duration = Duration::from_secs(15);
/// Attempts that nobody answers before a service counts as unreachable.
const UNANSWERED: u32 = 3;

/// The longest that a service is left alone for that is known to ask for it. What asks for more does not work.
#[cfg(any(feature = "controls", feature = "permissions"))]
const LONGEST_REST: Duration = Duration::from_secs(900);

/// How long a call is repeated that may be repeated without harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Nothing can be decided without its answer: until the caller's deadline drops it.
    Needed,
    /// It is about one thing of many, which may be sick for good: a few attempts, besides those that were throttled, and
    /// more if other calls fail as well.
    OfOne,
    /// Nobody depends on the answer: a few attempts in all.
    Optional,
}

/// The calls to one service.
#[derive(Debug)]
pub(crate) struct Calls {
    tally: Arc<Tally>,
    /// Attempts at a call, however much depends on it.
    most: u32,
    /// When the service last answered anything.
    answered: Mutex<Option<Instant>>,
    recent: Mutex<Recent>,
    /// Until when the service wants to be left alone. It outlives an invocation.
    not_before: Mutex<Option<Instant>>,
    /// A service that asks to be left alone for longer is asked again after this time: one odd answer must not keep
    /// everything else of a warm function waiting.
    longest_rest: Duration,
}

/// How the first attempts of the last calls went, throttled ones aside: so a call that fails often counts once.
#[derive(Debug, Default)]
struct Recent {
    /// A bit each, the last one lowest; set if it failed.
    failed: u64,
    /// How many of the bits count.
    count: u32,
}

impl Recent {
    fn add(&mut self, failed: bool) {
        self.failed = self.failed << 1 | u64::from(failed);
        self.count = (self.count + 1).min(u64::BITS);
    }

    /// Returns how likely it is that an attempt fails, as other calls show. This call has failed and does not count.
    fn chance(&self) -> f64 {
        let failures = f64::from(self.failed.count_ones().saturating_sub(1));
        let all = f64::from(self.count.saturating_sub(1));
        (failures + 1.0) / (all + 2.0)
    }
}

impl Calls {
    /// The most attempts are those of the SDK's configuration.
    pub(crate) fn new(sdk: &SdkConfig, tally: Arc<Tally>) -> Calls {
        let most = sdk.retry_config().map_or(u32::MAX, |retries| retries.max_attempts());
        Calls {
            tally,
            most,
            answered: Mutex::default(),
            recent: Mutex::default(),
            not_before: Mutex::default(),
            longest_rest: LONGEST_BACKOFF,
        }
    }

    /// For a service that says in `Retry-After` how long it has to be left alone.
    #[cfg(any(feature = "controls", feature = "permissions"))]
    pub(crate) fn obedient(self) -> Calls {
        Calls { longest_rest: LONGEST_REST, ..self }
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Sends a request until it is answered, refused for good, or `patience` ends.
    #[expect(
        clippy::disallowed_methods,
        reason = "waits between attempts; the caller's deadline may drop it"
    )]
    pub(crate) async fn ask<T, E, F>(
        &self,
        operation: &'static str,
        patience: Patience,
        send: impl Fn() -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let began = Instant::now();
        let (mut attempts, mut throttles, mut unanswered) = (0, 0, 0);
        loop {
            self.wait().await;
            let error = match send().await {
                Ok(answer) => {
                    self.has_answered();
                    if attempts == throttles {
                        self.recent().add(false);
                    }
                    return Ok(answer);
                }
                Err(error) => error,
            };
            attempts += 1;
            if matches!(error, SdkError::ServiceError(_) | SdkError::ResponseError(_)) {
                self.has_answered();
                unanswered = 0;
            } else {
                unanswered += 1;
            }
            self.leave_alone(&error);
            let error = call_error(operation, error);
            let throttled = error.cause == Cause::Throttled;
            throttles += u32::from(throttled);
            if !throttled && attempts - throttles == 1 {
                self.recent().add(error.cause == Cause::Unavailable);
            }
            if !throttled && error.cause != Cause::Unavailable {
                return Err(error);
            }
            let failures = attempts - throttles;
            self.tally.failed(&error);
            let ends = match patience {
                Patience::Needed => unanswered >= UNANSWERED && self.silent_since(began) >= UNREACHABLE_AFTER,
                Patience::OfOne => {
                    let unlikely = || self.recent().chance().powf(f64::from(failures)) < CHANCE;
                    failures >= ATTEMPTS_OF_ONE && (began.elapsed() >= SICK_AFTER || unlikely())
                }
                Patience::Optional => attempts >= ATTEMPTS_OF_OPTIONAL,
            };
            if ends || attempts >= self.most {
                return Err(error);
            }
            let first = match patience {
                Patience::Needed => FIRST_BACKOFF,
                Patience::OfOne => SHORT_BACKOFF,
                Patience::Optional => SHORTEST_BACKOFF,
            };
            let backoff = first.saturating_mul(1 << (attempts - 1).min(10)).min(LONGEST_BACKOFF);
            sleep(backoff.mul_f64(fastrand::f64())).await;
            self.tally.retried();
        }
    }

    /// Sends a request that must not be repeated before what it may have done has been read.
    #[cfg(any(feature = "controls", feature = "permissions"))]
    pub(crate) async fn once<T, E, F>(
        &self,
        operation: &'static str,
        send: impl FnOnce() -> F,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        self.wait().await;
        let answer = send().await;
        if matches!(answer, Ok(_) | Err(SdkError::ServiceError(_) | SdkError::ResponseError(_))) {
            self.has_answered();
        }
        answer.map_err(|error| {
            self.leave_alone(&error);
            let error = call_error(operation, error);
            if error.cause.retry() == assigner_core::cause::Retry::Again {
                self.tally.failed(&error);
            }
            error
        })
    }

    /// Returns until when the service has asked to be left alone, if that is still to come.
    pub(crate) fn not_before(&self) -> Option<Instant> {
        let not_before = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        not_before.filter(|not_before| *not_before > Instant::now())
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "waits as the service asks; the caller's deadline may drop it"
    )]
    async fn wait(&self) {
        if let Some(not_before) = self.not_before() {
            tokio::time::sleep_until(not_before).await;
        }
    }

    fn leave_alone<E>(&self, error: &SdkError<E, HttpResponse>) {
        if let Some(time) = retry_after(error) {
            *self.not_before.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Instant::now() + time.min(self.longest_rest));
        }
    }

    /// Returns every item of a list. `send` asks for the page of a token; `split` takes a page apart.
    ///
    /// # Errors
    /// Also if a page names a token that was asked for already: the list would never end, and stopping there would
    /// make what was cut off look complete.
    pub(crate) async fn list<P, T, E, F>(
        &self,
        operation: &'static str,
        patience: Patience,
        send: impl Fn(Option<String>) -> F,
        split: impl Fn(P) -> (Vec<T>, Option<String>),
    ) -> Result<Vec<T>, CallError>
    where
        F: Future<Output = Result<P, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let (mut found, mut tokens) = (Vec::new(), std::collections::HashSet::new());
        let mut token: Option<String> = None;
        loop {
            let page = self.ask(operation, patience, || send(token.clone())).await?;
            let (items, next) = split(page);
            found.extend(items);
            // An empty token means the same as none.
            let Some(next) = next.filter(|next| !next.is_empty()) else { return Ok(found) };
            if !tokens.insert(next.clone()) {
                let message = "a page names a page that was read already, so the list cannot be read whole";
                return Err(CallError {
                    operation,
                    cause: Cause::Unavailable,
                    code: None,
                    message: message.into(),
                });
            }
            token = Some(next);
        }
    }

    fn recent(&self) -> std::sync::MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_answered(&self) {
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Returns for how long the service has answered nothing, counted from `began` at the earliest.
    fn silent_since(&self, began: Instant) -> Duration {
        let answered = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.map_or(began, |answered| answered.max(began)).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    #[test]
    fn what_others_show_decides_how_many_failures_in_a_row_are_bad_luck() {
        // Other calls and how many of them failed at first; failures of one call; whether it is taken as sick.
        let cases =
            [(30, 0, 6, true), (30, 18, 6, false), (30, 18, 20, true), (0, 0, 6, false), (0, 0, 14, true)];
        for (others, failed, own, sick) in cases {
            let mut recent = Recent::default();
            (0..others).for_each(|n| recent.add(n < failed));
            recent.add(true);
            let unlikely = recent.chance().powf(f64::from(own)) < CHANCE;
            assert_eq!(unlikely, sick, "{failed} of {others} failed, and {own} times this one");
        }
    }

    #[test]
    fn only_the_last_calls_count() {
        let mut recent = Recent::default();
        (0..100).for_each(|_| recent.add(true));
        (0..64).for_each(|_| recent.add(false));
        assert!(recent.chance() < 0.02);
    }

    /// A list whose pages are these, by the token that asks for them.
    async fn list(pages: &[(Option<&str>, &[u8], Option<&str>)]) -> Result<Vec<u8>, CallError> {
        let calls = Calls::new(&SdkConfig::builder().build(), Arc::default());
        let send = |token: Option<String>| {
            let page = pages.iter().find(|(asked, ..)| *asked == token.as_deref());
            let page = page.unwrap_or_else(|| panic!("nobody names the page {token:?}"));
            std::future::ready(Ok::<_, SdkError<ErrorMetadata, HttpResponse>>(page))
        };
        let split = |(_, items, next): &(Option<&str>, &[u8], Option<&str>)| {
            (items.to_vec(), next.map(str::to_owned))
        };
        calls.list("sso:ListInstances", Patience::Needed, send, split).await
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end_or_is_an_error() {
        let first: (Option<&str>, &[u8], Option<&str>) = (None, &[1], Some("a"));
        let whole = [first, (Some("a"), &[], Some("b")), (Some("b"), &[2], None)];
        assert_eq!(list(&whole).await, Ok(vec![1, 2]), "an empty page is not the end");
        assert_eq!(list(&[first, (Some("a"), &[2], Some(""))]).await, Ok(vec![1, 2]));
        for repeated in ["a", "b"] {
            let pages = [first, (Some("a"), &[2], Some("b")), (Some("b"), &[3], Some(repeated))];
            let error = list(&pages).await.unwrap_err();
            assert_eq!(error.cause, Cause::Unavailable, "{repeated}: {error}");
            assert!(error.message.contains("cannot be read whole"), "{error}");
        }
    }
}
