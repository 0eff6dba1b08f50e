//! Inviting and joining: the ticket, and the handshake by which an inviting device lets a joiner in; knows
//! no connection, only messages and the secret that both ends of one connection export (security.md §2.9).

mod gatekeeper;
mod joiner;
mod message;
mod ticket;

pub use gatekeeper::{
    Admitting, Applicant, Challenged, Hello, Newcomer, read_hello, refuse, waiting,
};
pub use joiner::{Joined, Joiner, JoinerIdentity, Step};
pub use message::{JoinError, MAX_MESSAGE, Refused};
pub use ticket::{MAX_ADDRESS, MAX_GATEKEEPERS, Offer, Ticket, TicketError, new_invite};

#[cfg(test)]
mod tests;
