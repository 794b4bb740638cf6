//! The formats of Helm: versions and their ranges, indexes, packaged charts, and the images that these name. Pure.

pub mod chart;
pub mod images;
pub mod index;
pub mod name;
pub mod range;
pub mod version;
pub mod yaml;
