//! What points `ansible-galaxy` here: `GALAXY_SERVER` (ansible-galaxy's configuration settings), in the file that holds where
//! no project brings its own, and as the variable, which holds before any file.

use airlift_kind::client::{Ask, Change, LineEdit, one_line};
use airlift_kind::{Address, Client, ClientFile, View};

/// What the clients of this kind need.
pub(crate) fn clients(view: &View, address: Address<'_>) -> Vec<Client> {
    if view.below("").is_empty() {
        return Vec::new();
    }
    let server = format!("{}/galaxy/", address.base());
    let edits = vec![LineEdit {
        section: Some("galaxy".to_owned()),
        key: "server".to_owned(),
        line: Some(format!("server = {server}")),
        continued: true,
    }];
    let profile = format!("# {}\nexport ANSIBLE_GALAXY_SERVER='{server}'\n", one_line(view.describe()));
    vec![Client {
        files: vec![
            ClientFile::new("/etc/ansible/ansible.cfg", Change::Lines { edits }),
            ClientFile::whole("/etc/profile.d/airlift-galaxy.sh", profile),
        ],
        notes: vec![format!(
            "a project's own ansible.cfg hides /etc/ansible/ansible.cfg: there ANSIBLE_GALAXY_SERVER={server} has to be in the environment, as it is after the next login; what a requirements.yml takes from URLs is in {server}requirements.yml"
        )],
        asks: vec![Ask::that_names_the_mirror(["ansible-config", "dump", "--only-changed"])],
        ..Client::named("ansible-galaxy")
    }]
}
