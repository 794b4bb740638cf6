//! Roles: those that are wanted, and those that these need, from one to the next.

use std::collections::{BTreeSet, VecDeque};

use airlift_core::Request;

use super::api::{Server, Trouble};
use super::inputs::Origin;
use super::publish::Shelf;
use super::{Fetched, Group, file, git, look, repository};
use crate::error::GalaxyError;
use crate::format::answer::{ListedRole, ListedRoleVersion, Page};
use crate::format::archive::role_dependencies;
use crate::format::name::owner;
use crate::format::requirement::{Role, RolePlace};
use crate::format::wanted::WantedRole;
use crate::format::{loose, shelf};

/// The most roles of one entry of the manifest.
const MOST: usize = 2000;

/// What a packed role without a version is called.
const UNVERSIONED: &str = "unversioned";

pub(super) async fn collect(
    group: &Group<'_>,
    roles: Vec<(Role, Origin)>,
    shelf: &mut Shelf,
) -> Result<(), GalaxyError> {
    let mut walk = Walk { group, server: None, shelf };
    let mut open: VecDeque<(Role, Origin)> = roles.into();
    let mut seen = BTreeSet::new();
    while let Some((role, origin)) = open.pop_front() {
        if !seen.insert((role.place.clone(), role.version.clone(), role.name.clone())) {
            continue;
        }
        if seen.len() > MOST {
            let reason = format!("it leads to more than {MOST} roles");
            return Err(GalaxyError::File { file: origin.of, reason });
        }
        open.extend(walk.role(&role, &origin).await?);
    }
    Ok(())
}

/// What is known while walking.
struct Walk<'w, 'a> {
    group: &'w Group<'a>,
    /// It is asked when the first role needs it.
    server: Option<Server<'a>>,
    shelf: &'w mut Shelf,
}

impl Walk<'_, '_> {
    /// Has a role travel; the roles that it needs.
    async fn role(&mut self, role: &Role, origin: &Origin) -> Result<Vec<(Role, Origin)>, GalaxyError> {
        let version = role.version.clone();
        let (request, name, version) = match &role.place {
            RolePlace::Git(url) => {
                self.git(role, url, origin)?;
                return Ok(Vec::new());
            }
            RolePlace::Galaxy(name) => match self.find(name, version.as_deref()).await? {
                Ok((request, version)) => (request, name, version),
                Err(reason) => {
                    self.omit(role, origin, &reason)?;
                    return Ok(Vec::new());
                }
            },
            RolePlace::Url(url) => {
                self.shelf.ask(file(url, format!("a role of {}", origin.of)));
                (self.group.url(url), &role.name, version.unwrap_or_else(|| UNVERSIONED.to_owned()))
            }
            RolePlace::File(path) => {
                let request = self.group.file(path, origin)?;
                (request, &role.name, version.unwrap_or_else(|| UNVERSIONED.to_owned()))
            }
        };
        let fetched = match self.group.fetch(request).await? {
            Ok(fetched) => fetched,
            Err(reason) => {
                self.omit(role, origin, &reason)?;
                return Ok(Vec::new());
            }
        };
        let path = shelf::role(name, &version);
        let needs = self.needs(&path, &fetched, (role, origin)).await?;
        if let Some(needs) = &needs {
            let wanted = WantedRole {
                name: role.name.clone(),
                version: Some(version).filter(|version| version != UNVERSIONED),
                file: Some(path.clone()),
                git: None,
            };
            self.shelf.role(&path, fetched.digest, (fetched.bytes.len() as u64, fetched.request), wanted)?;
            return Ok(needs.iter().map(|need| (need.clone(), Origin { of: path.clone(), remote: true })).collect());
        }
        Ok(Vec::new())
    }

    /// What a fetched role needs; none where it is no role.
    async fn needs(
        &mut self,
        path: &str,
        fetched: &Fetched,
        (role, origin): (&Role, &Origin),
    ) -> Result<Option<Vec<Role>>, GalaxyError> {
        use crate::format::archive::ArchiveError;
        match look(fetched.bytes.clone(), role_dependencies).await {
            Ok(needs) => Ok(Some(needs)),
            // ansible-galaxy may read what is not understood here.
            Err(error @ ArchiveError::File { .. }) => {
                self.shelf
                    .notice(path, format!("the roles that it needs are not known, and do not travel: {error}"))?;
                Ok(Some(Vec::new()))
            }
            Err(error) => {
                self.omit(role, origin, &format!("{}: {}", fetched.request.url, airlift_core::failure::line(&error)))?;
                Ok(None)
            }
        }
    }

    fn git(&mut self, role: &Role, url: &airlift_core::UpstreamUrl, origin: &Origin) -> Result<(), GalaxyError> {
        let at = repository(url);
        self.shelf.ask(git(url, role.version.as_deref(), format!("the role {} of {}", role.name, origin.of)));
        self.shelf.notice(
            "roles",
            format!(
                "the role {} in {at} ({}) is not looked into: the roles that it needs have to be named besides",
                role.name, origin.of
            ),
        )?;
        let wanted = WantedRole { name: role.name.clone(), version: role.version.clone(), file: None, git: Some(at) };
        self.shelf.want_role(wanted);
        Ok(())
    }

    fn omit(&mut self, role: &Role, origin: &Origin, reason: &str) -> Result<(), GalaxyError> {
        let version = role.version.as_deref().unwrap_or("the newest");
        let reason = format!("{version}: {reason} (wanted by {})", origin.of);
        self.shelf.omit(&format!("roles/{}", role.name), reason, &self.group.spec.server)
    }

    /// Where a role of the server is, and which version that is; a sentence where it can't be had.
    async fn find(
        &mut self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Result<(Request, String), String>, GalaxyError> {
        let group = self.group;
        let server = match self.server.take() {
            Some(server) => server,
            None => group.server(group.spec.server.clone()).await?,
        };
        let found = find(&server, name, version).await;
        self.server = Some(server);
        found
    }
}

async fn find(
    server: &Server<'_>,
    name: &str,
    version: Option<&str>,
) -> Result<Result<(Request, String), String>, GalaxyError> {
    let said = |trouble: Trouble| match trouble {
        Trouble::Missing => format!("{} has no role {name}", server.url),
        Trouble::Other(reason) => reason,
    };
    let Some((owner, own)) = owner(name) else {
        return Ok(Err(format!("'{name}' is no role of a Galaxy server: those have an owner, owner.name")));
    };
    let url = match server.api("v1", &format!("roles/?owner__username={owner}&name={own}")) {
        Ok(url) => url,
        Err(trouble) => return Ok(Err(said(trouble))),
    };
    let page = match server.get(url).await? {
        Ok(bytes) => Page::<ListedRole>::read(&bytes),
        Err(trouble) => return Ok(Err(said(trouble))),
    };
    let role = match page {
        Ok(page) => page.items.into_iter().next(),
        Err(error) => return Ok(Err(airlift_core::failure::line(&error))),
    };
    let Some(role) = role else { return Ok(Err(said(Trouble::Missing))) };
    let Some(id) = role.id() else { return Ok(Err(format!("{} gives it an id that is none", server.url))) };
    let url = match server.api("v1", &format!("roles/{id}/versions/?page_size=50")) {
        Ok(url) => url,
        Err(trouble) => return Ok(Err(said(trouble))),
    };
    Ok(match server.list::<ListedRoleVersion>(url).await? {
        Ok(versions) => choose(server, &role, (&versions, version)),
        Err(trouble) => Err(said(trouble)),
    })
}

/// The version that ansible-galaxy would take, and where it would get it.
fn choose(
    server: &Server<'_>,
    role: &ListedRole,
    (versions, wanted): (&[ListedRoleVersion], Option<&str>),
) -> Result<(Request, String), String> {
    let names = || versions.iter().map(|version| version.name.as_str());
    let name = match wanted {
        Some(wanted) if versions.is_empty() || wanted == "master" || names().any(|name| name == wanted) => wanted,
        Some(wanted) => {
            let some: Vec<&str> = names().take(8).collect();
            return Err(format!(
                "there is no {wanted}; {} versions are there, such as {}",
                versions.len(),
                some.join(", ")
            ));
        }
        None if versions.is_empty() => role.github_branch.as_deref().unwrap_or("master"),
        None => loose::newest(names())
            .ok_or("its versions can't be compared, so that none is the newest: name one with 'version'")?,
    };
    let listed = versions.iter().find(|version| version.name == name);
    let url = listed.and_then(|version| version.download_url.clone().or_else(|| version.source.clone()));
    let github = || match (&role.github_user, &role.github_repo) {
        (Some(user), Some(repository)) => Some(format!("https://github.com/{user}/{repository}/archive/{name}.tar.gz")),
        _ => None,
    };
    let url = url.or_else(github).ok_or("the server does not say where it is")?;
    Ok((server.elsewhere(&url)?, name.to_owned()))
}
