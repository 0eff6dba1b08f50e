//! Somebody without an invitation, with an endpoint of its own and all the public knowledge there is:
//! where a device is, how its doors are called, and the names of its blobs.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use iroh::endpoint::{Connection, presets};
use iroh::{Endpoint, EndpointAddr, EndpointId, RelayMode, SecretKey, TransportAddr};
use iroh_blobs::Hash;
use peerdrive_tests::{Device, Door, Lab, Random, Role};
use tokio::time::timeout;

/// Every protocol of a device but the one that hears what an invited one has to say.
const CLOSED: [&[u8]; 4] = [
    b"peerdrive/sync/1",
    b"peerdrive/hold/1",
    iroh_blobs::ALPN,
    b"/iroh-gossip/1",
];
const JOIN: &[u8] = b"peerdrive/join/1";

#[test]
fn attack_g4_a_stranger_who_knows_where_a_device_is_and_what_it_holds_gets_nothing() -> Result<()> {
    Lab::run(|lab| {
        let (ana, ben) = (lab.device("ana")?, lab.device("ben")?);
        let hers = lab.folder("hers")?;
        fs::write(hers.join("secret.bin"), Random::new(1).bytes(1 << 20))?;
        let drive = ana.share(&hers)?.drive;
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Folder(&lab.path("his")))?;
        lab.converge(&[&ana, &ben], &drive)?;

        let address = address_of_ana(&ana, &ben, &drive)?;
        let blobs = blobs_in(&ana.data_dir().join("blobs"))?;
        ensure!(
            !blobs.is_empty(),
            "a device that shares a file keeps its blobs somewhere"
        );
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        runtime.block_on(intrude(address, blobs))?;

        // And what is shared goes on being shared.
        fs::write(hers.join("later.txt"), "still here")?;
        lab.converge(&[&ana, &ben], &drive)?;
        Ok(())
    })
}

async fn intrude(address: EndpointAddr, blobs: Vec<Hash>) -> Result<()> {
    let stranger = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .secret_key(SecretKey::from_bytes(&[66; 32]))
        .bind()
        .await?;
    // The address is right: the one door that hears strangers, to judge their invitation, answers.
    let joining = timeout(
        Duration::from_secs(10),
        stranger.connect(address.clone(), JOIN),
    )
    .await??;
    ensure!(
        joining.close_reason().is_none(),
        "the address is wrong, so this shows nothing"
    );
    refuses_nonsense(&joining).await?;
    for protocol in CLOSED {
        let name = String::from_utf8_lossy(protocol);
        // The handshake may complete on this side before the refusal arrives.
        if let Ok(connection) = stranger.connect(address.clone(), protocol).await {
            let closed = timeout(Duration::from_secs(5), connection.closed()).await;
            ensure!(closed.is_ok(), "{name}: a stranger may stay");
        }
    }
    for hash in blobs.into_iter().take(5) {
        // Asked at once, in the moment before a refusal may arrive.
        let Ok(connection) = stranger.connect(address.clone(), iroh_blobs::ALPN).await else {
            continue;
        };
        let fetched = timeout(Duration::from_secs(5), fetch(&connection, hash)).await?;
        ensure!(fetched.is_err(), "a stranger fetched the blob {hash}");
    }
    stranger.close().await;
    Ok(())
}

/// What is no invitation is not answered with anything.
async fn refuses_nonsense(joining: &Connection) -> Result<()> {
    let (mut send, mut receive) = joining.open_bi().await?;
    let nonsense = Random::new(9).bytes(64);
    send.write_all(&(nonsense.len() as u32).to_be_bytes())
        .await?;
    send.write_all(&nonsense).await?;
    send.finish()?;
    let answer = timeout(Duration::from_secs(15), receive.read_to_end(1 << 20)).await;
    match answer {
        // A refusal is short and the same for everyone.
        Ok(Ok(answer)) => ensure!(
            answer.len() <= 64,
            "nonsense is answered with {} bytes",
            answer.len()
        ),
        Ok(Err(_)) => {}
        Err(_) => bail!("nonsense keeps a stranger connected"),
    }
    Ok(())
}

async fn fetch(connection: &Connection, hash: Hash) -> Result<Vec<u8>> {
    Ok(iroh_blobs::get::request::get_blob(connection.clone(), hash)
        .bytes()
        .await?
        .to_vec())
}

/// Where Ana's device is: her public key, as Ben's device knows it, and her port.
fn address_of_ana(ana: &Device, ben: &Device, drive: &str) -> Result<EndpointAddr> {
    let peers = ben.status(drive)?.peers;
    let id = peers
        .first()
        .and_then(|peer| peer.get("id"))
        .and_then(|id| id.as_str());
    let id: EndpointId = id.context("Ben knows one peer")?.parse()?;
    let port: u16 = fs::read_to_string(ana.data_dir().join("port"))?
        .trim()
        .parse()?;
    let socket = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok(EndpointAddr::from_parts(id, [TransportAddr::Ip(socket)]))
}

/// Names of the blobs in a store, as far as its files tell.
fn blobs_in(store: &Path) -> Result<Vec<Hash>> {
    let mut found = Vec::new();
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|kind| kind == "data") {
                found.extend(
                    path.file_stem()
                        .and_then(|name| name.to_str()?.parse::<Hash>().ok()),
                );
            }
        }
    }
    Ok(found)
}
