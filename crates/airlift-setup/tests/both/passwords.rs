//! A mirror that asks for a name and a password.

use airlift_kind::client::placeholder;
use airlift_setup::Credentials;

use super::*;

/// The list of a mirror that asks for a name and a password.
fn guarded() -> List {
    let line = format!("machine m login {} password {}\n", placeholder::USER, placeholder::PASSWORD);
    let entry = JsonValue::Entry {
        name: "m:5000".into(),
        value: BTreeMap::from([("auth".to_owned(), placeholder::BASIC.to_owned())]),
    };
    let login = Change::Json { edits: vec![JsonEdit { key: "auths".into(), value: entry }] };
    let client = Client {
        files: vec![
            ClientFile::new("/root/.netrc", Change::Block { content: line.clone() }).secret(),
            ClientFile::new("/root/.docker/config.json", login.clone()).secret(),
            ClientFile::new("/root/.config/containers/auth.json", login).secret(),
            ClientFile::whole("/etc/apt/auth.conf.d/airlift.conf", line.clone()).secret(),
            ClientFile::whole("/etc/open", line),
        ],
        ..Client::named("netrc")
    };
    List { users: true, clients: vec![client], ..list() }
}

#[test]
fn a_password_is_in_files_that_nobody_else_reads_and_nowhere_else() {
    let prepare = |root: &Path| {
        write(root, "root/.netrc", "machine x login y password z\n", 0o644);
        write(root, "root/.docker/config.json", "{\"credsStore\": \"x\", \"auths\": {\"a\": {}}}", 0o644);
    };
    let password = "a&b\\!{}".replace('\\', "%");
    let credentials = Some(Credentials::new("site", &password).expect("they fit"));
    let (ours, secret) = (host(prepare), tempfile::NamedTempFile::new().expect("a file"));
    fs::write(secret.path(), format!("{password}\r\nmore\n")).expect("a file");
    let before = listing(ours.path());
    let root = Root::new(ours.path()).expect("a root");
    let refused = put_in(&guarded(), &root, &Options::default(), &mut |_| {}).expect_err("refused");
    assert!(matches!(refused, SetupError::NoCredentials), "{refused}");
    let options = Options { credentials, ..Options::default() };
    setup(&guarded(), ours.path(), &options);
    let after = listing(ours.path());
    let netrc = "# airlift: begin\nmachine m login site password a&b%!{}\n# airlift: end\n";
    assert_eq!(after["root/.netrc"], format!("100600 machine x login y password z\n{netrc}"));
    assert!(after["root/.docker/config.json"].starts_with("100600 "), "{after:?}");
    for (path, text) in &after {
        assert!(!text.contains(&password) || text.starts_with("100600 "), "{path}: {text}");
    }
    assert!(after["etc/open"].contains("@AIRLIFT_PASSWORD@"), "a file that all can read has none");
    assert_eq!(setup(&guarded(), ours.path(), &options).0, 0, "a second time");
    let earlier = Credentials::of_earlier_setup(&root, "m").map(|found| found.basic());
    assert_eq!(earlier, options.credentials.as_ref().map(Credentials::basic));
    assert!(Credentials::of_earlier_setup(&root, "x").is_none());

    let file = secret.path().to_str().expect("UTF-8");
    for shell in shells() {
        let theirs = host(prepare);
        let without = run(shell, &guarded(), theirs.path(), &[]);
        assert!(String::from_utf8_lossy(&without.stderr).contains("--password-file"), "{shell}: {without:?}");
        assert_eq!(listing(theirs.path()), before, "{shell}");
        let with = ["--user", "site", "--password-file", file];
        let told = good(&run(shell, &guarded(), theirs.path(), &with));
        assert!(!told.contains(&password), "{told}");
        assert_eq!(listing(theirs.path()), after, "{shell}");
        assert!(good(&run(shell, &guarded(), theirs.path(), &with)).contains("Nothing had to be changed."));
        good(&run(shell, &guarded(), theirs.path(), &["--revert"]));
        assert_eq!(listing(theirs.path()), before, "{shell} --revert");
    }
    assert_eq!(back(ours.path()), 0);
    assert_eq!(listing(ours.path()), before);
    fs::write(secret.path(), "a b\n").expect("a file");
    let refused = run("sh", &guarded(), ours.path(), &["--user", "site", "--password-file", file]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("a character"), "{refused:?}");
}
