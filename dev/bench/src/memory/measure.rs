//! Measuring one request at each size.

use std::time::Duration;

use anyhow::{Context as _, Result};
use harness::InstrumentedInstance;
use harness::TestEnvironment;
use harness::instrumented_instance::Counts;
use harness::processes;
use tokio::time::{Instant, sleep};

use super::super::sample::Sample;
use super::super::share::{PERIOD, Share, stretched};
use super::super::traffic::Traffic;
use super::super::{Depth, NETWORK};
use super::asks::{Ask, size_of};

/// What a request takes at one size.
pub(super) struct Point {
    /// In MB.
    pub(super) size: u64,
    pub(super) warm: Sample,
    /// From a process's start until it asks for something to do: with a whole processor, and with its share.
    pub(super) ready: Sample,
    pub(super) ready_limited: Sample,
    /// The first request of a process, with its share.
    pub(super) first: Sample,
    /// The most memory that was resident, in bytes.
    pub(super) peak: u64,
}

/// What a request takes at every size, and what does not depend on that.
pub(super) struct Curve {
    pub(super) name: &'static str,
    pub(super) function: &'static str,
    /// The size in the template.
    pub(super) chosen: u64,
    pub(super) points: Vec<Point>,
    pub(super) cpu: Duration,
    pub(super) counts: Counts,
    pub(super) traffic: Traffic,
    /// Of the answer, in bytes.
    pub(super) answer: usize,
}

/// How long one ask took, how long of that it was on a processor, and how large the answer was.
struct Asked {
    took: Duration,
    cpu: Duration,
    answer: usize,
    traffic: Traffic,
}

/// Measures `ask` at each of `sizes`, in MB; what does not depend on the size, at that of the template.
pub(super) async fn curve(
    world: &TestEnvironment,
    ask: &Ask,
    chosen: u64,
    sizes: &[u64],
    depth: Depth,
) -> Result<Curve> {
    let mut curve = Curve {
        name: ask.name,
        function: ask.function,
        chosen,
        points: Vec::new(),
        cpu: Duration::ZERO,
        counts: Counts::default(),
        traffic: Traffic::default(),
        answer: 0,
    };
    let mut all = sizes.to_vec();
    all.push(chosen);
    all.sort_unstable();
    all.dedup();
    for size in all {
        let share = Share::at(size);
        let mut point = starts(world, ask, size, share.as_ref(), depth.of(1, 8)).await?;
        warm(world, ask, share.as_ref(), depth, &mut point, &mut curve).await?;
        curve.points.push(point);
    }
    Ok(curve)
}

/// Starts the function `times` with a whole processor and `times` with its share.
async fn starts(
    world: &TestEnvironment,
    ask: &Ask,
    size: u64,
    share: Option<&Share>,
    times: usize,
) -> Result<Point> {
    let [warm, mut ready, mut ready_limited, mut first] = std::array::from_fn(|_| Sample::default());
    for _ in 0..times {
        let guest = InstrumentedInstance::start(world, ask.function).await?;
        let took = guest.ready().await?;
        ready.push(took);
        if share.is_none() {
            ready_limited.push(stretched(took, processes::cpu(guest.pid())?, size));
        }
        first.push(once(world, ask, &guest, size, share).await?.took);
        guest.kill().await;
        if let Some(share) = share {
            let guest = InstrumentedInstance::start_under(world, ask.function, &share.words()).await?;
            ready_limited.push(guest.ready_after_stop().await?);
            guest.kill().await;
        }
    }
    Ok(Point { size, warm, ready, ready_limited, first, peak: 0 })
}

/// Asks once in a process that is ready, with its share and a network as in a cloud.
async fn once(
    world: &TestEnvironment,
    ask: &Ask,
    guest: &InstrumentedInstance,
    size: u64,
    share: Option<&Share>,
) -> Result<Asked> {
    guest.set_delay(NETWORK);
    if let Some(share) = share {
        share.take(guest.pid())?;
    }
    let event = ask.event(world).await?;
    // Whatever has been used of a period before is not to be missing from this one: requests do not come one upon the other.
    sleep(PERIOD).await;
    let traffic = Traffic::now(world, ask.function).await?;
    let before = processes::cpu(guest.pid())?;
    let begun = Instant::now();
    let answer = guest.invoke(event).await.with_context(|| ask.name.to_owned())?;
    let took = begun.elapsed();
    let cpu = processes::cpu(guest.pid())?.saturating_sub(before);
    ask.check(&answer)?;
    let took = if share.is_some() { took } else { stretched(took, cpu, size) };
    // What is logged is written before the answer is sent.
    let traffic = Traffic::now(world, ask.function).await?.since(&traffic);
    Ok(Asked { took, cpu, answer: size_of(&answer), traffic })
}

/// Asks time and again in one process.
async fn warm(
    world: &TestEnvironment,
    ask: &Ask,
    share: Option<&Share>,
    depth: Depth,
    point: &mut Point,
    curve: &mut Curve,
) -> Result<()> {
    let guest = InstrumentedInstance::start(world, ask.function).await?;
    guest.ready().await?;
    for _ in 0..depth.of(2, 5) {
        once(world, ask, &guest, point.size, share).await?;
    }
    let times = depth.of(5, if ask.function == "worker" { 40 } else { 100 });
    let is_chosen = point.size == curve.chosen;
    let (counts, mut traffic, mut cpu) = (guest.counts(), Traffic::default(), Duration::ZERO);
    for _ in 0..times {
        let asked = once(world, ask, &guest, point.size, share).await?;
        if is_chosen {
            traffic = traffic.and(&asked.traffic);
        }
        point.warm.push(asked.took);
        cpu += asked.cpu;
        curve.answer = asked.answer;
    }
    if is_chosen {
        curve.counts = guest.counts().since(&counts).per(times);
        curve.traffic = traffic.per(times);
        curve.cpu = cpu / u32::try_from(times)?;
    }
    point.peak = processes::peak(guest.pid())?;
    guest.kill().await;
    Ok(())
}
