//! HTTP/2's frames as they pass by: which requests were written, and whether the other side is
//! going away.
//!
//! A client library says that a stream failed, not whether its head had left this machine.

/// A frame's own head: length, type, flags, stream.
const HEAD: usize = 9;
/// What a client sends before its first frame.
const PREFACE: usize = 24;

/// What begins a request.
pub(crate) const HEADERS: u8 = 0x1;
/// What tells that no new request will be taken.
pub(crate) const GO_AWAY: u8 = 0x7;

/// Follows one direction of a connection, however its bytes are cut.
#[derive(Default)]
pub(crate) struct Frames {
    head: [u8; HEAD],
    /// How much of the head was seen; all of it while the frame's payload passes.
    seen: usize,
    /// Bytes of the payload that are to come.
    left: usize,
    /// Bytes before the first frame that are to come.
    skip: usize,
}

impl Frames {
    /// What a client writes.
    pub(crate) fn of_client() -> Self {
        Self {
            skip: PREFACE,
            ..Self::default()
        }
    }

    /// Tells type and stream of every frame that is complete with these bytes.
    pub(crate) fn follow(&mut self, mut bytes: &[u8], mut complete: impl FnMut(u8, u32)) {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        bytes = &bytes[skipped..];
        while !bytes.is_empty() {
            if self.seen < HEAD {
                let (byte, rest) = (bytes[0], &bytes[1..]);
                self.head[self.seen] = byte;
                self.seen += 1;
                bytes = rest;
                if self.seen == HEAD {
                    let [a, b, c, ..] = self.head;
                    self.left = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
                }
            } else {
                let passed = self.left.min(bytes.len());
                self.left -= passed;
                bytes = &bytes[passed..];
            }
            if self.seen == HEAD && self.left == 0 {
                let [_, _, _, kind, _, a, b, c, d] = self.head;
                complete(kind, u32::from_be_bytes([a & 0x7f, b, c, d]));
                self.seen = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, 0];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    #[test]
    fn frames_are_told_however_they_are_cut() {
        let mut bytes = vec![b'x'; PREFACE];
        bytes.extend(frame(0x4, 0, &[]));
        bytes.extend(frame(HEADERS, 1, &[0xff; 300]));
        bytes.extend(frame(0x0, 1, b"body"));
        bytes.extend(frame(HEADERS, 0x8000_0003, &[7]));
        let expected = [(0x4, 0), (HEADERS, 1), (0x0, 1), (HEADERS, 3)];
        for step in [1, 2, 7, 9, 10, 64, bytes.len()] {
            let (mut frames, mut told) = (Frames::of_client(), Vec::new());
            for piece in bytes.chunks(step) {
                frames.follow(piece, |kind, stream| told.push((kind, stream)));
            }
            assert_eq!(told, expected, "in pieces of {step}");
        }
    }

    #[test]
    fn a_frame_that_is_not_complete_is_not_told() {
        let whole = frame(HEADERS, 5, &[1, 2, 3]);
        let mut frames = Frames::default();
        frames.follow(&whole[..whole.len() - 1], |_, _| panic!("it is not"));
        let mut told = 0;
        frames.follow(&whole[whole.len() - 1..], |_, stream| told = stream);
        assert_eq!(told, 5);
    }
}
