//! Lock files: `uv.lock` and `pylock.toml`.
#![no_main]

use airlift_kind_python::format::MarkerEnvironmentBuilder;
use airlift_kind_python::format::locks::LockFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let environment = MarkerEnvironmentBuilder {
        implementation_name: "cpython",
        implementation_version: "3.11.7",
        os_name: "posix",
        platform_machine: "x86_64",
        platform_python_implementation: "CPython",
        platform_release: "",
        platform_system: "Linux",
        platform_version: "",
        python_full_version: "3.11.7",
        python_version: "3.11",
        sys_platform: "linux",
    };
    let environment = environment.try_into().expect("an environment");
    for name in ["uv.lock", "pylock.toml"] {
        if let Ok(lock) = LockFile::parse(name, text) {
            let _ = lock.pins(&environment);
        }
    }
});
