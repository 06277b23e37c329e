//! A difference between the running nginx and this build.

/// A member that is not where this build has it.
#[derive(Debug)]
pub(super) struct Moved(pub(super) &'static str);

/// `member` is where it should be when what is found there is what was put there.
pub(super) fn expect<T: PartialEq>(member: &'static str, found: T, put: T) -> Result<(), Moved> {
    if found == put {
        Ok(())
    } else {
        Err(Moved(member))
    }
}
