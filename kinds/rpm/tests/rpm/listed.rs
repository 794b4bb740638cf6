//! Repositories of made-up packages, with all the metadata that real ones have.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::Path;

use airlift_core::{Digest, Plan, Source};
use airlift_kind_rpm::format::nevra::Nevra;
use airlift_kind_rpm::format::{comps, primary, repomd};

/// A package.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    nevra: String,
    relations: Vec<(&'static str, String)>,
    files: Vec<String>,
    hidden: Vec<String>,
    source: String,
}

/// A package of this name, which provides itself.
pub(crate) fn package(nevra: &str) -> Package {
    Package { nevra: nevra.to_owned(), relations: vec![], files: vec![], hidden: vec![], source: String::new() }
}

impl Package {
    fn with(mut self, kind: &'static str, text: &str) -> Self {
        self.relations.push((kind, text.to_owned()));
        self
    }

    pub(crate) fn requires(self, text: &str) -> Self {
        self.with("requires", text)
    }

    pub(crate) fn provides(self, text: &str) -> Self {
        self.with("provides", text)
    }

    pub(crate) fn conflicts(self, text: &str) -> Self {
        self.with("conflicts", text)
    }

    pub(crate) fn obsoletes(self, text: &str) -> Self {
        self.with("obsoletes", text)
    }

    pub(crate) fn recommends(self, text: &str) -> Self {
        self.with("recommends", text)
    }

    pub(crate) fn supplements(self, text: &str) -> Self {
        self.with("supplements", text)
    }

    /// A file that the list of packages has.
    pub(crate) fn file(mut self, path: &str) -> Self {
        self.files.push(path.to_owned());
        self
    }

    /// A file that only the list of files has.
    pub(crate) fn hidden(mut self, path: &str) -> Self {
        self.hidden.push(path.to_owned());
        self
    }

    pub(crate) fn source(mut self, name: &str) -> Self {
        name.clone_into(&mut self.source);
        self
    }

    fn location(&self) -> String {
        format!("Packages/{}.rpm", self.nevra.replace(':', "_"))
    }

    fn bytes(&self) -> String {
        format!("the package {}", self.nevra)
    }

    fn pkgid(&self) -> String {
        Digest::of(self.bytes().as_bytes()).hex()
    }

    fn parts(&self) -> [String; 5] {
        let nevra = Nevra::parse(&self.nevra).expect(&self.nevra);
        let (evr, name) = (nevra.evr, nevra.name.to_owned());
        [name, evr.epoch.to_string(), evr.version.to_owned(), evr.release.to_owned(), nevra.arch.to_owned()]
    }

    fn primary(&self) -> String {
        let [name, epoch, version, release, arch] = self.parts();
        let mut lists = String::new();
        let own = [("provides", format!("{name} = {epoch}:{version}-{release}"))];
        for kind in ["provides", "requires", "conflicts", "obsoletes", "recommends", "supplements"] {
            let of = own.iter().chain(&self.relations).filter(|(one, _)| *one == kind);
            let entries: String = of.map(|(_, text)| entry(text)).collect();
            let _ = write!(lists, "<rpm:{kind}>{entries}</rpm:{kind}>");
        }
        let files: String = self.files.iter().map(|file| format!("<file>{file}</file>")).collect();
        format!(
            "<package type=\"rpm\"><name>{name}</name><arch>{arch}</arch><version epoch=\"{epoch}\" ver=\"{version}\" \
             rel=\"{release}\"/><checksum type=\"sha256\" pkgid=\"YES\">{}</checksum><summary>A &amp; B</summary>\
             <size package=\"{}\" installed=\"1\" archive=\"1\"/><location href=\"{}\"/><format><rpm:license>MIT</rpm:license>\
             <rpm:sourcerpm>{}</rpm:sourcerpm>{lists}{files}</format></package>\n",
            self.pkgid(),
            self.bytes().len(),
            self.location(),
            self.source
        )
    }

    fn listed(&self, more: &str) -> String {
        let [name, epoch, version, release, arch] = self.parts();
        format!(
            "<package pkgid=\"{}\" name=\"{name}\" arch=\"{arch}\"><version epoch=\"{epoch}\" ver=\"{version}\" \
             rel=\"{release}\"/>{more}</package>\n",
            self.pkgid()
        )
    }
}

/// A relation as metadata has it.
fn entry(text: &str) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts: Vec<&str> = text.split(' ').collect();
    let [name, sign, evr] = parts[..] else { return format!("<rpm:entry name=\"{}\"/>", escaped(text)) };
    if name.starts_with('(') {
        return format!("<rpm:entry name=\"{}\"/>", escaped(text));
    }
    let flags = [("<", "LT"), ("<=", "LE"), ("=", "EQ"), (">=", "GE"), (">", "GT")];
    let flags = flags.iter().find(|(one, _)| *one == sign).expect("a sign").1;
    let (epoch, evr) = evr.split_once(':').unwrap_or(("0", evr));
    let (version, release) = evr.split_once('-').map_or((evr, String::new()), |(v, r)| (v, format!(" rel=\"{r}\"")));
    format!("<rpm:entry name=\"{}\" flags=\"{flags}\" epoch=\"{epoch}\" ver=\"{version}\"{release}/>", escaped(name))
}

/// A repository in a folder.
pub(crate) struct Listed {
    folder: tempfile::TempDir,
    pub(crate) packages: Vec<Package>,
    pub(crate) comps: &'static str,
    pub(crate) modules: &'static str,
    pub(crate) updates: &'static str,
}

impl Listed {
    /// A repository with these packages, written.
    pub(crate) fn new(packages: &[Package]) -> Self {
        let this = Self {
            folder: tempfile::tempdir().expect("a folder"),
            packages: packages.to_vec(),
            comps: "",
            modules: "",
            updates: "",
        };
        this.write();
        this
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its entry in a manifest.
    pub(crate) fn entry(&self, id: &str, rest: &str) -> String {
        let url = url::Url::from_file_path(self.folder.path()).expect("a URL");
        format!("{{ id: {id}, baseurl: \"{url}/\", unsigned: true, {rest} }}")
    }

    pub(crate) fn write(&self) {
        for package in &self.packages {
            self.put(&package.location(), package.bytes().as_bytes());
        }
        let all = |text: &dyn Fn(&Package) -> String| self.packages.iter().map(text).collect::<String>();
        let list = |root: &str, packages: String| {
            format!(
                "<?xml version=\"1.0\"?>\n<{root} xmlns=\"http://linux.duke.edu/metadata/x\" \
                 xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\" packages=\"{}\">\n{packages}</{root}>\n",
                self.packages.len()
            )
        };
        let file = |file: &String| format!("<file>{file}</file>");
        let files = |one: &Package| one.listed(&one.files.iter().chain(&one.hidden).map(file).collect::<String>());
        let documents = [
            ("primary", "xml", list("metadata", all(&Package::primary))),
            ("filelists", "xml", list("filelists", all(&files))),
            (
                "other",
                "xml",
                list("otherdata", all(&|one| one.listed("<changelog author=\"a\" date=\"1\">b</changelog>"))),
            ),
            ("group", "xml", self.comps.to_owned()),
            ("modules", "yaml", self.modules.to_owned()),
            ("updateinfo", "xml", self.updates.to_owned()),
            ("productid", "txt", "a product".to_owned()),
            ("primary_db", "sqlite", "a database".to_owned()),
            ("prestodelta", "xml", "<prestodelta/>".to_owned()),
        ];
        let mut root = "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"><revision>1700000000</revision>\
                        <tags><content>binary-x86_64</content><distro cpeid=\"cpe:/o:x:y:9\">X 9</distro></tags>\n"
            .to_owned();
        for (kind, ending, text) in documents.iter().filter(|(.., text)| !text.is_empty()) {
            let packed = pack(text.as_bytes());
            let name = format!("repodata/{kind}.{ending}.gz");
            self.put(&name, &packed);
            let _ = writeln!(
                root,
                "<data type=\"{kind}\"><checksum type=\"sha256\">{}</checksum><open-checksum type=\"sha256\">{}\
                 </open-checksum><location href=\"{name}\"/><timestamp>1700000001</timestamp><size>{}</size>\
                 <open-size>{}</open-size></data>",
                Digest::of(&packed).hex(),
                Digest::of(text.as_bytes()).hex(),
                packed.len(),
                text.len()
            );
        }
        self.put("repodata/repomd.xml", format!("{root}</repomd>\n").as_bytes());
    }

    pub(crate) fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, bytes).expect("a file");
    }
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

/// The packages of a repository in a plan, by their names in its list; they have to be what travels.
pub(crate) fn packages(plan: &Plan, id: &str) -> Vec<String> {
    let mut found = Vec::new();
    let text = metadata(plan, id, "primary").expect("a list of packages");
    primary::read(text.as_bytes(), |one| {
        found.push(one.href.path().as_str().to_owned());
        Ok(())
    })
    .expect("a list of packages");
    let mut travel: Vec<&str> =
        plan.entries.iter().filter_map(|entry| entry.path.as_str().strip_prefix(&format!("rpm/{id}/"))).collect();
    travel.retain(|path| path.ends_with(".rpm"));
    found.sort();
    assert_eq!(found, travel, "what is listed travels, and nothing else");
    let name = |path: &String| path.trim_start_matches("Packages/").trim_end_matches(".rpm").to_owned();
    found.iter().map(name).collect()
}

/// The bytes of something in a plan that was made.
pub(crate) fn made(plan: &Plan, path: &str) -> Option<Vec<u8>> {
    match &plan.entries.iter().find(|entry| entry.path.as_str() == path)?.source {
        Source::Generated(bytes) => Some(bytes.to_vec()),
        other => panic!("{path}: {other:?}"),
    }
}

/// The root of a repository in a plan.
pub(crate) fn root(plan: &Plan, id: &str) -> repomd::Repomd {
    let bytes = made(plan, &format!("rpm/{id}/repodata/repomd.xml")).expect("a root");
    repomd::read(&bytes).expect("a root")
}

/// A regenerated document, unpacked; it has to be what the root says.
pub(crate) fn metadata(plan: &Plan, id: &str, kind: &str) -> Option<String> {
    let data = root(plan, id).data.into_iter().find(|data| data.kind == kind)?;
    let bytes = made(plan, &format!("rpm/{id}/{}", data.href.path())).expect("the document");
    assert!(data.checksum.matches(&bytes) && data.size == Some(bytes.len() as u64), "{kind}");
    let mut text = String::new();
    match data.href.path().as_str().ends_with(".gz") {
        true => {
            flate2::read::GzDecoder::new(&bytes[..]).read_to_string(&mut text).expect("gzip");
            assert!(data.open_checksum.expect("a checksum").matches(text.as_bytes()), "{kind}");
            assert_eq!(data.open_size, Some(text.len() as u64), "{kind}");
        }
        false => text = String::from_utf8(bytes).expect("a text"),
    }
    Some(text)
}

/// The ids of the groups of a text.
pub(crate) fn groups(text: &str) -> Vec<String> {
    comps::read(text.as_bytes()).expect("groups").groups.into_iter().map(|group| group.id).collect()
}
