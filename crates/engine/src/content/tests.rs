//! The content store against a naive reference, a hostile store, and peers that have nothing.

mod hostile;
mod network;
mod round_trip;
mod support;
