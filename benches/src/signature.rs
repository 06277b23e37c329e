//! A signature checked as the module does it, with a key that is parsed once, and nothing around it.

use crate::data::jwt;
use crate::load::Load;
use crate::native;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use gatehouse_base::encoding::Encoding;
use std::hint::black_box;

/// How often it is checked in a turn.
const TIMES: usize = 1_000;

pub(crate) struct Signature {
    key: ParsedPublicKey,
    text: &'static [u8],
    signature: Vec<u8>,
}

impl Signature {
    /// That of the token in these requests.
    pub(crate) fn of(load: Load) -> Result<Self, String> {
        let (algorithm, key, token): (&'static dyn VerificationAlgorithm, _, _) = match load {
            Load::Rs256 => (&RSA_PKCS1_2048_8192_SHA256, jwt::RSA, jwt::RS256),
            Load::Es256 => (&ECDSA_P256_SHA256_FIXED, jwt::P256, jwt::ES256),
            _ => return Err(format!("{load:?} has no signature")),
        };
        let key = String::from_utf8_lossy(key);
        let key: String = key.lines().filter(|line| !line.contains("---")).collect();
        let key = decoded(Encoding::Base64, &key)?;
        let (text, signature) = token.rsplit_once('.').ok_or("no signature")?;
        Ok(Self {
            key: ParsedPublicKey::new(algorithm, key).map_err(|e| e.to_string())?,
            text: text.as_bytes(),
            signature: decoded(Encoding::Base64Url, signature)?,
        })
    }

    /// The microseconds that it takes of the processor.
    pub(crate) fn time(&self) -> Result<f64, String> {
        let began = native::own_time()?;
        for _ in 0..TIMES {
            let checked = self.key.verify_sig(black_box(self.text), &self.signature);
            checked.map_err(|_| "the signature is none")?;
        }
        Ok((native::own_time()? - began) as f64 / 1000.0 / TIMES as f64)
    }
}

fn decoded(encoding: Encoding, text: &str) -> Result<Vec<u8>, String> {
    let mut out = vec![0; text.trim_end_matches('=').len() * 3 / 4];
    let is_one = encoding.decode(text.as_bytes(), &mut out);
    is_one.then_some(out).ok_or("no base64".to_owned())
}

#[cfg(test)]
mod tests {
    use super::Signature;
    use crate::load::Load;

    #[test]
    fn the_tokens_of_the_bench_are_signed_well() {
        for load in [Load::Rs256, Load::Es256] {
            let mut signature = Signature::of(load).unwrap();
            assert!(signature.time().unwrap() > 0.0);
            signature.signature[7] ^= 1;
            assert!(signature.time().is_err());
        }
        assert!(Signature::of(Load::Plain).is_err());
    }
}
