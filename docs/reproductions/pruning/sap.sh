#!/bin/bash
# Trains and prunes two networks on Fashion-MNIST in rounds: SAP, lottery tickets and one-shot pruning.
#
# usage: sap.sh SUMAC [--quick] [FOLDER]
#
# The images are those of Debian's package dataset-fashion-mnist, which is installed if it is missing. For each network and
# seed, SAP runs first. Lottery tickets and one-shot pruning then prune the share of each round that leads to as many weights
# after the last round as SAP has. FOLDER (default: .build/sap) gets the runs, results.csv with a line for each round, and a
# plot of each run. A run that was killed continues when the script is started again. --quick takes two minutes, in a folder
# of its own: few images, rounds and epochs, one seed; its figures mean nothing.
set -euo pipefail

sumac=$(realpath "${1:?usage: sap.sh SUMAC [--quick] [FOLDER]}")
shift
images=60000 tests=10000 rounds=16 seeds="0 1 2" epochs=12 mlp=784,128,256,10 convnet=1x28x28,16,32,64,10
# The convolutions take more than ten times as many products as the MLP.
convnet_images=20000 default=.build/sap
if [[ ${1:-} == --quick ]]; then
  shift
  images=1000 tests=500 rounds=2 seeds=0 epochs=2 convnet_images=500
  default=.build/sap-quick
fi
folder=${1:-$default}
source=/usr/share/datasets/fashion-mnist

[[ -d $source ]] || apt-get install -y -qq dataset-fashion-mnist
mkdir -p "$folder"
cd "$folder"

# Writes the first bytes of a file in IDX format, after its header, as an array of bytes.
# npy IDX HEADER-BYTES COUNT SHAPE-OF-AN-ITEM BYTES-OF-AN-ITEM OUTPUT
npy() {
  local header="{'descr': '|u1', 'fortran_order': False, 'shape': ($3, $4), }"
  local length=$(((${#header} + 10 + 1 + 63) / 64 * 64 - 10))
  {
    # shellcheck disable=SC2059
    printf "\\x93NUMPY\\x01\\x00\\x$(printf %02x $((length % 256)))\\x$(printf %02x $((length / 256)))"
    printf "%-$((length - 1))s\n" "$header"
    # head ends the pipe before its source does.
    { gunzip -c "$source/$1.gz" || true; } 2>/dev/null | tail -c +$(($2 + 1)) | head -c $(($3 * $5)) || true
  } > "$6.part"
  if [[ $(stat -c %s "$6.part") -ne $((length + 10 + $3 * $5)) ]]; then
    echo "sap.sh: $source/$1.gz has fewer than $3 items" >&2
    exit 1
  fi
  mv "$6.part" "$6"
}

npy t10k-images-idx3-ubyte 16 $tests "1, 28, 28" 784 test.npy
npy t10k-labels-idx1-ubyte 8 $tests "" 1 test-labels.npy
for count in $(printf '%s\n' $images $convnet_images | sort -u); do
  npy train-images-idx3-ubyte 16 $count "1, 28, 28" 784 train-$count.npy
  npy train-labels-idx1-ubyte 8 $count "" 1 labels-$count.npy
done

for seed in $seeds; do
  cat > sgd-$seed.yaml <<EOF
epochs: $epochs
batch: 250
optimizer: {name: sgd, rate: 0.1, momentum: 0.9, nesterov: true, weight_decay: 5e-4}
schedule: {name: cosine, by: epoch}
clip: 1
keep: best
seed: $seed
input: {divide_by: 255, mean: [0.286], deviation: [0.353]}
EOF
done

# Trains and prunes in rounds, and adds the lines to the results: rounds-of NET COUNT SEED METHOD OPTION...
rounds_of() {
  local net=$1 count=$2 seed=$3 method=$4
  local name=$net-$seed-$method
  shift 4
  "$sumac" prune "$net-$seed.sumac" --rounds $rounds --data train-"$count".npy --labels labels-"$count".npy \
    --test test.npy --test-labels test-labels.npy --recipe sgd-"$seed".yaml --scope global -q \
    -o "$name" --format csv "$@" > "$name.csv"
  cp "$name/rounds.svg" "$name.svg"
  tail -n +2 "$name.csv" | sed "s/^/$net,$seed,$method,/" | tr -d '\r' >> results.csv
}

echo net,seed,method,round,weights,left,pqi,pruned_share,epoch,loss,accuracy,test_loss,test_accuracy > results.csv
for seed in $seeds; do
  for net in mlp convnet; do
    count=$images
    [[ $net == convnet ]] && count=$convnet_images
    [[ -e $net-$seed.sumac ]] || "$sumac" train new --arch "$net:${!net}" --seed "$seed" -o "$net-$seed.sumac" -q
    rounds_of $net $count "$seed" sap --by pqi
    # The share for which the same number of prunings leaves as many weights.
    share=$(tail -n 1 $net-"$seed"-sap.csv | awk -F, -v n=$rounds '{ printf "%.6f", 1 - ($3 / $2) ^ (1 / n) }')
    rounds_of $net $count "$seed" lottery --by lottery --amount "$share"
    rounds_of $net $count "$seed" one-shot --by one-shot --amount "$share"
  done
done

# The means over the seeds.
awk -F, '
  NR > 1 {
    key = $1 "," $3 "," $4
    if (!(key in n)) { order[++count] = key }
    n[key]++; left[key] += $6 / $5; pqi[key] += $7; test[key] += $13
    if (!(key in low) || $13 < low[key]) low[key] = $13
    if (!(key in high) || $13 > high[key]) high[key] = $13
  }
  END {
    print "| network | method | round | weights left | PQ Index | test accuracy | lowest to highest |"
    print "|---|---|---|---|---|---|---|"
    for (i = 1; i <= count; i++) {
      key = order[i]; split(key, part, ",")
      printf "| %s | %s | %d | %.2f %% | %.4f | %.2f %% | %.2f to %.2f |\n", part[1], part[2], part[3],
        100 * left[key] / n[key], pqi[key] / n[key], 100 * test[key] / n[key], 100 * low[key], 100 * high[key]
    }
  }' results.csv
