#!/usr/bin/env bash
# From nothing to a trained model: set-up, build, FedAvg with one server and two workers, on real images where set-up has them.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
. scripts/env.sh
cargo build --release --locked
if [ -f target/digits/train.npz ]; then
    echo "4,000 handwritten digits of MNIST, divided unevenly among 40 clients, of whom 10 train in each of 50 rounds:"
    set -- --dataset arrays --data_dir target/digits --model 2nn --client_num_in_total 40 --partition_method hetero \
        --comm_round 50 --frequency_of_the_test 10 --epochs 2 --lr 0.05 "$@"
    meaning="Accuracy is the share of 1,000 other digits that the model reads rightly: 10 % is guessing, 90 % and more is learned."
    better="./scripts/quickstart.sh --model cnn                # a better model that takes longer"
else
    echo "Synthetic data of 100 clients, of whom 10 train in each of 100 rounds:"
    set -- --comm_round 100 --frequency_of_the_test 20 "$@"
    meaning="Accuracy is the share of test points that the model puts in the right one of 10 classes: guessing hits 10 % of them."
    better="./scripts/quickstart.sh --algorithm scaffold       # another method"
fi
# Of a flag that comes twice the last counts.
target/release/fedmpi launch -np 3 --hostfile "$(host_file)" -- "$@"
cat <<END

$meaning
What to try next:
    $better
    ./scripts/quickstart.sh --partition_alpha 0.1      # clients whose data differs more
    target/release/fedmpi list                         # all that can be chosen
    docs/data.md                                       # your own data and models: arrays, tables, images, text
END
