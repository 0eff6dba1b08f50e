//! Who is at the other end of a loopback connection: the user, as the system's table of sockets tells it.
//! Knows no request.
//!
//! The code in the address of a browser passes through command lines, which every user of a machine can
//! read. Whoever reads it there first must not be let in by it.

use std::net::{SocketAddr, SocketAddrV4};

/// Sockets of the network that this process is in.
const TABLE: &str = "/proc/net/tcp";

/// Whether a client on this machine is known to be another user than the one the daemon runs as. Where the
/// system does not say, nobody is. Root reads every file of everybody's and is let through.
pub(super) fn is_another_user(client: SocketAddr, port: u16) -> bool {
    let SocketAddr::V4(client) = client else {
        return false;
    };
    let daemon = SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port);
    let table = std::fs::read_to_string(TABLE).unwrap_or_default();
    let own = rustix::process::geteuid().as_raw();
    user(&table, client, daemon).is_some_and(|user| user != own && user != 0)
}

/// The owner of the socket that is bound to one address and connected with the other.
fn user(table: &str, local: SocketAddrV4, remote: SocketAddrV4) -> Option<u32> {
    let (local, remote) = (written(local), written(remote));
    table.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_it = words.next() == Some(local.as_str()) && words.next() == Some(remote.as_str());
        // State, queues, timer and retransmits come before it.
        is_it.then(|| words.nth(4)?.parse().ok()).flatten()
    })
}

/// As the table writes an address: the bytes of the host as one number of this machine, then the port.
fn written(address: SocketAddrV4) -> String {
    let host = u32::from_ne_bytes(address.ip().octets());
    format!("{host:08X}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn v4(address: SocketAddr) -> io::Result<SocketAddrV4> {
        match address {
            SocketAddr::V4(address) => Ok(address),
            SocketAddr::V6(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    #[test]
    fn the_table_tells_whose_a_connection_is() -> io::Result<()> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (_server, from) = listener.accept()?;
        let table = std::fs::read_to_string(TABLE)?;
        let own = rustix::process::geteuid().as_raw();
        let at = v4(listener.local_addr()?)?;
        assert_eq!(user(&table, v4(client.local_addr()?)?, at), Some(own));
        assert!(!is_another_user(from, at.port()));
        assert_eq!(user("", v4(from)?, at), None);
        Ok(())
    }

    #[test]
    fn another_user_is_told_from_the_daemons_own_end() {
        let daemon = SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0x1F90);
        let client = SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0xC001);
        let end = |local, remote, user: u32| {
            format!(
                "   1: {} {} 01 00000000:00000000 00:00000000 00000000 {user:>5}        0 126 1 0\n",
                written(local),
                written(remote)
            )
        };
        let head =
            "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n";
        let table = format!(
            "{head}{}{}",
            end(daemon, client, 1000),
            end(client, daemon, 1001)
        );
        assert_eq!(user(&table, client, daemon), Some(1001));
        assert_eq!(user(&table, daemon, client), Some(1000));
    }
}
