//! What a machine is called, as people write it: a name or an address that ssh and every launcher
//! take for a host.

use crate::transport::alike;
use std::fmt;

/// A host's name or address, `user@` before it where people write so. It never begins with `-`,
/// which programs would take for an option, and holds no sign that a shell or a terminal would take
/// for more than itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

/// What cannot be a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no name of a host: {reason}", .text.escape_debug())]
pub struct HostNameError {
    text: String,
    reason: &'static str,
}

/// Longer names are no names; the system says 253.
const LONGEST: usize = 255;

impl HostName {
    /// Takes a text for a host, if it can be one.
    ///
    /// # Errors
    /// What is wrong with it.
    ///
    /// ```
    /// # use fedmpi::hosts::HostName;
    /// assert!(
    ///     ["node1", "n1.x.org", "10.0.0.1", "fe80::1%eth0", "me@n1"]
    ///         .iter()
    ///         .all(|name| HostName::parse(name).is_ok())
    /// );
    /// assert!(
    ///     ["", "-V", "a,b", "a b", "a;b", "a\u{1b}[2J", "@a", "a@"]
    ///         .iter()
    ///         .all(|name| HostName::parse(name).is_err())
    /// );
    /// ```
    pub fn parse(text: &str) -> Result<HostName, HostNameError> {
        match fault(text) {
            None => Ok(HostName(text.to_owned())),
            Some(reason) => Err(HostNameError {
                text: text.to_owned(),
                reason,
            }),
        }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the user.
    pub fn host(&self) -> &str {
        self.0.split_once('@').map_or(&self.0, |(_, host)| host)
    }

    /// Whether both mean one machine; a short name means any full name that begins with it.
    pub fn means(&self, other: &HostName) -> bool {
        alike(self.host(), other.host())
    }
}

/// Why a text cannot be a host, if it cannot.
fn fault(text: &str) -> Option<&'static str> {
    let may_be = |letter: char| letter.is_ascii_alphanumeric() || ".-_:%@".contains(letter);
    let (user, host) = text.split_once('@').unwrap_or(("me", text));
    if host.is_empty() || user.is_empty() {
        Some("nothing is there")
    } else if user.starts_with('-') || host.starts_with('-') {
        Some("it begins with `-`")
    } else if host.contains('@') || !text.chars().all(may_be) {
        Some("only letters, digits and `.-_:%` can be in it")
    } else if text.len() > LONGEST {
        Some("it is too long")
    } else {
        None
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}
