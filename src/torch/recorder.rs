//! Training steps as CUDA graphs: the same kernels in the same order on the same numbers as when
//! they are called one by one, so the same bits.

use super::graph::{Graph, Studio};
use crate::models::Noise;
use std::mem;
use tch::{Device, TchError, Tensor, no_grad};

/// How often work is done before it is recorded: what libraries settle at first is not recorded.
const REHEARSALS: usize = 2;

/// Most sizes of batches of which graphs are kept.
const SIZES: usize = 32;

/// The loss of a batch, and its gradient as one tensor.
pub type Slope = (Tensor, Tensor);

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
            None if self.sizes.len() == SIZES => {
                let [inputs, targets] = batch.map(Tensor::copy);
                return Ok(compute([&inputs, &targets], noise));
            }
            None => {
                let size = Size::new(batch).map_err(|error| error.to_string())?;
                self.sizes.push(size);
                self.sizes.last_mut().expect("just pushed")
            }
        };
        size.slope(&mut self.studio, batch, noise, compute)
    }
}

impl Size {
    fn new(batch: [&Tensor; 2]) -> Result<Size, TchError> {
        let [inputs, targets] = batch.map(Tensor::f_empty_like);
        Ok(Size {
            batch: [inputs?, targets?],
            stage: Stage::Rehearsed(0, Vec::new()),
        })
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
        let batch = self.batch.each_ref();
        if let (Stage::Rehearsed(REHEARSALS, drawn), Some(place)) = (&mut self.stage, &studio) {
            let samples = batch[0].size()[0];
            match recorded(place, batch, mem::take(drawn), compute) {
                Ok(recorded) => {
                    log::debug!("steps of {samples} samples are a CUDA graph");
                    self.stage = Stage::Recorded(recorded);
                }
                Err(reason) => {
                    log::debug!("steps of {samples} samples are no CUDA graph: {reason}");
                    *studio = None;
                }
            }
        }
        match (&mut self.stage, studio) {
            (Stage::Recorded(recorded), _) => recorded.slope(noise),
            (Stage::Rehearsed(times, drawn), Some(studio)) => {
                *times += 1;
                let slope;
                (slope, *drawn) = noise.remember(|noise| studio.rehearse(|| compute(batch, noise)));
                slope
            }
            (Stage::Rehearsed(..), None) => Ok(compute(batch, noise)),
        }
    }
}

/// Records what is made of a batch.
fn recorded(
    studio: &Studio,
    batch: [&Tensor; 2],
    drawn: Vec<Tensor>,
    compute: Compute<'_>,
) -> Result<Recorded, String> {
    let mut noise = Noise::given(&drawn);
    let (graph, slope) = studio.record(|| compute(batch, &mut noise))?;
    Ok(Recorded {
        graph,
        slope,
        drawn,
    })
}

impl Recorded {
    fn slope(&mut self, noise: &mut Noise) -> Result<Slope, String> {
        noise.fill(&mut self.drawn);
        self.graph.launch()?;
        let (loss, gradient) = &self.slope;
        Ok((loss.shallow_clone(), gradient.shallow_clone()))
    }
}
