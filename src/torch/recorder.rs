//! Training steps as CUDA graphs: the same kernels in the same order on the same numbers as when
//! they are called one by one, so the same bits.

use super::device::free_bytes;
use super::graph::{Graph, Studio};
use crate::models::Noise;
use std::mem;
use tch::{Device, TchError, Tensor, no_grad};

/// How often work is done before it is recorded: what libraries settle at first is not recorded.
const REHEARSALS: usize = 2;

/// Most sizes of batches of which graphs are kept.
const SIZES: usize = 32;

/// The loss of a batch, and its gradient by each part of the parameters.
pub type Slope = (Tensor, Vec<Tensor>);

/// What a model makes of a batch `[inputs, targets]`.
pub type Compute<'a> = &'a dyn Fn([&Tensor; 2], &mut Noise) -> Slope;

/// One model's steps on one GPU, a graph for each size of batch.
pub struct Recorder {
    // None once something could not be recorded.
    studio: Option<Studio>,
    sizes: Vec<Size>,
}

/// Batches of one size.
struct Size {
    // All batches are copied here, whether or not the graph is recorded yet: by how its numbers are
    // aligned a library may choose another kernel, with other bits.
    batch: [Tensor; 2],
    stage: Stage,
    // Bytes that were free before the first one.
    free: Option<usize>,
}

enum Stage {
    // So often, and with these bytes for dropout. They are made before anything is recorded: what
    // is made meanwhile may lie where the recorded work has something else at first.
    Rehearsed(usize, Vec<Tensor>),
    Recorded(Recorded),
}

struct Recorded {
    graph: Graph,
    slope: Slope,
    drawn: Vec<Tensor>,
}

impl Recorder {
    /// Nothing is recorded yet. None where it cannot be: not on a GPU, or with another libtorch.
    pub fn new(device: Device) -> Option<Recorder> {
        let Device::Cuda(index) = device else { return None };
        let studio = Studio::new(index);
        let studio = studio
            .inspect_err(|reason| log::debug!("steps are not recorded as CUDA graphs: {reason}"));
        Some(Recorder {
            studio: Some(studio.ok()?),
            sizes: Vec::new(),
        })
    }

    /// The slope at a batch, until the next one.
    ///
    /// # Errors
    /// What CUDA or libtorch says.
    pub fn slope(
        &mut self,
        batch: [&Tensor; 2],
        noise: &mut Noise,
        compute: Compute<'_>,
    ) -> Result<Slope, String> {
        let sizes = batch[0].size();
        let mut known = self.sizes.iter();
        let place = known.position(|size| size.batch[0].size() == sizes);
        let size = match place {
            Some(place) => &mut self.sizes[place],
            None if self.sizes.len() < SIZES => {
                let size = Size::new(batch).map_err(|error| error.to_string())?;
                self.sizes.push(size);
                self.sizes.last_mut().expect("just pushed")
            }
            None => {
                let [inputs, targets] = batch.map(Tensor::copy);
                return Ok(compute([&inputs, &targets], noise));
            }
        };
        size.slope(&mut self.studio, batch, noise, compute)
    }
}

impl Size {
    fn new(batch: [&Tensor; 2]) -> Result<Size, TchError> {
        let [inputs, targets] = batch.map(Tensor::f_empty_like);
        Ok(Size {
            free: free_bytes(batch[0].device()),
            batch: [inputs?, targets?],
            stage: Stage::Rehearsed(0, Vec::new()),
        })
    }

    /// What was recorded needs memory of its own, as much as what was rehearsed took.
    fn has_room(&self) -> bool {
        let now = free_bytes(self.batch[0].device());
        let known = self.free.zip(now);
        known.is_none_or(|(before, now)| now >= before.saturating_sub(now))
    }

    fn slope(
        &mut self,
        studio: &mut Option<Studio>,
        batch: [&Tensor; 2],
        noise: &mut Noise,
        compute: Compute<'_>,
    ) -> Result<Slope, String> {
        for (mine, given) in self.batch.iter_mut().zip(batch) {
            no_grad(|| mine.copy_(given));
        }
        if matches!(self.stage, Stage::Rehearsed(REHEARSALS, _)) {
            self.record(studio, compute);
        }
        let batch = self.batch.each_ref();
        match (&mut self.stage, studio) {
            (Stage::Recorded(recorded), _) => {
                noise.fill(&mut recorded.drawn);
                Ok(recorded.slope().unwrap_or_else(|reason| {
                    log::debug!("a CUDA graph does not start: {reason}");
                    compute(batch, &mut Noise::given(&recorded.drawn))
                }))
            }
            (Stage::Rehearsed(times, drawn), Some(studio)) => {
                *times += 1;
                let slope;
                (slope, *drawn) = noise.remember(|noise| studio.rehearse(|| compute(batch, noise)));
                slope
            }
            (Stage::Rehearsed(..), None) => Ok(compute(batch, noise)),
        }
    }

    /// Records what is made of a batch; where that fails, nothing is recorded any more.
    fn record(&mut self, studio: &mut Option<Studio>, compute: Compute<'_>) {
        let has_room = self.has_room();
        let (Stage::Rehearsed(_, drawn), Some(place)) = (&mut self.stage, &studio) else {
            return;
        };
        let drawn = mem::take(drawn);
        let mut noise = Noise::given(&drawn);
        let recorded = match has_room {
            true => place.record(|| compute(self.batch.each_ref(), &mut noise)),
            false => Err("there is too little memory".to_owned()),
        };
        let samples = self.batch[0].size()[0];
        match recorded {
            Ok((graph, slope)) => {
                log::debug!("steps of {samples} samples are a CUDA graph");
                self.stage = Stage::Recorded(Recorded {
                    graph,
                    slope,
                    drawn,
                });
            }
            Err(reason) => {
                log::debug!("steps of {samples} samples are no CUDA graph: {reason}");
                *studio = None;
            }
        }
    }
}

impl Recorded {
    fn slope(&mut self) -> Result<Slope, String> {
        self.graph.launch()?;
        let (loss, gradient) = &self.slope;
        let gradient = gradient.iter().map(Tensor::shallow_clone);
        Ok((loss.shallow_clone(), gradient.collect()))
    }
}
