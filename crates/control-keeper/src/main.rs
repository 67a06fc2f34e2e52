//! The Lambda function's bootstrap: log, settings, clients, run; nothing else.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use assigner_aws::client;
use assigner_engine::{error::Error, sdk, settings::ControlSettings};
use control_keeper::{Function, Handled, log, message, metrics::Figures};
use lambda_runtime::{Diagnostic, LambdaEvent, run, service_fn};
use serde_json::{Value, value::RawValue};
use tokio::time::Instant;

/// Lambda delivers no event after its deadline, but `cargo lambda watch` gives a deadline in 1970.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(300);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log::start();
    // A bad setting is answered to every event instead of ending the process: Lambda would only say that the
    // runtime exited, and start it again.
    let function = &Arc::new(start().await);
    run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        let LambdaEvent { payload, context } = event;
        let now = SystemTime::now();
        let time = context.deadline().duration_since(now).unwrap_or(WITHOUT_DEADLINE);
        let handled = match (function.as_ref(), serde_json::from_str::<Value>(payload.get())) {
            (Ok(function), Ok(payload)) => function.handle(&payload, now, Instant::now() + time).await,
            (Ok(_), Err(error)) => unanswered(Error::InvalidEvent(format!(
                "the payload cannot be read: {error}; send JSON of at most 128 levels, in Unicode"
            ))),
            (Err(error), _) => unanswered(error.clone()),
        };
        log::write(&context.request_id, &context.env_config.function_name, &handled.answer, &handled.figures);
        handled.answer.map_err(Failure)
    }))
    .await
}

fn unanswered(error: Error) -> Handled {
    Handled { answer: Err(error), figures: Figures::default() }
}

/// What Lambda gets. The runtime also logs it by `Debug`, so that is short: the one structured line has it all.
struct Failure(Error);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

impl From<Failure> for Diagnostic {
    fn from(Failure(error): Failure) -> Diagnostic {
        Diagnostic { error_type: error.name().to_owned(), error_message: message(&error) }
    }
}

async fn start() -> Result<Function, Error> {
    let settings = ControlSettings::from_environment().map_err(Error::InvalidConfig)?;
    let sdk = sdk::load(&settings.network, client::until_the_deadline()).await?;
    Function::new(settings, &sdk)
}
