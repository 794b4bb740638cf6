//! Values and templates of charts, and what Helm renders: the first line is the values, the rest a template.
#![no_main]

use airlift_kind_helm::format::chart::Chart;
use airlift_kind_helm::format::images;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (values, template) = text.split_once('\n').unwrap_or((text, ""));
    let mut chart = Chart { values: values.as_bytes().to_vec(), ..Chart::default() };
    chart.metadata.app_version = Some("1.0".to_owned());
    chart.templates.insert("x.yaml".to_owned(), template.as_bytes().to_vec());
    for found in [images::of_chart(&chart, &Default::default()), images::rendered(text)] {
        for image in found.found.keys() {
            assert_eq!(
                images::reference::full(image, None).as_deref(),
                Some(image.as_str()),
                "a full name stays as it is"
            );
        }
    }
});
