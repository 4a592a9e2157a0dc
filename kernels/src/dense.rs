//! Dense layers on the CPU, for the small batches of federated clients: with ten samples a matrix
//! library spends more time on packing than on arithmetic. Everything is row-major; vectors are as
//! wide as the processor's, which is found out at run time.

use pulp::{Arch, Simd, WithSimd};

/// Rows that are worked on together: as many sums as fit into the registers.
const ROWS: usize = 5;
/// Rows of `b` that are added in one pass over `c`.
const DEPTH: usize = 16;

/// `out[m][o] = bias[o] + sum_i x[m][i] w[o][i]`: a linear layer.
///
/// ```
/// let mut out = [0.0; 2];
/// fedmpi_kernels::dense::affine(
///     &[1.0, 2.0, 3.0],
///     &[1.0, 0.0, 1.0, 0.5, 0.5, 0.5],
///     &[0.0, 1.0],
///     &mut out,
/// );
/// assert_eq!(out, [4.0, 4.0]);
/// ```
pub fn affine(x: &[f32], w: &[f32], bias: &[f32], out: &mut [f32]) {
    Arch::new().dispatch(Affine { x, w, bias, out });
}

/// What `c` is before a product is added to it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Before<'a> {
    /// As it is.
    Same,
    /// `keep c + offset`; no offset when that is empty.
    Blend(f32, &'a [f32]),
}

/// `c[m][n] += sum_k a(m, k) b[k][n]` with `a(m, k) = a[m * strides[0] + k * strides[1]]` and rows
/// of `width`: the gradient of a layer by its inputs (`a` the gradient of the outputs, `b` the
/// weights) and by its weights (`a` the same, transposed, `b` the inputs). `c` may be blended on
/// the way.
///
/// ```
/// use fedmpi_kernels::dense::{Before, add_product};
/// let mut c = [1.0, 1.0];
/// add_product(&mut c, Before::Same, &[2.0, 3.0], [2, 1], &[1.0, 2.0, 10.0, 20.0], 2);
/// assert_eq!(c, [33.0, 65.0]);
/// add_product(&mut c, Before::Blend(0.5, &[1.0, 2.0]), &[2.0], [1, 1], &[1.0, 2.0], 2);
/// assert_eq!(c, [19.5, 38.5]);
/// ```
pub fn add_product(
    c: &mut [f32],
    before: Before<'_>,
    a: &[f32],
    strides: [usize; 2],
    b: &[f32],
    width: usize,
) {
    let mut before = before;
    for (block, b) in b.chunks(DEPTH * width).enumerate() {
        let a = &a[block * DEPTH * strides[1]..];
        Arch::new().dispatch(AddProduct {
            c,
            before,
            a,
            strides,
            b,
            width,
        });
        before = Before::Same;
    }
}

/// Softmax cross-entropy of logits: puts the gradient of the mean loss in their place, and gives
/// the mean loss. `d = (softmax(z) - onehot(y)) / samples`.
pub fn cross_entropy(logits: &mut [f32], labels: &[u32]) -> f32 {
    let (classes, share) = (logits.len() / labels.len(), 1.0 / labels.len() as f32);
    let mut loss = 0.0;
    for (row, &label) in logits.chunks_exact_mut(classes).zip(labels) {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let right = row[label as usize] - largest;
        row.iter_mut()
            .for_each(|value| *value = (*value - largest).exp());
        let sum: f32 = row.iter().sum();
        loss += sum.ln() - right;
        row.iter_mut().for_each(|value| *value *= share / sum);
        row[label as usize] -= share;
    }
    loss * share
}

struct Affine<'a> {
    x: &'a [f32],
    w: &'a [f32],
    bias: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Affine<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let outputs = self.bias.len();
        let inputs = self.w.len() / outputs;
        let samples = self
            .x
            .chunks(ROWS * inputs)
            .zip(self.out.chunks_mut(ROWS * outputs));
        for (x, out) in samples {
            match x.len() / inputs {
                ROWS => dots::<S, ROWS>(simd, x, self.w, self.bias, out),
                _ => x
                    .chunks(inputs)
                    .zip(out.chunks_mut(outputs))
                    .for_each(|(x, out)| {
                        dots::<S, 1>(simd, x, self.w, self.bias, out);
                    }),
            }
        }
    }
}

/// `M` samples by all outputs, two at a time.
#[inline(always)]
fn dots<S: Simd, const M: usize>(simd: S, x: &[f32], w: &[f32], bias: &[f32], out: &mut [f32]) {
    let (outputs, inputs) = (bias.len(), x.len() / M);
    let x: [&[f32]; M] = std::array::from_fn(|m| &x[m * inputs..(m + 1) * inputs]);
    for o in (0..outputs).step_by(2) {
        // With an odd number of outputs the last one is computed alone.
        let pair = if o + 1 < outputs { [o, o + 1] } else { [o, o] };
        let sums = dot_tile(simd, x, pair.map(|o| &w[o * inputs..(o + 1) * inputs]));
        for (m, sums) in sums.into_iter().enumerate() {
            pair.into_iter()
                .zip(sums)
                .for_each(|(o, sum)| out[m * outputs + o] = sum + bias[o]);
        }
    }
}

// Arrays are filled by plain loops: closures over them, as `map` takes, are not always inlined, and
// then the sums would live in memory.
#[inline(always)]
fn dot_tile<S: Simd, const M: usize>(simd: S, x: [&[f32]; M], w: [&[f32]; 2]) -> [[f32; 2]; M] {
    let w_parts = [S::as_simd_f32s(w[0]), S::as_simd_f32s(w[1])];
    let heads = w_parts[0].0.len();
    let mut x_parts: [(&[S::f32s], &[f32]); M] = [(&[], &[]); M];
    for m in 0..M {
        x_parts[m] = S::as_simd_f32s(x[m]);
        x_parts[m].0 = &x_parts[m].0[..heads];
    }
    let mut sums = [[simd.splat_f32s(0.0); 2]; M];
    for (i, (&first, &second)) in w_parts[0].0.iter().zip(w_parts[1].0).enumerate() {
        let w = [first, second];
        for m in 0..M {
            sums[m][0] = simd.mul_add_f32s(x_parts[m].0[i], w[0], sums[m][0]);
            sums[m][1] = simd.mul_add_f32s(x_parts[m].0[i], w[1], sums[m][1]);
        }
    }
    if !w_parts[0].1.is_empty() {
        let w = [
            simd.partial_load_f32s(w_parts[0].1),
            simd.partial_load_f32s(w_parts[1].1),
        ];
        for m in 0..M {
            let x = simd.partial_load_f32s(x_parts[m].1);
            sums[m][0] = simd.mul_add_f32s(x, w[0], sums[m][0]);
            sums[m][1] = simd.mul_add_f32s(x, w[1], sums[m][1]);
        }
    }
    let mut totals = [[0.0; 2]; M];
    for m in 0..M {
        totals[m] = [lane_sum::<S>(sums[m][0]), lane_sum::<S>(sums[m][1])];
    }
    totals
}

/// The sum of a vector's lanes, four at a time.
#[inline(always)]
fn lane_sum<S: Simd>(vector: S::f32s) -> f32 {
    let mut sums = [0.0f32; 4];
    for part in bytemuck::cast_slice::<S::f32s, f32>(&[vector]).chunks(4) {
        sums.iter_mut()
            .zip(part)
            .for_each(|(sum, lane)| *sum += lane);
    }
    (sums[0] + sums[2]) + (sums[1] + sums[3])
}

struct AddProduct<'a> {
    c: &'a mut [f32],
    before: Before<'a>,
    a: &'a [f32],
    strides: [usize; 2],
    b: &'a [f32],
    width: usize,
}

impl WithSimd for AddProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let AddProduct {
            c,
            before,
            a,
            strides,
            b,
            width,
        } = self;
        for (tile, rows) in c.chunks_mut(ROWS * width).enumerate() {
            let a = &a[tile * ROWS * strides[0]..];
            let before = before.from(tile * ROWS * width);
            match rows.len() / width {
                ROWS => add_rows::<S, ROWS>(simd, rows, before, a, strides, b, width),
                _ => rows.chunks_mut(width).enumerate().for_each(|(m, row)| {
                    add_rows::<S, 1>(
                        simd,
                        row,
                        before.from(m * width),
                        &a[m * strides[0]..],
                        strides,
                        b,
                        width,
                    );
                }),
            }
        }
    }
}

impl Before<'_> {
    /// The same for what begins at a place.
    #[inline(always)]
    fn from(self, start: usize) -> Self {
        match self {
            Before::Same => Before::Same,
            Before::Blend(keep, offset) => {
                Before::Blend(keep, offset.get(start..).unwrap_or_default())
            }
        }
    }
}

/// `M` rows of `c`, a strip of two vectors at a time.
#[inline(always)]
fn add_rows<S: Simd, const M: usize>(
    simd: S,
    c: &mut [f32],
    before: Before<'_>,
    a: &[f32],
    strides: [usize; 2],
    b: &[f32],
    width: usize,
) {
    if let Before::Blend(keep, offset) = before {
        // Rows are in the nearest cache afterwards, where the sums below find them.
        blend(c, keep, &offset[..offset.len().min(c.len())]);
    }
    let depth = b.len() / width;
    let heads = width / S::F32_LANES;
    let mut factors = [[0.0f32; M]; DEPTH];
    let mut b_rows: [&[f32]; DEPTH] = [&[]; DEPTH];
    for (k, row) in b.chunks_exact(width).enumerate() {
        b_rows[k] = row;
        factors[k] = std::array::from_fn(|m| a[m * strides[0] + k * strides[1]]);
    }
    let (b_rows, factors) = (&b_rows[..depth], &factors[..depth]);
    let mut rows = c.chunks_exact_mut(width);
    let c: [&mut [f32]; M] =
        std::array::from_fn(|_| rows.next().expect("as many rows as asked for"));
    for strip in (0..heads / 2 * 2).step_by(2) {
        let mut sums = [[simd.splat_f32s(0.0); 2]; M];
        for m in 0..M {
            sums[m] = two_of::<S>(c[m], strip);
        }
        for (row, factors) in b_rows.iter().zip(factors) {
            let b = two_of::<S>(row, strip);
            for m in 0..M {
                let factor = simd.splat_f32s(factors[m]);
                sums[m][0] = simd.mul_add_f32s(factor, b[0], sums[m][0]);
                sums[m][1] = simd.mul_add_f32s(factor, b[1], sums[m][1]);
            }
        }
        for m in 0..M {
            let row = S::as_mut_simd_f32s(c[m]).0;
            [row[strip], row[strip + 1]] = sums[m];
        }
    }
    for start in (heads / 2 * 2 * S::F32_LANES..width).step_by(S::F32_LANES) {
        let end = width.min(start + S::F32_LANES);
        let mut sums = [simd.splat_f32s(0.0); M];
        for m in 0..M {
            sums[m] = simd.partial_load_f32s(&c[m][start..end]);
        }
        for (row, factors) in b_rows.iter().zip(factors) {
            let b = simd.partial_load_f32s(&row[start..end]);
            for m in 0..M {
                sums[m] = simd.mul_add_f32s(simd.splat_f32s(factors[m]), b, sums[m]);
            }
        }
        for m in 0..M {
            simd.partial_store_f32s(&mut c[m][start..end], sums[m]);
        }
    }
}

/// `c <- keep c + offset`; no offset when that is empty.
#[inline(always)]
pub fn blend(c: &mut [f32], keep: f32, offset: &[f32]) {
    match offset.is_empty() {
        true => c.iter_mut().for_each(|value| *value *= keep),
        false => c
            .iter_mut()
            .zip(offset)
            .for_each(|(value, offset)| *value = *value * keep + offset),
    }
}

/// Two neighbouring vectors of a row.
#[inline(always)]
fn two_of<S: Simd>(row: &[f32], at: usize) -> [S::f32s; 2] {
    let vectors = S::as_simd_f32s(row).0;
    [vectors[at], vectors[at + 1]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    fn numbers(count: usize, which: u64) -> Vec<f32> {
        let mut stream = ChaCha8Rng::seed_from_u64(which);
        (0..count).map(|_| stream.random_range(-1.0..1.0)).collect()
    }

    fn close(found: &[f32], wanted: impl Fn(usize) -> f64) -> bool {
        found
            .iter()
            .enumerate()
            .all(|(i, &value)| (f64::from(value) - wanted(i)).abs() < 1e-4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn products_are_what_they_should_be(m in 1usize..13, o in 1usize..40, i in 1usize..90) {
            let (x, w, bias) = (numbers(m * i, 1), numbers(o * i, 2), numbers(o, 3));
            let sum = |count: usize, term: &dyn Fn(usize) -> (f32, f32)| {
                (0..count).map(term).map(|(a, b)| f64::from(a) * f64::from(b)).sum::<f64>()
            };
            let mut out = vec![9.0; m * o];
            affine(&x, &w, &bias, &mut out);
            let layer = |at: usize| {
                f64::from(bias[at % o]) + sum(i, &|j| (x[at / o * i + j], w[at % o * i + j]))
            };
            prop_assert!(close(&out, layer));
            let (d, mut dx, mut dw) = (numbers(m * o, 4), vec![1.0; m * i], vec![2.0; o * i]);
            add_product(&mut dx, Before::Same, &d, [o, 1], &w, i);
            let by_inputs = |at: usize| 1.0 + sum(o, &|j| (d[at / i * o + j], w[j * i + at % i]));
            prop_assert!(close(&dx, by_inputs));
            add_product(&mut dw, Before::Same, &d, [1, o], &x, i);
            let by_weights = |at: usize| 2.0 + sum(m, &|j| (d[j * o + at / i], x[j * i + at % i]));
            prop_assert!(close(&dw, by_weights));
        }
    }

    #[test]
    fn cross_entropy_of_even_logits() {
        let mut logits = [0.0, 0.0, 1000.0, 0.0];
        let loss = cross_entropy(&mut logits, &[1, 0]);
        assert!((loss - 2f32.ln() / 2.0).abs() < 1e-6);
        assert_eq!(logits, [0.25, -0.25, 0.0, 0.0]);
    }
}
