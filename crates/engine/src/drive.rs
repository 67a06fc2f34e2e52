//! Work, driven to its end: makes the calls that [`Work`] asks for, hands it the answers, and stops at the deadline.
//!
//! One task drives everything. Nothing is spawned, so nothing outlives the caller. It decides nothing:
//! `assigner_core::work` says what is asked next, and when.

use std::{future::Future, pin::Pin, time::Duration};

use assigner_core::{
    outcome::Settled,
    work::{Answer, Ask, Count, Next, Wish, Work},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// A call under way.
pub type Call<'a> = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

/// Items that are known only later: adds them to the work, at the time since it began.
pub type More<'a> = Pin<Box<dyn Future<Output = Add<'a>> + 'a>>;
pub type Add<'a> = Box<dyn FnOnce(&mut Work, Duration) + 'a>;

/// Who looks on, and may end the work before the time runs out.
pub struct Observer<'a> {
    pub wish: watch::Receiver<Wish>,
    pub progress: &'a (dyn Fn(Count) + Sync),
}

/// Drives the work that began at `began`. `call` makes the call for an ask.
#[expect(clippy::disallowed_methods, reason = "waits for answers, until the moment that the work names")]
pub async fn drive<'a>(
    mut work: Work,
    began: Instant,
    mut call: impl FnMut(Ask, &Work) -> Call<'a>,
    mut observer: Option<Observer<'_>>,
    mut more: Option<More<'_>>,
) -> Vec<Settled> {
    if more.is_some() {
        work = work.expecting_more();
    }
    let mut calls = FuturesUnordered::new();
    let end = loop {
        let wish = observer.as_ref().map_or(Wish::GoOn, |observer| *observer.wish.borrow());
        let (asks, wake) = match work.next(began.elapsed(), wish) {
            Next::Ask(asks, wake) => (asks, wake),
            Next::End(end) => break end,
        };
        for ask in asks {
            calls.push(call(ask, &work));
        }
        tokio::select! {
            biased;
            Some(answer) = calls.next() => {
                for ask in work.take(answer, began.elapsed()) {
                    calls.push(call(ask, &work));
                }
            }
            add = known(&mut more) => add(&mut work, began.elapsed()),
            () = sleep_until(began + wake) => {}
            () = changed(&mut observer) => {}
        }
        if let Some(observer) = &observer {
            (observer.progress)(work.count());
        }
    };
    work.settle(end)
}

/// Returns the time from `began` until `until`, as [`Work`] counts it.
pub fn until(began: Instant, until: Instant) -> Duration {
    until.saturating_duration_since(began)
}

/// Returns what adds the items that are known only later. Without any it never returns.
async fn known<'m>(more: &mut Option<More<'m>>) -> Add<'m> {
    let Some(future) = more else { return std::future::pending().await };
    let add = future.await;
    *more = None;
    add
}

/// Returns when the observer wants something else. Without an observer it never returns.
async fn changed(observer: &mut Option<Observer<'_>>) {
    if let Some(observer) = observer
        && observer.wish.changed().await.is_ok()
    {
        return;
    }
    std::future::pending().await
}
