//! How calls are shown.

/// Counts calls: `["GetAgentRuntime ×2", …]`, in order of first use.
pub(super) fn counted(operations: &[&str]) -> Vec<String> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for &operation in operations {
        match counts.iter_mut().find(|(name, _)| *name == operation) {
            Some((_, count)) => *count += 1,
            None => counts.push((operation, 1)),
        }
    }
    counts
        .iter()
        .map(|(name, count)| if *count == 1 { (*name).to_owned() } else { format!("{name} ×{count}") })
        .collect()
}
