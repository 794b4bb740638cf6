use airlift_core::{Digest, Index, Node};

use super::print::{Format, print};
use super::{Addresses, Answers};

fn answers(paths: &[&str]) -> Answers {
    let node = |path: &&str| Node {
        path: path.parse().expect("a path"),
        blob: Digest::of(path.as_bytes()),
        size: 1,
        media_type: "text/plain".into(),
        modified: None,
        origin: None,
        purl: None,
    };
    let index = Index::new(paths.iter().map(node).collect(), Vec::new()).expect("an index");
    Answers::of(&index, &Addresses::new("mirror")).expect("answers")
}

const PATHS: [&str; 9] = [
    "oci/docker.io/prom/prometheus/manifests/v3.13.0",
    "oci/docker.io/grafana/grafana/manifests/0.1",
    "oci/registry.k8s.io/coredns/coredns/manifests/v1.12.4",
    "files/dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubectl",
    "files/download.schedmd.com/slurm/slurm-26.05.1.tar.bz2",
    "rpm/cuda-rhel9-x86_64/repodata/repomd.xml",
    "helm/nvidia/index.yaml",
    "git/repositories/github.com/NVIDIA/deepops/repository.pack",
    "python/simple/ansible",
];

#[test]
fn only_what_a_snapshot_answers_is_written() {
    insta::assert_snapshot!(print(&answers(&PATHS), Format::Ansible, "test of 2026"), @r#"
    ---
    # Fetch from the mirror what test of 2026 has: ansible-playbook -e @THIS-FILE.

    # deepops
    prometheus_container: "mirror:5000/docker.io/prom/prometheus:v3.13.0"
    # the cache would ask Docker Hub:
    standalone_container_registry_cache_enable: false
    # dockerd asks it for Docker Hub alone:
    docker_registry_mirrors: ["http://mirror:5000"]
    docker_insecure_registries: ["mirror:5000"]
    gpu_operator_helm_repo: "http://mirror:8002/nvidia"
    slurm_src_url: "http://mirror:8004/download.schedmd.com/slurm/slurm-{{ slurm_version }}.tar.bz2"
    nvidia_driver_rhel_cuda_repo_baseurl: "http://mirror:8001/cuda-rhel{{ ansible_distribution_major_version }}-{{ ansible_architecture }}/"
    nvidia_driver_rhel_cuda_repo_gpgkey: "http://mirror:8001/gpgkeys/cuda-rhel{{ ansible_distribution_major_version }}-{{ ansible_architecture }}.pub"

    # kubespray
    # a name for use in your own lines, as in offline.yml; no role reads it:
    registry_host: "mirror:5000"
    # a name for use in your own lines, as in offline.yml; no role reads it:
    registry_addr: "mirror:5000"
    # a name for use in your own lines, as in offline.yml; no role reads it:
    files_repo: "http://mirror:8004"
    # a name for use in your own lines, as in offline.yml; no role reads it:
    yum_repo: "http://mirror:8001"
    kube_image_repo: "mirror:5000/registry.k8s.io"
    docker_image_repo: "mirror:5000/docker.io"
    kubeadm_image_repo: "mirror:5000/registry.k8s.io"
    dl_k8s_io_url: "http://mirror:8004/dl.k8s.io"
    kubectl_download_url: "http://mirror:8004/dl.k8s.io/release/v{{ kube_version }}/bin/linux/{{ image_arch }}/kubectl"
    coredns_image_repo: "mirror:5000/registry.k8s.io{{ '/coredns' if coredns_version is version('1.7.1', '>=') else '' }}/coredns"
    # every pull of containerd, from charts too; 'server' keeps it from falling back to the Internet:
    containerd_registries_mirrors: [{"mirrors":[{"capabilities":["pull","resolve"],"host":"http://mirror:5000","skip_verify":false}],"prefix":"docker.io","server":"http://mirror:5000"},{"mirrors":[{"capabilities":["pull","resolve"],"host":"http://mirror:5000","skip_verify":false}],"prefix":"registry.k8s.io","server":"http://mirror:5000"},{"mirrors":[{"capabilities":["pull","resolve"],"host":"http://mirror:5000","skip_verify":false}],"prefix":"mirror:5000","server":"http://mirror:5000"}]

    # Not here, but with --format shell: KUBECTL_BINARY_URL, GIT_CONFIG_COUNT, GIT_CONFIG_KEY_0 and 2 more

    # No variable moves these to the mirror:
    # - setup.sh installs Python packages and has no option for an index (scripts/setup.sh:95-124)
    #   PIP_INDEX_URL for whoever runs setup.sh, /etc/pip.conf on the hosts; 'airlift setup' writes it
    # - setup.sh installs roles and collections of Ansible Galaxy, and hides what goes wrong (scripts/setup.sh:161-162)
    #   install them from the mirror before, into collections/ and roles/galaxy/, and look whether they are there
    # - setup.sh and k8s-cluster.yml run 'git submodule update --init', with literal URLs at GitHub (scripts/setup.sh:177, playbooks/k8s-cluster.yml:34)
    #   git's insteadOf, system-wide: 'airlift setup' writes it, and so does 'airlift vars --format shell'
    # - 'helm repo add' fails where the name is there already with another URL, as after a run with a network (roles/nvidia-gpu-operator/tasks/k8s.yml:7, and the roles of the other charts)
    #   take the old entries out of /root/.config/helm/repositories.yaml before
    # - the driver is installed as a stream of a module, build tools as a group (role nvidia.nvidia_driver v2.3.1, and others)
    #   nothing to do: whole mirrors keep modules and groups
    "#);
    let nothing = print(&answers(&["files/example.org/a"]), Format::Ansible, "test of 2026");
    assert!(
        nothing.contains("files_repo") && !nothing.contains("github_url") && !nothing.contains("No variable"),
        "{nothing}"
    );
}

#[test]
fn a_shell_gets_what_scripts_git_and_pip_read() {
    insta::assert_snapshot!(print(&answers(&PATHS), Format::Shell, "test of 2026"), @r"
    # Fetch from the mirror what test of 2026 has: source it before DeepOps' scripts.

    # deepops
    export KUBECTL_BINARY_URL='http://mirror:8004/dl.k8s.io/release/v1.35.4/bin/linux/amd64/kubectl'

    # git
    export GIT_CONFIG_COUNT='1'
    export GIT_CONFIG_KEY_0='url.http://mirror:8004/git/github.com/.insteadOf'
    export GIT_CONFIG_VALUE_0='https://github.com/'

    # pip
    # for setup.sh; Ansible runs pip as root: /etc/pip.conf on the targets:
    export PIP_INDEX_URL='http://mirror:8003/simple/'

    # Not here, but with --format ansible: prometheus_container, standalone_container_registry_cache_enable, docker_registry_mirrors and 16 more

    # No variable moves these to the mirror:
    # - setup.sh installs Python packages and has no option for an index (scripts/setup.sh:95-124)
    #   PIP_INDEX_URL for whoever runs setup.sh, /etc/pip.conf on the hosts; 'airlift setup' writes it
    # - setup.sh installs roles and collections of Ansible Galaxy, and hides what goes wrong (scripts/setup.sh:161-162)
    #   install them from the mirror before, into collections/ and roles/galaxy/, and look whether they are there
    # - setup.sh and k8s-cluster.yml run 'git submodule update --init', with literal URLs at GitHub (scripts/setup.sh:177, playbooks/k8s-cluster.yml:34)
    #   git's insteadOf, system-wide: 'airlift setup' writes it, and so does 'airlift vars --format shell'
    # - 'helm repo add' fails where the name is there already with another URL, as after a run with a network (roles/nvidia-gpu-operator/tasks/k8s.yml:7, and the roles of the other charts)
    #   take the old entries out of /root/.config/helm/repositories.yaml before
    # - the driver is installed as a stream of a module, build tools as a group (role nvidia.nvidia_driver v2.3.1, and others)
    #   nothing to do: whole mirrors keep modules and groups
    ");
}

#[test]
fn every_variable_can_be_answered() {
    // A row that names something that the inventory does not have would never be written.
    let text = include_str!("../../../../profiles/overrides.toml");
    let rows: toml::Table = text.parse().expect("TOML");
    let inventory: toml::Table = include_str!("../../../../profiles/inventory.toml").parse().expect("TOML");
    let has = |lists: [&str; 2], fits: &dyn Fn(&toml::Value) -> bool| {
        lists.iter().any(|list| inventory[*list].as_array().expect("a list").iter().any(fits))
    };
    for row in rows["variable"].as_array().expect("rows") {
        let field = |name: &str| row.get(name).and_then(toml::Value::as_str);
        let known = match (field("image"), field("file"), field("kubespray")) {
            (Some(image), ..) => has(["image", "kubespray_image"], &|one| {
                one["ref"].as_str().and_then(|text| text.rsplit_once(':')).is_some_and(|(name, _)| name == image)
            }),
            (_, Some(file), _) => has(["file", "file"], &|one| one["name"].as_str() == Some(file)),
            (.., Some(key)) => has(["kubespray_file", "kubespray_file"], &|one| one["key"].as_str() == Some(key)),
            _ => row.get("needs").is_some(),
        };
        assert!(known, "{row:?}");
    }
}
