//! One wanted role or collection, in all the forms that ansible-galaxy reads (ansible-core,
//! `playbook/role/requirement.py` and `galaxy/dependency_resolution/dataclasses.py`).

use airlift_core::UpstreamUrl;

use super::name::{CollectionName, is_role};
use super::version::Range;

/// A wanted collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Collection {
    /// From a Galaxy server, by its name.
    Galaxy {
        /// Its name.
        name: CollectionName,
        /// Which versions.
        range: Range,
        /// The server, where it is another than the usual one.
        source: Option<UpstreamUrl>,
    },
    /// From a git repository.
    Git(GitSource),
    /// A packed collection by its URL.
    Url(UpstreamUrl),
    /// A packed collection among the files of this machine.
    File(String),
}

/// A wanted role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// What it is installed as.
    pub name: String,
    /// Its version: a tag, a branch or a commit.
    pub version: Option<String>,
    /// Where it is.
    pub place: RolePlace,
}

/// Where a role is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RolePlace {
    /// On a Galaxy server, by its name there.
    Galaxy(String),
    /// In a git repository.
    Git(UpstreamUrl),
    /// A packed role by its URL.
    Url(UpstreamUrl),
    /// A packed role among the files of this machine.
    File(String),
}

/// A git repository, and what of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitSource {
    /// Its http or https URL.
    pub url: UpstreamUrl,
    /// The branch, tag or commit; the default branch where there is none.
    pub version: Option<String>,
    /// The folder in it, behind a `#`.
    pub folder: Option<String>,
}

/// A collection as it is written.
#[derive(Clone, Debug, Default)]
pub struct CollectionFields {
    /// Its name, or where it is.
    pub name: Option<String>,
    /// A range of versions, or what of a repository.
    pub version: Option<String>,
    /// Where it is.
    pub source: Option<String>,
    /// What is at its source: `galaxy`, `git`, `url`, `file`.
    pub kind: Option<String>,
}

/// A role as it is written.
#[derive(Clone, Debug, Default)]
pub struct RoleFields {
    /// What it is installed as, or its name on a Galaxy server.
    pub name: Option<String>,
    /// The same, as it was written once.
    pub role: Option<String>,
    /// Where it is.
    pub src: Option<String>,
    /// What is there: `git`.
    pub scm: Option<String>,
    /// Its version.
    pub version: Option<String>,
}

impl Collection {
    /// A collection of which only one text is written.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub fn of_text(text: &str) -> Result<Self, String> {
        Self::of(CollectionFields { name: Some(text.to_owned()), ..CollectionFields::default() })
    }

    /// The collection that some fields mean.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub fn of(fields: CollectionFields) -> Result<Self, String> {
        let CollectionFields { name, version, source, kind } = fields;
        let version = version.filter(|version| !version.is_empty() && version != "*");
        let pointer = source.clone().or_else(|| name.clone()).ok_or("it has neither 'name' nor 'source'")?;
        let is_name = name.as_ref().is_some_and(|name| name.parse::<CollectionName>().is_ok());
        let kind = match kind.as_deref() {
            Some(kind) => kind.to_owned(),
            None if is_git(&pointer) => "git".to_owned(),
            None if is_name => "galaxy".to_owned(),
            None if is_http(&pointer) => "url".to_owned(),
            None if is_file(&pointer) => "file".to_owned(),
            None => "galaxy".to_owned(),
        };
        match kind.as_str() {
            "galaxy" => Ok(Self::Galaxy {
                name: name.ok_or("it has no 'name'")?.parse()?,
                range: version.map_or_else(|| Ok(Range::any()), |version| version.parse())?,
                source: source.map(|source| server(&source)).transpose()?,
            }),
            "git" => GitSource::read(&pointer, version).map(Self::Git),
            "url" => http(&pointer).map(Self::Url),
            "file" => Ok(Self::File(pointer)),
            "dir" | "subdirs" => Err(format!(
                "'{pointer}' is a folder of sources: pack it with 'ansible-galaxy collection build', and name the archive"
            )),
            other => Err(format!("type: '{other}' is none of galaxy, git, url and file")),
        }
    }
}

impl Role {
    /// A role in one line: `src[,version[,name]]`.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub fn of_text(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.trim().split(',').map(str::trim).collect();
        let [src, rest @ ..] = parts.as_slice() else { return Err("it is empty".to_owned()) };
        if rest.len() > 2 {
            return Err(format!("'{text}' is not written as role[,version[,name]]"));
        }
        let name = rest.get(1).map_or_else(|| name_of(src), |name| (*name).to_owned());
        let (scm, src) = parted(src);
        Self::at((name, rest.first().map(|version| (*version).to_owned())), (scm, src))
    }

    /// The role that some fields mean.
    ///
    /// # Errors
    ///
    /// A sentence.
    pub fn of(fields: RoleFields) -> Result<Self, String> {
        let RoleFields { name, role, src, scm, version } = fields;
        if let Some(role) = role.filter(|_| src.is_none()) {
            return match role.contains(',') {
                true => Err(format!("role: '{role}' has a comma: write 'src' and 'version'")),
                false => Self::at((role.clone(), version), (None, role)),
            };
        }
        let Some(src) = src.or_else(|| name.clone()) else {
            return Err("it has neither 'name' nor 'src'".to_owned());
        };
        // As ansible-galaxy has it: what is on GitHub and no archive is a repository.
        let github = src.contains("github.com") && src.starts_with("http") && !src.ends_with(".tar.gz");
        let (prefix, src) = parted(&src);
        let scm = prefix.or(scm).or_else(|| github.then(|| "git".to_owned()));
        let name = name.unwrap_or_else(|| name_of(&src));
        Self::at((name, version), (scm, src))
    }

    fn at((name, version): (String, Option<String>), (scm, src): (Option<String>, String)) -> Result<Self, String> {
        if !is_role(&name) {
            let name: String = name.chars().take(100).collect();
            return Err(format!("'{name}' can't be a role's name: letters, digits, '.', '_' and '-'"));
        }
        let version = version.filter(|version| !version.is_empty());
        let place = match scm.as_deref() {
            Some("git") => RolePlace::Git(repository(&src)?),
            Some(other) => return Err(format!("scm: '{other}' is not collected: only git is")),
            None if is_http(&src) => RolePlace::Url(http(&src)?),
            None if src.contains("://") || src.contains('@') => {
                return Err(format!("'{src}' is not http or https; a repository has 'scm: git'"));
            }
            None if is_file(&src) => RolePlace::File(src),
            None if is_role(&src) => RolePlace::Galaxy(src),
            None => return Err(format!("'{src}' is neither a role's name nor a URL nor a file")),
        };
        Ok(Self { name, version, place })
    }
}

impl GitSource {
    /// Reads `git+https://…#/folder,version`.
    fn read(text: &str, version: Option<String>) -> Result<Self, String> {
        let (text, version) = match text.split_once(',') {
            Some((text, version)) => (text, Some(version.trim().to_owned())),
            None => (text, version),
        };
        let text = text.strip_prefix("git+").unwrap_or(text);
        let (text, folder) = text.split_once('#').map_or((text, None), |(text, folder)| (text, Some(folder)));
        let folder = folder.map(|folder| folder.trim_matches('/').to_owned()).filter(|folder| !folder.is_empty());
        Ok(Self { url: repository(text)?, version: version.filter(|version| version != "HEAD"), folder })
    }
}

fn is_git(text: &str) -> bool {
    text.starts_with("git+") || text.starts_with("git@")
}

fn is_http(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Whether a text is the path of a packed collection or role.
pub(crate) fn is_file(text: &str) -> bool {
    [".tar.gz", ".tgz", ".tar"].iter().any(|ending| text.ends_with(ending)) && !text.contains("://")
}

fn http(text: &str) -> Result<UpstreamUrl, String> {
    match is_http(text) {
        true => text.parse().map_err(|error: airlift_core::upstream::UrlError| error.to_string()),
        false => Err(format!("'{text}' is not an http or https URL")),
    }
}

fn server(text: &str) -> Result<UpstreamUrl, String> {
    http(text).map_err(|_| {
        format!(
            "source: '{text}' is not a URL; a name of a server from an ansible.cfg means nothing here: write its URL"
        )
    })
}

/// The URL of a repository.
fn repository(text: &str) -> Result<UpstreamUrl, String> {
    match text.split_once(':') {
        Some((host, path)) if !path.starts_with("//") && host.contains('@') => {
            let host = host.rsplit('@').next().unwrap_or_default();
            Err(format!("'{text}' is fetched by ssh, which is not spoken here: write https://{host}/{path}"))
        }
        _ => http(text),
    }
}

/// `git+https://…` in its two parts.
fn parted(src: &str) -> (Option<String>, String) {
    match src.split_once('+') {
        Some((scm, rest)) if scm.chars().all(|c| c.is_ascii_alphabetic()) => (Some(scm.to_owned()), rest.to_owned()),
        _ => (None, src.to_owned()),
    }
}

/// What a role is called where nobody says it: the last part of its URL.
fn name_of(src: &str) -> String {
    if !src.contains("://") && !src.contains('@') {
        return src.to_owned();
    }
    let last = src.rsplit('/').next().unwrap_or_default();
    let last = last.strip_suffix(".git").unwrap_or(last);
    last.strip_suffix(".tar.gz").unwrap_or(last).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> UpstreamUrl {
        text.parse().expect("a URL")
    }

    fn role(name: &str, version: &str, place: RolePlace) -> Role {
        let version = Some(version.to_owned()).filter(|version| !version.is_empty());
        Role { name: name.to_owned(), version, place }
    }

    fn fields(src: &str, more: fn(&mut RoleFields)) -> RoleFields {
        let mut fields = RoleFields { src: Some(src.to_owned()), ..RoleFields::default() };
        more(&mut fields);
        fields
    }

    #[test]
    fn roles_are_read_in_all_their_forms() {
        let galaxy = |name: &str| RolePlace::Galaxy(name.to_owned());
        let git = RolePlace::Git(url("https://github.com/NVIDIA/ansible-role-enroot.git"));
        for (text, expected) in [
            ("geerlingguy.ntp", role("geerlingguy.ntp", "", galaxy("geerlingguy.ntp"))),
            ("geerlingguy.ntp,4.0.0", role("geerlingguy.ntp", "4.0.0", galaxy("geerlingguy.ntp"))),
            ("geerlingguy.ntp,4.0.0,ntp", role("ntp", "4.0.0", galaxy("geerlingguy.ntp"))),
            (
                "git+https://github.com/NVIDIA/ansible-role-enroot.git,v0.5.0",
                role("ansible-role-enroot", "v0.5.0", git.clone()),
            ),
            (
                "https://e.org/x/ntp-1.0.tar.gz",
                role("ntp-1.0", "", RolePlace::Url(url("https://e.org/x/ntp-1.0.tar.gz"))),
            ),
        ] {
            assert_eq!(Role::of_text(text), Ok(expected), "{text}");
        }
        let enroot = "https://github.com/NVIDIA/ansible-role-enroot.git";
        assert_eq!(
            Role::of(fields(enroot, |fields| fields.name = Some("nvidia.enroot".into()))),
            Ok(role("nvidia.enroot", "", git.clone()))
        );
        assert_eq!(
            Role::of(fields(enroot, |fields| fields.scm = Some("git".into()))),
            Ok(role("ansible-role-enroot", "", git))
        );
        assert_eq!(
            Role::of(fields("https://github.com/a/b/archive/1.tar.gz", |_| {})),
            Ok(role("1", "", RolePlace::Url(url("https://github.com/a/b/archive/1.tar.gz"))))
        );
        let old = RoleFields { role: Some("a.b".into()), ..RoleFields::default() };
        assert_eq!(Role::of(old), Ok(role("a.b", "", galaxy("a.b"))));
        assert_eq!(
            Role::of_text("roles/ntp.tar.gz,,ntp"),
            Ok(role("ntp", "", RolePlace::File("roles/ntp.tar.gz".into())))
        );
    }

    #[test]
    fn roles_that_can_not_be_had_are_refused_with_what_to_write() {
        for (text, expected) in [
            ("a,b,c,d", "role[,version[,name]]"),
            ("../../etc/passwd", "can't be a role's name"),
            ("hg+https://e.org/x", "only git is"),
            ("git+git@github.com:a/b.git", "write https://github.com/a/b.git"),
            ("ftp://e.org/x", "is not http or https"),
            ("", "can't be a role's name"),
        ] {
            let error = Role::of_text(text).expect_err(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
        assert!(Role::of(RoleFields::default()).is_err());
    }

    #[test]
    fn collections_are_read_in_all_their_forms() {
        let of = |name: &str, version: &str, source: &str, kind: &str| {
            let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            Collection::of(CollectionFields {
                name: some(name),
                version: some(version),
                source: some(source),
                kind: some(kind),
            })
        };
        let name = || "community.general".parse().expect("a name");
        let range = |text: &str| text.parse().expect("a range");
        let plain = Collection::Galaxy { name: name(), range: Range::any(), source: None };
        assert_eq!(Collection::of_text("community.general"), Ok(plain.clone()));
        assert_eq!(of("community.general", "*", "", "galaxy"), Ok(plain));
        assert_eq!(
            of("community.general", ">=9,<10", "https://hub.example.org/api/galaxy/", ""),
            Ok(Collection::Galaxy {
                name: name(),
                range: range(">=9,<10"),
                source: Some(url("https://hub.example.org/api/galaxy/"))
            })
        );
        let git = |folder: Option<&str>, version: Option<&str>| {
            let (version, folder) = (version.map(str::to_owned), folder.map(str::to_owned));
            Ok(Collection::Git(GitSource { url: url("https://e.org/a/b.git"), version, folder }))
        };
        assert_eq!(of("https://e.org/a/b.git", "v1", "", "git"), git(None, Some("v1")));
        assert_eq!(of("git+https://e.org/a/b.git#/x/y/,main", "", "", ""), git(Some("x/y"), Some("main")));
        assert_eq!(of("a.b", "", "git+https://e.org/a/b.git", ""), git(None, None));
        let packed = Ok(Collection::Url(url("https://e.org/a-b-1.0.0.tar.gz")));
        assert_eq!(of("https://e.org/a-b-1.0.0.tar.gz", "", "", ""), packed);
        assert_eq!(of("a.b", "", "https://e.org/a-b-1.0.0.tar.gz", "url"), packed);
        assert_eq!(of("./a-b-1.0.0.tar.gz", "", "", ""), Ok(Collection::File("./a-b-1.0.0.tar.gz".into())));
        for (name, version, source, kind, expected) in [
            ("", "", "", "", "neither 'name' nor 'source'"),
            ("../x", "", "", "", "no collection's name"),
            ("a.b", "newest", "", "", "no range of versions"),
            ("a.b", "", "my_hub", "", "write its URL"),
            ("./a", "", "", "dir", "ansible-galaxy collection build"),
            ("a.b", "", "", "svn", "none of galaxy, git, url and file"),
            ("git@github.com:a/b.git", "", "", "git", "write https://github.com/a/b.git"),
        ] {
            let error = of(name, version, source, kind).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
