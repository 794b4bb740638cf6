//! Container images and every other OCI artifact.
