//! The events that `opencode run --format json` writes, one JSON object a line: what the user sees
//! of the work, and whether the run did it. Exit statuses say too little (0 for an unknown model on
//! opencode 1.3 and 1.14, 0 for a run that did nothing), so the verdict comes from here.

mod activity;
mod event;
mod lines;
mod outcome;
mod reply;

pub(crate) use activity::Activity;
pub(crate) use event::{Event, ToolCall};
pub(crate) use lines::Lines;
pub(crate) use outcome::Outcome;
pub(crate) use reply::Reply;
