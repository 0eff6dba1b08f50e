//! Where peers can be reached: addresses as bytes for tickets and for exchange between members, and
//! the book of those that are known. Does not know who is a member of what.

use std::{collections::HashMap, sync::Arc};

use iroh::{EndpointAddr, TransportAddr, address_lookup::memory::MemoryLookup};
use parking_lot::Mutex;

use crate::types::PeerId;

/// The longest encoded address, in bytes: fits in a ticket that one can paste or scan.
pub const MAX_ADDRESS: usize = 512;

/// The most ways to reach one peer that are kept: a few interfaces in both IP versions and a relay.
const MAX_WAYS: usize = 12;

/// The most peers in the book.
const MAX_PEERS: usize = 4096;

/// Why an encoded address was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Longer than [`MAX_ADDRESS`], or with more ways to reach the peer than anyone has.
    #[error("the address is too long; ask for a new ticket or invite")]
    TooLong,
    /// Not an address, or not in canonical form.
    #[error("the address is damaged; ask for a new ticket or invite")]
    Malformed,
    /// It is this device's own address.
    #[error("the address is this device's own; use it on the other device")]
    Own,
    /// The book is full of other peers.
    #[error("too many peers are known; forget some drives first")]
    Full,
}

/// The bytes of an address, with as many ways as fit: relays and then IP addresses.
pub(crate) fn encode(addr: &EndpointAddr) -> Vec<u8> {
    let mut ways: Vec<TransportAddr> = addr
        .addrs
        .iter()
        .filter(|way| !way.is_custom())
        .take(MAX_WAYS)
        .cloned()
        .collect();
    loop {
        let addr = EndpointAddr::from_parts(addr.id, ways.iter().cloned());
        // Writing plain structures into memory has no way to fail.
        let bytes = postcard::to_allocvec(&addr).unwrap_or_default();
        if bytes.len() <= MAX_ADDRESS || ways.pop().is_none() {
            return bytes;
        }
    }
}

/// Reads an address.
pub(crate) fn decode(bytes: &[u8]) -> Result<EndpointAddr, AddressError> {
    if bytes.len() > MAX_ADDRESS {
        return Err(AddressError::TooLong);
    }
    let addr: EndpointAddr = postcard::from_bytes(bytes).map_err(|_| AddressError::Malformed)?;
    if postcard::to_allocvec(&addr).ok().as_deref() != Some(bytes) {
        return Err(AddressError::Malformed);
    }
    if addr.addrs.len() > MAX_WAYS {
        return Err(AddressError::TooLong);
    }
    if addr.addrs.iter().any(TransportAddr::is_custom) {
        return Err(AddressError::Malformed);
    }
    Ok(addr)
}

/// Who says where a peer is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Word {
    /// The peer itself: replaces what is known.
    Own,
    /// A ticket, a file, or another peer: is added to what is known.
    Hearsay,
}

/// The addresses known on this device.
#[derive(Clone, Debug)]
pub(crate) struct AddressBook {
    own: PeerId,
    lookup: MemoryLookup,
    known: Arc<Mutex<HashMap<PeerId, EndpointAddr>>>,
}

impl AddressBook {
    /// An empty book for the peer `own`.
    pub(crate) fn new(own: PeerId) -> Self {
        Self {
            own,
            lookup: MemoryLookup::new(),
            known: Arc::default(),
        }
    }

    /// What the endpoint looks addresses up in.
    pub(crate) fn lookup(&self) -> MemoryLookup {
        self.lookup.clone()
    }

    /// Notes an address. Returns whose it is, and whether it said anything new.
    pub(crate) fn learn(&self, bytes: &[u8], word: Word) -> Result<(PeerId, bool), AddressError> {
        let addr = decode(bytes)?;
        let peer = PeerId::from(addr.id);
        if peer == self.own {
            return Err(AddressError::Own);
        }
        let mut known = self.known.lock();
        if known.len() >= MAX_PEERS && !known.contains_key(&peer) {
            return Err(AddressError::Full);
        }
        let mut now = addr.clone();
        if let (Word::Hearsay, Some(before)) = (word, known.get(&peer)) {
            // New ways first: when there are too many, the old ones are likely stale.
            let ways = addr
                .addrs
                .iter()
                .chain(before.addrs.difference(&addr.addrs));
            now = EndpointAddr::from_parts(addr.id, ways.take(MAX_WAYS).cloned());
        }
        let new = known.get(&peer) != Some(&now);
        if new {
            self.lookup.set_endpoint_info(now.clone());
            known.insert(peer, now);
        }
        Ok((peer, new))
    }

    /// The address of a peer, encoded.
    pub(crate) fn get(&self, peer: &PeerId) -> Option<Vec<u8>> {
        self.known.lock().get(peer).map(encode)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use iroh::SecretKey;

    use super::*;

    fn addr(key: u8, ports: std::ops::Range<u16>) -> EndpointAddr {
        let ways = ports.map(|port| TransportAddr::Ip(([127, 0, 0, 1], port).into()));
        EndpointAddr::from_parts(SecretKey::from_bytes(&[key; 32]).public(), ways)
    }

    #[test]
    fn an_address_survives_its_encoding_and_keeps_to_the_limit() -> Result<(), Box<dyn Error>> {
        assert_eq!(decode(&encode(&addr(1, 1..5)))?, addr(1, 1..5));
        let many = encode(&addr(1, 1..400));
        assert!(many.len() <= MAX_ADDRESS);
        assert_eq!(decode(&many)?.addrs.len(), MAX_WAYS);
        Ok(())
    }

    #[test]
    fn what_is_not_an_address_is_refused() {
        let good = encode(&addr(1, 1..3));
        assert_eq!(decode(&[0; 600]), Err(AddressError::TooLong));
        assert_eq!(
            decode(&good[..good.len() - 1]),
            Err(AddressError::Malformed)
        );
        let mut longer = good.clone();
        longer.push(0);
        assert_eq!(decode(&longer), Err(AddressError::Malformed));
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x80;
            // Must not panic, and must not be taken for the same.
            assert_ne!(decode(&bad).ok(), Some(addr(1, 1..3)));
        }
    }

    #[test]
    fn a_peer_knows_its_own_address_best() -> Result<(), Box<dyn Error>> {
        let own = PeerId::from(addr(9, 0..0).id);
        let book = AddressBook::new(own);
        assert_eq!(
            book.learn(&encode(&addr(9, 1..2)), Word::Hearsay),
            Err(AddressError::Own)
        );
        let (peer, new) = book.learn(&encode(&addr(1, 1..3)), Word::Hearsay)?;
        assert!(new);
        assert!(!book.learn(&encode(&addr(1, 1..2)), Word::Hearsay)?.1);
        assert!(book.learn(&encode(&addr(1, 3..4)), Word::Hearsay)?.1);
        assert_eq!(book.get(&peer), Some(encode(&addr(1, 1..4))));
        assert!(book.learn(&encode(&addr(1, 2..3)), Word::Own)?.1);
        assert_eq!(book.get(&peer), Some(encode(&addr(1, 2..3))));
        Ok(())
    }
}
