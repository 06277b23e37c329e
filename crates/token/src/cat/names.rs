//! The claims by number (IANA, "CBOR Web Token (CWT) Claims").

pub(super) const ISS: i64 = 1;
pub(super) const SUB: i64 = 2;
pub(super) const AUD: i64 = 3;
pub(super) const EXP: i64 = 4;
pub(super) const NBF: i64 = 5;
pub(super) const IAT: i64 = 6;
pub(super) const CTI: i64 = 7;
pub(super) const SCOPE: i64 = 9;
pub(super) const NONCE: i64 = 10;
pub(super) const CRIT: i64 = 45;
pub(super) const CATREPLAY: i64 = 308;
pub(super) const CATV: i64 = 310;
pub(super) const CATNIP: i64 = 311;
pub(super) const CATU: i64 = 312;
pub(super) const CATM: i64 = 313;
pub(super) const CATH: i64 = 315;
pub(super) const CATGEOISO3166: i64 = 316;
pub(super) const CATR: i64 = 323;

/// Every claim that has a name for us: in `require`, in `token_claim`, in what a signer is told.
const CLAIMS: [(i64, &str); 31] = [
    (ISS, "iss"),
    (SUB, "sub"),
    (AUD, "aud"),
    (EXP, "exp"),
    (NBF, "nbf"),
    (IAT, "iat"),
    (CTI, "cti"),
    (8, "cnf"),
    (SCOPE, "scope"),
    (NONCE, "nonce"),
    (41, "or"),
    (42, "nor"),
    (43, "and"),
    (44, "enc"),
    (CRIT, "crit"),
    (282, "geohash"),
    (CATREPLAY, "catreplay"),
    (309, "catpor"),
    (CATV, "catv"),
    (CATNIP, "catnip"),
    (CATU, "catu"),
    (CATM, "catm"),
    (314, "catalpn"),
    (CATH, "cath"),
    (CATGEOISO3166, "catgeoiso3166"),
    (317, "catgeocoord"),
    (318, "catgeoalt"),
    (319, "cattpk"),
    (320, "catifdata"),
    (322, "catif"),
    (CATR, "catr"),
];

/// The name of a claim's number.
pub(crate) fn name(number: i128) -> Option<&'static str> {
    let mut rows = CLAIMS.iter();
    rows.find(|row| i128::from(row.0) == number)
        .map(|row| row.1)
}

/// Whether a text is what the document calls a number.
pub(super) fn is_of_number(text: &str) -> bool {
    CLAIMS.iter().any(|row| row.1 == text) || text.parse::<i128>().is_ok()
}
