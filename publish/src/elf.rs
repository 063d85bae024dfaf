//! Whether a binary starts on Lambda's `provided.al2023`: its format, its processor, and the C library it asks for.

use std::fmt;

use object::elf::{self, FileHeader64, PT_DYNAMIC};
use object::endian::Endianness;
use object::read::elf::{FileHeader as _, ProgramHeader as _};

/// The C library of Amazon Linux 2023: glibc 2.34
/// (<https://docs.aws.amazon.com/linux/al2023/ug/glibc-gcc-and-binutils.html>).
const GLIBC: Version = Version(2, 34, 0);

/// A processor that Lambda has, by Lambda's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Architecture {
    #[value(name = "x86_64")]
    X86_64,
    #[value(name = "arm64")]
    Arm64,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        })
    }
}

/// A version of glibc, as it stands in a symbol version: `GLIBC_2.2.5`.
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

/// What a binary is and asks for.
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
/// It is no Linux executable, built for another processor than `wanted`, or newer than Lambda's C library.
pub(crate) fn check(data: &[u8], wanted: Option<Architecture>) -> Result<Binary, String> {
    let header = FileHeader64::<Endianness>::parse(data)
        .map_err(|_| "is not a 64-bit Linux executable; give the `bootstrap` that `sam build` made".to_owned())?;
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
    let sections = header.sections(endian, data).map_err(damaged)?;
    let Some((mut libraries, names)) = sections.gnu_verneed(endian, data).map_err(damaged)? else {
        let segments = header.program_headers(endian, data).map_err(damaged)?;
        if sections.is_empty() && segments.iter().any(|segment| segment.p_type(endian) == PT_DYNAMIC) {
            return Err("has no section headers to read its needs from; build it without stripping those".to_owned());
        }
        return Ok(Binary { architecture, glibc: None });
    };
    let names = sections.strings(endian, data, names).map_err(damaged)?;
    let mut glibc = None;
    while let Some((_, mut versions)) = libraries.next().map_err(damaged)? {
        while let Some(version) = versions.next().map_err(damaged)? {
            let name = String::from_utf8_lossy(version.name(endian, names).map_err(damaged)?);
            let Some(number) = name.strip_prefix("GLIBC_") else { continue };
            // A name without a number, such as GLIBC_ABI_DT_RELR, marks what came after 2.34.
            let known = Version::parse(number).filter(|version| *version <= GLIBC);
            glibc = glibc.max(Some(known.ok_or_else(|| {
                format!(
                    "needs {name}, and Amazon Linux 2023 has glibc {GLIBC}; build it with `cargo lambda` or `sam build`"
                )
            })?));
        }
    }
    Ok(Binary { architecture, glibc })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An executable without code. With `versions`, it asks for these of libc.
    fn executable(machine: u16, versions: &[&str]) -> Vec<u8> {
        let mut strings = b"\0libc.so.6\0".to_vec();
        let mut needs = Vec::new();
        let count = u16::try_from(versions.len()).expect("few");
        for part in [1_u16.to_le_bytes(), count.to_le_bytes()] {
            needs.extend(part);
        }
        for part in [1_u32, 16, 0] {
            needs.extend(part.to_le_bytes());
        }
        for (index, version) in versions.iter().enumerate() {
            let name = u32::try_from(strings.len()).expect("short");
            strings.extend(version.bytes().chain([0]));
            let next = if index + 1 == versions.len() { 0 } else { 16_u32 };
            needs.extend([0; 8]);
            needs.extend(name.to_le_bytes().into_iter().chain(next.to_le_bytes()));
        }
        let mut file = b"\x7fELF\x02\x01\x01".to_vec();
        file.resize(16, 0);
        file.extend(2_u16.to_le_bytes().into_iter().chain(machine.to_le_bytes()));
        file.resize(64, 0);
        if versions.is_empty() {
            return file;
        }
        let mut sections = vec![[0_u64; 4], [3, 0, 0, 0], [0x6fff_fffe, 0, 0, 0]];
        for (section, content) in [(1, &strings), (2, &needs)] {
            sections[section] = [sections[section][0], file.len() as u64, content.len() as u64, 1];
            file.extend(content);
        }
        let table = file.len() as u64;
        for [kind, offset, size, link] in sections {
            file.extend([0; 4]);
            file.extend(u32::try_from(kind).expect("a type").to_le_bytes());
            file.extend([0; 16]);
            file.extend(offset.to_le_bytes().into_iter().chain(size.to_le_bytes()));
            let (link, info) = if kind == 0x6fff_fffe { (u32::try_from(link).expect("small"), 1_u32) } else { (0, 0) };
            file.extend(link.to_le_bytes().into_iter().chain(info.to_le_bytes()));
            file.extend([0; 16]);
        }
        file[40..48].copy_from_slice(&table.to_le_bytes());
        file[58..64].copy_from_slice(&[64, 0, 3, 0, 1, 0]);
        file
    }

    #[test]
    fn the_newest_version_asked_for_counts() {
        let binary = check(&executable(62, &["GLIBC_2.2.5", "GLIBC_2.34", "GCC_3.0", "GLIBC_2.9"]), None);
        assert_eq!(binary, Ok(Binary { architecture: Architecture::X86_64, glibc: Some(GLIBC) }));
        let fixed = check(&executable(183, &[]), Some(Architecture::Arm64)).expect("runs");
        assert_eq!(fixed.to_string(), "arm64, needs no glibc");
    }

    #[test]
    fn what_lambda_cannot_start_is_refused() {
        let refused = |data: &[u8]| check(data, Some(Architecture::X86_64)).expect_err("refused");
        assert!(refused(&executable(62, &["GLIBC_2.17", "GLIBC_2.35"])).contains("needs GLIBC_2.35"));
        assert!(refused(&executable(62, &["GLIBC_ABI_DT_RELR"])).contains("GLIBC_ABI_DT_RELR"));
        assert!(refused(&executable(183, &[])).starts_with("is built for arm64, and x86_64 is asked for"));
        assert!(refused(&executable(243, &[])).contains("243"));
        assert!(refused(b"#!/bin/sh\n").contains("not a 64-bit Linux executable"));
    }
}
