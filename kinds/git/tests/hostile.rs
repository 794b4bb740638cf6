//! Upstreams that lie, break, or want to be somebody else: each is refused with a sentence, in bounded memory.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use airlift_core::event::Silent;
use airlift_fetch::{Fetcher, Settings};
use airlift_kind::{DynKind, Erased};
use airlift_kind_git::Git;
use airlift_kind_git::format::packet::{self, Writer};
use airlift_kind_git::format::{HASH, ObjectId, entry};
use airlift_store::Store;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use gix_object::Kind;

static GIT: Erased<Git> = Erased::new();

/// What an object is, and its bytes.
type Object = (Kind, Vec<u8>);

/// What an upstream answers.
#[derive(Clone, Default)]
struct Upstream {
    /// The media type of the first answer, where it is not the right one.
    media_type: Option<&'static str>,
    names: Vec<u8>,
    objects: Vec<u8>,
}

impl Upstream {
    /// One that has a branch with these objects.
    fn new(tip: ObjectId, pack: &[u8]) -> Self {
        let names = Writer::default().line(format!("{tip} HEAD symref-target:refs/heads/main"));
        let names = names.line(format!("{tip} refs/heads/main")).flush().bytes();
        Self { media_type: None, names, objects: banded(pack) }
    }

    fn start(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let upstream = self.clone();
                thread::spawn(move || upstream.answer(stream));
            }
        });
        address
    }

    fn answer(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut first, mut length) = (String::new(), 0);
        reader.read_line(&mut first)?;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim_end().to_ascii_lowercase().split_once(": ") {
                Some(("content-length", number)) => length = number.parse().unwrap_or(0),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        let welcome = Writer::default().line("# service=git-upload-pack").flush().line("version 2").flush().bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        let (media_type, answer) = match first.starts_with("GET") {
            true => (self.media_type.unwrap_or("application/x-git-upload-pack-advertisement"), &welcome),
            false if body.contains("command=ls-refs") => ("application/x-git-upload-pack-result", &self.names),
            false => ("application/x-git-upload-pack-result", &self.objects),
        };
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            answer.len()
        )?;
        stream.write_all(answer)
    }
}

fn banded(pack: &[u8]) -> Vec<u8> {
    let mut answer = Writer::default().line("packfile").bytes();
    for piece in pack.chunks(60_000) {
        answer.extend_from_slice(&packet::header(piece.len() + 1));
        answer.push(1);
        answer.extend_from_slice(piece);
    }
    answer.extend_from_slice(b"0000");
    answer
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// An entry that says it has so many bytes.
fn claiming(kind: Kind, size: u64, bytes: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    entry::write_head(kind, size, &mut head);
    [head, deflated(bytes)].concat()
}

fn whole((kind, bytes): &Object) -> Vec<u8> {
    claiming(*kind, bytes.len() as u64, bytes)
}

/// What an object differs in from another, told by its id.
fn against(base: ObjectId, delta: &[u8]) -> Vec<u8> {
    assert!(delta.len() < 16, "a head of one byte");
    [vec![0x70 | delta.len() as u8], base.as_bytes().to_vec(), deflated(delta)].concat()
}

fn pack(entries: &[Vec<u8>]) -> Vec<u8> {
    let mut pack = entry::header(entries.len() as u32).to_vec();
    pack.extend(entries.concat());
    let mut sum = gix_hash::hasher(HASH);
    sum.update(&pack);
    pack.extend_from_slice(sum.try_finalize().expect("a sum").as_bytes());
    pack
}

fn id((kind, bytes): &Object) -> ObjectId {
    gix_object::compute_hash(HASH, *kind, bytes).expect("an id")
}

fn tree(entries: &[(&str, &str, ObjectId)]) -> Object {
    let mut bytes = Vec::new();
    for (mode, name, id) in entries {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        bytes.extend_from_slice(id.as_bytes());
    }
    (Kind::Tree, bytes)
}

fn commit(tree: &Object) -> Object {
    let text = format!("tree {}\nauthor A <a@e.org> 1 +0000\ncommitter A <a@e.org> 1 +0000\n\nx\n", id(tree));
    (Kind::Commit, text.into_bytes())
}

fn blob(bytes: &[u8]) -> Object {
    (Kind::Blob, bytes.to_vec())
}

/// Everything that collecting says: the reasons of what is left out, or the error.
async fn collect(upstream: Upstream, more: &str) -> String {
    let address = upstream.start();
    let manifest = format!("version: 1\ngit:\n  - {{ url: \"http://{address}/x.git\"{more} }}\n");
    let settings = Settings { attempts: 1, ..Settings::default() };
    let store = Store::memory();
    let fetcher = Fetcher::new(settings, store, Arc::new(Silent), Default::default()).expect("a fetcher");
    let section = GIT.section(&manifest).expect("a manifest");
    match section.collect(&airlift_testkit::signing::context(fetcher)).await {
        Ok(plan) => plan.omissions.iter().map(|omission| format!("{}\n", omission.omitted)).collect(),
        Err(error) => error.to_string(),
    }
}

/// A repository of one file, and the objects that it is made of.
fn repository() -> (Object, Vec<Object>) {
    let file = blob(b"hello");
    let root = tree(&[("100644", "file", id(&file))]);
    let tip = commit(&root);
    (tip.clone(), vec![tip, root, file])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_one_is_taken() {
    let (tip, objects) = repository();
    let entries: Vec<Vec<u8>> = objects.iter().map(whole).collect();
    assert_eq!(collect(Upstream::new(id(&tip), &pack(&entries)), "").await, "");
    // A file that is told by what it differs from itself.
    let mut entries = entries;
    entries.push(against(id(&objects[2]), &[5, 5, 0x90, 5]));
    assert_eq!(collect(Upstream::new(id(&tip), &pack(&entries)), "").await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn packs_that_are_none_are_refused() {
    let (tip, objects) = repository();
    let good: Vec<Vec<u8>> = objects.iter().map(whole).collect();
    let with = |entry: Vec<u8>| pack(&[good.clone(), vec![entry]].concat());
    let whole_pack = pack(&good);
    let mut damaged = whole_pack.clone();
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    let mut many = whole_pack.clone();
    many[8] = 0xff;
    let bomb = vec![0; 20 << 20];
    for (pack, expected) in [
        (whole_pack[..whole_pack.len() / 2].to_vec(), "pack"),
        (b"PACK".to_vec(), "cut off"),
        (b"this is no pack at all, but it is long enough for one".to_vec(), "no pack of version"),
        (damaged, "checksum is wrong"),
        (many, "are allowed"),
        (pack(&good[..2]), "did not send the object"),
        (pack(&good[1..]), "did not send the object"),
        (with(claiming(Kind::Blob, 1 << 40, b"x")), "larger than"),
        (with(claiming(Kind::Blob, 10, &bomb)), "another size"),
        (with(claiming(Kind::Blob, 10, b"x")), "another size"),
        (with(against(id(&blob(b"nobody")), &[6, 1, 1, b'x'])), "build upon others"),
        (with(against(id(&objects[2]), &[5, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x90, 5])), "are allowed"),
        (with(against(id(&objects[2]), &[4, 1, 1, b'x'])), "another one"),
    ] {
        let said = collect(Upstream::new(id(&tip), &pack), "").await;
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_make_no_sense_are_refused() {
    let (tip, objects) = repository();
    let good = Upstream::new(id(&tip), &pack(&objects.iter().map(whole).collect::<Vec<_>>()));
    let names = |name: &str| Writer::default().line(format!("{} {name}", id(&tip))).flush().bytes();
    let error = Writer::default().line("ERR access denied").bytes();
    let cut = good.objects[..good.objects.len() - 30].to_vec();
    for (upstream, expected) in [
        (Upstream { media_type: Some("text/plain"), ..good.clone() }, "smart protocol"),
        (Upstream { names: names("refs/heads/../../config"), ..good.clone() }, "can't be the name"),
        (Upstream { names: b"zzzz".to_vec(), ..good.clone() }, "a line of the protocol"),
        (Upstream { names: Writer::default().flush().bytes(), ..good.clone() }, "no branches and no tags"),
        (Upstream { objects: error, ..good.clone() }, "upstream says: access denied"),
        (Upstream { objects: cut, ..good.clone() }, "ends"),
    ] {
        let said = collect(upstream, "").await;
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn submodules_lead_nowhere_else() {
    let modules = |text: &str, mode: &str| {
        let file = blob(text.as_bytes());
        let pinned = id(&blob(b"any commit"));
        let root = tree(&[(mode, ".gitmodules", id(&file)), ("160000", "sub", pinned)]);
        let tip = commit(&root);
        let entries: Vec<Vec<u8>> = [&tip, &root, &file].into_iter().map(whole).collect();
        Upstream::new(id(&tip), &pack(&entries))
    };
    let section = |url: &str| format!("[submodule \"sub\"]\n\tpath = sub\n\turl = {url}\n");
    for (upstream, expected) in [
        (modules("/etc/passwd", "120000"), "no regular file"),
        (modules(&section("file:///etc"), "100644"), "none that can be fetched"),
        (modules(&section("ext::sh -c id"), "100644"), "none that can be fetched"),
        (modules(&section("../../../../etc"), "100644"), "out of its host"),
        (modules("[submodule \"sub", "100644"), "no end"),
    ] {
        let said = collect(upstream, ", submodules: true").await;
        assert!(said.contains(expected), "{expected}: {said}");
    }
}
