//! The secrets that routes have, as tokens are signed with them: JWT (RFC 7515) and COSE (RFC 9052) alike.

use gatehouse_base::digest::MAX_RAW;

use super::algorithm::Algorithm;
use crate::error::Error;
use crate::keys::RouteKeys;
use crate::mac;
use crate::reason::Reason;
use crate::request::RequestView;
use crate::scheme::VerifierConfig;

/// The secrets that routes have, and what they are used with.
pub(crate) struct RouteSecrets {
    keys: RouteKeys,
    macs: Vec<Algorithm>,
}

impl RouteSecrets {
    /// Those of a profile; none when no line names any.
    ///
    /// # Errors
    /// They are for none of the profile's algorithms.
    pub(crate) fn prepare(config: &VerifierConfig<'_>) -> Result<Option<Self>, Error> {
        if config.route_keys.is_empty() {
            return Ok(None);
        }
        let algorithms = &config.options.algorithms;
        let usual = Algorithm::parse("HS256").filter(|_| algorithms.is_empty());
        let named = algorithms.iter().copied();
        let macs = named.filter(|one| matches!(one, Algorithm::Mac(_)));
        let macs: Vec<_> = macs.chain(usual).collect();
        if macs.is_empty() {
            let text =
                "has a \"key\" with \"table\", which is a secret, and no \"algorithm\" for one";
            return Err(Error::new(text));
        }
        let keys = config.route_keys();
        Ok(Some(Self { keys, macs }))
    }

    /// The index of the secret of the request's route that made this MAC of a text with the algorithm of this name.
    /// Which key a token names does not matter.
    ///
    /// # Errors
    /// None made it.
    pub(crate) fn find(
        &self,
        request: &dyn RequestView,
        algorithm: &[u8],
        text: &[u8],
        signature: &[u8],
    ) -> Result<usize, Reason> {
        let is_called = |one: &&Algorithm| one.name().as_bytes() == algorithm;
        let Some(Algorithm::Mac(hash)) = self.macs.iter().find(is_called) else {
            return Err(Reason::Invalid);
        };
        self.keys.find_secret(request, |secret| {
            let mut expected = [0; MAX_RAW];
            let expected = hash.hmac_into(secret, &mut expected, |sink| {
                sink(text);
                Some(())
            });
            expected.is_some_and(|expected| mac::same(expected, signature))
        })
    }
}
