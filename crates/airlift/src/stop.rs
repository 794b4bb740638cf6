//! Ctrl-C and termination: once to stop in good order, twice to stop at once.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Runs something until it ends, telling it to stop at the first signal. At the second one it is dropped where it stands,
/// which is safe: whatever has its final name is whole.
pub(crate) async fn on_signals<T>(cancel: &CancellationToken, run: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(run);
    tokio::select! {
        outcome = &mut run => return Some(outcome),
        () = next_signal() => cancel.cancel(),
    }
    tokio::select! {
        outcome = run => Some(outcome),
        () = next_signal() => None,
    }
}

async fn next_signal() {
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
