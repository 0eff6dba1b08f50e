//! Identity, drive keys, membership rules, sealed and signed envelopes: bytes in, bytes out.
//!
//! Knows no clock, no file, no network and no generator of its own: time and randomness are arguments.
//!
//! # The model
//!
//! A drive is a set of signed [`entry`]s in two planes. The control plane says who may do what; its
//! [`membership::Control`] takes entries in any order and answers with a [`membership::State`] that is a
//! function of their set alone. Every removal begins an [`epoch`]: a random secret sealed to exactly the
//! devices that remain, from which every other key derives. The content plane carries what the members
//! write, sealed under an epoch, and [`membership::Control::admits`] says whether an entry of it counts.
//! File contents are sealed by [`content`], values at rest by [`local`], and newcomers come in by
//! [`invite`].
//!
//! ```
//! use peerdrive_crypto::{
//!     author::{Founding, genesis},
//!     entry::{Links, LogPosition, Plane, content_entry, kind},
//!     identity::DriveKeys,
//!     keyring::{Keyring, Opener},
//!     membership::{ContentRef, Control},
//!     secret::EndpointSecret,
//! };
//! # use rand_core::SeedableRng;
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut rng = rand_chacha::ChaCha20Rng::seed_from_u64(1);
//! let keys = DriveKeys::generate(&mut rng);
//! let endpoint = EndpointSecret::generate(&mut rng);
//! let founded = genesis(
//!     &Founding {
//!         drive_name: "Plans",
//!         member_label: "Ada",
//!         device_label: "laptop",
//!         keys: &keys,
//!         endpoint: &endpoint,
//!         now: 1_700_000_000,
//!     },
//!     &mut rng,
//! )?;
//! let mut control = Control::new(founded.drive);
//! control.insert(founded.genesis)?;
//! let mut keyring = Keyring::new(founded.drive);
//! keyring.catch_up(&control, Opener::Device(&keys));
//!
//! let current = control.state().current_epoch().ok_or("nobody may write")?;
//! let epoch = keyring.get(&current).ok_or("not given to this device")?;
//! let at = LogPosition::open(founded.drive, Plane::Content, founded.bind, &mut rng);
//! let links = Links { deps: vec![], ctrl: control.heads() };
//! let entry = content_entry(&at, kind::EDIT, links, &epoch, b"changes", &keys, &mut rng)?;
//!
//! let content = ContentRef { header: &entry.header, prev_ctrl: &[], floor: None };
//! control.admits(&content, &mut |_| true)?;
//! assert_eq!(entry.open_body(&epoch)?, b"changes");
//! # Ok(())
//! # }
//! ```

pub mod aead;
pub mod audit;
pub mod author;
pub mod body;
pub mod checkpoint;
pub mod content;
pub mod domain;
pub mod entry;
pub mod epoch;
pub mod fork;
pub mod frame;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod harness;
mod hpke_wrap;
pub mod identity;
pub mod ids;
pub mod invite;
pub mod kdf;
pub mod keyring;
pub mod local;
pub mod membership;
pub mod reentry;
pub mod secret;
pub mod store_code;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod text;
pub mod wire;
mod words;
