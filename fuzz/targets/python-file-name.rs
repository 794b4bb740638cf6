//! Names of wheels and source distributions: the first line is the project, the second the file.
#![no_main]

use airlift_kind_python::format::PackageName;
use airlift_kind_python::format::file_name::FileName;
use airlift_kind_python::format::tags::{Libc, Tags};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (project, file) = text.split_once('\n').unwrap_or(("foo", text));
    let Ok(project) = project.parse::<PackageName>() else { return };
    if let Ok(name) = FileName::parse(file, &project) {
        assert!(!file.contains(['/', '\\', '\0']) && !file.starts_with('.'), "a name leads nowhere");
        if let FileName::Wheel(wheel) = &name {
            Tags::cpython((3, 11), "x86_64", Libc::Glibc(2, 28)).rank(wheel);
        }
        let _ = name.version().to_string();
    }
});
