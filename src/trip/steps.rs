//! How each step of a trip is told: first the record, then whoever watches.

use crate::dispatch::{Dispatch, Moment, Record, State, Step};
use crate::trip::error::TripError;
use crate::trip::observer::News;
use crate::trip::tools::Tools;
use std::cell::RefCell;

/// Tells steps of one trip, several side by side where they go on so.
pub(crate) struct Steps<'t> {
    tools: &'t Tools,
    dispatch: Option<RefCell<&'t mut Dispatch>>,
}

impl<'t> Steps<'t> {
    /// Of a trip that has no record.
    pub(crate) fn unrecorded(tools: &'t Tools) -> Self {
        Self { tools, dispatch: None }
    }

    pub(crate) fn of(tools: &'t Tools, dispatch: &'t mut Dispatch) -> Self {
        Self { tools, dispatch: Some(RefCell::new(dispatch)) }
    }

    pub(crate) fn begin(&self, step: Step) -> Result<(), TripError> {
        if let Some(dispatch) = &self.dispatch {
            dispatch.borrow_mut().begin(step)?;
        }
        self.tell(step, Moment::Before);
        Ok(())
    }

    pub(crate) fn done(&self, step: Step) -> Result<(), TripError> {
        self.end(step, None)
    }

    /// `step` is done, and that is where it leads.
    pub(crate) fn reach(&self, step: Step, state: State) -> Result<(), TripError> {
        self.end(step, Some(state))
    }

    /// Changes the record; it is written with the next step.
    pub(crate) fn note(&self, change: impl FnOnce(&mut Record)) {
        if let Some(dispatch) = &self.dispatch {
            change(&mut dispatch.borrow_mut().record);
        }
    }

    fn end(&self, step: Step, state: Option<State>) -> Result<(), TripError> {
        self.tell(step, Moment::Done);
        if let Some(dispatch) = &self.dispatch {
            dispatch.borrow_mut().done(step, state)?;
        }
        self.tell(step, Moment::After);
        Ok(())
    }

    fn tell(&self, step: Step, moment: Moment) {
        self.tools.tell(News::Point { step, moment });
        if cfg!(debug_assertions) && self.tools.kill_at == Some((moment, step)) {
            die();
        }
    }
}

/// Ends this process as a kill does, which nothing in it sees coming.
fn die() -> ! {
    use rustix::process::{Signal, getpid, kill_process};
    let _ = kill_process(getpid(), Signal::KILL);
    // Another thread may be the one that takes the signal.
    loop {
        std::thread::park();
    }
}
