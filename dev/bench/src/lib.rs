//! `cargo dev bench`: how fast the functions start and answer, what that takes, and what it should take at the least.
//!
//! Processes of the functions run behind a Lambda of our own (`dev/lambda`), one at a time, fed with events as API
//! Gateway makes them. Between each and what it asks stands a proxy that counts. Floors are measured in the same run, in turn
//! with what they are compared with. Times differ from one machine and run to the next and are only shown; counts do not, and
//! have budgets (`dev/bench/budgets.json`).

mod budgets;
mod burst;
mod chart;
mod floors;
mod growth;
mod instructions;
mod machine;
mod memory;
mod probes;
mod report;
mod sample;
mod share;
mod stock;
mod traffic;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use harness::guest::Guest;
use harness::processes;
use harness::world::World;
use harness::{Scale, Suite};
use stack::StackFolder;
use stack::functions;
use stack::process::Launch;
use stack::progress::{hide_steps, info, print};

use self::instructions::Counter;
use self::probes::Probe;
use self::report::{Report, RouteFigures, StartFigures};
use self::sample::Sample;

/// How long each byte is on its way, in either direction, where the network is not the loopback.
const NETWORK: Duration = Duration::from_millis(2);

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Counts alone, on functions as tests build them: what a change may not make worse unseen.
    Counts,
    /// Times too, on functions as they are deployed.
    All,
}

impl Depth {
    fn of<T>(self, counts: T, all: T) -> T {
        match self {
            Self::Counts => counts,
            Self::All => all,
        }
    }
}

/// How often a request of one kind is asked.
#[derive(Clone, Copy)]
struct Times {
    /// As the first of its process.
    first: usize,
    /// Before anything is measured: connections, statements and caches are there from then on.
    unmeasured: usize,
    warm: usize,
    far: usize,
    /// While instructions are counted, where they can be.
    counted: usize,
}

impl Times {
    fn of(depth: Depth) -> Self {
        depth.of(
            Self { first: 0, unmeasured: 3, warm: 20, far: 0, counted: 0 },
            Self { first: 10, unmeasured: 20, warm: 300, far: 40, counted: instructions::ASKED },
        )
    }

    fn sum(self) -> usize {
        self.first + self.unmeasured + self.warm + self.far + self.counted
    }
}

/// Something that is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Subject {
    /// How fast functions start, what each request takes, and floors for both.
    Requests,
    /// How long messages wait when very many come at once.
    Burst,
    /// Whether anything gets slower as there are more people, rooms and messages.
    Growth,
    /// How long requests take at each size of Lambda's memory, and what they cost there.
    Memory,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How much is measured.
    pub depth: Depth,
    /// What is.
    pub subjects: Vec<Subject>,
    /// The folder of the programs, where they are not to be built.
    pub programs: Option<PathBuf>,
    /// Whether `dev/bench/figures.json` is written anew.
    pub figures: bool,
}

impl Plan {
    /// What `cargo dev test` has measured: counts of each request, and plans of each statement.
    #[must_use]
    pub fn of_tests() -> Self {
        let subjects = vec![Subject::Requests, Subject::Growth];
        Self { depth: Depth::Counts, subjects, programs: None, figures: false }
    }
}

/// Does what `plan` says, prints what came of it, and answers whether every budget is kept. To be followed by [`clear`].
///
/// # Errors
/// When it cannot be measured.
pub async fn run(home: &StackFolder, plan: &Plan) -> Result<bool> {
    hide_steps();
    let Plan { depth, subjects, programs: given, figures } = plan;
    let programs = match given {
        Some(given) => given.clone(),
        None => programs(home, *depth).await?,
    };
    let suite = Suite { home: home.clone(), scale: Scale::Full, programs };
    let mut kept = true;
    for subject in subjects {
        kept &= match subject {
            Subject::Requests => requests(&suite, *depth).await?,
            Subject::Burst => burst::run(&suite, *depth).await?,
            Subject::Growth => growth::run(&suite, *depth).await?,
            Subject::Memory => memory::run(&suite, *depth, *figures).await?,
        };
    }
    Ok(kept)
}

/// Measures starts and requests: a table, a file and a chart.
async fn requests(suite: &Suite, depth: Depth) -> Result<bool> {
    let home = &suite.home;
    let world = World::start(suite, WORLD, &SETTINGS).await?;
    world.start_worker().await?;
    let mut report = Report { sizes: machine::sizes(&suite.programs)?, ..Report::default() };
    let counter = if depth == Depth::All { Counter::find(&world)? } else { None };
    if depth == Depth::All {
        if counter.is_none() {
            info("valgrind is not installed: no instructions are counted");
        }
        report.starts = starts(&world, counter.as_ref()).await?;
        report.floors = floors::measure(&world).await?;
    }
    let (person, subscription) = probes::somebody(&world).await?;
    for probe in probes::all(&world, &person, &subscription, Times::of(depth).sum()).await? {
        print(format_args!("  {}\n", probe.name));
        report.routes.push(route(&world, &probe, depth, counter.as_ref()).await?);
    }
    print(report.table());
    if depth == Depth::All {
        report.write(home)?;
    }
    let broken = budgets::check(home, &report, depth)?;
    for line in &broken {
        print(format_args!("  over budget: {line}\n"));
    }
    Ok(broken.is_empty())
}

/// Ends whatever a run has left.
///
/// # Errors
/// When that cannot be found out.
pub async fn clear(home: &StackFolder) -> Result<()> {
    stack::stop(&StackFolder::at(&home.dir().join(WORLD))).await
}

/// What the world is called, in which all is measured.
const WORLD: &str = "bench";

/// What its functions have over their usual variables: no end to the messages of a day.
const SETTINGS: [(&str, &str); 1] = [("PRO_DAILY_MESSAGE_LIMIT", "1000000")];

/// Builds the programs and answers where they are.
async fn programs(home: &StackFolder, depth: Depth) -> Result<PathBuf> {
    let debug = functions::programs(home).await?;
    if depth == Depth::Counts {
        functions::build(home).await?;
        return Ok(debug);
    }
    let cargo = Launch::new("cargo")
        .args(["build", "--release", "--bins", "--workspace", "--exclude", "dev"])
        .folder(home.root());
    let built = cargo.run_in_terminal().await?;
    ensure!(built, "the functions do not build: `{}` says why, above", cargo.line());
    Ok(debug.with_file_name("release"))
}

/// How long each function takes from its start until it asks for something to do, in turn with the floor.
async fn starts(world: &World, counter: Option<&Counter>) -> Result<Vec<StartFigures>> {
    const TIMES: usize = 20;
    let mut figures: Vec<StartFigures> =
        machine::FUNCTIONS.iter().map(|&function| StartFigures::of(function)).collect();
    for _ in 0..TIMES {
        for one in &mut figures {
            let instance = world.lambda.instance(one.function, &[])?;
            one.ready.push(instance.ready().await.with_context(|| one.function.to_owned())?);
            one.memory = one.memory.max(processes::resident(instance.handle().pid)?);
            instance.kill().await;
        }
    }
    if let Some(counter) = counter {
        for one in &mut figures {
            one.instructions = Some(counter.of_start(world, one.function).await?);
        }
    }
    Ok(figures)
}

/// What a request of one kind takes.
async fn route(
    world: &World,
    probe: &Probe,
    depth: Depth,
    counter: Option<&Counter>,
) -> Result<RouteFigures> {
    let times = Times::of(depth);
    let first = first_answers(world, probe, times.first).await?;
    let guest = Guest::of(world, probe.function).await?;
    for _ in 0..times.unmeasured {
        probe.ask(&guest).await?;
    }
    let before = guest.counts();
    let (cpu, mut warm) = (processes::cpu(guest.pid())?, Sample::default());
    for _ in 0..times.warm {
        warm.push(probe.ask(&guest).await?);
    }
    let counts = guest.counts().since(&before).per(times.warm);
    let cpu = processes::cpu(guest.pid())?.saturating_sub(cpu) / u32::try_from(times.warm)?;
    let memory = processes::resident(guest.pid())?;
    let mut far = Sample::default();
    guest.set_delay(NETWORK);
    for _ in 0..times.far {
        far.push(probe.ask(&guest).await?);
    }
    let instructions = match counter {
        Some(counter) => Some(counter.of_request(world, probe).await?),
        None => None,
    };
    let (name, function) = (probe.name, probe.function);
    Ok(RouteFigures { name, function, first, warm, far, counts, cpu, memory, instructions })
}

/// From a process's start to its first answer.
async fn first_answers(world: &World, probe: &Probe, times: usize) -> Result<Sample> {
    let mut sample = Sample::default();
    for _ in 0..times {
        let guest = Guest::of(world, probe.function).await?;
        let started = guest.started();
        probe.ask(&guest).await?;
        sample.push(started.elapsed());
    }
    Ok(sample)
}
