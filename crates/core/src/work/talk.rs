//! What passes between the work and its caller: calls to make, and what became of them.

use std::{collections::HashMap, time::Duration};

use crate::cause::CallError;

/// What the work is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deed {
    #[default]
    Creation,
    /// Then an item is done if it is not there any more. [`Status::Created`](crate::outcome::Status) means that it was
    /// taken away, and `Present` that it was gone before.
    Deletion,
}

impl Deed {
    /// Returns what shows that an item is done.
    pub(super) fn done(self) -> Evidence {
        match self {
            Deed::Creation => Evidence::Present,
            Deed::Deletion => Evidence::Absent,
        }
    }

    pub(super) fn noun(self) -> &'static str {
        match self {
            Deed::Creation => "creation",
            Deed::Deletion => "deletion",
        }
    }

    pub(super) fn participle(self) -> &'static str {
        match self {
            Deed::Creation => "created",
            Deed::Deletion => "deleted",
        }
    }
}

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Start {
        item: usize,
        /// Whether it was asked for before.
        again: bool,
    },
    /// Whether the item is there or under way, whoever started it.
    Look {
        item: usize,
    },
    /// The progress of what is under way.
    List(Scope),
    Describe {
        item: usize,
        request_id: String,
    },
    /// Everything that is in progress, to see who else is at work.
    Others,
}

/// What is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A page of everything, by the token of the page before; without one, the first.
    Page(Option<String>),
    /// Everything that is in progress.
    InProgress,
}

/// What a list has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    /// By request id.
    pub progress: HashMap<String, Progress>,
    /// The token of the next page.
    pub next: Option<String>,
}

/// A call that has ended, with what it was about.
#[derive(Clone, Debug)]
pub enum Answer {
    Started {
        item: usize,
        answer: Result<Started, CallError>,
    },
    Looked {
        item: usize,
        answer: Result<Evidence, CallError>,
    },
    Listed(Result<Listed, CallError>),
    /// `None`: the request id is not known (yet, or any more).
    Described {
        item: usize,
        request_id: String,
        answer: Result<Option<Progress>, CallError>,
    },
    Others(Result<Listed, CallError>),
}

impl Answer {
    pub(super) fn error(&self) -> Option<&CallError> {
        match self {
            Answer::Started { answer, .. } => answer.as_ref().err(),
            Answer::Looked { answer, .. } => answer.as_ref().err(),
            Answer::Listed(answer) | Answer::Others(answer) => answer.as_ref().err(),
            Answer::Described { answer, .. } => answer.as_ref().err(),
        }
    }
}

/// What AWS answers to a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Started {
    pub request_id: Option<String>,
    pub progress: Progress,
}

/// How far something is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    InProgress,
    Succeeded,
    /// With AWS's reason, which it does not always give.
    Failed(Option<String>),
}

/// What AWS says of an item, whatever we know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    Present,
    /// Somebody else has started it, and perhaps other items of ours.
    InProgress {
        request_id: String,
        others: Vec<(usize, String)>,
    },
    Absent,
}

/// What an observer wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    GoOn,
    /// Nothing new is started; what is under way is waited for.
    StartNothing,
    /// Nothing is waited for either.
    Stop,
}

/// How far the work is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// Items that are done, in one way or another.
    pub done: usize,
    /// Of these, the ones that are not in place.
    pub failed: usize,
    /// Items under way.
    pub outstanding: usize,
}

/// What comes next.
#[derive(Debug)]
pub enum Next {
    /// Make these calls. Come back with each answer, and at this time at the latest.
    Ask(Vec<Ask>, Duration),
    End(End),
}

/// Why there is nothing more to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Late,
    Stopped,
    /// There are no credentials any more.
    SignedOut,
}

/// Bounds of the work.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Items under way at once.
    pub max_outstanding: usize,
    /// When everything that is not done becomes `pending`, since the work began.
    pub until: Duration,
}
