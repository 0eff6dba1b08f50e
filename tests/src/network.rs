//! A network of its own for each device: namespaces joined by a bridge, cut by taking a link down.
//! Needs root. Knows nothing of what runs in them.

use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::Result;

use crate::command::run;

/// Namespaces with addresses 10.77.0.1 and up, all on one bridge in a namespace of its own. Nothing in
/// them reaches the machine's network. Gone when dropped.
#[derive(Debug)]
pub struct Network {
    hub: String,
    hosts: u8,
}

/// One namespace in a [`Network`]. Gone when dropped.
#[derive(Debug)]
pub struct Host {
    hub: String,
    namespace: String,
    port: String,
    address: Ipv4Addr,
}

static MADE: AtomicU32 = AtomicU32::new(0);

impl Network {
    /// Makes the bridge.
    pub fn new() -> Result<Self> {
        let hub = format!(
            "pd{}-{}",
            std::process::id(),
            MADE.fetch_add(1, Ordering::Relaxed)
        );
        ip(&["netns", "add", &hub])?;
        let network = Self { hub, hosts: 0 };
        ip(&[
            "-n",
            &network.hub,
            "link",
            "add",
            "bridge",
            "type",
            "bridge",
        ])?;
        ip(&["-n", &network.hub, "link", "set", "bridge", "up"])?;
        Ok(network)
    }

    /// Adds a namespace with one link to the bridge.
    pub fn host(&mut self) -> Result<Host> {
        self.hosts += 1;
        let host = Host {
            hub: self.hub.clone(),
            namespace: format!("{}-{}", self.hub, self.hosts),
            port: format!("port{}", self.hosts),
            address: Ipv4Addr::new(10, 77, 0, self.hosts),
        };
        let Host {
            hub,
            namespace,
            port,
            address,
        } = &host;
        ip(&["netns", "add", namespace])?;
        ip(&[
            "-n", hub, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns",
            namespace,
        ])?;
        ip(&["-n", hub, "link", "set", port, "master", "bridge", "up"])?;
        ip(&["-n", namespace, "link", "set", "lo", "up"])?;
        ip(&[
            "-n",
            namespace,
            "address",
            "add",
            &format!("{address}/24"),
            "dev",
            "eth0",
        ])?;
        ip(&["-n", namespace, "link", "set", "eth0", "up"])?;
        Ok(host)
    }
}

impl Network {
    /// Adds a namespace that reaches those of [`Network::host`] and none of its own kind.
    pub fn host_apart(&mut self) -> Result<Host> {
        let host = self.host()?;
        let isolated = ["type", "bridge_slave", "isolated", "on"];
        let port = ["-n", &host.hub, "link", "set", &host.port];
        ip(&[&port[..], &isolated].concat())?;
        Ok(host)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = ip(&["netns", "delete", &self.hub]);
    }
}

impl Host {
    /// The address the others reach it at.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Cuts it off from all others.
    pub fn cut(&self) -> Result<()> {
        ip(&["-n", &self.hub, "link", "set", &self.port, "down"])
    }

    /// Joins it to the others again.
    pub fn heal(&self) -> Result<()> {
        ip(&["-n", &self.hub, "link", "set", &self.port, "up"])
    }

    /// Bytes that have left it and reached it so far, as the link counted them.
    pub fn traffic(&self) -> Result<(u64, u64)> {
        let count = |name: &str| -> Result<u64> {
            let file = format!("/sys/class/net/{}/statistics/{name}", self.port);
            // `ip netns exec`, not `nsenter`: it shows the namespace's own /sys.
            let mut cat = Command::new("ip");
            cat.args(["netns", "exec", &self.hub, "cat", &file]);
            Ok(run(&mut cat, Duration::from_secs(10))?
                .ok()?
                .stdout
                .trim()
                .parse()?)
        };
        // What the bridge's port received is what the host sent.
        Ok((count("rx_bytes")?, count("tx_bytes")?))
    }

    /// The namespace, for a thread to move into.
    pub fn namespace(&self) -> Result<std::fs::File> {
        let path = std::path::Path::new("/run/netns").join(&self.namespace);
        Ok(std::fs::File::open(path)?)
    }

    /// A command that runs `program` in here. The mounts stay those of everyone, so that a drive
    /// mounted by a process in here can be read from outside (`ip netns exec` would hide it).
    pub fn command(&self, program: &std::path::Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/netns/{}", self.namespace))
            .arg("--")
            .arg(program);
        command
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = ip(&["netns", "delete", &self.namespace]);
    }
}

fn ip(words: &[&str]) -> Result<()> {
    run(Command::new("ip").args(words), Duration::from_secs(10))?.ok()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Requirement, missing};

    fn reaches(one: &Host, two: &Host) -> Result<bool> {
        // Without a listener the kernel refuses at once; without a link nothing comes back.
        let script = format!("exec 3<>/dev/tcp/{}/9", two.address());
        let mut bash = one.command(std::path::Path::new("timeout"));
        bash.args(["2", "bash", "-c", &script]);
        let answer = run(&mut bash, Duration::from_secs(10))?;
        Ok(answer.stderr.contains("refused"))
    }

    #[test]
    fn hosts_apart_reach_the_others_and_not_each_other() -> Result<()> {
        if missing(
            "hosts_apart_reach_the_others_and_not_each_other",
            &[Requirement::Namespaces],
        ) {
            return Ok(());
        }
        let mut network = Network::new()?;
        let relay = network.host()?;
        let (one, two) = (network.host_apart()?, network.host_apart()?);
        assert!(reaches(&one, &relay)? && reaches(&relay, &two)?);
        assert!(!reaches(&one, &two)? && !reaches(&two, &one)?);
        Ok(())
    }

    #[test]
    fn a_cut_host_is_unreachable_until_it_is_healed() -> Result<()> {
        if missing(
            "a_cut_host_is_unreachable_until_it_is_healed",
            &[Requirement::Namespaces],
        ) {
            return Ok(());
        }
        let mut network = Network::new()?;
        let (one, two) = (network.host()?, network.host()?);
        assert!(reaches(&one, &two)?);
        two.cut()?;
        assert!(!reaches(&one, &two)?);
        two.heal()?;
        let (_, took) = crate::within(Duration::from_secs(10), "the link is back", || {
            Ok(reaches(&one, &two)?.then_some(()))
        })?;
        assert!(took < Duration::from_secs(10));
        let (sent, received) = one.traffic()?;
        assert!(sent > 0 && received > 0);
        Ok(())
    }
}
