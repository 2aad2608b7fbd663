//! `cargo dev bench memory`: how long requests take at each size of Lambda's memory, and what they cost there.
//!
//! Lambda gives a function processor time in proportion to its memory, and bills time by memory: less memory is cheaper until it
//! takes longer by more than it costs less. A function's process runs with that share ([`super::share`]), with a network as in a
//! cloud between it and what it asks, for what is billed is waiting, mostly. A Lambda starts with a whole processor, whatever its
//! memory; only then has it its share.

mod asks;
mod measure;
mod report;

use anyhow::Result;
use harness::Suite;
use harness::world::World;
use stack::progress::{info, print};
use stack::services::event_source_mapping;
use stack::template::Template;

use self::report::Report;
use super::{Depth, SETTINGS, WORLD, share};

/// What is tried, in MB.
const SIZES: [u64; 5] = [128, 256, 512, 1024, 1769];

/// Measures, prints a table, writes a file; with `figures` also what the bill is worked out from. No budget hangs on it.
pub(super) async fn run(suite: &Suite, depth: Depth, figures: bool) -> Result<bool> {
    share::clear();
    let world = World::start(suite, WORLD, &SETTINGS).await?;
    world.start_worker().await?;
    let asks = asks::all(&world).await?;
    // Messages are handed to the worker by us from here on.
    event_source_mapping::stop(&world.home).await?;
    let template = Template::read(suite.home.root())?;
    let limited = share::Share::at(SIZES[0]).is_some();
    if !limited {
        info("no control group can be made here: how long it takes with less of a processor is computed");
    }
    let mut report = Report::new(suite, limited)?;
    for ask in asks {
        print(format_args!("  {}\n", ask.name));
        let chosen = template.memory(ask.function).unwrap_or(128);
        let sizes = if depth == Depth::All { SIZES.to_vec() } else { vec![SIZES[0], chosen] };
        report.curves.push(measure::curve(&world, &ask, chosen, &sizes, depth).await?);
    }
    print(report.table());
    report.write(&suite.home)?;
    if figures {
        let path = report.figures().write(suite.home.root())?;
        info(path.display());
    }
    Ok(true)
}
