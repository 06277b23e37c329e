//! What the configuration says about a store.

use gatehouse_table::hipache::KeySpace;
use gatehouse_table::table::Passive;
use zeroize::Zeroizing;

/// A store, as its feeder needs it.
pub struct Store {
    /// Who logs in; empty for Redis's `default`.
    pub user: String,
    /// The password, if one is needed.
    pub password: Option<Password>,
    /// The database's number.
    pub db: u32,
    /// Which keys are the table's.
    pub keys: KeySpace,
    /// Only a master will do: Sentinels say which one it is.
    pub wants_master: bool,
    /// When backends are left out.
    pub passive: Passive,
}

impl Store {
    /// The words of `HELLO`, which log in.
    pub(super) fn hello(&self) -> Vec<&[u8]> {
        hello(&self.user, self.password.as_ref())
    }
}

/// Who logs in at Sentinels.
pub struct Login {
    /// Empty for `default`.
    pub user: String,
    /// The password.
    pub password: Password,
}

/// The words of `HELLO` for this user, or for nobody.
pub(super) fn hello<'w>(user: &'w str, password: Option<&'w Password>) -> Vec<&'w [u8]> {
    let mut words: Vec<&[u8]> = vec![b"HELLO", b"3"];
    if let Some(password) = password {
        let user = if user.is_empty() { "default" } else { user };
        words.extend([b"AUTH".as_slice(), user.as_bytes(), &password.0]);
    }
    words
}

/// A password: wiped when it is dropped.
pub struct Password(pub(super) Zeroizing<Vec<u8>>);

impl Password {
    /// A copy of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}
