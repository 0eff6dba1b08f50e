//! How a browser becomes one of the askers: a code that is good once, exchanged for a cookie and a key.
//! Knows no request.
//!
//! Cookies are shared by all ports of a host, so a page on another port of 127.0.0.1 is sent ours. The
//! key is kept where only pages of this port can read it. Neither is worth anything without the other.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::Token;

/// How long a code is good for: a browser opens within seconds, a person who copies it needs some more.
const CODE_LIVES: Duration = Duration::from_secs(120);

/// Codes that wait, and browsers that are in. The oldest make way.
const MOST: usize = 16;

/// One browser.
#[derive(Debug)]
struct Session {
    cookie: Token,
    key: Token,
}

/// Who may ask besides those who can read the data directory.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    codes: Mutex<VecDeque<(Token, Instant)>>,
    open: Mutex<VecDeque<Session>>,
}

impl Sessions {
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

    /// Takes a code; the cookie and the key of a new session if it was good.
    pub(super) fn exchange(&self, code: &str, now: Instant) -> io::Result<Option<(Token, Token)>> {
        let mut codes = self.codes.lock();
        codes.retain(|(_, made)| now.saturating_duration_since(*made) < CODE_LIVES);
        let Some(at) = codes.iter().position(|(known, _)| known.matches(code)) else {
            return Ok(None);
        };
        codes.remove(at);
        drop(codes);
        let (cookie, key) = (Token::random()?, Token::random()?);
        let mut open = self.open.lock();
        if open.len() >= MOST {
            open.pop_front();
        }
        open.push_back(Session {
            cookie: cookie.clone(),
            key: key.clone(),
        });
        Ok(Some((cookie, key)))
    }

    /// Whether these two belong to one browser that is in.
    pub(super) fn admit(&self, cookie: &str, key: &str) -> bool {
        let open = self.open.lock();
        open.iter()
            .any(|session| session.cookie.matches(cookie) & session.key.matches(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_good_once_and_not_for_long() -> io::Result<()> {
        let sessions = Sessions::default();
        let now = Instant::now();
        let code = sessions.code(now)?;
        let (cookie, key) = sessions
            .exchange(code.expose(), now)?
            .ok_or(io::ErrorKind::NotFound)?;
        assert!(sessions.admit(cookie.expose(), key.expose()));
        assert!(sessions.exchange(code.expose(), now)?.is_none());
        let late = sessions.code(now)?;
        assert!(
            sessions
                .exchange(late.expose(), now + CODE_LIVES)?
                .is_none()
        );
        assert!(sessions.exchange("", now)?.is_none());
        Ok(())
    }

    #[test]
    fn cookie_and_key_of_two_browsers_do_not_fit() -> io::Result<()> {
        let sessions = Sessions::default();
        let now = Instant::now();
        let mut pairs = Vec::new();
        for _ in 0..2 {
            let code = sessions.code(now)?;
            pairs.extend(sessions.exchange(code.expose(), now)?);
        }
        assert!(sessions.admit(pairs[0].0.expose(), pairs[0].1.expose()));
        assert!(!sessions.admit(pairs[0].0.expose(), pairs[1].1.expose()));
        assert!(!sessions.admit(pairs[0].1.expose(), pairs[0].0.expose()));
        Ok(())
    }
}
