//! `peerdrive ui` and what a browser does with its address, over raw TCP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::device::{Device, TestResult};

/// A page of the daemon's own port.
struct Page {
    port: String,
    credentials: String,
}

impl Page {
    /// Status line and whole answer.
    fn post(&self, path: &str, body: &Value) -> TestResult<(String, String)> {
        let (port, credentials, body) = (&self.port, &self.credentials, body.to_string());
        let mut stream = TcpStream::connect(format!("127.0.0.1:{port}"))?;
        write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n\
             {credentials}Connection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let status = answer.get(9..12).unwrap_or_default().to_owned();
        Ok((status, answer))
    }

    /// The one line that a command answers with.
    fn rpc(&self, command: &str, body: &Value) -> TestResult<Value> {
        let (_, answer) = self.post(&format!("/rpc/{command}"), body)?;
        let line = answer.lines().find(|line| line.starts_with("{\""));
        Ok(serde_json::from_str(line.ok_or("no answer")?)?)
    }
}

fn between<'a>(text: &'a str, before: &str, after: char) -> TestResult<&'a str> {
    let rest = text.split_once(before).ok_or("not there")?.1;
    Ok(rest.split(after).next().unwrap_or_default())
}

#[test]
fn an_address_lets_one_browser_in_and_it_changes_the_folder() -> TestResult {
    let device = Device::new()?;
    let folder = device.path("shared");
    std::fs::create_dir(&folder)?;
    std::fs::write(folder.join("a.txt"), "hello")?;
    let folder_text = folder.to_str().ok_or("UTF-8")?;
    let shared = device.run(&["share", folder_text])?;
    let drive = serde_json::from_str::<Value>(&shared.out)?["drive"].clone();

    let said = device.run(&["ui"])?;
    let url = serde_json::from_str::<Value>(&said.out)?["url"].clone();
    let url = url.as_str().ok_or("no address")?;
    let mut page = Page {
        port: between(url, "127.0.0.1:", '/')?.to_owned(),
        credentials: String::new(),
    };
    let code = json!({ "code": between(url, "#code=", ' ')? });
    assert_eq!(page.post("/rpc/status", &json!({}))?.0, "401");
    let (status, answer) = page.post("/session", &code)?;
    assert_eq!(status, "200", "{answer}");
    assert_eq!(page.post("/session", &code)?.0, "401");
    let cookie = between(&answer, "set-cookie: ", ';')?;
    let key = between(&answer, "\"key\":\"", '"')?;
    page.credentials = format!("Cookie: {cookie}\r\nX-PeerDrive-Key: {key}\r\n");

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
    device.run(&["wait", drive.as_str().ok_or("no id")?])?;
    assert_eq!(std::fs::read_to_string(folder.join("b.txt"))?, "hello");
    Ok(())
}
