//! The report of a publication, on standard output and in the folder of `--output`.

use std::fmt::{Display, Write as _};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use crate::archive::{Object, Release};
use crate::bucket::Upload;
use crate::region::Region;

/// The button that AWS offers for such links.
const BUTTON: &str = "https://s3.amazonaws.com/cloudformation-examples/cloudformation-launch-stack.png";
/// The length above which some programs cut a link or do not recognize it.
const LINK_CHARS_COMFORTABLE: usize = 2000;

/// One Region's part of a publication.
pub(crate) struct Publication {
    pub(crate) region: Region,
    pub(crate) bucket: String,
    pub(crate) template: Object,
    /// The hashes of everything that the Region gets.
    pub(crate) checksums: Object,
    pub(crate) link: String,
}

/// Prints a line on standard output. If the reader has closed it, publishing still goes on.
///
/// # Errors
/// The line cannot be written, for example to a full disk.
pub(crate) fn line(text: impl Display) -> Result<(), String> {
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("the output cannot be written: {error}")),
        _ => Ok(()),
    }
}

/// Prints a warning, which is not a reason to stop.
pub(crate) fn warn(sentence: &str) {
    complain("warning", sentence);
}

/// Prints a line on standard error. If that fails, there is no other place to report it.
pub(crate) fn complain(kind: &str, sentence: &str) {
    let _ = writeln!(std::io::stderr(), "{kind}: {sentence}");
}

/// Shows what happened to an object. `None` in a dry run.
///
/// # Errors
/// As [`line()`].
pub(crate) fn object(bucket: &str, object: &Object, upload: Option<Upload>) -> Result<(), String> {
    let outcome = match upload {
        Some(Upload::Done) => "uploaded",
        Some(Upload::AlreadyThere) => "already there",
        None => "not uploaded",
    };
    line(format_args!("{outcome:<13}  s3://{bucket}/{} ({} bytes)", object.key, object.content.len()))
}

/// Shows the links with the hashes of what they lead to, and the README's table of the links.
///
/// # Errors
/// As [`line()`].
pub(crate) fn links(publications: &[Publication]) -> Result<(), String> {
    for Publication { region, link, checksums, .. } in publications {
        let sums = String::from_utf8_lossy(&checksums.content);
        line(format_args!("\n{region}\n{link}\n{}", sums.trim_end()))?;
        let characters = link.chars().count();
        if characters > LINK_CHARS_COMFORTABLE {
            warn(&format!(
                "the link for {region} has {characters} characters; fewer `--param` make it safer to pass on"
            ));
        }
    }
    line(format_args!("\n{}", table(publications).trim_end()))
}

/// Writes the objects under their keys in their buckets, those that all Regions share and each Region's own, and the
/// table.
///
/// # Errors
/// The folder cannot be written to.
pub(crate) fn write(folder: &Path, release: &Release, publications: &[Publication]) -> Result<(), String> {
    let mut files = vec![(folder.join("launch-stack.md"), table(publications).into_bytes())];
    for Publication { bucket, template, checksums, .. } in publications {
        for object in release.objects().chain([checksums, template]) {
            files.push((folder.join(bucket).join(&object.key), object.content.clone()));
        }
    }
    for (path, content) in files {
        let written =
            path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, content));
        written.map_err(|error| format!("{} cannot be written: {error}", path.display()))?;
    }
    Ok(())
}

fn table(publications: &[Publication]) -> String {
    let mut table = "| Region | |\n|---|---|\n".to_owned();
    for Publication { region, link, .. } in publications {
        // Writing to a string cannot fail.
        let _ = writeln!(table, "| {region} | [![Launch Stack]({BUTTON})]({link}) |");
    }
    table
}
