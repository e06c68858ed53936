#!/bin/sh
# Trains three sizes of language models on the text of a dictionary, of which a small part is repeated, and prints their
# test losses over the number of repeats.
# Usage, at the top of a clone: docs/reproductions/repeats/hump.sh FOLDER [desk|tiny]
# FOLDER receives the text, the settings and the trainings; the same command continues after it was ended.
# The text is that of the Debian package dict-gcide (GPL-2 or later): apt-get install dict-gcide.
set -eu
folder=$1
setting=${2:-desk}
dictionary=${DICTIONARY:-/usr/share/dictd/gcide.dict.dz}
tokenizer=Fixtures/models/base/tokenizer.json

case $setting in
desk)
  # 24,576 windows, of which 12,288 are repeats: 384, 96, 24 and 3 different windows.
  bytes=6000000 tokens=1572864 repeats='[1, 32, 128, 512, 4096]' seeds='[0, 1, 2]'
  sizes='
  small: {hidden_size: 32, intermediate_size: 88, num_hidden_layers: 2}
  medium: {hidden_size: 64, intermediate_size: 176, num_hidden_layers: 2}
  large: {hidden_size: 128, intermediate_size: 344, num_hidden_layers: 4}'
  ;;
tiny)
  bytes=400000 tokens=32768 repeats='[1, 4, 16, 256]' seeds='[0, 1]'
  sizes='
  small: {hidden_size: 8, intermediate_size: 24, num_hidden_layers: 1}
  medium: {hidden_size: 16, intermediate_size: 48, num_hidden_layers: 1}
  large: {hidden_size: 32, intermediate_size: 88, num_hidden_layers: 1}'
  ;;
*)
  echo "the setting is $setting, expected desk or tiny" >&2
  exit 64
  ;;
esac

mkdir -p "$folder"
# 500 of each 20,000 lines are for the test, the others for the trainings.
if [ ! -e "$folder/train.txt" ]; then
  gzip -dc <"$dictionary" | iconv -c -f utf-8 -t utf-8 >"$folder/all.txt"
  awk 'NR % 20000 < 500' "$folder/all.txt" | head -c $((bytes / 20)) | iconv -c -f utf-8 -t utf-8 >"$folder/test.txt"
  awk 'NR % 20000 >= 500' "$folder/all.txt" | head -c "$bytes" | iconv -c -f utf-8 -t utf-8 >"$folder/part.txt"
  mv "$folder/part.txt" "$folder/train.txt"
  rm "$folder/all.txt"
fi

cat >"$folder/sweep.yaml" <<YAML
data: $folder/train.txt
test: $folder/test.txt
tokenizer: $tokenizer
model: {model_type: llama, vocab_size: 1024, num_attention_heads: 4, rms_norm_eps: 1e-5, rope_theta: 10000,
        max_position_embeddings: 256, tie_word_embeddings: true}
sizes:$sizes
tokens: $tokens
share: 0.5
repeats: $repeats
seeds: $seeds
training:
  batch: 32
  window: 64
  optimizer: {name: adamw, rate: 3e-3, betas: [0.9, 0.95], weight_decay: 0.1, decay: matrices}
  schedule: {name: cosine, warmup: 10, final: 0.1}
  clip: 1
  save_every: 200
probe: {length: 20, sequences: 16}
YAML

# One training for each processor, on one thread each.
sumac plan repeats sweep "$folder/sweep.yaml" --into "$folder/trainings" -o "$folder/plan.json" -f -j 1 \
  --kernels portable --quiet
count=$(sumac plan "$folder/plan.json" --format csv | sed -n 's/^member,\([0-9]*\),.*/\1/p')
seq 1 "$count" | xargs -P "$(nproc)" -I '{}' sumac task "$folder/plan.json" '{}' --quiet

# All results are there, so that this only prints them.
sumac repeats sweep "$folder/sweep.yaml" -o "$folder/trainings" --kernels portable --quiet --format markdown
