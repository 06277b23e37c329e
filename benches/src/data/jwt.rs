//! JSON Web Tokens, all with claims of the same length.

use gatehouse_base::digest::{Algorithm, Digest, Encoding};

/// The secret of HS256: as long as its hash, else nginx -t warns.
pub(crate) const SECRET: &str = "bench-key-0123456789abcdef-01234";

/// The public keys of the other two.
pub(crate) const RSA: &[u8] = include_bytes!("../../../t/data/keys/rsa.pub.pem");
pub(crate) const P256: &[u8] = include_bytes!("../../../t/data/keys/p256.pub.pem");

/// Signed with t/data/keys/rsa.pem and p256.pem by `gatehouse token sign --format jwt --key-encoding pem --algorithm RS256
/// --now 1700000000 --expires 4000000000 --issuer https://id.example.com --audience edge --claim sub=user-00001
/// --claim 'scope=read write'`; once, since no two signatures by ES256 are the same.
pub(crate) const RS256: &str = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsImV4cCI6NDAwMDAwMDAwMCwiaXNzIjoiaHR0cHM6Ly9pZC5le\
    GFtcGxlLmNvbSIsImF1ZCI6ImVkZ2UiLCJzdWIiOiJ1c2VyLTAwMDAxIiwic2NvcGUiOiJyZWFkIHdyaXRlIn0.eaQlc91JDrxguou8gsTPFwm\
    7cr9yPlNn5LWDRJbJuqt3VlYc4r1Y54k7Lj6iOAQDhmKAqtM6kQv_YZSxXl4TRQuyjnW0ljNQNF4JLKp6p0vGiUKeuC7gM05emU4QvlpKsWXRN\
    Q2C0W1qEKLTCiTo_a8iM_2B4L3opPSCGhT3V57QZklDfnXX5Otjvc4ICwfsawqmKmVWTo4Qw9XWOro0wForLbGfTihTLZ-0wITLSQg4twJONXX\
    VBFmVcnxTR2spTs-Ob11Gjrs-NYcLtS3iSUEqlaE7rMd1AKtY1ZRDfbMEF_oUe8G1_JhCyoSLYKRWjU7WFYn88p_5m_tITxZykw";
pub(crate) const ES256: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDAsImV4cCI6NDAwMDAwMDAwMCwiaXNzIjoiaHR0cHM6Ly9pZC5le\
    GFtcGxlLmNvbSIsImF1ZCI6ImVkZ2UiLCJzdWIiOiJ1c2VyLTAwMDAxIiwic2NvcGUiOiJyZWFkIHdyaXRlIn0.aQ0LKd7eGZ_u9od-yS4nPOu\
    lPLr1zl6qzwjqj8KkhAQfOEaq0DQhP3L9e_L4Ht56SCwth0inggYIdKRALPYslA";

/// The token by HS256 of one of 10,000 users.
pub(crate) fn hs256(n: usize) -> String {
    let claims = format!(
        r#"{{"iat":1700000000,"exp":4000000000,"iss":"https://id.example.com","aud":"edge","sub":"user-{:05}","scope":"read write"}}"#,
        n % 10_000
    );
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let signed = format!("{}.{}", base64(header), base64(&claims));
    let key = Some(SECRET.as_bytes());
    let hmac = Digest::new(Algorithm::Sha256, Encoding::Base64Url, key);
    let mut out = [0; 64];
    let len = hmac.map_or(None, |hmac| {
        hmac.encode_into(&[signed.as_bytes()], &mut out)
    });
    format!("{signed}.{}", text(&out, len))
}

fn base64(of: &str) -> String {
    let mut out = [0; 512];
    let len = Encoding::Base64Url.encode(of.as_bytes(), &mut out);
    text(&out, len)
}

fn text(out: &[u8], len: Option<usize>) -> String {
    String::from_utf8_lossy(out.get(..len.unwrap_or(0)).unwrap_or_default()).into_owned()
}
