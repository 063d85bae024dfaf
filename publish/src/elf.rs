//! Checks that a binary starts on Lambda's `provided.al2023`: its size, its format, its processor, and the libraries
//! that it asks for.

use std::fmt;

use object::elf::{self, DF_1_PIE, DT_FLAGS_1, DT_NEEDED, ET_DYN, ET_EXEC, FileHeader64, PT_DYNAMIC};
use object::endian::Endianness;
use object::read::elf::{Dynamic, FileHeader as _, ProgramHeader as _};

/// The C library of Amazon Linux 2023: glibc 2.34
/// (<https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html>).
const GLIBC: Version = Version(2, 34, 0);
/// The libraries of glibc, and the one library of GCC that Lambda has in addition.
const LIBRARIES: [&str; 8] = [
    "libc.so.6",
    "libdl.so.2",
    "libgcc_s.so.1",
    "libm.so.6",
    "libpthread.so.0",
    "libresolv.so.2",
    "librt.so.1",
    "libutil.so.1",
];
const REBUILD: &str = "build it with `cargo lambda` or `sam build`";
/// Bytes of a function's unpacked code: 250 MB (<https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>).
const BYTES_MAX: usize = 250 << 20;

/// A processor that Lambda has, by Lambda's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Architecture {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "arm64")]
    Arm64,
}

impl Architecture {
    /// Returns Rust's name for the processor with Lambda's operating system.
    pub(crate) fn target(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// Returns the path of glibc's program loader.
    fn loader(self) -> &'static str {
        match self {
            Self::X86_64 => "/lib64/ld-linux-x86-64.so.2",
            Self::Arm64 => "/lib/ld-linux-aarch64.so.1",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// A version of glibc, as a symbol version contains it: `GLIBC_2.2.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u16, u16, u16);

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(str::parse);
        let version = Self(numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next().transpose().ok()?.unwrap_or(0));
        numbers.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(major, minor, 0) => write!(f, "{major}.{minor}"),
            Self(major, minor, patch) => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

/// The properties and needs of a binary.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    pub(crate) architecture: Architecture,
    /// The newest version of glibc asked for. `None` if it is linked statically.
    pub(crate) glibc: Option<Version>,
}

impl fmt::Display for Binary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.glibc {
            Some(glibc) => write!(f, "{}, needs glibc {glibc}, where Amazon Linux 2023 has {GLIBC}", self.architecture),
            None => write!(f, "{}, needs no glibc", self.architecture),
        }
    }
}

/// Reads a binary and checks that Lambda can start it.
///
/// # Errors
/// The binary is not a Linux executable, is too large, or is built for another processor than `wanted`. Or it needs a
/// library that Lambda does not have, or has only in an older version.
pub(crate) fn check(data: &[u8], wanted: Option<Architecture>) -> Result<Binary, String> {
    let header = FileHeader64::<Endianness>::parse(data)
        .map_err(|_| "is not a 64-bit Linux executable; give the `bootstrap` that `sam build` produced".to_owned())?;
    let damaged = |error: object::Error| format!("is damaged: {error}; build it again");
    let endian = header.endian().map_err(damaged)?;
    let architecture = match header.e_machine(endian) {
        elf::EM_X86_64 => Architecture::X86_64,
        elf::EM_AARCH64 => Architecture::Arm64,
        other => return Err(format!("is built for a processor that Lambda does not have (ELF machine {})", other.0)),
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != architecture) {
        return Err(format!("is built for {architecture}, and {wanted} is asked for; build it for {wanted}"));
    }
    if data.len() > BYTES_MAX {
        return Err(format!("has {} bytes, and Lambda takes {BYTES_MAX}; build it for release", data.len()));
    }
    let sections = header.sections(endian, data).map_err(damaged)?;
    let segments = header.program_headers(endian, data).map_err(damaged)?;
    if sections.is_empty() && segments.iter().any(|segment| segment.p_type(endian) == PT_DYNAMIC) {
        return Err("has no section headers to read its needs from; build it without stripping those".to_owned());
    }
    let dynamic = sections.dynamic_table(endian, data).map_err(damaged)?;
    // A library and a program that can be loaded anywhere are of the same type.
    let is_program = |entry: &Dynamic| entry.tag == DT_FLAGS_1 && entry.val & DF_1_PIE.0 != 0;
    match header.e_type(endian) {
        ET_EXEC => {}
        ET_DYN if dynamic.iter().any(|entry| is_program(&entry)) => {}
        _ => return Err("is a library or an object file, which cannot be started; give the `bootstrap`".to_owned()),
    }
    for segment in segments {
        let loader = segment.interpreter(endian, data).map_err(damaged)?.unwrap_or(architecture.loader().as_bytes());
        if loader != architecture.loader().as_bytes() {
            let loader = String::from_utf8_lossy(loader);
            return Err(format!("is started by {loader}, which Lambda does not have; {REBUILD}"));
        }
    }
    for entry in dynamic.iter().filter(|entry| entry.tag == DT_NEEDED) {
        let library = String::from_utf8_lossy(dynamic.string(entry).map_err(damaged)?);
        if !LIBRARIES.contains(&&*library) && !architecture.loader().ends_with(&format!("/{library}")) {
            return Err(format!("needs {library}, which Lambda does not have; link it statically"));
        }
    }
    let Some((mut libraries, names)) = sections.gnu_verneed(endian, data).map_err(damaged)? else {
        return Ok(Binary { architecture, glibc: None });
    };
    let names = sections.strings(endian, data, names).map_err(damaged)?;
    let mut glibc = None;
    while let Some((_, mut versions)) = libraries.next().map_err(damaged)? {
        while let Some(version) = versions.next().map_err(damaged)? {
            let name = String::from_utf8_lossy(version.name(endian, names).map_err(damaged)?);
            let Some(number) = name.strip_prefix("GLIBC_") else { continue };
            // A name without a number, such as GLIBC_ABI_DT_RELR, marks a feature that is newer than 2.34.
            let known = Version::parse(number).filter(|version| *version <= GLIBC);
            glibc = glibc.max(Some(
                known.ok_or_else(|| format!("needs {name}, and Amazon Linux 2023 has glibc {GLIBC}; {REBUILD}"))?,
            ));
        }
    }
    Ok(Binary { architecture, glibc })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The headers of a file without code.
    #[derive(Clone, Copy)]
    struct File {
        kind: u16,
        machine: u16,
        flags: u64,
        loader: &'static str,
        needed: &'static [&'static str],
        versions: &'static [&'static str],
    }

    const PROGRAM: File = File {
        kind: 3,
        machine: 62,
        flags: 0x0800_0000,
        loader: "/lib64/ld-linux-x86-64.so.2",
        needed: &["libm.so.6", "libc.so.6", "ld-linux-x86-64.so.2"],
        versions: &["GLIBC_2.2.5", "GLIBC_2.34", "GCC_3.0", "GLIBC_2.9"],
    };
    const STATIC: File = File { kind: 2, flags: 0, loader: "", needed: &[], versions: &[], ..PROGRAM };

    impl File {
        /// Writes the header, one program header, the parts, and a table of as many sections.
        fn bytes(self) -> Vec<u8> {
            let mut strings = vec![0];
            let mut named = |name: &str| {
                let place = strings.len() as u64;
                strings.extend(name.bytes().chain([0]));
                place
            };
            let mut dynamic: Vec<u64> = self.needed.iter().flat_map(|library| [1, named(library)]).collect();
            dynamic.extend([0x6fff_fffb, self.flags, 0, 0]);
            // All versions are libc's: version 1, their number, its name, their offset. Each takes 16 bytes.
            let count = self.versions.len() as u64;
            let mut versions = vec![1 | count << 16 | named("libc.so.6") << 32, 16];
            for (index, version) in self.versions.iter().enumerate() {
                let next = if index as u64 + 1 == count { 0 } else { 16 };
                versions.extend([0, named(version) | next << 32]);
            }
            let mut loader = self.loader.as_bytes().to_vec();
            loader.push(0);
            let bytes = |words: Vec<u64>| words.into_iter().flat_map(u64::to_le_bytes).collect::<Vec<u8>>();
            let versioned = if self.versions.is_empty() { 0 } else { 0x6fff_fffe };
            let parts = [(0, vec![]), (3, strings), (6, bytes(dynamic)), (versioned, bytes(versions)), (1, loader)];

            let mut file = vec![0; 64 + 56];
            let mut sections = Vec::new();
            for (kind, part) in parts {
                let (offset, size) = (file.len() as u64, part.len() as u64);
                file.extend(part);
                file.resize(file.len().next_multiple_of(8), 0);
                // Linked to the strings, with one library's versions.
                sections.extend([kind << 32, 0, 0, offset, size, 1 | 1 << 32, 0, 0]);
            }
            let loader = if self.loader.is_empty() { 0 } else { 3 };
            let program_header = bytes(vec![loader, sections[35], 0, 0, sections[36], 0, 0]);
            file[64..120].copy_from_slice(&program_header);
            let (table, [low, high]) = (file.len() as u64, self.machine.to_le_bytes());
            let identification = u64::from_le_bytes(*b"\x7fELF\x02\x01\x01\0");
            let kind = u64::from(self.kind) | u64::from(low) << 16 | u64::from(high) << 24;
            let header = [identification, 0, kind, 0, 64, table, 56 << 48 | 64 << 32, 1 | 64 << 16 | 5 << 32 | 1 << 48];
            file[..64].copy_from_slice(&bytes(header.to_vec()));
            file.extend(bytes(sections));
            file
        }
    }

    #[test]
    fn the_newest_version_asked_for_counts() {
        let binary = check(&PROGRAM.bytes(), None);
        assert_eq!(binary, Ok(Binary { architecture: Architecture::X86_64, glibc: Some(GLIBC) }));
        let fixed = check(&File { machine: 183, ..STATIC }.bytes(), Some(Architecture::Arm64)).expect("runs");
        assert_eq!(fixed.to_string(), "arm64, needs no glibc");
    }

    fn refused(data: &[u8]) -> String {
        check(data, Some(Architecture::X86_64)).expect_err("refused")
    }

    #[test]
    fn a_binary_that_lambda_cannot_start_is_refused() {
        let newer = File { versions: &["GLIBC_2.17", "GLIBC_2.35"], ..PROGRAM };
        assert!(refused(&newer.bytes()).contains("needs GLIBC_2.35"));
        let marked = File { versions: &["GLIBC_ABI_DT_RELR"], ..PROGRAM };
        assert!(refused(&marked.bytes()).contains("GLIBC_ABI_DT_RELR"));
        let arm64 = File { machine: 183, ..STATIC };
        assert!(refused(&arm64.bytes()).starts_with("is built for arm64, and x86_64 is asked for"));
        assert!(refused(&File { machine: 243, ..STATIC }.bytes()).contains("243"));
        assert!(refused(b"#!/bin/sh\n").contains("not a 64-bit Linux executable"));
    }

    #[test]
    fn libraries_and_object_files_are_refused() {
        for file in [File { flags: 0, ..PROGRAM }, File { kind: 1, ..STATIC }, File { kind: 4, ..STATIC }] {
            assert!(refused(&file.bytes()).contains("cannot be started"), "{}", file.kind);
        }
    }

    #[test]
    fn another_c_library_and_a_library_that_lambda_lacks_are_refused() {
        let musl = File { loader: "/lib/ld-musl-x86_64.so.1", ..PROGRAM };
        assert!(refused(&musl.bytes()).contains("is started by /lib/ld-musl-x86_64.so.1"));
        let openssl = File { needed: &["libc.so.6", "libssl.so.3"], ..PROGRAM };
        assert!(refused(&openssl.bytes()).contains("needs libssl.so.3, which Lambda does not have"));
    }

    #[test]
    fn a_binary_that_is_too_large_for_lambda_is_refused() {
        let mut large = PROGRAM.bytes();
        large.resize(BYTES_MAX + 1, 0);
        assert!(refused(&large).contains("262144001 bytes"));
    }
}
