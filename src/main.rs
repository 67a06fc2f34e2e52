//! The Lambda function's bootstrap: tracing, settings, clients, run; nothing else.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use account_assigner::{Answer, Function, Handled, metrics::Figures, words};
use assigner_aws::client;
use assigner_engine::{error::Error, settings::Settings};
use lambda_runtime::{Diagnostic, LambdaEvent, run, service_fn, tracing};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Lambda delivers no event after its deadline, but `cargo lambda watch` gives a deadline in 1970.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(300);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    tracing::init_default_subscriber();
    // A bad setting is answered to every event instead of ending the process: Lambda would only say that the
    // runtime exited, and start it again.
    let function = &Arc::new(start().await);
    run(service_fn(async |event: LambdaEvent<Value>| {
        let time = event.context.deadline().duration_since(SystemTime::now()).unwrap_or(WITHOUT_DEADLINE);
        let handled = match function.as_ref() {
            Ok(function) => function.handle(&event.payload, Instant::now() + time).await,
            Err(error) => Handled { answer: Err(error.clone()), figures: Figures::default() },
        };
        log(&event.context.request_id, &handled.answer);
        match handled.figures.line(&event.context.env_config.function_name) {
            Ok(line) => println!("{line}"),
            Err(error) => tracing::warn!(error, "the metrics of this invocation are lost"),
        }
        handled.answer.map_err(Failure)
    }))
    .await
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
        Diagnostic { error_type: error.name().to_owned(), error_message: words::message(&error) }
    }
}

async fn start() -> Result<Function, Error> {
    let settings = Settings::from_environment().map_err(Error::InvalidConfig)?;
    Function::new(settings, &client::load(client::until_the_deadline()).await)
}

/// One structured line an invocation: the result as it is answered, or the error.
fn log(request_id: &str, answer: &Result<Answer, Error>) {
    let line = match answer {
        Ok(answer) => json!({ "level": "INFO", "requestId": request_id, "result": answer }),
        Err(Error::AssignmentsIncomplete(report)) => {
            json!({ "level": "ERROR", "requestId": request_id, "errorType": "AssignmentsIncomplete", "result": report })
        }
        Err(error) => {
            let (name, message) = (error.name(), words::message(error));
            json!({ "level": "ERROR", "requestId": request_id, "errorType": name, "errorMessage": message })
        }
    };
    println!("{line}");
}
