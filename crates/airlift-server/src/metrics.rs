//! What is counted, as Prometheus wants it.

use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use airlift_core::Time;
use http::StatusCode;
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

const METADATA: Metadata<'static> = Metadata::new("airlift_server", Level::INFO, None);
/// Upper bounds of the buckets for durations, in seconds.
const BUCKETS: [f64; 10] = [0.0005, 0.002, 0.01, 0.05, 0.2, 1.0, 5.0, 20.0, 120.0, 600.0];

/// Everything that is counted. Nothing is shared with other servers in the same process.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    /// Connections that are open now.
    pub(crate) connections: Gauge,
    /// TLS handshakes that failed.
    pub(crate) handshakes: Counter,
    expiry: Gauge,
    /// Blobs that were found damaged.
    damaged: Gauge,
    omitted: Gauge,
    /// Requests for what is not here, and names that are kept of them.
    misses: Counter,
    missed_names: Gauge,
    snapshot: RwLock<Option<Gauge>>,
}

/// What is counted of one kind.
pub(crate) struct KindMetrics {
    kind: &'static str,
    bytes: Counter,
    duration: Histogram,
    requests: RwLock<Vec<(StatusCode, Counter)>>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let builder = PrometheusBuilder::new();
        let recorder = builder.set_buckets(&BUCKETS).unwrap_or_default().build_recorder();
        for (name, text) in [
            ("airlift_requests_total", "Requests that were answered, by kind and status."),
            (
                "airlift_tls_failures_total",
                "TLS handshakes that failed: a client that does not trust the authority, for one.",
            ),
            ("airlift_sent_bytes_total", "Bytes of response bodies that were sent, by kind."),
            ("airlift_misses_total", "Requests for what is not here."),
        ] {
            recorder.describe_counter(name.into(), Some(Unit::Count), text.into());
        }
        for (name, text) in [
            ("airlift_connections", "Connections that are open."),
            (
                "airlift_certificate_expiry_seconds",
                "When the certificate expires, in seconds since 1970; 0 without TLS.",
            ),
            ("airlift_damaged_blobs", "Blobs that were found damaged and are not served."),
            ("airlift_omitted", "What the snapshot should have and does not, since --keep-going was typed."),
            (
                "airlift_missed_names",
                "Names that were asked for in vain and are told of on the page; the list is bounded.",
            ),
            ("airlift_snapshot_info", "The snapshot that is served."),
        ] {
            recorder.describe_gauge(name.into(), None, text.into());
        }
        let text = "Time from a request's head to the last byte of its response, by kind.";
        recorder.describe_histogram("airlift_request_duration_seconds".into(), Some(Unit::Seconds), text.into());
        let gauge = |name: &'static str| recorder.register_gauge(&Key::from_static_name(name), &METADATA);
        Self {
            connections: gauge("airlift_connections"),
            handshakes: recorder.register_counter(&Key::from_static_name("airlift_tls_failures_total"), &METADATA),
            expiry: gauge("airlift_certificate_expiry_seconds"),
            damaged: gauge("airlift_damaged_blobs"),
            omitted: gauge("airlift_omitted"),
            misses: recorder.register_counter(&Key::from_static_name("airlift_misses_total"), &METADATA),
            missed_names: gauge("airlift_missed_names"),
            snapshot: RwLock::new(None),
            handle: recorder.handle(),
            recorder,
        }
    }

    /// Room to count one kind's requests.
    pub(crate) fn kind(&self, kind: &'static str) -> KindMetrics {
        let key = |name: &'static str| Key::from_parts(name, vec![Label::from_static_parts("kind", kind)]);
        KindMetrics {
            kind,
            bytes: self.recorder.register_counter(&key("airlift_sent_bytes_total"), &METADATA),
            duration: self.recorder.register_histogram(&key("airlift_request_duration_seconds"), &METADATA),
            requests: RwLock::default(),
        }
    }

    /// Another snapshot is served.
    pub(crate) fn switched(&self, name: &str, id: &str, omitted: usize) {
        let labels = vec![Label::new("name", name.to_owned()), Label::new("id", id.to_owned())];
        let gauge = self.recorder.register_gauge(&Key::from_parts("airlift_snapshot_info", labels), &METADATA);
        gauge.set(1.0);
        self.omitted.set(omitted as f64);
        let before = self.snapshot.write().unwrap_or_else(PoisonError::into_inner).replace(gauge);
        if let Some(before) = before {
            before.set(0.0);
        }
    }

    /// Counts a request that is over.
    pub(crate) fn count(&self, kind: &KindMetrics, status: StatusCode, bytes: u64, took: Duration) {
        kind.bytes.increment(bytes);
        kind.duration.record(took.as_secs_f64());
        let known = kind.requests.read().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counter)) = known.iter().find(|(known, _)| *known == status) {
            return counter.increment(1);
        }
        drop(known);
        let labels =
            vec![Label::from_static_parts("kind", kind.kind), Label::new("status", status.as_str().to_owned())];
        let counter = self.recorder.register_counter(&Key::from_parts("airlift_requests_total", labels), &METADATA);
        counter.increment(1);
        let mut known = kind.requests.write().unwrap_or_else(PoisonError::into_inner);
        if !known.iter().any(|(known, _)| *known == status) {
            known.push((status, counter));
        }
    }

    /// Gathers what the histograms have seen; without it they would grow.
    pub(crate) fn tidy(&self) {
        self.handle.run_upkeep();
    }

    /// The Prometheus text format.
    pub(crate) fn render(&self, damaged: usize, expiry: Option<Time>, (misses, names): (u64, usize)) -> String {
        self.expiry.set(expiry.map_or(0.0, |expiry| expiry.seconds() as f64));
        self.damaged.set(damaged as f64);
        self.misses.absolute(misses);
        self.missed_names.set(names as f64);
        self.handle.render()
    }
}
