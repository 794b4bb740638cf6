//! ansible-galaxy installs collections and roles from a mirror alone, by the Galaxy API.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use airlift_e2e::galaxy_server::GalaxyServer;
use airlift_e2e::isolated::Namespace;
use airlift_e2e::mirror::{Mirror, refusal};
use airlift_e2e::process::{describe, output, run};
use airlift_e2e::temporary;
use airlift_e2e::tools::{home, present, tool};

/// Every version of the client that is tested: the newest, and the one that DeepOps installs.
fn clients() -> [PathBuf; 2] {
    [tool("ansible-galaxy"), home().join("ansible-2.17/bin/ansible-galaxy")]
}

fn upstream(work: &Path) -> GalaxyServer {
    let server = GalaxyServer::start(work);
    server.publish("example.general", "8.9.0", &[]);
    server.publish("example.general", "9.5.1", &[("example.utils", ">=1.0.0,<3")]);
    server.publish("example.general", "10.0.0", &[]);
    server.publish("example.utils", "1.0.0", &[]);
    server.publish("example.utils", "2.1.0", &[]);
    server.publish("example.utils", "3.0.0", &[]);
    server.role("acme.epel", "1.0.0", "galaxy_info: {author: A}\ndependencies: []\n");
    server.role(
        "acme.ntp",
        "4.0.0",
        "galaxy_info: {author: A}\ndependencies:\n  - { role: acme.epel, version: 1.0.0 }\n",
    );
    server.role("acme.ntp", "4.10.0", "galaxy_info: {author: A}\ndependencies: [acme.epel]\n");
    server
}

/// The client in a home of its own, inside of the namespace.
struct Client<'a> {
    program: &'a Path,
    home: PathBuf,
    namespace: &'a Namespace,
    server: String,
}

impl Client<'_> {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut galaxy = Command::new(self.program);
        galaxy.args(arguments).env("HOME", &self.home).env("ANSIBLE_HOME", self.home.join("ansible"));
        galaxy.env("ANSIBLE_GALAXY_SERVER", &self.server).current_dir(&self.home);
        galaxy.env("ANSIBLE_COLLECTIONS_PATH", self.home.join("collections"));
        galaxy.env("ANSIBLE_ROLES_PATH", self.home.join("roles")).env("ANSIBLE_NOCOLOR", "1");
        self.namespace.inside(&galaxy)
    }

    fn run(&self, arguments: &[&str]) -> String {
        String::from_utf8_lossy(&run(&mut self.command(arguments)).stdout).into_owned()
    }

    fn read(&self, file: &str) -> String {
        let path = self.home.join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    fn clean(&self) {
        for folder in ["collections", "roles", "ansible"] {
            let _ = fs::remove_dir_all(self.home.join(folder));
        }
    }
}

#[test]
fn an_unmodified_requirements_file_is_installed_from_the_mirror_alone() {
    if !present(&["ansible-galaxy", "ip", "curl"]) {
        return;
    }
    let (work, namespace) = (temporary::folder(), Namespace::new());
    let server = upstream(&work.path().join("upstream"));
    let requirements = "collections:\n  - { name: example.general, version: \">=9,<10\" }\nroles:\n  - { src: acme.ntp }\n  - { name: ntp4, src: acme.ntp, version: 4.0.0 }\n";
    fs::write(work.path().join("requirements.yml"), requirements).expect("the file can be written");
    let manifest = format!(
        "version: 1\nname: galaxy\ngalaxy:\n  - {{ requirements: [\"{}\"], server: \"{}\" }}\n",
        work.path().join("requirements.yml").display(),
        server.url()
    );
    let mirror = Mirror::inside("galaxy", &manifest, &namespace);
    namespace.prove_alone(server.address());
    let before = server.asked().len();
    for (number, program) in clients().iter().enumerate() {
        let home = work.path().join(format!("home-{number}"));
        fs::create_dir_all(&home).expect("a folder can be made");
        fs::write(home.join("requirements.yml"), requirements).expect("the file can be written");
        let client = Client { program, home, namespace: &namespace, server: mirror.url("/galaxy/") };
        client.run(&["collection", "install", "-r", "requirements.yml"]);
        let general = client.read("collections/ansible_collections/example/general/MANIFEST.json");
        assert!(general.contains("\"9.5.1\""), "{general}");
        let utils = client.read("collections/ansible_collections/example/utils/MANIFEST.json");
        assert!(utils.contains("\"2.1.0\""), "{utils}");
        let verified = client.run(&["collection", "verify", "example.general:9.5.1"]);
        assert!(verified.contains("Successfully verified"), "{verified}");
        assert!(client.run(&["collection", "list"]).contains("example.utils"));
        client.run(&["collection", "download", "example.general", "-p", "downloaded"]);
        assert!(client.home.join("downloaded/example-utils-2.1.0.tar.gz").is_file());

        client.run(&["role", "install", "-r", "requirements.yml"]);
        assert!(client.read("roles/acme.ntp/tasks/main.yml").contains("acme.ntp 4.10.0"));
        assert!(client.read("roles/ntp4/tasks/main.yml").contains("acme.ntp 4.0.0"));
        assert!(client.read("roles/acme.epel/tasks/main.yml").contains("acme.epel 1.0.0"));

        let mut gone = client.command(&["collection", "install", "example.gone"]);
        let refused = output(&mut gone);
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("example.gone"), "{}", describe(&gone, &refused));
        let mut gone = client.command(&["role", "install", "acme.gone"]);
        let refused = output(&mut gone);
        let said = String::from_utf8_lossy(&refused.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(!refused.status.success() && said.contains("acme.gone was not found on"), "{said}");

        // The mirror's own file needs no setting at all.
        client.clean();
        let own = namespace.get(&mirror.url("/galaxy/requirements.yml"));
        fs::write(client.home.join("own.yml"), own).expect("the file can be written");
        let client = Client { server: "http://127.0.0.1:9/".to_owned(), ..client };
        client.run(&["collection", "install", "-r", "own.yml"]);
        client.run(&["role", "install", "-r", "own.yml"]);
        assert!(client.read("collections/ansible_collections/example/utils/MANIFEST.json").contains("\"2.1.0\""));
        assert!(client.read("roles/ntp4/tasks/main.yml").contains("acme.ntp 4.0.0"));
    }
    assert_eq!(server.asked().len(), before, "upstream was asked");
}

#[test]
fn what_is_missing_is_named_with_the_file_that_wants_it() {
    if !present(&["ansible-galaxy"]) {
        return;
    }
    let work = temporary::folder();
    let server = upstream(&work.path().join("upstream"));
    let file = work.path().join("requirements.yml");
    let text = "collections: [{name: example.general, version: \">=11\"}, example.gone]\nroles: [{src: acme.ntp, version: 9.9.9}]\n";
    fs::write(&file, text).expect("the file can be written");
    let said = refusal(&format!(
        "version: 1\nname: galaxy\ngalaxy:\n  - {{ requirements: [\"{}\"], server: \"{}\" }}\n",
        file.display(),
        server.url()
    ));
    for expected in [
        format!("{} wants example.general >=11", file.display()),
        "there is no example.general >=11 (of 3 versions the newest is 10.0.0)".to_owned(),
        format!("there is no example.gone: {} has none", server.url()),
        format!("there is no 9.9.9; 2 versions are there, such as 4.0.0, 4.10.0 (wanted by {})", file.display()),
    ] {
        assert!(said.contains(&expected), "{expected}\n{said}");
    }
}
