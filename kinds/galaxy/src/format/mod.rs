//! Galaxy's own formats: names, versions and ranges, requirements, the answers of its API, and what is inside of
//! archives. Pure: nothing is fetched here.

pub mod answer;
pub mod archive;
pub mod loose;
pub mod name;
pub mod requirement;
pub mod requirements;
pub mod shelf;
pub mod version;
pub mod wanted;
pub mod yaml;
