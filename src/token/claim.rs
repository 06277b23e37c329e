//! The variables of `token_claim`.

use super::check::judge;
use super::conf::{Claim, Main};
use crate::choice::Names;
use crate::{Gatehouse, refusal};
use gatehouse_nginx::http::variable::Getter;
use gatehouse_nginx::{Answer, Conf, Error, Request};
use gatehouse_token::ClaimPath;

/// `token_claim $variable profile path;`
pub(super) fn set(cf: &mut Conf<'_, Gatehouse>) -> Result<(), Error> {
    let words = cf.words()?;
    let word = |n: usize| words.get(n).cloned().unwrap_or_default();
    let path = ClaimPath::parse(&word(3));
    let path = path.map_err(|e| Error::new(format!("{e} in \"token_claim\" directive")))?;
    let profile = Names::used(cf, |main| &mut main.token.names, word(2));
    let claims = &mut cf.main().token.claims;
    claims.push(Claim { profile, path });
    let number = claims.len().saturating_sub(1);
    cf.add_sole_variable::<Value>(&word(1), number)
}

/// Refuses profiles whose tokens claim nothing that could be named, and spares the others what no variable reads.
pub(super) fn complete(main: &Main) -> Result<(), Error> {
    for (index, named) in main.profiles.iter().enumerate() {
        let mut claims = main.claims.iter();
        if !claims.any(|claim| claim.profile.index.get() == index) {
            named.profile.spare_claims();
        }
    }
    for claim in &main.claims {
        let named = main.profiles.get(claim.profile.index.get());
        let Some(named) = named.filter(|named| !named.profile.has_claims()) else {
            continue;
        };
        let (name, format) = (&named.name, named.profile.scheme().name);
        let text = format!(
            "token_profile \"{name}\" has no claims for \"token_claim\", its format is \"{format}\""
        );
        return Err(Error::at(&claim.profile.line, text));
    }
    Ok(())
}

struct Value;

impl Getter for Value {
    fn get(r: Request<'_>, number: usize) -> Answer<'_> {
        let main = &r.main_conf::<Gatehouse>().token;
        let Some(claim) = main.claims.get(number) else {
            return Answer::Failed;
        };
        let Some(all) = r.record::<Gatehouse>() else {
            return Answer::Failed;
        };
        let Some(judged) = judge(&all.token, r.main(), claim.profile.index.get(), true) else {
            return Answer::Failed;
        };
        if !judged.verdict.is_ok() {
            refusal::doubt(all);
        }
        let text = judged
            .claims
            .and_then(|claims| claim.path.text(claims, |len| r.alloc(len)));
        Answer::from(text)
    }
}
