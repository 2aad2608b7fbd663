//! Sizes and cold starts of the programs.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use harness::{TestEnvironment, processes};
use stack::functions::MIGRATE;
use stack::template::Template;

use super::instructions::InstructionCounter;
use crate::report::Row;
use crate::sample::{Sample, ratio};

const REPETITIONS: usize = 20;

/// A Lambda function that returns a constant.
pub(super) const BASELINE: &str = "baseline";

/// The baseline and the functions of `template.yaml`. `migrate` is not measured, because it runs
/// once per deployment.
pub(super) fn programs(root: &Path) -> Result<Vec<String>> {
    let functions = Template::read(root)?.binaries().into_iter().filter(|name| name != MIGRATE);
    Ok([BASELINE.to_owned()].into_iter().chain(functions).collect())
}

/// The sizes in bytes of the binaries that exist in the folder.
pub(super) fn sizes(folder: &Path, names: &[String]) -> BTreeMap<String, u64> {
    let size = |name: &String| Some((name.clone(), fs::metadata(folder.join(name)).ok()?.len()));
    names.iter().filter_map(size).collect()
}

/// Starts each program several times, in turn with the others, and returns a row for each. The
/// first program is the baseline. `sizes` are those of the binaries in bytes.
pub(super) async fn measure(
    environment: &TestEnvironment,
    programs: &[String],
    sizes: &BTreeMap<String, u64>,
    counter: Option<&InstructionCounter<'_>>,
) -> Result<Vec<Row>> {
    // The time until the process polls for an invocation, and its peak resident memory then.
    let mut results = vec![(Sample::default(), 0); programs.len()];
    for _ in 0..REPETITIONS {
        for (program, (init, memory)) in programs.iter().zip(&mut results) {
            let instance = environment.lambda.instance(program, &[])?;
            init.push(instance.ready().await.with_context(|| program.clone())?);
            *memory = processes::resident(instance.handle().pid)?.max(*memory);
            instance.kill().await;
        }
    }
    let baseline = results.first().and_then(|(init, _)| init.median());
    let mut rows = Vec::new();
    for (program, (init, memory)) in programs.iter().zip(results) {
        let instructions = match counter {
            Some(counter) => Some(counter.count_init(program).await?),
            None => None,
        };
        let row = Row::default()
            .text("program", program)
            .ms("init ms", init.median())
            .number("relative to baseline", ratio(init.median(), baseline))
            .number("thousand instructions", instructions)
            .mb("memory MB", memory)
            .mb("binary MB", sizes.get(program).copied().unwrap_or_default());
        rows.push(row);
    }
    Ok(rows)
}
