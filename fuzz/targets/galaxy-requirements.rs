//! Files of requirements.
#![no_main]

use airlift_kind_galaxy::format::name::is_role;
use airlift_kind_galaxy::format::requirements::Requirements;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(read) = Requirements::read(data) {
        assert!(read.roles.iter().all(|role| is_role(&role.name)), "a role's name never leaves its folder");
    }
});
