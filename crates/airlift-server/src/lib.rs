//! Listeners, access log, metrics and graceful stop.
