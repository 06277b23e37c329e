//! MD5 (RFC 1321), SHA-1 and SHA-2 (FIPS 180-4) and their HMAC (RFC 2104), computed by aws-lc.
//!
//! Each hash is a plain value of about a hundred bytes: it can be copied when a part of the text is in it, nothing is
//! allocated, and it is wiped when it is dropped (what the compiler leaves of it elsewhere on the stack is not). aws-lc's
//! safe crate keeps each on the heap, which took twice the time of a short MAC; so its functions are called here, and
//! nowhere else.

use std::mem::MaybeUninit;

use aws_lc_sys as lc;
use zeroize::{Zeroize, Zeroizing};

#[cfg(test)]
mod tests;

/// A hash function, with what it has been given so far.
pub trait Hash: Clone {
    /// How many bytes it takes at a time: the block of RFC 2104.
    const BLOCK: usize;
    /// The digest.
    type Output: AsRef<[u8]> + Zeroize;

    /// One that has been given nothing.
    fn new() -> Self;

    /// Gives it more of the text.
    fn update(&mut self, text: &[u8]);

    /// The digest of all that it was given.
    fn finish(self) -> Self::Output;

    /// The digest of one text.
    fn digest(text: &[u8]) -> Self::Output {
        let mut hash = Self::new();
        hash.update(text);
        hash.finish()
    }
}

/// Makes a type of each of aws-lc's hash functions, which all have the same form (openssl/md5.h, openssl/sha.h). They return 1,
/// always, and keep no pointer.
macro_rules! hashes {
    ($($name:ident, $text:literal, $context:ident, $init:ident, $update:ident, $finish:ident, $block:literal, $len:literal;)*) => {$(
        #[doc = $text]
        #[derive(Clone)]
        pub struct $name(lc::$context);

        impl Hash for $name {
            const BLOCK: usize = $block;
            type Output = [u8; $len];

            #[inline]
            fn new() -> Self {
                let mut context = MaybeUninit::zeroed();
                // SAFETY: aligned room for a context, which the function fills.
                unsafe { lc::$init(context.as_mut_ptr()) };
                // SAFETY: numbers only: each bit pattern is one, and zeros were there before.
                Self(unsafe { context.assume_init() })
            }

            #[inline]
            fn update(&mut self, text: &[u8]) {
                // SAFETY: an initialised context, and so many readable bytes.
                unsafe { lc::$update(&raw mut self.0, text.as_ptr().cast(), text.len()) };
            }

            #[inline]
            fn finish(mut self) -> Self::Output {
                let mut out = [0; $len];
                // SAFETY: an initialised context, and room for as many bytes as the function writes.
                unsafe { lc::$finish(out.as_mut_ptr(), &raw mut self.0) };
                out
            }
        }

        impl Drop for $name {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: the context's own bytes, of which zeros are as good as any, and which nobody reads again.
                unsafe { lc::OPENSSL_cleanse((&raw mut self.0).cast(), size_of_val(&self.0)) };
            }
        }
    )*};
}

hashes! {
    Md5, "MD5.", MD5_CTX, MD5_Init, MD5_Update, MD5_Final, 64, 16;
    Sha1, "SHA-1.", SHA_CTX, SHA1_Init, SHA1_Update, SHA1_Final, 64, 20;
    Sha256, "SHA-256.", SHA256_CTX, SHA256_Init, SHA256_Update, SHA256_Final, 64, 32;
    Sha384, "SHA-384.", SHA512_CTX, SHA384_Init, SHA384_Update, SHA384_Final, 128, 48;
    Sha512, "SHA-512.", SHA512_CTX, SHA512_Init, SHA512_Update, SHA512_Final, 128, 64;
    Sha512_256, "SHA-512/256, which is not the first half of SHA-512.", SHA512_CTX, SHA512_256_Init, SHA512_256_Update, SHA512_256_Final, 128, 32;
}

/// The longest block.
const MAX_BLOCK: usize = 128;
/// The pads of RFC 2104.
const INNER: u8 = 0x36;
const OUTER: u8 = 0x5c;

/// An HMAC whose key is hashed in already, with what it has been given so far.
#[derive(Clone)]
pub struct Hmac<H> {
    inner: H,
    outer: H,
}

impl<H: Hash> Hmac<H> {
    /// One that has been given nothing, with a key of any length.
    pub fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; MAX_BLOCK]);
        let (block, _) = block.split_at_mut(H::BLOCK);
        if key.len() > H::BLOCK {
            let mut hashed = H::digest(key);
            lay(block, hashed.as_ref());
            hashed.zeroize();
        } else {
            lay(block, key);
        }
        let mut padded = |pad: u8| {
            block.iter_mut().for_each(|byte| *byte ^= pad);
            let mut hash = H::new();
            hash.update(block);
            hash
        };
        Self {
            inner: padded(INNER),
            // The inner pad is taken off again.
            outer: padded(INNER ^ OUTER),
        }
    }

    /// Gives it more of the text.
    #[inline]
    pub fn update(&mut self, text: &[u8]) {
        self.inner.update(text);
    }

    /// The MAC of all that it was given.
    #[inline]
    pub fn finish(self) -> H::Output {
        let Self { inner, mut outer } = self;
        outer.update(inner.finish().as_ref());
        outer.finish()
    }
}

/// Lays a text over the begin of a block.
fn lay(block: &mut [u8], text: &[u8]) {
    block
        .iter_mut()
        .zip(text)
        .for_each(|(to, from)| *to = *from);
}
