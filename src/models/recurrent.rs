//! Recurrent layers, as libtorch has them. A layer's weights are four tensors: for inputs, for
//! states, and the biases of both.

use tch::Tensor;

/// Tensors of a layer.
const EACH: usize = 4;

/// The states after each step `[batch, steps, units]`, and hidden state and memory after the last
/// `[layers, batch, units]`, of an LSTM that starts from zeros; inputs are `[batch, steps,
/// values]`.
pub fn lstm(inputs: &Tensor, weights: &[&Tensor], units: i64) -> (Tensor, Tensor, Tensor) {
    let (zeros, layers) = start(inputs, weights, units);
    let weights = placed(weights);
    let (is_learned, weights) = (is_learned(inputs, &weights), references(&weights));
    inputs.lstm(&[&zeros, &zeros], &weights, true, layers, 0.0, is_learned, false, true)
}

/// States before and after: those that it starts from `[layers, batch, units]`, which are zeros,
/// and those after each step `[batch, steps, units]`, of a GRU.
pub fn gru(inputs: &Tensor, weights: &[&Tensor], units: i64) -> (Tensor, Tensor) {
    let (zeros, layers) = start(inputs, weights, units);
    let weights = placed(weights);
    let (is_learned, weights) = (is_learned(inputs, &weights), references(&weights));
    let (steps, _) = inputs.gru(&zeros, &weights, true, layers, 0.0, is_learned, false, true);
    (zeros, steps)
}

fn start(inputs: &Tensor, weights: &[&Tensor], units: i64) -> (Tensor, i64) {
    let layers = (weights.len() / EACH) as i64;
    let size = [layers, inputs.size()[0], units];
    (Tensor::zeros(size, (inputs.kind(), inputs.device())), layers)
}

/// Whether cuDNN must keep what gradients need. On the CPU libtorch always does.
fn is_learned(inputs: &Tensor, weights: &[Tensor]) -> bool {
    let mut all = weights.iter().chain([inputs]);
    inputs.device().is_cuda() && all.any(Tensor::requires_grad)
}

fn references(weights: &[Tensor]) -> Vec<&Tensor> {
    weights.iter().collect()
}

/// The weights where the device wants them.
fn placed(weights: &[&Tensor]) -> Vec<Tensor> {
    if weights[0].device().is_cuda() {
        return one_piece(weights);
    }
    weights.iter().copied().map(Tensor::shallow_clone).collect()
}

/// The weights where cuDNN wants them, which else complains and copies them: in one piece of
/// memory, first all matrices and then all biases.
fn one_piece(weights: &[&Tensor]) -> Vec<Tensor> {
    let is_bias = |&place: &usize| place % EACH >= EACH / 2;
    let (biases, mut order): (Vec<usize>, Vec<usize>) = (0..weights.len()).partition(is_bias);
    order.extend(biases);
    let flat: Vec<Tensor> = order
        .iter()
        .map(|&place| weights[place].reshape([-1]))
        .collect();
    let sizes: Vec<i64> = flat.iter().map(|part| part.size()[0]).collect();
    let parts = Tensor::cat(&flat, 0).split_with_sizes(sizes, 0);
    let mut placed: Vec<(usize, Tensor)> = order.into_iter().zip(parts).collect();
    placed.sort_by_key(|&(place, _)| place);
    let shaped = placed
        .into_iter()
        .map(|(place, part)| part.view_as(weights[place]));
    shaped.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind};

    #[test]
    fn weights_in_one_piece_are_the_same() {
        let draw = |size: &[i64]| {
            tch::manual_seed(size.iter().sum());
            Tensor::randn(size, (Kind::Float, Device::Cpu)).set_requires_grad(true)
        };
        let [first, second] = [3, 2].map(|inputs| [draw(&[8, inputs]), draw(&[8, 2])]);
        let biases = [8, 8, 8, 8].map(|count| draw(&[count]));
        let [a, b, c, d] = biases.each_ref();
        let weights = [&first[0], &first[1], a, b, &second[0], &second[1], c, d];
        let placed = one_piece(&weights);
        let inputs = draw(&[4, 5, 3]);
        let slopes = |through: &[&Tensor]| {
            let (steps, ..) = lstm(&inputs, through, 2);
            Tensor::run_backward(&[steps.sum(Kind::Float)], &weights, false, false)
        };
        assert_eq!(slopes(&references(&placed)), slopes(&weights));
        // Matrices, then biases, without gaps.
        let start = placed[0].data_ptr() as usize;
        let places = placed
            .iter()
            .map(|part| (part.data_ptr() as usize - start) / 4);
        assert_eq!(places.collect::<Vec<_>>(), [0, 24, 72, 80, 40, 56, 88, 96]);
    }
}
