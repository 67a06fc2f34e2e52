//! Work while a person looks on: a bar, lines where nobody sees one, and Ctrl-C. Decides and calls nothing.

use std::{
    io::IsTerminal,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use assigner_core::work::{Count, Wish};
use assigner_engine::drive::Observer;
use tokio::{sync::watch, time::timeout};

use crate::{
    session::Session,
    terminal::{obey_signals, show_progress},
};

/// Runs work on `all` assignments to its end, and shows how far it is.
pub async fn watched<T>(session: &Session, all: usize, work: impl AsyncFnOnce(Observer<'_>) -> T) -> T {
    let bar = session.progress(all, "{bar:30} {pos} of {len} assignments, {per_sec}, {eta} left{msg}");
    let (wish, wished) = watch::channel(Wish::GoOn);
    let lines = Lines { session, all, seen: Mutex::default() };
    let progress = |count: Count| {
        show_progress(&bar, count);
        lines.progress(count);
    };
    let done = {
        let work = work(Observer { wish: wished, progress: &progress });
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => done,
            ((), ()) = async { tokio::join!(obey_signals(&wish, &bar), lines.at_intervals()) } => work.await,
        }
    };
    bar.finish_and_clear();
    done
}

/// Lines in place of a bar, if nobody sees one: in a pipeline, silence looks like a hang.
struct Lines<'a> {
    session: &'a Session,
    all: usize,
    seen: Mutex<Count>,
}

const INTERVAL: Duration = Duration::from_secs(30);

impl Lines<'_> {
    /// Writes a line whenever another tenth is done.
    fn progress(&self, count: Count) {
        let tenths = |count: Count| count.done * 10 / self.all.max(1);
        let before = std::mem::replace(&mut *self.seen(), count);
        if tenths(count) > tenths(before) {
            self.say();
        }
    }

    /// Writes a line now and then, whatever is done. Never ends.
    async fn at_intervals(&self) {
        loop {
            // The time is all that can end this.
            let _ = timeout(INTERVAL, std::future::pending::<()>()).await;
            self.say();
        }
    }

    fn say(&self) {
        if std::io::stderr().is_terminal() {
            return;
        }
        let Count { done, failed, outstanding } = *self.seen();
        let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
        self.session
            .note(&format!("{done} of {} assignments done, {outstanding} under way{failed}", self.all));
    }

    fn seen(&self) -> MutexGuard<'_, Count> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
