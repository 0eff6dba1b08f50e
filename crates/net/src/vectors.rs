//! The published frames: what this crate writes from fixed inputs must be, byte for byte, what
//! `vectors/v1.json` says. Set `PEERDRIVE_WRITE_VECTORS=1` to write the file anew after a deliberate change.

use std::net::{Ipv4Addr, Ipv6Addr};

use bytes::Bytes;
use iroh::{EndpointAddr, SecretKey, TransportAddr};

use crate::{
    address,
    proto::{LogHead, Message, Run},
    types::{DriveTag, EntryId, LogId},
};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// One of each message, in the order of their numbers.
fn messages() -> Vec<Message> {
    let log = LogId([2; 32]);
    let head = |len| LogHead {
        log,
        len,
        tip: EntryId([3; 32]),
    };
    let run = |from| Run {
        head: head(300),
        from,
        entries: vec![Bytes::from_static(b"one"), Bytes::new()],
    };
    vec![
        Message::Hello {
            drive: DriveTag([1; 32]),
            instance: 300,
        },
        Message::Heads {
            heads: vec![head(1), head(1 << 48)],
            more: true,
        },
        Message::Want { log, from: 128 },
        Message::Entries(run(7)),
        Message::Push(run(298)),
        Message::AskIds {
            log,
            seqs: vec![0, 300],
        },
        Message::Ids {
            log,
            ids: vec![(0, None), (300, Some(EntryId([4; 32])))],
        },
        Message::Addresses(vec![b"address".to_vec()]),
    ]
}

fn address() -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let ways = [
        TransportAddr::Relay("https://relay.example/".parse()?),
        TransportAddr::Ip((Ipv4Addr::new(192, 0, 2, 1), 4433).into()),
        TransportAddr::Ip((Ipv6Addr::LOCALHOST, 53).into()),
    ];
    let id = SecretKey::from_bytes(&[10; 32]).public();
    Ok(address::encode(&EndpointAddr::from_parts(id, ways)))
}

#[test]
fn the_published_frames_are_what_is_written() -> TestResult {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let address = address()?;
    address::decode(&address)?;
    let mut rows = Vec::new();
    for message in messages() {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes).ok(), Some(message));
        rows.push(format!("    \"{}\"", hex(&bytes)));
    }
    let made = format!(
        "{{\n  \"address\": \"{}\",\n  \"frames\": [\n{}\n  ]\n}}\n",
        hex(&address),
        rows.join(",\n")
    );
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/v1.json");
    if std::env::var_os("PEERDRIVE_WRITE_VECTORS").is_some() {
        std::fs::write(path, &made)?;
    }
    assert_eq!(std::fs::read_to_string(path)?, made);
    Ok(())
}
