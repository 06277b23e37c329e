//! The codes of ISO 3166-1, for slips in a configuration.

use super::code::Code;

/// ISO 3166-1 alpha-2 as of 2026, in order.
const ALL: &str = "\
     AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ \
     BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR \
     CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR \
     GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU \
     ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ \
     LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ \
     MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF \
     PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI \
     SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR \
     TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Codes that are none of the list, and what their writer wants to hear.
const SLIPS: [(&str, &str); 4] = [
    ("UK", "the United Kingdom is \"GB\""),
    ("EL", "Greece is \"GR\""),
    (
        "EU",
        "the Union is \"eu=yes\", the continent \"continent=EU\"",
    ),
    ("AP", "the continent of Asia is \"continent=AS\""),
];

/// What to say about a code that is no country; None for one that is. `XK` is what databases call
/// Kosovo, which has no code of ISO's.
pub fn slip(code: Code) -> Option<String> {
    let code = code.as_str();
    if code == "XK" || ALL.split_ascii_whitespace().any(|one| one == code) {
        return None;
    }
    let meant = SLIPS.iter().find(|row| row.0 == code);
    let hint = meant.map(|row| format!(": {}", row.1)).unwrap_or_default();
    Some(format!("\"{code}\" is no country of ISO 3166-1{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_order() {
        let codes: Vec<&str> = ALL.split_ascii_whitespace().collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(
            codes
                .iter()
                .all(|code| Code::new(code.as_bytes()).is_some())
        );
    }

    #[test]
    fn slips_say_what_is_meant() {
        let said = |text: &str| slip(Code::new(text.as_bytes()).unwrap());
        assert_eq!(said("GB"), None);
        assert_eq!(said("xk"), None);
        assert_eq!(
            said("uk").unwrap(),
            "\"UK\" is no country of ISO 3166-1: the United Kingdom is \"GB\""
        );
        assert_eq!(said("ZZ").unwrap(), "\"ZZ\" is no country of ISO 3166-1");
    }
}
