//! A real browser, driven over its pipe (Chrome DevTools protocol): what a person sees of a page, and what it asks for.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::ZlibDecoder;
use serde_json::{Value, json};

use crate::temporary;
use crate::tools::tool;

/// What keeps it from looking for anything but the pages of the test.
const OPTIONS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
    "--remote-debugging-pipe",
];

/// Chromium with one tab. It ends when this value is dropped.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    /// Commands go in, one JSON object each, with a zero byte behind it.
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: String,
    number: u64,
    /// The URLs that were asked for.
    pub requests: Vec<String>,
    /// What the browser complained of: refused scripts, missing files.
    pub complaints: Vec<String>,
    loaded: bool,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts it with an empty profile.
    pub fn start() -> Self {
        let profile = temporary::folder();
        // The pipe is file descriptors 3 and 4.
        let mut command = Command::new("sh");
        command.args(["-c", "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1", "sh"]).arg(tool("chromium"));
        command.args(OPTIONS).arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        command.env("HOME", profile.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let commands = child.stdin.take().expect("a pipe");
        let answers = BufReader::new(child.stdout.take().expect("a pipe"));
        let (requests, complaints) = (Vec::new(), Vec::new());
        let mut this = Self {
            child,
            commands,
            answers,
            session: String::new(),
            number: 0,
            requests,
            complaints,
            loaded: false,
            _profile: profile,
        };
        let target = this.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = this.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        this.session = attached["sessionId"].as_str().expect("a session").to_owned();
        for domain in ["Page", "DOM", "Network", "Log"] {
            this.call(&format!("{domain}.enable"), json!({}));
        }
        this
    }

    /// Sets how wide the screen is, whether it is dark, and whether scripts run.
    pub fn like(&mut self, (width, height): (u32, u32), scheme: &str, scripts: bool) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
        self.call("Emulation.setScriptExecutionDisabled", json!({ "value": !scripts }));
    }

    /// Goes to a URL, and waits until all of the page is there.
    pub fn open(&mut self, url: &str) {
        self.loaded = false;
        let gone = self.call("Page.navigate", json!({ "url": url }));
        assert!(gone.get("errorText").is_none(), "{url}: {gone}");
        self.wait();
    }

    /// Types a text into a field and presses the return key; waits for the page that comes.
    pub fn submit(&mut self, field: &str, text: &str) {
        let node = self.find(field);
        self.call("DOM.focus", json!({ "nodeId": node }));
        self.call("Input.insertText", json!({ "text": text }));
        self.loaded = false;
        for kind in ["keyDown", "keyUp"] {
            let key =
                json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r" });
            self.call("Input.dispatchKeyEvent", key);
        }
        self.wait();
    }

    /// Where it is.
    pub fn url(&mut self) -> String {
        let history = self.call("Page.getNavigationHistory", json!({}));
        let current = history["currentIndex"].as_u64().expect("a position") as usize;
        history["entries"][current]["url"].as_str().expect("a URL").to_owned()
    }

    /// The page as the browser understood it.
    pub fn html(&mut self) -> String {
        let node = self.find("html");
        let answer = self.call("DOM.getOuterHTML", json!({ "nodeId": node }));
        answer["outerHTML"].as_str().expect("text").to_owned()
    }

    /// How wide and high all of the page is.
    pub fn size(&mut self) -> (u64, u64) {
        let metrics = self.call("Page.getLayoutMetrics", json!({}));
        let size = |name: &str| metrics["cssContentSize"][name].as_f64().expect("a number").ceil() as u64;
        (size("width"), size("height"))
    }

    /// A picture of all of the page.
    pub fn picture(&mut self, file: &Path) {
        let (width, height) = self.size();
        let png = self.capture((0, 0), (width, height.min(6000)));
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder can be made");
        fs::write(file, png).expect("a picture can be written");
    }

    /// The colour of a place on the page: red, green, blue.
    pub fn colour(&mut self, place: (u64, u64)) -> [u8; 3] {
        first_pixel(&self.capture(place, (1, 1)))
    }

    fn capture(&mut self, (x, y): (u64, u64), (width, height): (u64, u64)) -> Vec<u8> {
        let clip = json!({ "x": x, "y": y, "width": width, "height": height, "scale": 1 });
        let how = json!({ "format": "png", "clip": clip, "captureBeyondViewport": true });
        let picture = self.call("Page.captureScreenshot", how);
        STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64")
    }

    fn find(&mut self, selector: &str) -> Value {
        let root = self.call("DOM.getDocument", json!({ "depth": 0 }))["root"]["nodeId"].clone();
        let found = self.call("DOM.querySelector", json!({ "nodeId": root, "selector": selector }));
        assert_ne!(found["nodeId"], 0, "the page has no {selector}");
        found["nodeId"].clone()
    }

    fn wait(&mut self) {
        while !self.loaded {
            let message = self.read();
            self.note(&message);
        }
    }

    /// Sends a command, and returns its answer.
    fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.number += 1;
        let mut command = json!({ "id": self.number, "method": method, "params": parameters });
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands.write_all(&bytes).expect("the browser takes commands");
        loop {
            let message = self.read();
            if message["id"] == self.number {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.note(&message);
        }
    }

    fn read(&mut self) -> Value {
        let mut bytes = Vec::new();
        self.answers.read_until(0, &mut bytes).expect("the browser answers");
        assert_eq!(bytes.pop(), Some(0), "the browser ended");
        serde_json::from_slice(&bytes).expect("an answer is JSON")
    }

    fn note(&mut self, message: &Value) {
        match message["method"].as_str() {
            Some("Page.loadEventFired") => self.loaded = true,
            Some("Network.requestWillBeSent") => {
                let url = message["params"]["request"]["url"].as_str().expect("a URL");
                self.requests.push(url.to_owned());
            }
            Some("Log.entryAdded") => self.complaints.push(message["params"]["entry"]["text"].to_string()),
            _ => {}
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first pixel of a PNG of 8 bits a channel (PNG specification, sections 5.3 and 9.2): whatever its line's filter is,
/// nothing stands before it that would change it.
fn first_pixel(png: &[u8]) -> [u8; 3] {
    let mut data = Vec::new();
    let mut rest = png.get(8..).expect("a PNG");
    while rest.len() >= 12 {
        let length = u32::from_be_bytes(rest[..4].try_into().expect("four bytes")) as usize;
        if &rest[4..8] == b"IDAT" {
            data.extend_from_slice(&rest[8..8 + length]);
        }
        rest = &rest[length + 12..];
    }
    let mut line = [0; 4];
    ZlibDecoder::new(&*data).read_exact(&mut line).expect("a pixel");
    [line[1], line[2], line[3]]
}
