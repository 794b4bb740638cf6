//! Requirements and markers, of people and of strangers.
#![no_main]

use airlift_kind_python::format::{ExtraName, MarkerEnvironmentBuilder, dependency};
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
    let extras = ["x".parse::<ExtraName>().expect("a name")];
    for read in [dependency::requirement(text), dependency::strange_requirement(text)].into_iter().flatten() {
        dependency::applies(&read.marker, &environment, &extras);
        let _ = read.version_or_url.map(|wanted| wanted.to_string());
    }
    if let Ok(marker) = dependency::marker(text) {
        dependency::applies(&marker, &environment, &extras);
    }
});
