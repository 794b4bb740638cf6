//! When to stop.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// How many steps one solve may take before its question counts as too hard. A step is a decision with all that follows
/// from it; every package that is looked at takes one or two, and a contradiction as many as it is deep.
const STEPS: u64 = 10_000;

/// How many steps more for everything that is asked for, and for every package that is looked at.
const STEPS_EACH: u64 = 10;

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
    allowed: Cell<u64>,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(time: Duration, cancelled: &'a dyn Fn() -> bool) -> Self {
        Self {
            cancelled,
            time,
            deadline: Instant::now().checked_add(time),
            steps: Cell::new(0),
            allowed: Cell::new(STEPS),
        }
    }

    /// Begins a solve of so many choices with no steps taken.
    pub(crate) fn begin(&self, choices: usize) {
        self.steps.set(0);
        self.allowed.set(STEPS + STEPS_EACH * choices as u64);
    }

    /// One more package is looked at.
    pub(crate) fn grow(&self) {
        self.allowed.set(self.allowed.get() + STEPS_EACH);
    }

    /// One more step: whether to stop.
    pub(crate) fn step(&self) -> Option<Stop> {
        self.steps.set(self.steps.get() + 1);
        self.over().or_else(|| (self.steps.get() > self.allowed.get()).then_some(Stop::TooHard))
    }

    /// Whether to stop whatever is going on.
    pub(crate) fn over(&self) -> Option<Stop> {
        if (self.cancelled)() {
            Some(Stop::Cancelled)
        } else if self.deadline.is_some_and(|deadline| Instant::now() > deadline) {
            Some(Stop::OutOfTime)
        } else {
            None
        }
    }
}
