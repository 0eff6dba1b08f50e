//! Devices that reach nobody but a relay of somebody's own, which the test runs in a network of its own.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use iroh_relay::server::{RelayConfig, Server, ServerConfig};
use peerdrive_tests::{
    Door, Host, Lab, Network, Random, Requirement, Role, Tree, missing, within_ms,
};
use tokio::sync::oneshot;

/// For a loaded machine; what is waited for takes seconds, as a relay is looked for first.
const SOON: Duration = Duration::from_secs(60);

const PORT: u16 = 3340;

/// A relay that runs. Gone when dropped.
struct Relay {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<()>>>,
}

impl Relay {
    fn start(host: &Host) -> Result<Self> {
        let namespace = host.namespace()?;
        let (end, ended) = oneshot::channel();
        let (ready, started) = mpsc::channel();
        // A namespace is a thread's: the whole relay runs on this one.
        let thread = std::thread::spawn(move || {
            rustix::thread::move_into_link_name_space(
                std::os::fd::AsFd::as_fd(&namespace),
                Some(rustix::thread::LinkNameSpaceType::Network),
            )?;
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let address = SocketAddr::from((Ipv4Addr::UNSPECIFIED, PORT));
                let mut config = ServerConfig::default();
                config.relay = Some(RelayConfig::new(address));
                let server = Server::spawn(config).await.map_err(|e| anyhow!("{e:#}"))?;
                ready.send(())?;
                let _ = ended.await;
                server.shutdown().await.map_err(|e| anyhow!("{e:#}"))
            })
        });
        let relay = Self {
            end: Some(end),
            thread: Some(thread),
        };
        started
            .recv_timeout(Duration::from_secs(20))
            .context("the relay did not start")?;
        Ok(relay)
    }

    fn stop(mut self) -> Result<()> {
        drop(self.end.take());
        let thread = self.thread.take().context("it has ended before")?;
        thread.join().map_err(|_| anyhow!("the relay broke down"))?
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn two_devices_that_reach_nothing_but_a_relay_share_a_drive_through_it() -> Result<()> {
    if missing(
        "two_devices_that_reach_nothing_but_a_relay_share_a_drive_through_it",
        &[Requirement::Namespaces],
    ) {
        return Ok(());
    }
    Lab::run(|lab| {
        let mut network = Network::new()?;
        let street = network.host()?;
        let relay = Relay::start(&street)?;
        let url = format!("http://{}:{PORT}", street.address());
        let ana = lab.device_behind("ana", network.host_apart()?, &url)?;
        let ben = lab.device_behind("ben", network.host_apart()?, &url)?;
        let (anas, bens) = (lab.folder("anas")?, lab.path("bens"));
        let large = Random::new(1).bytes(3 << 20);
        fs::write(anas.join("large"), &large)?;
        fs::write(anas.join("small.txt"), "through a relay")?;
        let drive = ana.share(&anas)?.drive;
        // At once, before the relay can have been found.
        let ticket = ana.invite(&drive, Role::Writer)?;
        ben.join(&ticket, Door::Folder(&bens))?;
        lab.converge(&[&ana, &ben], &drive)?;
        within_ms(SOON, "the large file is there", || {
            fs::read(bens.join("large")).is_ok_and(|found| found == large)
        })?;
        let (sent, _) = street.traffic()?;
        ensure!(sent > large.len() as u64, "it went another way");
        let edit = |from: &std::path::Path, to: &std::path::Path, text: &str| -> Result<()> {
            fs::write(from.join("small.txt"), text)?;
            within_ms(SOON, text, || {
                fs::read_to_string(to.join("small.txt")).is_ok_and(|found| found == text)
            })?;
            Ok(())
        };
        edit(&bens, &anas, "from ben to ana")?;
        edit(&anas, &bens, "from ana to ben")?;

        // A relay that is away for a while.
        relay.stop()?;
        fs::write(anas.join("meanwhile a.txt"), "by ana, alone")?;
        fs::write(bens.join("meanwhile b.txt"), "by ben, alone")?;
        let relay = Relay::start(&street)?;
        within_ms(SOON, "both have both", || {
            bens.join("meanwhile a.txt").exists() && anas.join("meanwhile b.txt").exists()
        })?;
        lab.converge(&[&ana, &ben], &drive)?;
        Tree::read(&anas)?.same_as(&Tree::read(&bens)?)?;
        relay.stop()
    })
}
