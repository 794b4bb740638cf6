//! The unit's text, and what a unit says.

use super::words;

/// Where the unit is.
pub(crate) const PATH: &str = "/etc/systemd/system/airlift.service";
/// The link that starts it with the system.
pub(crate) const WANTED: &str = "/etc/systemd/system/multi-user.target.wants/airlift.service";
/// What systemd calls it.
pub(crate) const NAME: &str = "airlift.service";
/// The program that the unit starts.
pub(crate) const PROGRAM: &str = "/usr/local/bin/airlift";
/// The one folder that the service may be allowed to write in.
pub(crate) const LOGS: &str = "/var/log/airlift";

/// The one place that has the text of the unit.
const TEMPLATE: &str = include_str!("airlift.service");

/// What a unit is written from.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// The account that it runs as.
    pub(crate) user: String,
    /// The store or the archive that is served: an absolute path.
    pub(crate) store: String,
    /// The options of `serve`.
    pub(crate) options: Vec<String>,
    /// Whether a port is below 1024, which takes a capability.
    pub(crate) low_port: bool,
    /// Whether the access log is a file in [`LOGS`].
    pub(crate) writes_log: bool,
}

impl Unit {
    /// The command that it starts.
    pub(crate) fn command(&self) -> Vec<&str> {
        let options = self.options.iter().map(String::as_str);
        [PROGRAM, "serve"].into_iter().chain(options).chain([self.store.as_str()]).collect()
    }

    /// The unit file.
    pub(crate) fn text(&self) -> String {
        let homes = ["/home/", "/root/", "/run/user/"];
        // The store, or a key.
        let in_homes = self.command().iter().any(|word| homes.iter().any(|homes| word.contains(homes)));
        let logs = format!("LogsDirectory={}\n", LOGS.trim_start_matches("/var/log/"));
        let values = [
            ("@COMMAND@", words::join(self.command())),
            ("@STORE_TEXT@", words::escape(&self.store)),
            ("@STORE@", words::setting(&self.store)),
            ("@USER@", self.user.clone()),
            ("@HOMES@", if in_homes { "read-only" } else { "yes" }.to_owned()),
            ("@LOGS@\n", if self.writes_log { logs } else { String::new() }),
            // A capability of a user namespace opens no port of the host.
            ("@OWN_USERS@", if self.low_port { "no" } else { "yes" }.to_owned()),
            ("@CAPABILITIES@", if self.low_port { "CAP_NET_BIND_SERVICE" } else { "" }.to_owned()),
        ];
        values.iter().fold(TEMPLATE.to_owned(), |text, (name, value)| text.replace(name, value))
    }
}

/// The options and the store of a unit that was written here.
pub(crate) fn serve_arguments(text: &str) -> Option<Vec<String>> {
    let line = text.lines().find_map(|line| line.strip_prefix("ExecStart="))?;
    words::split(line).get(2..).map(<[String]>::to_vec)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(store: &str, options: &[&str]) -> Unit {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Unit { user: "airlift".to_owned(), store: store.to_owned(), options, low_port: false, writes_log: false }
    }

    #[test]
    fn a_unit_says_what_it_was_made_of() {
        let unit = unit("/srv/100% offline", &["--port", "oci=5001", "--access-log", "off"]);
        let text = unit.text();
        let arguments = serve_arguments(&text).expect("a command");
        assert_eq!(arguments, ["--port", "oci=5001", "--access-log", "off", "/srv/100% offline"]);
        assert!(!text.contains('@') || !text.contains("@STORE"), "{text}");
        assert!(
            self::unit("/srv/$x", &[]).text().contains("\nRequiresMountsFor=/srv/$x\n"),
            "only a command has variables"
        );
    }

    #[test]
    fn a_unit_is_as_tight_as_its_options_let_it_be() {
        let usual = unit("/opt/deepops", &[]);
        insta::assert_snapshot!("usual", usual.text());
        let low = Unit { low_port: true, ..usual.clone() }.text();
        assert!(
            low.contains("AmbientCapabilities=CAP_NET_BIND_SERVICE\n") && low.contains("PrivateUsers=no\n"),
            "{low}"
        );
        let log = Unit { writes_log: true, ..usual }.text();
        assert!(log.contains("\nLogsDirectory=airlift\n"), "{log}");
        assert!(unit("/home/ops/store", &[]).text().contains("ProtectHome=read-only\n"));
    }
}
