//! `bench`: measures the release binary and compares it with the smallest function that `lambda_runtime` allows.

mod binary;
mod calls;
mod process;
mod stack;
mod world;

use std::path::PathBuf;
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};

use self::binary::Binaries;
use self::process::Processes;
use self::stack::StackNumbers;
use self::world::{InProcessNumbers, ProbeNumbers};
use crate::runtime::Runtime;

/// Arguments of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A provisioner built elsewhere. Without it the release binary is built first.
    #[arg(long, value_name = "PATH")]
    bootstrap: Option<PathBuf>,
    /// Number of measurements for each time. The table shows their median.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repetitions: u32,
}

/// One line of the table.
struct Row {
    what: String,
    measured: String,
    baseline: String,
    /// The target, and true if it is met. `None` if the row has no target.
    target: Option<(String, bool)>,
    how: &'static str,
}

/// Measures everything and prints the table. A missed target is shown and does not count as an error.
///
/// # Errors
/// Something could not be built, started or measured.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let binaries = Binaries::find(arguments.bootstrap.as_deref())?;
    let processes = Runtime::new(false)?.run(process::measure(&binaries, arguments.repetitions))?;
    let mut rows = process_rows(&processes);
    // Each world gets a clock of its own that starts paused.
    rows.extend(in_process_rows(&world::measure(|| Runtime::new(true))?));
    rows.extend(size_rows(&binaries)?);
    let mut hows: Vec<&str> = rows.iter().map(|row| row.how).collect();
    // Rows measured alike follow each other.
    hows.dedup();
    println!("{}", table(&rows, &hows));
    println!("baseline: a function that does nothing, by lambda_runtime alone, measured in the same run");
    for (number, how) in hows.iter().enumerate() {
        println!("[{}] {how}", number + 1);
    }
    if cfg!(debug_assertions) {
        println!("The emulator in this debug build is slow, and so are the answers; use `cargo run --release`.");
    }
    Ok(())
}

/// Columns of the table.
const TABLE_CHARS: u16 = 120;

const STARTED: &str =
    "from spawning the process to its first GET /invocation/next; both programs in turn, median of all starts";
const ANSWERED: &str = "from handing out the event to the function's return, its PUT included; warm process, AWS \
    emulated behind a proxy with TLS, without latency; median";
const ANSWERED_FIRST: &str = "as before, but the first event of a process, which opens the connections; median";
const WORST_MEMORY: &str = "VmHWM of a fresh process that read a discovery document of 1 MiB, full of nested maps";
const MEMORY: &str = "VmHWM in /proc/<pid>/status of a fresh process that created a runtime and a secret; the \
    largest of all starts";
const CALLS: &str = "calls the emulator received, states settling at once; handler in this process. A List walks through a \
    collection; ListTagsForResource reads one resource's tags and is none";
const LAG: &str = "from the moment the runtime became READY to the end of the invocation; handler in this process, on \
    virtual time that takes no real time, 20 ms per call";
const PROBE: &str = "from the event to the end of the invocation; handler in this process, on virtual time, 20 ms per call, \
    a container that starts in no time. A client written by hand would call twice for 2026-07-28 and three times for \
    2025-11-25";
const STACK: &str = "template.yaml created on the emulator, handler in this process, on virtual time, 20 ms per call: 12 s for \
    a runtime, 5 s for a gateway, 1 s for a provider, 8 s for a target, 2 s for a server's start; the longest chain is \
    runtime, its verification, target";
const STACK_ON_V2: &str = "template.yaml without a gateway, as before, but 3.5 minutes for a version of the runtime; the longest \
    chain is that version, and its verification in a session that begins with a copy of its container, in 2 s";
const ROTATION: &str = "template.yaml without a gateway, from PutSecretValue to the end of the probe that finds a server with the \
    new values; as before, 12 s for a version of the runtime; the longest chain is the delivery of the event in 0.5 s, that version, \
    and the server's start";
const FILE: &str = "stripped, as the release profile builds it";
const ZIP: &str = "deflated at level 6, the method and usual level of a zip, whose headers would add some 100 bytes";

fn process_rows(processes: &Processes) -> Vec<Row> {
    let memory_target = processes.memory.zip(Some(14 * 1024 * 1024));
    let mut rows = vec![Row {
        what: "process start → ready".to_owned(),
        measured: milliseconds(processes.start),
        baseline: milliseconds(processes.baseline_start),
        target: Some((
            "≤ 5 ms, 2 ×".to_owned(),
            processes.start <= Duration::from_millis(5).min(processes.baseline_start * 2),
        )),
        how: STARTED,
    }];
    for (what, time) in [("create a secret", processes.secret), ("create a runtime", processes.runtime)] {
        rows.push(Row {
            what: format!("event → response, {what}"),
            measured: milliseconds(time),
            baseline: milliseconds(processes.baseline_answer),
            target: Some(("≤ 30 ms".to_owned(), time <= Duration::from_millis(30))),
            how: ANSWERED,
        });
    }
    rows.push(Row {
        what: "first event → response, create a runtime".to_owned(),
        measured: milliseconds(processes.first_runtime),
        baseline: String::new(),
        target: None,
        how: ANSWERED_FIRST,
    });
    rows.push(Row {
        what: "peak memory after a create".to_owned(),
        measured: processes.memory.map_or_else(|| "unknown".to_owned(), megabytes),
        baseline: processes.baseline_memory.map_or_else(|| "unknown".to_owned(), megabytes),
        target: memory_target.map(|(memory, most)| ("≤ 14 MB".to_owned(), memory <= most)),
        how: MEMORY,
    });
    let worst_target = processes.worst_memory.zip(Some(128 * 1024 * 1024));
    rows.push(Row {
        what: "peak memory, the worst discovery document".to_owned(),
        measured: processes.worst_memory.map_or_else(|| "unknown".to_owned(), megabytes),
        baseline: String::new(),
        target: worst_target.map(|(memory, most)| ("≤ 128 MB".to_owned(), memory <= most)),
        how: WORST_MEMORY,
    });
    rows
}

fn in_process_rows(numbers: &InProcessNumbers) -> Vec<Row> {
    let calls = numbers.calls.iter().map(|(what, calls)| Row {
        what: format!("AWS calls, {what}"),
        measured: calls.join(", "),
        baseline: String::new(),
        target: Some(("no List".to_owned(), !calls.iter().any(|call| is_list(call)))),
        how: CALLS,
    });
    let lags = numbers.lags.iter().map(|&(readiness, lag)| Row {
        what: format!("READY after {} s → response", readiness.as_secs_f64()),
        measured: milliseconds(lag),
        baseline: String::new(),
        target: (readiness <= Duration::from_secs(12)).then(|| ("≤ 1 s".to_owned(), lag <= Duration::from_secs(1))),
        how: LAG,
    });
    let probes = numbers.probes.iter().flat_map(|(revision, numbers)| probe_rows(revision, numbers));
    let stacks = numbers.stacks.iter().flat_map(|(what, numbers)| {
        stack_rows(format!("whole stack with a gateway, {what} to the server"), numbers, STACK)
    });
    let on_v2 = numbers.on_v2.iter().map(|(what, wall, chain)| Row {
        what: format!("stack on platform version V2, {what}"),
        how: STACK_ON_V2,
        ..time_row(*wall, *chain)
    });
    let rotation = stack_rows("rotation of the secret outside of the stack".to_owned(), &numbers.rotation, ROTATION);
    calls.chain(lags).chain(probes).chain(stacks).chain(rotation).chain(on_v2).collect()
}

fn probe_rows(revision: &str, numbers: &ProbeNumbers) -> [Row; 2] {
    let time = Row {
        what: format!("probe of an MCP {revision} server, {}", numbers.calls.join(", ")),
        measured: milliseconds(numbers.time),
        baseline: String::new(),
        target: None,
        how: PROBE,
    };
    let starts = Row {
        what: "its container starts per probe".to_owned(),
        measured: numbers.starts.to_string(),
        baseline: String::new(),
        target: Some(("1".to_owned(), numbers.starts == 1)),
        how: PROBE,
    };
    [time, starts]
}

/// Returns a row that compares a time with the longest chain.
fn time_row(wall: Duration, chain: Duration) -> Row {
    let (wall, chain) = (wall.as_secs_f64(), chain.as_secs_f64());
    Row {
        what: String::new(),
        measured: format!("{wall:.1} s, {:.2} × the longest chain ({chain} s)", wall / chain),
        baseline: String::new(),
        target: Some(("≤ 1.10 ×".to_owned(), wall <= 1.1 * chain)),
        how: STACK,
    }
}

fn stack_rows(what: String, numbers: &StackNumbers, how: &'static str) -> [Row; 2] {
    let time = Row { what, how, ..time_row(numbers.wall, numbers.critical_path) };
    let calls = Row {
        what: "its AWS calls".to_owned(),
        measured: numbers.calls.join(", "),
        baseline: String::new(),
        target: None,
        how,
    };
    [time, calls]
}

fn is_list(call: &str) -> bool {
    call.starts_with("List") && !call.starts_with("ListTagsForResource")
}

fn size_rows(binaries: &Binaries) -> Result<Vec<Row>, String> {
    let (ours, baseline) = (binary::size(&binaries.provisioner)?, binary::size(&binaries.baseline)?);
    Ok(vec![
        Row {
            what: "size of the binary".to_owned(),
            measured: megabytes(ours.file),
            baseline: megabytes(baseline.file),
            target: None,
            how: FILE,
        },
        Row {
            what: "size of its zip".to_owned(),
            measured: megabytes(ours.zip),
            baseline: megabytes(baseline.zip),
            target: Some(("≤ 5 MB".to_owned(), ours.zip <= 5 * 1024 * 1024)),
            how: ZIP,
        },
    ])
}

fn table(rows: &[Row], hows: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic).set_width(TABLE_CHARS);
    table.set_header(["", "measured", "baseline", "target", "how"]);
    for row in rows {
        let target = row
            .target
            .as_ref()
            .map_or_else(String::new, |(target, met)| format!("{target} {}", if *met { "✓" } else { "✗ missed" }));
        let how = hows.iter().position(|how| *how == row.how).map_or_else(String::new, |at| format!("[{}]", at + 1));
        table.add_row([row.what.as_str(), &row.measured, &row.baseline, &target, &how]);
    }
    table
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

/// Formats mebibytes, with MB as their unit because AWS writes it so.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10) / (1024 * 1024);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}
