//! `peerdrive ui` and what a browser does with its address, over raw TCP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::device::{Device, TestResult, no_root, text};

/// A user that owns nothing.
const NOBODY: u32 = 65_534;

/// A page of the daemon's own port.
struct Page {
    port: String,
    credentials: String,
}

impl Page {
    /// A page that nobody has let in, and the code of its address.
    fn of(device: &Device) -> TestResult<(Self, String)> {
        let url = device.json(&["ui"])?["url"].clone();
        let url = url.as_str().ok_or("no address")?;
        let page = Self {
            port: between(url, "127.0.0.1:", '/')?.to_owned(),
            credentials: String::new(),
        };
        Ok((page, between(url, "#code=", ' ')?.to_owned()))
    }

    /// One that is let in.
    fn open(device: &Device) -> TestResult<Self> {
        let (mut page, code) = Self::of(device)?;
        let (status, answer) = page.post("/session", &json!({ "code": code }))?;
        assert_eq!(status, "200", "{answer}");
        page.signed_in(&answer)?;
        Ok(page)
    }

    fn signed_in(&mut self, answer: &str) -> TestResult {
        let cookie = between(answer, "set-cookie: ", ';')?;
        let key = between(answer, "\"key\":\"", '"')?;
        self.credentials = format!("Cookie: {cookie}\r\nX-PeerDrive-Key: {key}\r\n");
        Ok(())
    }

    /// Begins a request of so many bytes.
    fn begin(&self, path: &str, length: usize) -> TestResult<TcpStream> {
        let (port, credentials) = (&self.port, &self.credentials);
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}"))?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n\
             {credentials}Connection: close\r\nContent-Length: {length}\r\n\r\n"
        )?;
        Ok(stream)
    }

    /// Status line and whole answer.
    fn send(&self, path: &str, body: &[u8]) -> TestResult<(String, String)> {
        let mut stream = self.begin(path, body.len())?;
        stream.write_all(body)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.get(9..12).unwrap_or_default().to_owned();
        Ok((status, answer))
    }

    fn post(&self, path: &str, body: &Value) -> TestResult<(String, String)> {
        self.send(path, body.to_string().as_bytes())
    }

    /// The one line that a command answers with.
    fn rpc(&self, command: &str, body: &Value) -> TestResult<Value> {
        last_line(&self.post(&format!("/rpc/{command}"), body)?.1)
    }

    /// The same of a file that is sent to the root of a drive.
    fn upload(&self, drive: &str, name: &str, bytes: &[u8]) -> TestResult<Value> {
        let path = format!("/upload?drive={drive}&name={name}");
        last_line(&self.send(&path, bytes)?.1)
    }
}

fn last_line(answer: &str) -> TestResult<Value> {
    let line = answer.lines().find(|line| line.starts_with("{\""));
    Ok(serde_json::from_str(line.ok_or("no answer")?)?)
}

fn between<'a>(text: &'a str, before: &str, after: char) -> TestResult<&'a str> {
    let rest = text.split_once(before).ok_or("not there")?.1;
    Ok(rest.split(after).next().unwrap_or_default())
}

/// Shares a folder with a file; the folder's path and the drive's id.
fn share(device: &Device) -> TestResult<(std::path::PathBuf, String)> {
    let folder = device.path("shared");
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("a.txt"), "hello")?;
    let shared = device.json(&["share", text(&folder)?])?;
    let drive = shared["drive"].as_str().ok_or("no id")?.to_owned();
    Ok((folder, drive))
}

/// Brings a device into a drive, as a folder of its own.
fn let_in(owner: &Device, drive: &str, role: &str, other: &Device) -> TestResult {
    let invite = owner.json(&["invite", drive, "--role", role])?;
    let link = invite["link"].as_str().ok_or("no link")?;
    assert!(link.starts_with("peerdrive://join#"), "the link's form");
    other.json(&["join", link, text(&other.path("mine"))?, "--wait"])?;
    Ok(())
}

#[test]
fn an_address_lets_one_browser_in_and_it_changes_the_folder() -> TestResult {
    let device = Device::new()?;
    let (folder, drive) = share(&device)?;
    let (mut page, code) = Page::of(&device)?;
    let code = json!({ "code": code });
    assert_eq!(page.post("/rpc/status", &json!({}))?.0, "401");
    let (status, answer) = page.post("/session", &code)?;
    assert_eq!(status, "200", "{answer}");
    assert_eq!(page.post("/session", &code)?.0, "401");
    page.signed_in(&answer)?;

    let ask = json!({ "drive": drive, "offset": 0, "count": 10 });
    let rows = page.rpc("folder", &ask)?["ok"]["rows"].clone();
    assert_eq!(rows[0]["name"], "a.txt", "{rows}");
    let node = &rows[0]["id"];
    let read = page.rpc("read", &json!({ "drive": drive, "node": node }))?;
    assert_eq!(read["ok"]["text"], "hello", "{read}");
    let named = json!({ "drive": drive, "node": node, "name": "../b" });
    let refused = page.rpc("rename", &named)?;
    assert_eq!(refused["error"]["code"], "bad_name", "{refused}");
    let named = json!({ "drive": drive, "node": node, "name": "b.txt" });
    page.rpc("rename", &named)?;
    let found = page.rpc(
        "search",
        &json!({ "drive": drive, "text": "B.", "limit": 5 }),
    )?;
    assert_eq!(found["ok"]["hits"][0]["row"]["name"], "b.txt", "{found}");
    device.json(&["wait", &drive])?;
    assert_eq!(std::fs::read_to_string(folder.join("b.txt"))?, "hello");

    let cards = page.rpc("drives", &json!({}))?["ok"].clone();
    let card = &cards["drives"][0];
    assert_eq!(
        (&card["id"], &card["role"]),
        (&json!(drive), &json!("owner"))
    );
    assert_eq!((&card["files"], &card["bytes"]), (&json!(1), &json!(5)));
    assert_eq!(card["folder"], text(&folder.canonicalize()?)?);
    let deeds = page.rpc("activity", &json!({ "drive": drive, "limit": 1 }))?["ok"].clone();
    let deed = &deeds["items"][0];
    assert_eq!(deed["who"]["you"], true, "{deeds}");
    assert_eq!(deed["changes"][0]["what"], "renamed");
    assert_eq!(deed["changes"][0]["from"], "a.txt");
    assert_eq!(deeds["more"], true);
    let before = json!({ "drive": drive, "limit": 200, "before": deed["number"] });
    let first = page.rpc("activity", &before)?["ok"]["items"].clone();
    assert_eq!(first[0]["changes"][0]["what"], "created", "{first}");
    Ok(())
}

#[test]
fn a_code_that_another_user_read_lets_them_not_in_and_stays_good() -> TestResult {
    if no_root("a_code_that_another_user_read_lets_them_not_in_and_stays_good") {
        return Ok(());
    }
    let device = Device::new()?;
    let (page, code) = Page::of(&device)?;
    let (port, body) = (&page.port, json!({ "code": code }).to_string());
    let asked = format!(
        "POST /session HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n\
         Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf %s \"$0\" >&3; cat <&3");
    let mut other = std::process::Command::new("bash");
    std::os::unix::process::CommandExt::uid(&mut other, NOBODY);
    let answer = other
        .args(["-c", &script, &asked])
        .current_dir("/")
        .output()?;
    let answer = String::from_utf8(answer.stdout)?;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(!answer.contains("\"key\""), "{answer}");
    assert_eq!(page.post("/session", &json!({ "code": code }))?.0, "200");
    Ok(())
}

#[test]
fn a_page_that_is_open_goes_on_when_the_daemon_returns() -> TestResult {
    let device = Device::new()?;
    let page = Page::open(&device)?;
    assert_eq!(page.post("/rpc/drives", &json!({}))?.0, "200");
    let first = device.pid()?;
    device.json(&["stop"])?;
    device.json(&["status"])?;
    assert_ne!(device.pid()?, first);
    assert_eq!(page.post("/rpc/drives", &json!({}))?.0, "200");
    let kept = std::fs::read_to_string(device.data_dir().join("browsers.json"))?;
    for secret in page.credentials.split(['=', ' ', '\r']) {
        assert!(
            secret.len() < 64 || !kept.contains(secret),
            "a secret is kept"
        );
    }
    Ok(())
}

#[test]
fn what_a_page_uploads_is_a_file_or_a_new_version_or_nothing() -> TestResult {
    let device = Device::new()?;
    let (folder, drive) = share(&device)?;
    let page = Page::open(&device)?;
    let large: Vec<u8> = (0..5_000_000_u32)
        .map(|n| (n.wrapping_mul(n) % 253) as u8)
        .collect();
    let made = page.upload(&drive, "large.bin", &large)?;
    assert_eq!(made["ok"]["name"], "large.bin", "{made}");
    let again = page.upload(&drive, "large.bin", b"small now")?;
    assert_eq!(again["ok"]["node"], made["ok"]["node"], "{again}");
    let empty = page.upload(&drive, "nothing", b"")?;
    assert_eq!(empty["ok"]["name"], "nothing", "{empty}");
    device.json(&["wait", &drive])?;
    assert_eq!(std::fs::read(folder.join("large.bin"))?, b"small now");
    assert_eq!(std::fs::read(folder.join("nothing"))?, b"");
    let history = device.run(&["history", &drive, "large.bin"])?;
    assert_eq!(history.out.matches("5000000").count(), 1, "{history:?}");

    let top = json!({ "drive": drive, "name": "top" });
    assert_eq!(page.rpc("make_folder", &top)?["ok"]["name"], "top");
    for (name, code) in [
        ("..", "bad_name"),
        ("a%2Fb", "bad_name"),
        ("a%00b", "bad_name"),
        ("", "bad_name"),
        (&"x".repeat(256), "bad_name"),
        ("top", "name_taken"),
        ("x&folder=nonsense", "bad_request"),
        ("x&folder=AAAAAAAAAAAAAAAAAAAAAQ", "node_not_found"),
    ] {
        let refused = page.upload(&drive, name, b"x")?;
        assert_eq!(refused["error"]["code"], code, "{name}: {refused}");
    }
    // Hostile, and names all the same.
    for name in ["%3Cscript%3E", "%E2%80%AEtxt.exe", "%20", &"y".repeat(255)] {
        let made = page.upload(&drive, name, b"x")?;
        assert!(made["ok"]["node"].is_string(), "{name}: {made}");
    }
    let mut stream = page.begin(&format!("/upload?drive={drive}&name=half"), 5_000_000)?;
    stream.write_all(&large[..2_000_000])?;
    drop(stream);
    let next = page.upload(&drive, "after", b"x")?;
    assert_eq!(next["ok"]["name"], "after", "{next}");
    let names = device.run(&["tree", &drive])?.out;
    assert!(
        names.contains("after") && !names.contains("half"),
        "{names}"
    );
    Ok(())
}

#[test]
fn what_a_reader_may_not_do_is_refused_whatever_the_page_sends() -> TestResult {
    let (ana, ben) = (Device::new()?, Device::new()?);
    let (_, drive) = share(&ana)?;
    let_in(&ana, &drive, "reader", &ben)?;
    let before = ben.json(&["wait", &drive, "--timeout", "60"])?["view_hash"].clone();
    let page = Page::open(&ben)?;
    let ask = json!({ "drive": drive, "offset": 0, "count": 10 });
    let folder = page.rpc("folder", &ask)?["ok"].clone();
    assert_eq!(folder["can_write"], false);
    let (node, root) = (&folder["rows"][0]["id"], &folder["folder"]);
    let writes = [
        (
            "rename",
            json!({ "drive": drive, "node": node, "name": "b.txt" }),
        ),
        ("make_folder", json!({ "drive": drive, "name": "b" })),
        (
            "create_file",
            json!({ "drive": drive, "name": "b", "text": "x" }),
        ),
        (
            "move_nodes",
            json!({ "drive": drive, "nodes": [node], "folder": root }),
        ),
        ("delete_nodes", json!({ "drive": drive, "nodes": [node] })),
        (
            "invite",
            json!({ "drive": drive, "role": "reader", "uses": 1 }),
        ),
    ];
    for (command, request) in writes {
        let refused = page.rpc(command, &request)?;
        assert_eq!(
            refused["error"]["code"], "not_allowed",
            "{command}: {refused}"
        );
    }
    // Large enough that the answer comes before all of it was sent.
    let refused = page.upload(&drive, "b.bin", &vec![1; 8_000_000])?;
    assert_eq!(refused["error"]["code"], "not_allowed", "{refused}");
    let over = page.upload(&drive, "a.txt", b"x")?;
    assert_eq!(over["error"]["code"], "not_allowed", "{over}");
    for it in [&ana, &ben] {
        let after = it.json(&["wait", &drive, "--timeout", "60"])?["view_hash"].clone();
        assert_eq!(after, before);
    }
    Ok(())
}
