//! Packaged charts, and the images that they name.
#![no_main]

use airlift_kind_helm::format::chart::Chart;
use airlift_kind_helm::format::images;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(chart) = Chart::read(data) {
        for image in images::of_chart(&chart, &Default::default()).found.keys() {
            assert_eq!(
                images::reference::full(image, None).as_deref(),
                Some(image.as_str()),
                "a full name stays as it is"
            );
        }
    }
});
