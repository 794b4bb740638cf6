//! Address ranges that stand for bytes of a file: the one place with unsafe code.
