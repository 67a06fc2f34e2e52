//! `-v`: each call to AWS, as it is answered, on standard error.

use std::fmt::{self, Write};

use assigner_aws::client::CALLS;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

use crate::terminal::{FAINT, clean, say};

/// Shows the calls from now on.
pub fn show() {
    // It fails if somebody else shows them already, and nobody does.
    let _ = tracing_subscriber::registry().with(Calls).try_init();
}

struct Calls;

impl<S: Subscriber> Layer<S> for Calls {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == CALLS
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        say(&format!("{FAINT}call {}{FAINT:#}\n", line.0));
    }
}

/// The fields of a call, in their order.
struct Line(String);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !value.is_empty() {
            // Writing into a string cannot fail.
            let _ = match field.name() {
                "call" => write!(self.0, "{}", clean(value)),
                name => write!(self.0, ", {name} {}", clean(value)),
            };
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
