//! The one engine that downloads: resume, retries, credentials, verification.
