//! Large values that are freed in parts.

/// Bytes of a part, and of each of the last ones.
const PART: usize = 1 << 20;
const LAST: usize = 1 << 16;

/// Frees the end of a list; false when nothing is left. To free a large list at once takes long; to free its end moves
/// nothing, and an allocator gives its pages back to the system. What is freed last is small: glibc keeps about twice as
/// much for itself, from then on, as it was ever given back in one piece of more than 128 KiB.
pub fn free_part<T>(list: &mut Vec<T>) -> bool {
    let bytes = size_of_val(list.as_slice());
    let part = if bytes > PART { PART } else { LAST };
    let part = part.checked_div(size_of::<T>()).unwrap_or(part);
    list.truncate(list.len().saturating_sub(part.max(1)));
    list.shrink_to_fit();
    !list.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_freed_from_its_end() {
        let mut list: Vec<u64> = (0..1_000_000).collect();
        let mut parts = 1;
        while free_part(&mut list) {
            assert_eq!(list.last(), Some(&(list.len() as u64 - 1)));
            parts += 1;
        }
        assert_eq!((parts, list.capacity()), (7 + 11, 0));
    }
}
