//! Which tags and digests of a repository the manifest means.

use std::collections::BTreeSet;

use airlift_core::Omission;

use super::Stop;
use super::registry::Upstream;
use super::walk::Wanted;
use crate::error::OciError;
use crate::format::version;
use crate::spec::{ImageSpec, Select, TagRule};

/// What is wanted of one repository. What can't be listed, or fits nothing, becomes an omission.
pub(super) async fn wanted(
    upstream: &Upstream<'_>,
    images: &[&ImageSpec],
    omissions: &mut Vec<Omission>,
) -> Result<Vec<Wanted>, OciError> {
    let mut wanted = Vec::new();
    for image in images {
        let platforms = &image.platforms;
        match &image.select {
            Select::One(name) => wanted.push(Wanted::Named {
                tag: name.tag.clone(),
                digest: name.digest.clone(),
                platforms: platforms.clone(),
            }),
            Select::Tags(tags) => wanted.extend(tags.iter().map(|tag| Wanted::tag(tag, platforms))),
            Select::Rule(rule) => match matching(upstream, rule).await {
                Ok(tags) => wanted.extend(tags.iter().map(|tag| Wanted::tag(tag, platforms))),
                Err(Stop::Fatal(error)) => return Err(error),
                Err(Stop::NotWanted) => {}
                Err(Stop::LeftOut(reason)) => omissions.push(Omission {
                    path: super::path(&upstream.repository, "tags")?,
                    omitted: reason,
                    origin: Some(upstream.request("tags/list")?.url.to_string().into()),
                }),
            },
        }
    }
    Ok(wanted)
}

async fn matching(upstream: &Upstream<'_>, rule: &TagRule) -> Result<Vec<String>, Stop> {
    let all = upstream.tags().await.map_err(|stop| match stop {
        Stop::LeftOut(reason) => Stop::LeftOut(format!("the tags can't be listed: {reason}")),
        stop => stop,
    })?;
    let tags = apply(rule, all);
    if tags.is_empty() {
        let some: Vec<&str> = all.iter().rev().take(5).map(String::as_str).collect();
        return Err(Stop::LeftOut(format!(
            "no tag of {} fits; it has {} tags, such as {}",
            upstream.repository,
            all.len(),
            some.join(", ")
        )));
    }
    Ok(tags.into_iter().map(str::to_owned).collect())
}

fn apply<'a>(rule: &TagRule, all: &'a BTreeSet<String>) -> Vec<&'a str> {
    let fits = |tag: &&str| rule.glob.as_ref().is_none_or(|glob| glob.is_match(tag));
    let tags = all.iter().map(String::as_str).filter(fits);
    let tags = match (&rule.semver, rule.newest) {
        (Some(range), _) => version::in_range(tags, range),
        (None, Some(_)) => version::newest_first(tags),
        (None, None) => tags.collect(),
    };
    tags.into_iter().take(rule.newest.unwrap_or(usize::MAX)).collect()
}
