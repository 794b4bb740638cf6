//! Which wheels an interpreter takes, and which of them first (platform compatibility tags; PEP 425, 600, 656).

use std::collections::HashMap;

use super::file_name::Wheel;

/// The C library of a Linux platform.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Libc {
    /// glibc, with its version.
    Glibc(u16, u16),
    /// musl, with its version.
    Musl(u16, u16),
}

/// The tags of an interpreter, each with its rank; the lower is preferred.
#[derive(Clone, Debug)]
pub struct Tags(HashMap<String, u32>);

impl Tags {
    /// The tags of CPython `python` on a Linux machine such as `x86_64`, in the order of the `packaging` library.
    pub fn cpython(python: (u16, u16), machine: &str, libc: Libc) -> Self {
        let platforms = platforms(machine, libc);
        let minor = python.1;
        let interpreter = format!("cp{}{}", python.0, minor);
        // Until 3.8 the name of the binary interface said that memory came from pymalloc.
        let abi = if python < (3, 8) { format!("{interpreter}m") } else { interpreter.clone() };
        let mut tags = Self(HashMap::new());
        let mut on_platforms = |python: &str, abi: &str| {
            platforms.iter().for_each(|platform| tags.add(python, abi, platform));
        };
        on_platforms(&interpreter, &abi);
        on_platforms(&interpreter, "abi3");
        on_platforms(&interpreter, "none");
        for older in (2..minor).rev() {
            on_platforms(&format!("cp3{older}"), "abi3");
        }
        let pythons: Vec<String> = [format!("py3{minor}"), "py3".to_owned()]
            .into_iter()
            .chain((0..minor).rev().map(|older| format!("py3{older}")))
            .collect();
        pythons.iter().for_each(|python| on_platforms(python, "none"));
        tags.add(&interpreter, "none", "any");
        pythons.iter().for_each(|python| tags.add(python, "none", "any"));
        tags
    }

    fn add(&mut self, python: &str, abi: &str, platform: &str) {
        let rank = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0.entry(format!("{python}-{abi}-{platform}")).or_insert(rank);
    }

    /// The platforms, each as it stands in the names of wheels; `any` is one of them.
    pub fn platforms(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|tag| tag.rsplit('-').next())
    }

    /// The rank of a wheel; none where the interpreter does not take it. The lower is preferred.
    pub fn rank(&self, wheel: &Wheel) -> Option<u32> {
        let mut best = None;
        let mut key = String::new();
        for python in &wheel.pythons {
            for abi in &wheel.abis {
                for platform in &wheel.platforms {
                    key.clear();
                    [python, "-", abi, "-", platform].iter().for_each(|part| key.push_str(part));
                    let rank = self.0.get(&key).copied();
                    best = [best, rank].into_iter().flatten().min();
                }
            }
        }
        best
    }
}

/// The platforms of a machine, the preferred one first.
fn platforms(machine: &str, libc: Libc) -> Vec<String> {
    let mut platforms = Vec::new();
    match libc {
        Libc::Glibc(major, newest) => {
            // manylinux began with glibc 2.5 on x86, and with 2.17 on all else.
            let oldest = if matches!(machine, "x86_64" | "i686") { 5 } else { 17 };
            for minor in (oldest..=newest).rev() {
                platforms.push(format!("manylinux_{major}_{minor}_{machine}"));
                let alias = match minor {
                    17 => "manylinux2014",
                    12 => "manylinux2010",
                    5 => "manylinux1",
                    _ => continue,
                };
                platforms.push(format!("{alias}_{machine}"));
            }
        }
        Libc::Musl(major, newest) => {
            platforms.extend((0..=newest).rev().map(|minor| format!("musllinux_{major}_{minor}_{machine}")));
        }
    }
    platforms.push(format!("linux_{machine}"));
    platforms
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::super::file_name::FileName;
    use super::*;

    fn rank(tags: &Tags, name: &str) -> Option<u32> {
        let project = pep508_rs::PackageName::from_str("foo").expect("a name");
        match FileName::parse(&format!("foo-1-{name}.whl"), &project) {
            Ok(FileName::Wheel(wheel)) => tags.rank(&wheel),
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn wheels_are_ranked_as_pip_ranks_them() {
        let tags = Tags::cpython((3, 11), "x86_64", Libc::Glibc(2, 28));
        let order = [
            "cp311-cp311-manylinux_2_28_x86_64",
            "cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64",
            "cp311-cp311-manylinux1_x86_64",
            "cp311-cp311-linux_x86_64",
            "cp311-abi3-manylinux_2_28_x86_64",
            "cp37-abi3-manylinux_2_28_x86_64",
            "py3-none-manylinux_2_28_x86_64",
            "cp311-none-any",
            "py311-none-any",
            "py2.py3-none-any",
            "py30-none-any",
        ];
        let ranks: Vec<_> = order.iter().map(|name| rank(&tags, name).expect(name)).collect();
        assert!(ranks.is_sorted_by(|a, b| a < b), "{ranks:?}");
    }

    #[test]
    fn what_does_not_run_is_not_taken() {
        let tags = Tags::cpython((3, 11), "x86_64", Libc::Glibc(2, 28));
        for name in [
            "cp311-cp311-manylinux_2_34_x86_64",
            "cp311-cp311-manylinux_2_17_aarch64",
            "cp311-cp311-musllinux_1_2_x86_64",
            "cp312-abi3-manylinux_2_17_x86_64",
            "cp310-cp310-manylinux_2_17_x86_64",
            "cp311-cp311t-manylinux_2_17_x86_64",
            "cp311-cp311-win_amd64",
            "py2-none-any",
        ] {
            assert_eq!(rank(&tags, name), None, "{name}");
        }
        let musl = Tags::cpython((3, 7), "aarch64", Libc::Musl(1, 2));
        assert!(rank(&musl, "cp37-cp37m-musllinux_1_1_aarch64").is_some());
        assert!(rank(&musl, "cp37-cp37m-manylinux2014_aarch64").is_none());
    }
}
