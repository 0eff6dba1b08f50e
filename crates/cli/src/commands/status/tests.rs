//! How a status reads.

use peerdrive_api::dto::{BrokenDrive, PathStatus, Peer, Problem, Role};

use super::*;

fn drive(name: &str) -> DriveStatus {
    DriveStatus {
        id: "id".into(),
        name: name.into(),
        role: Some(Role::Writer),
        folder: Some("/home/ana/Photos".into()),
        mounts: Vec::new(),
        files: 12,
        folders: 3,
        bytes: 5 << 20,
        view_hash: "00".into(),
        pending_up: 0,
        pending_down: 0,
        paused: false,
        work: None,
        verified: None,
        problems: Vec::new(),
        peers: Vec::new(),
        path: None,
    }
}

#[test]
fn a_drive_in_order_is_one_line() {
    let peer = Peer {
        id: "p".into(),
        member: None,
        connected: true,
        level: true,
        store: false,
        last_seen: None,
    };
    let mut mounted = drive("Films");
    mounted.folder = None;
    mounted.mounts = vec!["/mnt/films".into()];
    mounted.peers = vec![
        peer.clone(),
        Peer {
            connected: false,
            ..peer
        },
    ];
    let reply = StatusReply {
        drives: vec![mounted, drive("Photos")],
        broken: Vec::new(),
    };
    let expected = "\
DRIVE   ROLE    FILES      SIZE  STATE       PEERS   WHERE
Films   writer     12  5.00 MiB  up to date  1 of 2  /mnt/films (mount)
Photos  writer     12  5.00 MiB  up to date  none    /home/ana/Photos
";
    assert_eq!(text(&reply), expected);
}

#[test]
fn what_waits_is_listed_with_its_reason_and_what_to_do() {
    let mut waiting = drive("Photos");
    waiting.pending_down = 2;
    waiting.problems = vec![Problem {
        path: Some("big\n.bin".into()),
        reason: "the disk is full".into(),
        hint: "free some space".into(),
    }];
    waiting.path = Some(PathStatus {
        path: "2024".into(),
        kind: "folder".into(),
        files: 7,
        files_here: 5,
        bytes: 2048,
        bytes_here: 1024,
        peers: 2,
        pinned: true,
    });
    let broken = BrokenDrive {
        id: "d9".into(),
        reason: "its keys are missing".into(),
    };
    let reply = StatusReply {
        drives: vec![waiting],
        broken: vec![broken],
    };
    let expected = "\
DRIVE   ROLE    FILES      SIZE  STATE                    PEERS  WHERE
Photos  writer     12  5.00 MiB  2 to receive, 1 problem  none   /home/ana/Photos

2024: 5 of 7 files on this device, 1.00 KiB of 2.00 KiB; all of it on 2 connected devices now; pinned

Waiting in Photos:
  big\\n.bin: the disk is full
    free some space

The drive d9 cannot be opened: its keys are missing
  Nothing is collected meanwhile, since it may need it; `peerdrive leave d9` gives it up.
";
    assert_eq!(text(&reply), expected);
}
