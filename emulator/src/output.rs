//! The output of processes.

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use tokio::task::JoinSet;

/// A line beyond this length is continued as another one: CloudWatch Logs has no longer events.
const LINE_BYTES_MAX: usize = 256 * 1024;
/// The most that is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// Starts to read both outputs of a process, as far as they are piped. Needs to be called inside a tokio runtime.
pub(crate) fn spawn_readers(child: &mut Child, take: impl Fn(&str) + Clone + Send + 'static) -> JoinSet<()> {
    let mut readers = JoinSet::new();
    if let Some(output) = child.stdout.take() {
        readers.spawn(read_lines(output, take.clone()));
    }
    if let Some(output) = child.stderr.take() {
        readers.spawn(read_lines(output, take));
    }
    readers
}

/// Reads an output to its end and passes on whole lines, as many as there are at a time, with their ends.
async fn read_lines(mut output: impl AsyncRead + Unpin, mut take: impl FnMut(&str)) {
    let mut pending = Vec::new();
    loop {
        pending.reserve(CHUNK_BYTES);
        let ended = !matches!(output.read_buf(&mut pending).await, Ok(1..));
        let complete = if ended || pending.len() >= LINE_BYTES_MAX {
            pending.len()
        } else {
            pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)
        };
        if complete > 0 {
            take(&String::from_utf8_lossy(&pending[..complete]));
            pending.drain(..complete);
        }
        if ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(output: &[u8]) -> Vec<String> {
        let mut taken = String::new();
        let mut calls = 0;
        read_lines(output, |lines| {
            taken.push_str(lines);
            calls += 1;
        })
        .await;
        assert!(calls <= output.len() / CHUNK_BYTES + 2, "{calls} calls");
        taken.lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn lines_are_passed_on_whole_and_their_length_is_bounded() {
        assert_eq!(read(b"").await, [""; 0]);
        assert_eq!(read(b"one\ntwo\nthree").await, ["one", "two", "three"]);
        let long = vec![b'x'; 3 * LINE_BYTES_MAX];
        assert_eq!(read(&long).await.concat().len(), long.len());
    }
}
