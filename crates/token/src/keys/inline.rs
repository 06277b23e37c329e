//! Whether a text that is shown for one request is a public key. No memory is asked for.

use data_encoding::{BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use memchr::memmem;

/// The longest text that passes for a secret.
const MOST: usize = 1024;

/// How many bytes at the beginning say what a text is.
const HEAD: usize = 18;

/// Whether a text may be a public key, which everybody may know: in PEM, as a JWK, as SSH writes it, or without armour,
/// also in base64 and hexadecimal. Rather too much is found: a secret has no such form.
pub(crate) fn may_be_public(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let starts = |with: &[u8]| text.starts_with(with);
    text.len() > MOST
        || memmem::find(text, b"-----BEGIN ").is_some()
        || memmem::find(text, b"\"kty\"").is_some()
        || starts(b"ssh-")
        || starts(b"ecdsa-sha2-")
        || is_head(text, text.len())
        || in_hex(text)
        || in_base64(text)
}

/// Whether bytes begin as a key in DER does, or as that of SSH, or are a point of a curve; `len` is how many there are in all.
fn is_head(head: &[u8], len: usize) -> bool {
    match head {
        // SEQUENCE { SEQUENCE { OBJECT …, SEQUENCE { INTEGER …, of a certificate SEQUENCE { SEQUENCE { …
        [0x30, rest @ ..] => {
            let inside = behind_length(rest);
            let first = inside.and_then(<[u8]>::split_first);
            first.is_some_and(|(tag, rest)| match tag {
                0x02 => true,
                0x30 => behind_length(rest)
                    .is_some_and(|one| matches!(one.first(), Some(0x02 | 0x06 | 0x30 | 0xa0))),
                _ => false,
            })
        }
        [0x04, ..] => matches!(len, 65 | 97 | 133),
        [0, 0, 0, _, name @ ..] => name.starts_with(b"ssh-") || name.starts_with(b"ecdsa-sha2-"),
        _ => false,
    }
}

/// What follows a length of DER.
fn behind_length(bytes: &[u8]) -> Option<&[u8]> {
    let (first, rest) = bytes.split_first()?;
    let more = if *first < 0x80 {
        0
    } else {
        usize::from(first & 0x7f)
    };
    rest.get(more..).filter(|_| more <= 4)
}

/// The first digits of a text, without what stands between them; and how many there are in all.
fn digits(text: &[u8], skipped: &[u8], out: &mut [u8]) -> usize {
    let all = text.iter().filter(|byte| !skipped.contains(byte));
    let mut count: usize = 0;
    for byte in all {
        if let Some(place) = out.get_mut(count) {
            *place = match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => *other,
            };
        }
        count = count.saturating_add(1);
    }
    count
}

fn in_base64(text: &[u8]) -> bool {
    // Of 18 bytes.
    let mut first = [b'A'; 24];
    let count = digits(text, b" \t\r\n=", &mut first);
    let mut head = [0; HEAD];
    let decoded = BASE64_NOPAD.decode_mut(&first, &mut head).is_ok();
    decoded && is_head(&head, count.saturating_mul(3) / 4)
}

fn in_hex(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"0x").unwrap_or(text);
    let mut first = [b'0'; 36];
    let count = digits(text, b" \t\r\n:", &mut first);
    let mut head = [0; HEAD];
    let decoded = HEXLOWER_PERMISSIVE.decode_mut(&first, &mut head).is_ok();
    decoded && is_head(&head, count / 2)
}
