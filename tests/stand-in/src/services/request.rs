//! One request in AWS JSON 1.1: its members and its pages, and the refusals that answer a bad one. Never
//! decides what an operation does.

use crate::identifier::NextToken;
use crate::services::Service;
use crate::state::State;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::fmt::Display;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use tokio::time::Instant;

pub(crate) type Answer = Result<Value, Refusal>;
pub(crate) type Handler = fn(&mut State, &Request) -> Answer;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Problem {
    AccessDenied,
    Conflict,
    Internal,
    Invalid,
    NotFound,
    Throttled,
}

/// An error as AWS JSON 1.1 carries it.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) code: String,
    message: String,
    reason: Option<&'static str>,
    /// In seconds: the header `Retry-After`.
    pub(crate) retry_after: Option<u64>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal { status, code: code.into(), message: message.into(), reason: None, retry_after: None }
    }

    pub(crate) fn because(self, reason: &'static str) -> Refusal {
        Refusal { reason: Some(reason), ..self }
    }

    pub(crate) fn retry_after(self, seconds: u64) -> Refusal {
        Refusal { retry_after: Some(seconds), ..self }
    }

    pub(crate) fn body(&self) -> Value {
        // AWS's services do not agree on how `message` is written.
        let mut body = json!({ "__type": self.code, "Message": self.message, "message": self.message });
        if let Some(reason) = self.reason {
            body["Reason"] = json!(reason);
        }
        body
    }
}

pub(crate) struct Operation {
    pub(crate) name: &'static str,
    pub(crate) handler: Handler,
    /// `None` for an operation without pages.
    longest_page: Option<usize>,
}

impl Operation {
    pub(crate) const fn single(name: &'static str, handler: Handler) -> Operation {
        Operation { name, handler, longest_page: None }
    }

    pub(crate) const fn paged(name: &'static str, longest_page: usize, handler: Handler) -> Operation {
        Operation { name, handler, longest_page: Some(longest_page) }
    }
}

/// Reads the members that an operation takes, each by its type; refuses any other.
macro_rules! members {
    ($request:ident { $($(#[$attribute:meta])* $name:ident: $kind:ty),* $(,)? }) => {{
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        struct Members {
            $($(#[$attribute])* $name: $kind,)*
        }
        $request.members::<Members>()?
    }};
}
pub(crate) use members;

pub(crate) struct Request {
    pub(crate) at: Instant,
    /// How old the view is that a read gets.
    pub(crate) staleness: Duration,
    service: &'static Service,
    operation: &'static str,
    /// All but `NextToken` and `MaxResults` of an operation with pages.
    members: Value,
    next_token: Option<NextToken>,
    page_size: usize,
}

impl Request {
    pub(crate) fn new(
        service: &'static Service,
        operation: &'static Operation,
        mut members: Value,
        page_size: usize,
        at: Instant,
        staleness: Duration,
    ) -> Result<Request, Refusal> {
        let invalid = |fault: serde_json::Error| service.refuse(Problem::Invalid, fault.to_string());
        if !members.is_object() {
            return Err(service.refuse(Problem::Invalid, "the members must be those of a JSON object"));
        }
        let (mut next_token, mut size) = (None, page_size);
        if let Some((longest_page, members)) = operation.longest_page.zip(members.as_object_mut()) {
            let mut take = |name| members.remove(name).unwrap_or_default();
            next_token = serde_json::from_value(take("NextToken")).map_err(invalid)?;
            let max_results: Option<usize> = serde_json::from_value(take("MaxResults")).map_err(invalid)?;
            let max_results = max_results.unwrap_or(longest_page);
            if !(1..=longest_page).contains(&max_results) {
                return Err(service.refuse(
                    Problem::Invalid,
                    format!("MaxResults {max_results} must be from 1 to {longest_page}"),
                ));
            }
            size = max_results.min(page_size);
        }
        let operation = operation.name;
        Ok(Request { service, at, staleness, operation, members, next_token, page_size: size.max(1) })
    }

    /// Returns the typed members. A missing, malformed or unknown one is refused.
    pub(crate) fn members<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        T::deserialize(&self.members).map_err(|fault| self.refuse(Problem::Invalid, fault.to_string()))
    }

    pub(crate) fn refuse(&self, problem: Problem, message: impl Into<String>) -> Refusal {
        self.service.refuse(problem, message)
    }

    pub(crate) fn missing(&self, what: impl Display) -> Refusal {
        self.refuse(Problem::NotFound, format!("{what} does not exist"))
    }

    pub(crate) fn is_for_first_page(&self) -> bool {
        self.next_token.is_none()
    }

    /// Returns the page of `items` that the request asks for, under the name `member`.
    pub(crate) fn page<T>(
        &self,
        member: &str,
        items: impl IntoIterator<Item = T>,
        render: impl FnMut(T) -> Value,
    ) -> Answer {
        let offset = self.next_token.as_deref().map_or(Ok(0), |token| self.offset(token))?;
        let mut items = items.into_iter().skip(offset);
        let page: Vec<Value> = items.by_ref().take(self.page_size).map(render).collect();
        let mut answer = json!({ member: page });
        if items.next().is_some() {
            answer["NextToken"] = json!(self.token(offset + self.page_size));
        }
        Ok(answer)
    }

    /// Returns a token. It is valid only for the list that gave it: the same operation with the same members.
    pub(crate) fn token(&self, offset: usize) -> String {
        let mut hasher = DefaultHasher::new();
        (self.operation, self.members.to_string()).hash(&mut hasher);
        format!("{:016x}-{offset}", hasher.finish())
    }

    fn offset(&self, token: &str) -> Result<usize, Refusal> {
        let offset = token.rsplit_once('-').and_then(|(_, offset)| offset.parse().ok());
        offset
            .filter(|&offset| self.token(offset) == token)
            .ok_or_else(|| self.refuse(Problem::Invalid, "NextToken is not one that this list gave"))
    }
}
