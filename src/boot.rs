//! The start of a training job, in order: MPI, arguments, logging, seed, GPU mapping, data, model,
//! training. After each step all ranks settle whether all of them succeeded; if not, the lowest that
//! failed says why, and every rank ends. So bad input yields one message and leaves no rank behind.

use crate::doctor;
use anyhow::{Context, Error, Result};
use fedmpi::config::{
    Collective, Config, DeviceChoice, Evaluator, Flags, GpuMapping, Holding, Homes, Plan, PlanError, Residency, Seat,
    expand, housemates, seats_table, shares,
};
use fedmpi::data::{self, Dataset};
use fedmpi::engine::{self, EngineError};
use fedmpi::event::Recorder;
use fedmpi::ids::Rank;
use fedmpi::message::Reduce;
use fedmpi::partition::Partition;
use fedmpi::record::checkpoint::{self, Saved};
use fedmpi::record::{Progress, RoundLog, RunFolder, checkpoints};
use fedmpi::stop::{self, exit};
use fedmpi::torch::{self, TorchTrainer};
use fedmpi::train::{Dry, Faulty, TrainError, Trainer};
use fedmpi::transport::mpi::Mpi;
use fedmpi::transport::{Host, Metered, Sums, TransportError, World, nccl};
use fedmpi::weights;
use log::LevelFilter;
use std::env;
use std::fs;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use tch::Device;

/// This rank does not go on; if it has a message, it has not been logged yet.
struct Stop(Option<Error>);

/// Everything a rank needs to train.
struct Ready {
    plan: Plan,
    device: Device,
    // Ranks that compute there.
    sharers: usize,
    trainer: Box<dyn Trainer>,
    server: Option<ServerPart>,
}

/// What only the server needs.
struct ServerPart {
    folder: RunFolder,
    recorders: Vec<Box<dyn Recorder>>,
    saved: Option<Saved>,
}

/// Trains as one rank of an MPI job, or alone.
pub fn train(flags: Flags) -> ExitCode {
    let Some(mpi) = Mpi::start() else {
        eprintln!("MPI is initialised already");
        return ExitCode::FAILURE;
    };
    start_log(mpi.rank());
    log_at(flags.verbose.unwrap_or(0));
    if let Err(error) = stop::listen() {
        log::warn!("signals will kill this rank at once: {error}");
    }
    let mut code = ExitCode::SUCCESS;
    mpi.run(|mpi| match prepare(mpi, &flags) {
        Ok(ready) => work(mpi, ready),
        Err(Stop(message)) => {
            message.iter().for_each(|error| log::error!("{error:#}"));
            code = ExitCode::from(exit::REFUSED);
            Ok(())
        }
    });
    code
}

/// Lines carry time, level, rank and host.
fn start_log(rank: Rank) {
    let host = Host::here().name;
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("trace"))
        .format(move |out, record| {
            let time = out.timestamp_millis();
            writeln!(out, "{time} {:<5} rank {rank} on {host}: {}", record.level(), record.args())
        })
        .init();
}

/// How much is logged, unless `RUST_LOG` says it.
fn log_at(verbose: u8) {
    let level = [LevelFilter::Info, LevelFilter::Debug, LevelFilter::Trace][usize::from(verbose.min(2))];
    if env::var_os(env_logger::DEFAULT_FILTER_ENV).is_none() {
        log::set_max_level(level);
    }
}

/// All steps before training.
fn prepare(mpi: &Mpi, flags: &Flags) -> Result<Ready, Stop> {
    same_build(mpi)?;
    let config = settle(mpi, read_config(flags))?;
    log_at(config.verbose);
    let mapping = settle(mpi, mapping(&config))?;
    let (own, reason) = here(mapping.is_some());
    let hosts = mpi.hosts(own);
    if let Some(mapping) = &mapping {
        warn_of_lack(mapping, mpi.rank().index(), &hosts, &reason);
    }
    let seats = settle(mpi, seats(mapping, &hosts, config.device))?;
    if mpi.rank() == Rank::SERVER {
        log::info!("{} ranks\n{}", mpi.size(), seats_table(&hosts, &seats));
    }
    let plan = plan(mpi, &hosts, config)?;
    // Alone, a rank is server and worker.
    let workers = mpi.size().max(2) - 1;
    settle(mpi, plan.check_workers(workers).map_err(Error::from))?;
    let model = torch::models::build(&plan.config.model, &plan.dataset.facts);
    settle(mpi, model.map(drop).map_err(Error::from))?;
    if mpi.rank() == Rank::SERVER {
        plan.notes(workers).iter().for_each(|note| log::warn!("{note}"));
    }
    let folder = match mpi.rank() {
        Rank::SERVER => RunFolder::claim(&plan.config).map(Some).map_err(Error::from),
        _ => Ok(None),
    };
    let folder = settle(mpi, folder)?;
    // Before anything is written: a run that cannot go on stays as it is.
    let saved = match (mpi.rank(), &plan.config.resume) {
        (Rank::SERVER, Some(folder)) => checkpoint::newest(&checkpoints(folder), &plan).map(Some).map_err(Error::from),
        _ => Ok(None),
    };
    let saved = settle(mpi, saved)?;
    let place = |rank: usize| (&hosts[rank].name, seats[rank]);
    let here = mpi.rank().index();
    let device = torch::device(seats[here]);
    let sharers = (0..hosts.len()).filter(|&rank| place(rank) == place(here)).count();
    // Whoever cannot make its trainer, and be it by a panic, must not leave others waiting in what comes next.
    let trainer = stop::catch(|| make_trainer(&plan, device, sharers, mpi.rank()));
    let trainer = settle(mpi, trainer.map_err(Error::msg).and_then(|made| made.map_err(Error::from)))?;
    let server = folder.map(|folder| server_part(&plan, trainer.as_ref(), folder, saved)).transpose();
    let server = settle(mpi, server)?;
    Ok(Ready { plan, device, sharers, trainer, server })
}

/// All ranks go on, or none does.
fn settle<T>(mpi: &Mpi, step: Result<T>) -> Result<T, Stop> {
    match (mpi.first_failure(step.is_err()), step) {
        (None, Ok(value)) => Ok(value),
        (Some(rank), Err(error)) if rank == mpi.rank() => Err(Stop(Some(error))),
        _ => Err(Stop(None)),
    }
}

/// Another build may compute other bits, or speak another language.
fn same_build(mpi: &Mpi) -> Result<(), Stop> {
    let mine = doctor::build().unwrap_or_default();
    let theirs = mpi.tell(&mine).swap_remove(0);
    let same = match mine == theirs {
        true => Ok(()),
        false => Err(Error::msg(format!(
            "this host has another build of fedmpi ({mine}) than rank 0 ({theirs}) (hint: copy the same file to every \
             host; `fedmpi doctor` compares them)"
        ))),
    };
    settle(mpi, same)
}

/// The plan over the data that this rank can see.
fn plan(mpi: &Mpi, hosts: &[Host], config: Config) -> Result<Plan, Stop> {
    if config.data_residency == Residency::Local {
        return plan_at_home(mpi, hosts, config);
    }
    let host = &hosts[mpi.rank().index()].name;
    let own = Config { data_dir: expand(&config.data_dir, mpi.rank(), host), ..config.clone() };
    let places = mpi.tell(&format!("{host} {}", own.data_dir.display()));
    let dataset = share(mpi, &places, || Plan::read(&own))?;
    settle(mpi, Plan::new(config, dataset).map_err(Error::from))
}

/// The plan over data that stays where it is: every rank says how much it holds, and nothing else.
fn plan_at_home(mpi: &Mpi, hosts: &[Host], config: Config) -> Result<Plan, Stop> {
    let host = &hosts[mpi.rank().index()].name;
    // Alone, this rank is server and worker.
    let rank = if mpi.size() == 1 { Rank(1) } else { mpi.rank() };
    let own = Config { data_dir: expand(&config.data_dir, rank, host), ..config.clone() };
    let places = mpi.tell(&format!("{host} {} {}", own.data_dir.display(), rank == Rank::SERVER));
    let mates = housemates(&places);
    let shares = settle(mpi, shares(config.client_num_in_total as usize, mates.len()).map_err(Error::from))?;
    let mut dataset = share(mpi, &places, || match (rank, config.evaluate) {
        (Rank::SERVER, Evaluator::Clients) => Ok(Dataset::default()),
        (Rank::SERVER, Evaluator::Server) => Plan::read_test(&own),
        _ => Plan::read(&own),
    })?;
    let home = mates.iter().position(|ranks| ranks.contains(&rank));
    let partition = match home {
        Some(home) => Plan::divide_own(&own, &dataset, shares[home]),
        None => Ok(Partition::in_order(vec![0])),
    };
    let partition = settle(mpi, partition.map_err(Error::from))?;
    let counts = partition.ids().map(|client| partition.count(client)).collect();
    let digest = format!("{} {}", dataset.digest(), partition.digest());
    let mine = Holding { facts: dataset.facts.clone(), counts, digest };
    let holdings = mpi.share(&mine);
    let nothing = dataset.facts.shape.is_empty();
    if let (true, Some(kind)) = (nothing, holdings.iter().find(|held| !held.facts.shape.is_empty())) {
        dataset = Dataset { facts: kind.facts.clone(), ..dataset };
    }
    let homes = settle(mpi, Homes::new(&config, mates, &holdings).map_err(Error::from))?;
    settle(mpi, Plan::at_home(config, dataset, partition, homes, rank).map_err(Error::from))
}

/// A data set that is read by the first rank of each place and mapped by the others there.
fn share(mpi: &Mpi, places: &[String], read: impl Fn() -> Result<Dataset, PlanError>) -> Result<Dataset, Stop> {
    let read = || read().map_err(Error::from);
    let here = &places[mpi.rank().index()];
    let first = places.iter().position(|place| place == here).unwrap_or_default();
    let (mut dataset, mut offer) = (None, None);
    if first == mpi.rank().index() {
        let own = read();
        let shared = places.iter().filter(|place| *place == here).count() > 1;
        offer = own.as_ref().ok().filter(|_| shared).and_then(data::shared::offer);
        dataset = settle(mpi, own.map(Some))?;
    } else {
        settle(mpi, Ok(()))?;
    }
    let paths = mpi.tell(&offer.as_ref().map_or_else(String::new, |file| file.path().to_string_lossy().into_owned()));
    // Whoever cannot map what the first rank offers reads for itself; the first rank maps its own offer.
    let dataset = match data::shared::open(Path::new(&paths[first])) {
        Ok(mapped) => Ok(mapped),
        Err(_) => dataset.map_or_else(read, Ok),
    };
    let dataset = settle(mpi, dataset)?;
    drop(offer);
    Ok(dataset)
}

fn read_config(flags: &Flags) -> Result<Config> {
    let config = Config::resolve(flags)?;
    Plan::check(&config)?;
    Ok(config)
}

/// The GPU mapping of a config; none means CPU.
pub fn mapping(config: &Config) -> Result<Option<GpuMapping>> {
    if config.device == DeviceChoice::Cpu {
        return Ok(None);
    }
    if let Some(line) = &config.gpu_util_parse {
        return Ok(Some(GpuMapping::parse_line(line).context("--gpu_util_parse")?));
    }
    match (&config.gpu_mapping_file, config.device) {
        (None, DeviceChoice::Mapped) => anyhow::bail!("--device mapped needs a --gpu_mapping_file"),
        (None, _) => Ok(None),
        (Some(path), _) => {
            let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            let key = &config.gpu_mapping_key;
            let mapping = GpuMapping::parse(&text, key).with_context(|| path.display().to_string())?;
            let unmapped = mapping.is_none() && config.device == DeviceChoice::Mapped;
            anyhow::ensure!(!unmapped, "--device mapped: `{key}` in {} maps no rank", path.display());
            Ok(mapping)
        }
    }
}

/// This host, and why none of its GPUs can be used. They are counted only for a mapping, since counting opens
/// CUDA's library.
fn here(mapped: bool) -> (Host, String) {
    let counted = if mapped { torch::gpus() } else { Ok(0) };
    let (gpus, reason) = match counted {
        Ok(gpus) => (gpus, String::new()),
        Err(reason) => (0, reason),
    };
    (Host { gpus, ..Host::here() }, reason)
}

/// The first rank of a host says so if a mapping needs more GPUs there than can be used.
fn warn_of_lack(mapping: &GpuMapping, rank: usize, hosts: &[Host], reason: &str) {
    let (here, needed) = (&hosts[rank], mapping.needs(rank, hosts));
    let first = hosts.iter().position(|host| host.name == here.name) == Some(rank);
    if first && here.gpus < needed {
        let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
        log::warn!("GPUs of this host that the mapping needs: {needed}, that can be used: {}{reason}", here.gpus);
    }
}

fn seats(mapping: Option<GpuMapping>, hosts: &[Host], choice: DeviceChoice) -> Result<Vec<Seat>> {
    match mapping {
        Some(mapping) => Ok(mapping.place(hosts, choice)?),
        None => Ok(vec![Seat::Cpu; hosts.len()]),
    }
}

fn make_trainer(plan: &Plan, device: Device, sharers: usize, rank: Rank) -> Result<Box<dyn Trainer>, TrainError> {
    let trainer = TorchTrainer::new(plan, device).map_err(|error| TrainError(error.to_string()))?;
    let trainer = Box::new(trainer.shared_by(sharers));
    Ok(match plan.config.dry_train {
        true => Box::new(Dry(trainer)),
        false => Faulty::from_environment(trainer, rank),
    })
}

/// Where collective sums are made. All ranks settle it together.
fn sums(mpi: &Mpi, plan: &Plan, device: Device) -> Sums {
    if plan.reduce() != Reduce::Allreduce || plan.config.collective == Collective::Mpi || mpi.size() == 1 {
        return Sums::Hosts;
    }
    let gpu = if let Device::Cuda(index) = device { Some(index) } else { None };
    let veto = mpi.survives().then_some("this job survives lost ranks, which NCCL does not");
    nccl::agree(mpi, &Host::here().name, gpu, veto, plan.round_timeout().unwrap_or(Duration::MAX))
}

/// Training: as server, as worker, or as both when there is one process.
fn work(mpi: &Mpi, ready: Ready) -> Result<()> {
    let Ready { plan, device, sharers, mut trainer, server } = ready;
    let sums = sums(mpi, &plan, device);
    // Nobody leaves while a peer may still read from its GPU.
    let together = matches!(sums, Sums::Devices(_));
    let stay = || {
        if together {
            mpi.barrier()
        }
    };
    let Some(ServerPart { folder, mut recorders, saved }) = server else {
        let served = engine::serve(&plan, &mut Metered::new(mpi.transport().summing(sums)), trainer.as_mut());
        return served.map(|()| stay()).or_else(|error| without_server(mpi, error));
    };
    let saved = saved.map(|saved| (saved.state, saved.weights));
    let run = match mpi.size() {
        1 => engine::run_local(&plan, 1, &|rank| make_trainer(&plan, device, sharers + 1, rank), &mut recorders, saved),
        _ => engine::run(
            &plan,
            &mut Metered::new(mpi.transport().summing(sums)),
            trainer.as_mut(),
            &mut recorders,
            saved,
        ),
    };
    finish(mpi, run.inspect(|_| stay()), &folder)
}

/// The server has said why it is gone, if it could. One of the others says the rest.
fn without_server(mpi: &Mpi, error: EngineError) -> Result<()> {
    match error {
        EngineError::Transport(TransportError::Gone(Rank::SERVER)) => {
            if mpi.is_lowest_left() {
                log::warn!("rank 0 is gone, and nothing goes on without the server");
                log::logger().flush();
            }
            mpi.abort(exit::FAILED)
        }
        error => Err(error.into()),
    }
}

/// All that writes into the run's folder.
fn server_part(plan: &Plan, trainer: &dyn Trainer, folder: RunFolder, saved: Option<Saved>) -> Result<ServerPart> {
    if let Some(path) = &plan.config.partition_save {
        plan.partition.save(path)?;
    }
    folder.prepare(&plan.config)?;
    log::info!("results go to {}", folder.path().display());
    let rounds = plan.rounds();
    let done = saved.as_ref().map(|saved| saved.state.rounds);
    if let Some(done) = done {
        log::info!("going on after round {done} of {rounds}");
    }
    let mut recorders = folder.recorders(plan, trainer.layout(), done)?;
    recorders.push(match std::io::stderr().is_terminal() {
        true => Box::new(Progress::new(rounds)),
        false => Box::new(RoundLog { rounds }),
    });
    Ok(ServerPart { folder, recorders, saved })
}

/// Prints the result: where it is and how good.
fn finish(mpi: &Mpi, run: Result<engine::Outcome, EngineError>, folder: &RunFolder) -> Result<()> {
    if let Err(EngineError::EndWanted) = &run {
        log::warn!("{} (hint: --resume {} goes on)", EngineError::EndWanted, folder.path().display());
        log::logger().flush();
        mpi.abort(exit::ENDED);
    }
    let outcome = run?;
    let test = outcome.test.unwrap_or_default();
    let (name, value) = test.lead();
    let hash = weights::hash(&outcome.weights);
    println!("final test {name} {value:.4} after {} rounds, model {hash}", outcome.rounds);
    println!("results in {}", folder.path().display());
    Ok(())
}
