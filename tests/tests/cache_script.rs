//! `scripts/build_offline_cache.sh`: what it makes of the old script's variables.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use airlift_e2e::process::output;
use airlift_e2e::temporary;
use airlift_e2e::tools::checkout;

/// Calls a copy of the script in a checkout that has nothing else; the program in PATH only prints how it was called.
fn call(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    let folder = temporary::folder();
    for name in ["scripts", "bin"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let script = folder.path().join("scripts/build_offline_cache.sh");
    fs::copy(checkout().join("scripts/build_offline_cache.sh"), &script).expect("a copy");
    let program = folder.path().join("bin/airlift");
    fs::write(&program, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n").expect("a file");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a mode");
    let mut command = Command::new(&script);
    command.args(arguments).env_clear().envs(variables.iter().copied());
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.path().join("bin").display()));
    output(&mut command)
}

/// What it called, and what it said.
fn called(variables: &[(&str, &str)], arguments: &[&str]) -> (String, String) {
    let done = call(variables, arguments);
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    (String::from_utf8_lossy(&done.stdout).trim_end().replace('\n', " "), said)
}

#[test]
fn the_pages_command_collects_the_profile() {
    assert_eq!(called(&[], &[]).0, "collect");
    assert_eq!(called(&[], &["-e", "os=el9", "--keep-going"]).0, "collect -e os=el9 --keep-going");
}

#[test]
fn old_variables_mean_what_they_meant() {
    let (words, _) =
        called(&[("DEEPOPS_BUILD_TARBALL", "0"), ("DEST_DIR", "/data/cache")], &["-edownload_pip_packages=no"]);
    assert_eq!(words, "collect --store /data/cache --no-archive -e python_packages=false");
    let (words, said) =
        called(&[], &["-e", r#"yum_repos_to_sync=["cuda", "base", "epel", "ours"]"#, "-e", "tar_file_path=/x.tar"]);
    assert_eq!(
        words,
        "collect -o /x.tar -e distribution_repositories=true -e epel_repository=true -e nvidia_repositories=true"
    );
    assert!(said.contains("'ours'"), "{said}");
    let (words, _) = called(&[], &["-e", "yum_repos_to_sync=docker-ce-stable", "-e", "download_docker_images=0"]);
    assert_eq!(words, "collect -e docker_repository=true -e nvidia_repositories=false -e container_images=false");
}

#[test]
fn nothing_is_passed_over_silently() {
    let (words, said) = called(&[("DEEPOPS_CONFIG_DIR", "config")], &["-e", "ksonnet_url=x", "-e", "helm_port=1"]);
    assert_eq!(words, "collect");
    for name in [
        "DEEPOPS_CONFIG_DIR is set, and nothing",
        "ksonnet_url is set, and nothing",
        "helm_port is set, and means nothing",
    ] {
        assert!(said.contains(name), "{name}\n{said}");
    }
    for wrong in ["download_helm_repos=perhaps", "build_tar_file=perhaps", "download_yum_repos=perhaps", "TARBALL='/x"]
    {
        let refused = call(&[], &["-e", wrong]);
        assert_eq!(refused.status.code(), Some(2), "{wrong}: {}", String::from_utf8_lossy(&refused.stderr));
        assert!(refused.stdout.is_empty(), "{wrong}: it went on");
    }
}

#[test]
fn one_e_may_have_several_variables() {
    for (typed, expected) in [
        ("tar_file_path=/x/a.tar os=el9", "collect -o /x/a.tar -e os=el9"),
        ("os=el9 slurm=false", "collect -e os=el9 slurm=false"),
        ("os=el9 tar_file_path='/x y/a.tar' slurm=false", "collect -o /x y/a.tar -e os=el9 -e slurm=false"),
        (
            "yum_repos_to_sync=[cuda, epel] os=el9",
            "collect -e epel_repository=true -e nvidia_repositories=true -e os=el9",
        ),
        ("{tar_file_path: /x}", "collect -e {tar_file_path: /x}"),
    ] {
        assert_eq!(called(&[], &["-e", typed]).0, expected, "{typed}");
    }
}

#[test]
fn no_repositories_are_none_and_yes_is_the_list() {
    let (words, said) = called(&[], &["-e", "download_yum_repos=no", "-e", "yum_repos_to_sync=epel"]);
    let none = ["nvidia_repositories", "distribution_repositories", "epel_repository", "docker_repository"];
    assert_eq!(words, format!("collect{}", none.map(|name| format!(" -e {name}=false")).concat()));
    assert!(said.contains("nothing follows from yum_repos_to_sync"), "{said}");
    let (words, _) = called(&[], &["-e", "download_yum_repos=yes", "-e", "yum_repos_to_sync=epel"]);
    assert_eq!(words, "collect -e epel_repository=true -e nvidia_repositories=false");
    assert_eq!(called(&[], &["-e", "download_yum_repos=yes"]).0, "collect -e nvidia_repositories=true");
}
