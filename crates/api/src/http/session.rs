//! How a browser becomes one of the askers: a code that is good once, exchanged for a cookie and a key.
//! Knows no request.
//!
//! Cookies are shared by all ports of a host, so a page on another port of 127.0.0.1 is sent ours. The
//! key is kept where only pages of this port can read it. Neither is worth anything without the other.
//! What is remembered of them, here and for the next run, is one hash of both.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Token;
use super::kept::{Kept, KeptSession, Shelf};

/// How long a code is good for: a browser opens within seconds, a person who copies it needs some more.
const CODE_LIVES: Duration = Duration::from_secs(120);

/// How long a browser is in, in milliseconds: thirty days, whether it is used or not.
const SESSION_LIVES: u64 = 30 * DAY;

const DAY: u64 = 24 * 60 * 60 * 1000;

/// Codes that wait, and browsers that are in. The oldest make way.
const MOST: usize = 16;

/// One browser.
#[derive(Debug)]
struct Session {
    hash: blake3::Hash,
    /// Milliseconds since 1970.
    until: u64,
}

impl Session {
    /// Whether it is in. One that would be for much longer than any is was let in under another clock.
    fn lives(&self, now_ms: u64) -> bool {
        (1..=SESSION_LIVES + DAY).contains(&self.until.saturating_sub(now_ms))
    }
}

/// Who may ask besides those who can read the data directory.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    codes: Mutex<VecDeque<(Token, Instant)>>,
    open: Mutex<VecDeque<Session>>,
    /// Where the port and its browsers are remembered, if they are.
    shelf: Option<(Shelf, u16)>,
}

impl Sessions {
    /// Goes on with the browsers that were let in by this port before, and remembers it.
    pub(super) fn on(shelf: Shelf, port: u16, kept: Kept) -> Self {
        let same = kept.port == port;
        let known = kept.sessions.into_iter().filter(|_| same);
        let known = known.filter_map(|KeptSession { hash, until }| {
            let hash = blake3::Hash::from_hex(hash).ok()?;
            Some(Session { hash, until })
        });
        let sessions = Self {
            codes: Mutex::default(),
            open: Mutex::new(known.take(MOST).collect()),
            shelf: Some((shelf, port)),
        };
        sessions.remember(&sessions.open.lock());
        sessions
    }

    /// Makes a code.
    pub(super) fn code(&self, now: Instant) -> io::Result<Token> {
        let code = Token::random()?;
        let mut codes = self.codes.lock();
        codes.retain(|(_, made)| now.saturating_duration_since(*made) < CODE_LIVES);
        if codes.len() >= MOST {
            codes.pop_front();
        }
        codes.push_back((code.clone(), now));
        Ok(code)
    }

    /// Takes a code; the cookie and the key of a new session if it was good. `now_ms` is milliseconds
    /// since 1970.
    pub(super) fn exchange(
        &self,
        code: &str,
        now: Instant,
        now_ms: u64,
    ) -> io::Result<Option<(Token, Token)>> {
        let mut codes = self.codes.lock();
        codes.retain(|(_, made)| now.saturating_duration_since(*made) < CODE_LIVES);
        let Some(at) = codes.iter().position(|(known, _)| known.matches(code)) else {
            return Ok(None);
        };
        codes.remove(at);
        drop(codes);
        let (cookie, key) = (Token::random()?, Token::random()?);
        let mut open = self.open.lock();
        open.retain(|session| session.lives(now_ms));
        if open.len() >= MOST {
            open.pop_front();
        }
        open.push_back(Session {
            hash: hash(cookie.expose(), key.expose()),
            until: now_ms.saturating_add(SESSION_LIVES),
        });
        self.remember(&open);
        Ok(Some((cookie, key)))
    }

    /// Whether these two belong to one browser that is in.
    pub(super) fn admit(&self, cookie: &str, key: &str, now_ms: u64) -> bool {
        let offered = hash(cookie, key);
        let open = self.open.lock();
        // Hashes compare in a time that does not tell where they differ.
        open.iter()
            .any(|session| (session.hash == offered) & session.lives(now_ms))
    }

    fn remember(&self, open: &VecDeque<Session>) {
        let Some((shelf, port)) = &self.shelf else {
            return;
        };
        let sessions = open.iter().map(|session| KeptSession {
            hash: session.hash.to_hex().to_string(),
            until: session.until,
        });
        shelf.write(&Kept {
            port: *port,
            sessions: sessions.collect(),
        });
    }
}

fn hash(cookie: &str, key: &str) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("peerdrive 2026 a browser that was let in");
    // With its length, so that no other pair is the same row of bytes.
    hasher.update(&(cookie.len() as u64).to_le_bytes());
    hasher.update(cookie.as_bytes()).update(key.as_bytes());
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some time of day.
    const NOW: u64 = 1_900_000_000_000;

    fn let_in(sessions: &Sessions, now_ms: u64) -> io::Result<(Token, Token)> {
        let now = Instant::now();
        let code = sessions.code(now)?;
        let pair = sessions.exchange(code.expose(), now, now_ms)?;
        pair.ok_or(io::ErrorKind::NotFound.into())
    }

    fn is_in(sessions: &Sessions, (cookie, key): &(Token, Token), now_ms: u64) -> bool {
        sessions.admit(cookie.expose(), key.expose(), now_ms)
    }

    #[test]
    fn a_code_is_good_once_and_not_for_long() -> io::Result<()> {
        let sessions = Sessions::default();
        let now = Instant::now();
        let code = sessions.code(now)?;
        let pair = sessions.exchange(code.expose(), now, NOW)?;
        let pair = pair.ok_or(io::ErrorKind::NotFound)?;
        assert!(is_in(&sessions, &pair, NOW));
        assert!(sessions.exchange(code.expose(), now, NOW)?.is_none());
        let late = sessions.code(now)?;
        let late = sessions.exchange(late.expose(), now + CODE_LIVES, NOW)?;
        assert!(late.is_none());
        assert!(sessions.exchange("", now, NOW)?.is_none());
        Ok(())
    }

    #[test]
    fn cookie_and_key_of_two_browsers_do_not_fit() -> io::Result<()> {
        let sessions = Sessions::default();
        let (one, other) = (let_in(&sessions, NOW)?, let_in(&sessions, NOW)?);
        assert!(is_in(&sessions, &one, NOW));
        assert!(!is_in(&sessions, &(one.0.clone(), other.1.clone()), NOW));
        assert!(!is_in(&sessions, &(one.1.clone(), one.0.clone()), NOW));
        let (cookie, key) = (one.0.expose(), one.1.expose());
        let (begin, end) = cookie.split_at(10);
        assert!(!sessions.admit(begin, &format!("{end}{key}"), NOW));
        assert!(!sessions.admit("", "", NOW));
        Ok(())
    }

    #[test]
    fn a_browser_is_in_for_thirty_days() -> io::Result<()> {
        let sessions = Sessions::default();
        let pair = let_in(&sessions, NOW)?;
        assert!(is_in(&sessions, &pair, NOW + SESSION_LIVES - 1));
        assert!(!is_in(&sessions, &pair, NOW + SESSION_LIVES));
        // The clock was set back since: a little is no matter.
        assert!(is_in(&sessions, &pair, NOW - 1));
        assert!(!is_in(&sessions, &pair, NOW - DAY - 1));
        Ok(())
    }

    #[test]
    fn the_next_run_on_the_same_port_knows_the_browsers_and_no_secret_of_theirs()
    -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let shelf = || Shelf::of(dir.path());
        let sessions = Sessions::on(shelf(), 7, shelf().read());
        let pairs: Vec<_> = (0..MOST + 2)
            .map(|_| let_in(&sessions, NOW))
            .collect::<io::Result<_>>()?;
        let path = dir.path().join("browsers.json");
        let text = std::fs::read_to_string(&path)?;
        for (cookie, key) in &pairs {
            assert!(!text.contains(cookie.expose()) && !text.contains(key.expose()));
        }
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata()?.permissions());
        assert_eq!(mode & 0o777, 0o600);

        let next = Sessions::on(shelf(), 7, shelf().read());
        let known: Vec<_> = pairs.iter().map(|pair| is_in(&next, pair, NOW)).collect();
        assert_eq!(known, [vec![false; 2], vec![true; MOST]].concat());
        // Another program had the port meanwhile, and may have seen what pages send there.
        let other = Sessions::on(shelf(), 8, shelf().read());
        assert!(!pairs.iter().any(|pair| is_in(&other, pair, NOW)));
        let back = Sessions::on(shelf(), 7, shelf().read());
        assert!(!pairs.iter().any(|pair| is_in(&back, pair, NOW)));
        std::fs::write(
            &path,
            "{\"port\":7,\"sessions\":[{\"hash\":\"x\",\"until\":1}]}",
        )?;
        Sessions::on(shelf(), 7, shelf().read());
        std::fs::write(&path, "nonsense")?;
        assert_eq!(shelf().read().port, 0);
        Ok(())
    }
}
