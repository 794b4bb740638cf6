//! When to stop.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How many steps one solve may take before its question counts as too hard. A step is a decision with all that follows
/// from it; a group of a thousand packages takes some thousands.
const STEPS: u64 = 200_000;

/// Why a solve ended without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancelled,
    OutOfTime,
    /// Too many steps: the same on every host, so that an answer may depend on it.
    TooHard,
}

/// Counts steps and looks at the clock.
pub(crate) struct Watch<'a> {
    cancelled: &'a dyn Fn() -> bool,
    pub(crate) time: Duration,
    deadline: Option<Instant>,
    steps: Cell<u64>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(time: Duration, cancelled: &'a dyn Fn() -> bool) -> Self {
        Self { cancelled, time, deadline: Instant::now().checked_add(time), steps: Cell::new(0) }
    }

    /// Begins a solve with no steps taken.
    pub(crate) fn begin(&self) {
        self.steps.set(0);
    }

    /// One more step: whether to stop.
    pub(crate) fn step(&self) -> Option<Stop> {
        self.steps.set(self.steps.get() + 1);
        if (self.cancelled)() {
            Some(Stop::Cancelled)
        } else if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            Some(Stop::OutOfTime)
        } else if self.steps.get() > STEPS {
            Some(Stop::TooHard)
        } else {
            None
        }
    }
}
