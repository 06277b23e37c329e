//! What is known of a token that has been let in.

use gatehouse_base::digest::{Algorithm, MAX_RAW};

use crate::ledger::Identity;
use crate::limit::Limit;
use crate::profile::Profile;
use crate::request::{Presented, RequestView};

impl Profile {
    /// How often its tokens may be used.
    pub fn limit(&self) -> Option<&Limit> {
        self.limit.as_ref()
    }

    /// Whether an upgraded connection ends when its token expires.
    pub fn closes_websockets(&self) -> bool {
        self.close_websocket
    }

    /// What tells the token in this location and turn, an authentic one, from all others of a profile of this name, however it is
    /// spelled and wherever it stands. `None` when memory is short. The token is read once more for it, which costs requests
    /// under `limit` alone, each once.
    pub fn identity(
        &self,
        name: &str,
        request: &dyn RequestView,
        (location, turn): (usize, usize),
    ) -> Option<Identity> {
        let location = self.locations.get(location)?;
        let mut token = Presented::new();
        let found = self.find(location, turn, request, &mut token);
        found.ok().filter(|found| *found)?;
        let mut out = [0; MAX_RAW];
        let digest = Algorithm::Sha256.hash_into(&mut out, |sink| {
            sink(name.as_bytes());
            sink(b"\0");
            self.prepared.verifier.identify(&token, request, sink)
        });
        Identity::of(digest?)
    }
}
