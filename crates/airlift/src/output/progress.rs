//! Events as they happen: a bar on a terminal, plain lines elsewhere, JSON lines for programs.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use airlift_core::event::Task;
use airlift_core::{Event, Observer};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;

use super::{Show, human, write_line};

/// How often progress is told where nobody watches a bar.
const LINES_EVERY: Duration = Duration::from_secs(10);
/// How often progress is told to a program.
const JSON_EVERY: Duration = Duration::from_millis(500);

/// An event that a person should read, as a line.
fn message(event: &Event, verbose: u8) -> Option<String> {
    told(event, verbose).map(|line| human::one_way(&line).into_owned())
}

fn told(event: &Event, verbose: u8) -> Option<String> {
    match event {
        Event::Retrying { attempt, wait_ms, reason, .. } => {
            Some(format!("{reason}; attempt {attempt} follows in {:.1} s", *wait_ms as f64 / 1000.0))
        }
        Event::Throttled { host, wait_ms, reason } => {
            Some(format!("{host} asks to wait {} s: {reason}", wait_ms.div_ceil(1000)))
        }
        Event::Changed { path, locked, upstream } => {
            Some(format!("changed upstream: {path} was {locked}, is now {upstream}"))
        }
        Event::Omitted { path, reason } => Some(format!("left out: {path}: {reason}")),
        Event::Listening { kinds, url, .. } => Some(format!("{}: {url}", kinds.join(", "))),
        Event::Notice { message } => Some(message.clone()),
        Event::Done { name, size, cached, .. } if verbose > 0 => {
            let there = if *cached { " (was there)" } else { "" };
            Some(format!("{name}  {}{there}", human::bytes(*size)))
        }
        _ => None,
    }
}

/// How far the current task is.
#[derive(Clone, Copy)]
struct Extent {
    task: Task,
    items: u64,
    done_items: u64,
    bytes: u64,
    done_bytes: u64,
    began: Instant,
    told: Instant,
}

impl Extent {
    fn begin(task: Task, items: u64, bytes: u64) -> Self {
        let now = Instant::now();
        Self { task, items, done_items: 0, bytes, done_bytes: 0, began: now, told: now }
    }

    /// Takes note of an event; true where progress was made.
    fn follow(&mut self, event: &Event) -> bool {
        match event {
            Event::Extended { items, bytes, .. } => {
                self.items += items;
                self.bytes += bytes;
            }
            Event::Progress { bytes, .. } => self.done_bytes = self.done_bytes.saturating_add_signed(*bytes),
            Event::Done { .. } => self.done_items += 1,
            _ => return false,
        }
        true
    }

    fn due(&mut self, every: Duration) -> bool {
        let due = self.told.elapsed() >= every;
        if due {
            self.told = Instant::now();
        }
        due
    }

    fn speed(&self) -> u64 {
        (self.done_bytes as f64 / self.began.elapsed().as_secs_f64().max(0.001)) as u64
    }

    fn seconds_left(&self) -> Option<u64> {
        let left = self.bytes.checked_sub(self.done_bytes)?;
        left.checked_div(self.speed())
    }
}

/// The extent of the current task, shared by the threads that tell of it.
#[derive(Default)]
struct Current(Mutex<Option<Extent>>);

impl Current {
    /// Follows an event and hands the extent, if any, to `tell`.
    fn follow<T>(&self, event: &Event, tell: impl FnOnce(&mut Extent, bool) -> Option<T>) -> Option<T> {
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Began { task, items, bytes } => {
                *current = Some(Extent::begin(*task, *items, *bytes));
                None
            }
            Event::Ended { .. } => {
                let ended = current.take();
                drop(current);
                ended.and_then(|mut extent| tell(&mut extent, true))
            }
            event => {
                let extent = current.as_mut()?;
                let moved = extent.follow(event);
                tell(extent, moved)
            }
        }
    }
}

/// JSON lines for programs: every event; progress gathered, twice a second.
pub(super) struct JsonLines {
    to_stderr: bool,
    current: Current,
}

impl JsonLines {
    pub(super) fn new(to_stderr: bool) -> Self {
        Self { to_stderr, current: Current::default() }
    }
}

impl Observer for JsonLines {
    fn observe(&self, event: &Event) {
        let progress = self.current.follow(event, |extent, _| {
            let due = matches!(event, Event::Ended { .. }) || extent.due(JSON_EVERY);
            due.then(|| {
                json!({
                    "event": "progress", "task": extent.task, "items": extent.items, "done_items": extent.done_items,
                    "bytes": extent.bytes, "done_bytes": extent.done_bytes,
                    "bytes_per_second": extent.speed(), "seconds_left": extent.seconds_left(),
                })
            })
        });
        if let Some(progress) = progress {
            self.line(&progress.to_string(), self.to_stderr);
        }
        let gathered = matches!(event, Event::Progress { .. } | Event::Extended { .. });
        if let Some(line) = (!gathered).then(|| serde_json::to_string(event).ok()).flatten() {
            self.line(&line, self.to_stderr);
        }
    }
}

impl Show for JsonLines {}

/// Plain lines for logs.
pub(super) struct PlainLines {
    verbose: u8,
    quiet: bool,
    current: Current,
}

impl PlainLines {
    pub(super) fn new(verbose: u8) -> Self {
        Self { verbose, quiet: false, current: Current::default() }
    }

    pub(super) fn quiet() -> Self {
        Self { verbose: 0, quiet: true, current: Current::default() }
    }
}

impl Observer for PlainLines {
    fn observe(&self, event: &Event) {
        let listening = matches!(event, Event::Listening { .. });
        if self.quiet {
            if let Some(line) = message(event, 0).filter(|_| listening) {
                write_line(&line, false);
            }
            return;
        }
        let line = self.current.follow(event, |extent, moved| {
            let due = moved && !matches!(event, Event::Ended { .. }) && extent.due(LINES_EVERY);
            due.then(|| {
                let left = extent.seconds_left().map(|seconds| format!(", {seconds} s left")).unwrap_or_default();
                format!(
                    "{} {} of {}, {} of {}, {}/s{left}",
                    extent.task.doing(),
                    extent.done_items,
                    extent.items,
                    human::bytes(extent.done_bytes),
                    human::bytes(extent.bytes),
                    human::bytes(extent.speed()),
                )
            })
        });
        for line in line.into_iter().chain(message(event, self.verbose)) {
            // Addresses are the result of 'serve'; all else is on the way.
            write_line(&line, !listening);
        }
    }
}

impl Show for PlainLines {}

/// A bar with speed and time left, on a terminal.
pub(super) struct Bar {
    verbose: u8,
    current: Current,
    bar: ProgressBar,
}

impl Bar {
    pub(super) fn new(verbose: u8) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
        let template =
            "{prefix:>10} {wide_bar} {decimal_bytes}/{decimal_total_bytes}  {decimal_bytes_per_sec}  {eta} left  {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("━╸ "));
        }
        Self { verbose, current: Current::default(), bar }
    }
}

impl Observer for Bar {
    fn observe(&self, event: &Event) {
        match event {
            Event::Began { task, items, bytes } => {
                self.bar.reset();
                self.bar.set_prefix(task.doing());
                self.bar.set_message(format!("0/{items}"));
                self.bar.set_length(*bytes);
                self.bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
                self.bar.enable_steady_tick(Duration::from_millis(200));
            }
            Event::Ended { .. } => self.finish(),
            _ => {}
        }
        self.current.follow(event, |extent, moved| {
            if moved && !matches!(event, Event::Ended { .. }) {
                self.bar.set_length(extent.bytes.max(extent.done_bytes));
                self.bar.set_position(extent.done_bytes);
                self.bar.set_message(format!("{}/{}", extent.done_items, extent.items));
            }
            None::<()>
        });
        if let Some(line) = message(event, self.verbose) {
            self.line(&line, !matches!(event, Event::Listening { .. }));
        }
    }
}

impl Show for Bar {
    fn line(&self, line: &str, to_stderr: bool) {
        self.bar.suspend(|| write_line(line, to_stderr));
    }

    fn finish(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
    }
}
