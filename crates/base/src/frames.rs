//! The frames of a WebSocket (RFC 6455 section 5.2), as far as one must know them to say goodbye between two of them.

/// Opcode of a close frame.
const CLOSE: u8 = 8;

/// One direction of a WebSocket whose bytes pass by. It is kept for each of them, so it is small.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frames {
    /// Bytes of the frame's payload that have not come; in a header, as far as its length has come.
    left: u64,
    next: Next,
    /// Bytes of the length, and then of the mask, that the header still has.
    length: u8,
    mask: u8,
    /// A close frame has passed: nothing may follow it.
    is_closed: bool,
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Next {
    /// Of the payload; behind it, the first one of a header.
    #[default]
    Payload,
    /// The second one of a header.
    Second,
    /// A later one of a header.
    Header,
}

impl Frames {
    /// These bytes pass, in any pieces.
    pub fn pass(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            bytes = self.step(bytes);
        }
    }

    /// How many of these bytes, which come next, belong to the frame that is half said; none where none is.
    #[must_use]
    pub fn rest(&self, bytes: &[u8]) -> usize {
        let mut frames = *self;
        let mut behind = bytes;
        while !frames.are_whole() && !behind.is_empty() {
            behind = frames.step(behind);
        }
        bytes.len().saturating_sub(behind.len())
    }

    /// What comes of a payload passes, or a byte of a header; returns what is behind.
    fn step<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.next == Next::Payload && self.left > 0 {
            let count = usize::try_from(self.left).map_or(bytes.len(), |n| n.min(bytes.len()));
            self.left = self.left.saturating_sub(count as u64);
            return bytes.get(count..).unwrap_or_default();
        }
        let Some((byte, rest)) = bytes.split_first() else {
            return bytes;
        };
        self.pass_header(*byte);
        rest
    }

    /// A byte of a header; behind the last one the payload begins.
    fn pass_header(&mut self, byte: u8) {
        match self.next {
            Next::Payload => {
                self.is_closed |= byte & 0x0f == CLOSE;
                self.next = Next::Second;
                return;
            }
            Next::Second => {
                self.mask = if byte & 0x80 == 0 { 0 } else { 4 };
                (self.length, self.left) = match byte & 0x7f {
                    126 => (2, 0),
                    127 => (8, 0),
                    short => (0, short.into()),
                };
            }
            Next::Header if self.length > 0 => {
                self.length = self.length.saturating_sub(1);
                self.left = self.left << 8 | u64::from(byte);
            }
            Next::Header => self.mask = self.mask.saturating_sub(1),
        }
        self.next = match (self.length, self.mask) {
            (0, 0) => Next::Payload,
            _ => Next::Header,
        };
    }

    /// Whether a frame may be put in here: none is half said.
    #[must_use]
    pub fn are_whole(&self) -> bool {
        self.next == Next::Payload && self.left == 0
    }

    /// Whether the last frame has passed, or begun to.
    #[must_use]
    pub fn are_closed(&self) -> bool {
        self.is_closed
    }
}

/// A close frame from a server: 1001, it goes away (section 7.4.1).
pub const GOING_AWAY: [u8; 4] = [0x88, 2, 0x03, 0xe9];

/// The same from a client, which masks what it says. The mask is there so that nobody can have chosen what a proxy sees; of
/// this frame nobody has, so it is zeros.
pub const GOING_AWAY_MASKED: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9];

/// A close frame from a server: 1008, against its rules, with the reason that clients are shown.
pub const EXPIRED: [u8; 17] = *b"\x88\x0f\x03\xf0token expired";

/// The same from a client, masked with zeros.
pub const EXPIRED_MASKED: [u8; 21] = *b"\x88\x8f\0\0\0\0\x03\xf0token expired";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(opcode: u8, length: usize, is_masked: bool) -> Vec<u8> {
        let mask = if is_masked { 0x80 } else { 0 };
        let mut bytes = vec![0x80 | opcode];
        match length {
            0..=125 => bytes.push(mask | length as u8),
            126..=65_535 => {
                bytes.push(mask | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
            _ => {
                bytes.push(mask | 127);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        if is_masked {
            bytes.extend([0xff; 4]);
        }
        bytes.resize(bytes.len() + length, 0x88);
        bytes
    }

    #[test]
    fn a_longest_length_is_no_overflow() {
        let mut frames = Frames::default();
        frames.pass(&[
            0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4,
        ]);
        assert!(!frames.are_whole());
        frames.pass(&[0x88; 1000]);
        assert!(!frames.are_whole() && !frames.are_closed());
    }

    #[test]
    fn what_is_said_at_the_end_is_a_whole_frame() {
        for bytes in [
            &GOING_AWAY[..],
            &GOING_AWAY_MASKED,
            &EXPIRED,
            &EXPIRED_MASKED,
        ] {
            let mut frames = Frames::default();
            frames.pass(bytes);
            assert!(frames.are_whole() && frames.are_closed());
        }
    }

    #[test]
    fn they_are_small() {
        assert!(size_of::<Frames>() <= 16);
    }

    proptest! {
        /// Whatever the pieces, they are whole exactly where a frame ends.
        #[test]
        fn frames_end_where_they_end(
            frames in prop::collection::vec((0_u8..3, 0_usize..200, any::<bool>(), 0_usize..3), 1..6),
            cut in 1_usize..40,
        ) {
            let mut text = Vec::new();
            let mut ends = vec![0];
            for (opcode, length, is_masked, scale) in frames {
                let length = length * [1, 300, 1500][scale];
                text.extend(frame(opcode, length, is_masked));
                ends.push(text.len());
            }
            let mut read = Frames::default();
            let mut at = 0;
            while at < text.len() {
                prop_assert_eq!(read.are_whole(), ends.contains(&at), "at {}", at);
                let next = ends.iter().find(|end| **end >= at).unwrap_or(&at);
                prop_assert_eq!(read.rest(&text[at..]), next - at);
                let end = text.len().min(at + cut);
                read.pass(&text[at..end]);
                at = end;
            }
            prop_assert!(read.are_whole() && !read.are_closed());
            read.pass(&frame(8, 2, true)[..1]);
            prop_assert!(!read.are_whole());
        }
    }
}
