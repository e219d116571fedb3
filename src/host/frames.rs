//! What the watch script sends: frames of events, beats, and the end.

use super::answer::AnswerError;
use super::result::RunResult;
use crate::text::{plain, plain_end};

/// One thing that the watch said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// More bytes of the events file, as they stand there.
    Events(Vec<u8>),
    /// Nothing new; the run is alive.
    Beat,
    /// The run ended and left its result.
    Ended(RunResult),
    /// The runner is gone without a result; the last words of the run's standard error.
    Dead(String),
    /// The dispatch's directory is not there.
    Gone,
}

/// Why the stream cannot be followed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FramesError {
    /// Not a frame of ours.
    #[error("the watch there said something that kugetsu does not understand: {0}")]
    Garbled(String),
    /// A frame larger than any that the script sends.
    #[error("a frame of {0} bytes")]
    TooLarge(u64),
    /// The result cannot be used.
    #[error(transparent)]
    Result(#[from] AnswerError),
}

/// No event file grows by more than this between two looks; more is not believed.
const LARGEST: u64 = 1 << 30;
/// What stands behind the last line: a result, or last words.
const LONGEST_END: usize = 64 * 1024;
/// A line of the protocol is short.
const LONGEST_LINE: usize = 256;

/// Takes the stream in pieces and gives the frames that are complete.
#[derive(Debug, Default)]
pub struct Frames {
    buffer: Vec<u8>,
    /// Bytes of the events frame still to come.
    owed: u64,
    last: Option<LastFrame>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LastFrame {
    Result,
    Dead,
    Gone,
}

impl Frames {
    /// The frames that `bytes` completes. Events are handed over as they come, not held back; beats that came at once are
    /// one.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Frame>, FramesError> {
        self.buffer.extend_from_slice(bytes);
        let mut frames = Vec::new();
        // How much of the buffer is used.
        let mut used = 0;
        while self.last.is_none() {
            let held = self.buffer.get(used..).unwrap_or_default();
            if self.owed > 0 {
                let n = held.len().min(usize::try_from(self.owed).unwrap_or(usize::MAX));
                if n == 0 {
                    break;
                }
                // A frame of one byte is as good as the next one.
                match (frames.last_mut(), held.get(..n).unwrap_or_default()) {
                    (Some(Frame::Events(all)), more) => all.extend_from_slice(more),
                    (_, more) => frames.push(Frame::Events(more.to_vec())),
                }
                used += n;
                self.owed -= n as u64;
                continue;
            }
            let line = held.get(..held.len().min(LONGEST_LINE + 1)).unwrap_or_default();
            let Some(end) = memchr::memchr(b'\n', line) else {
                if line.len() > LONGEST_LINE {
                    return Err(FramesError::Garbled(plain(&String::from_utf8_lossy(line))));
                }
                break;
            };
            let line = String::from_utf8_lossy(line.get(..end).unwrap_or_default());
            used += end + 1;
            match line.trim_end() {
                "beat" if frames.last() == Some(&Frame::Beat) => {}
                "beat" => frames.push(Frame::Beat),
                "gone" => self.last = Some(LastFrame::Gone),
                "result" => self.last = Some(LastFrame::Result),
                "dead" => self.last = Some(LastFrame::Dead),
                other => match other.strip_prefix("events ").and_then(|n| n.trim().parse::<u64>().ok()) {
                    Some(n) if n > LARGEST => return Err(FramesError::TooLarge(n)),
                    Some(n) => self.owed = n,
                    None => return Err(FramesError::Garbled(plain(other))),
                },
            }
        }
        self.buffer.drain(..used);
        if self.buffer.len() > LONGEST_END {
            return Err(FramesError::TooLarge(self.buffer.len() as u64));
        }
        Ok(frames)
    }

    /// The last frame, once the script has ended; `None` where the stream was cut before its end.
    pub fn end(self) -> Result<Option<Frame>, FramesError> {
        let text = String::from_utf8_lossy(&self.buffer);
        match self.last {
            None => Ok(None),
            Some(LastFrame::Gone) => Ok(Some(Frame::Gone)),
            Some(LastFrame::Dead) => Ok(Some(Frame::Dead(plain_end(&text)))),
            Some(LastFrame::Result) if !RunResult::is_whole(&text) => Ok(None),
            Some(LastFrame::Result) => Ok(Some(Frame::Ended(RunResult::parse(&text)?))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STREAM: &[u8] =
        b"beat\nevents 5\na\nb\ncevents 3\nxyzbeat\nresult\nformat 2\nstatus 3\nsum 1 2\nend\n";

    fn all(stream: &[u8], piece: usize) -> (Vec<u8>, usize, Option<Frame>) {
        let (mut frames, mut events, mut beats) = (Frames::default(), Vec::new(), 0);
        for bytes in stream.chunks(piece) {
            for frame in frames.feed(bytes).unwrap() {
                match frame {
                    Frame::Events(more) => events.extend(more),
                    Frame::Beat => beats += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        (events, beats, frames.end().unwrap())
    }

    #[test]
    fn pieces_of_any_size_give_the_same_frames() {
        for piece in 1..STREAM.len() {
            let (events, beats, last) = all(STREAM, piece);
            assert_eq!((events.as_slice(), beats), (&b"a\nb\ncxyz"[..], 2));
            let Some(Frame::Ended(result)) = last else { panic!("{last:?}") };
            assert_eq!((result.status, result.size), (3, 2));
        }
    }

    #[test]
    fn the_last_words_of_a_dead_run_are_harmless() {
        let (_, _, last) = all(b"dead\n\x1b[2Jout of\nmemory\n", 4);
        assert_eq!(last, Some(Frame::Dead("out of memory".into())));
        let stream = format!("dead\n{}no space is left on its disk\n", "INFO noise\n".repeat(180));
        let Some(Frame::Dead(words)) = all(stream.as_bytes(), 64).2 else { panic!() };
        assert!(words.ends_with("noise no space is left on its disk"), "{words}");
    }

    #[test]
    fn a_stream_that_was_cut_has_no_end() {
        assert_eq!(all(b"events 4\nab", 3), (b"ab".to_vec(), 0, None));
    }

    #[test]
    fn a_result_that_was_cut_is_none() {
        let whole = STREAM.len();
        for cut in 1..=4 {
            assert_eq!(all(&STREAM[..whole - cut], 7).2, None);
        }
    }

    #[test]
    fn a_dispatch_that_is_gone_is_an_end() {
        assert_eq!(all(b"beat\ngone\n", 3), (Vec::new(), 1, Some(Frame::Gone)));
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        assert!(matches!(Frames::default().feed(b"hello\n"), Err(FramesError::Garbled(_))));
        assert!(matches!(Frames::default().feed(&[b'x'; 300]), Err(FramesError::Garbled(_))));
        assert!(matches!(Frames::default().feed(b"events 99999999999\n"), Err(FramesError::TooLarge(_))));
    }

    /// Each line once moved all that came behind it.
    #[test]
    fn many_short_frames_take_time_that_grows_with_them() {
        let began = std::time::Instant::now();
        let stream = b"beat\nevents 1\nxevents 1\ny".repeat(1 << 17);
        let (events, beats, _) = all(&stream, 1 << 22);
        assert_eq!((events.len(), beats), (2 << 17, 1 << 17));
        let (_, beats, _) = all(&b"beat\n".repeat(1 << 17), 1 << 16);
        assert!(beats <= 100, "{beats}");
        assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
        assert!(matches!(
            Frames::default().feed(&[b"dead\n".as_slice(), &[b'x'; 1 << 17]].concat()),
            Err(FramesError::TooLarge(_))
        ));
    }

    proptest! {
        #[test]
        fn reading_never_panics(pieces: Vec<Vec<u8>>) {
            let mut frames = Frames::default();
            for piece in &pieces {
                if frames.feed(piece).is_err() {
                    break;
                }
            }
            let _ = frames.end();
        }
    }
}
